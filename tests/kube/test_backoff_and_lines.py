"""Pauses between attempts, and lines out of chunks."""

from moorage.kube.following.backoff import Backoff
from moorage.kube.following.lines import Lines


def test_pauses_double_but_stay_short_for_a_minute_and_below_thirty_seconds_after_it():
    now = 0.0
    pace = Backoff(clock=lambda: now, chance=lambda: 1.0)

    early = [pace.next() for _ in range(8)]
    now = 61.0
    late = pace.next()
    now = 600.0

    assert early == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0, 2.0]
    assert late == 30.0
    assert pace.next() == 30.0


def test_two_clients_do_not_wait_alike():
    assert Backoff(chance=lambda: 0.0).next() == Backoff(chance=lambda: 1.0).next() / 2


def test_after_success_the_pauses_begin_anew():
    pace = Backoff(chance=lambda: 1.0)
    for _ in range(5):
        pace.next()

    pace.reset()

    assert pace.next() == 0.2


def test_a_line_may_come_in_pieces_and_a_chunk_may_hold_several():
    lines = Lines()

    found = [lines.feed(chunk) for chunk in (b"ab", b"c\nde\nf", b"", b"g", b"\n")]

    assert found == [[], [b"abc", b"de"], [], [], [b"fg"]]
    assert lines.rest == b""


def test_what_is_left_over_is_known():
    lines = Lines()
    lines.feed(b"whole\nhalf")

    assert lines.rest == b"half"
