"""The age of a card's reading is the one of the moment when somebody asks."""

import json
from datetime import UTC, datetime

from moorage.cluster.snapshot import Snapshot, following
from moorage.service.http.pieces import PIECE
from moorage.service.state.ages import Ages, aged

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOW = NOON.timestamp()


def node(name: str, *, age: int | None, filler: str = "") -> bytes:
    reading = {"age_seconds": age, "taken_at": "2026-11-24T12:00:00Z" if age is not None else None, "stale": False}
    return json.dumps(
        {"name": name, "gpu_details": [reading, reading], "filler": filler}, separators=(",", ":")
    ).encode()


def snapshot(*nodes: bytes) -> Snapshot:
    return Snapshot(1, "e", NOON, {json.loads(data)["name"]: data for data in nodes})


def ages(data: bytes) -> list[int]:
    return [card["age_seconds"] for one in json.loads(data) for card in one["gpu_details"]]


def test_an_age_goes_on_and_a_reading_turns_old() -> None:
    shown, _ = aged(node("a", age=0), now=NOW + 61)

    assert (
        json.loads(shown)["gpu_details"] == [{"age_seconds": 61, "taken_at": "2026-11-24T12:00:00Z", "stale": True}] * 2
    )


def test_what_nobody_measured_stays_the_very_same() -> None:
    data = node("a", age=None)

    assert aged(data, now=NOW + 61) == (data, False)
    assert aged(data, now=NOW + 61)[0] is data


def test_a_text_that_looks_like_an_age_is_left_alone() -> None:
    text = '"age_seconds":1,"taken_at":"2026-11-24T12:00:00Z","stale":false'
    data = json.dumps({"label": text}).encode()

    assert aged(data, now=NOW + 61) == (data, False)


def test_a_clock_that_is_behind_makes_no_age_below_nothing() -> None:
    assert json.loads(aged(node("a", age=3), now=NOW - 100)[0])["gpu_details"][0]["age_seconds"] == 0


async def test_all_who_ask_within_seconds_share_one_array() -> None:
    now = [NOW]
    picture, known = Ages(clock=lambda: now[0]), snapshot(node("a", age=0), node("b", age=None))

    first, name = await picture.array(known)
    now[0] += 4
    again, same = await picture.array(known)
    now[0] += 2
    later, other = await picture.array(known)

    assert again is first
    assert (ages(b"".join(first)), ages(b"".join(later))) == ([0, 0, None, None], [6, 6, None, None])
    assert name == same != other


async def test_a_change_of_one_node_leaves_the_others_ages_true() -> None:
    now = [NOW]
    picture, before = Ages(clock=lambda: now[0]), snapshot(node("a", age=0), node("b", age=0))
    await picture.array(before)
    now[0] += 20
    step = following(before, fresh={"b": node("b", age=20)}, taken_at=NOON)
    assert step is not None

    shown, _ = await picture.array(step.snapshot)

    assert ages(b"".join(shown)) == [20, 20, 20, 20]


async def test_without_readings_it_is_what_the_snapshot_says() -> None:
    known = snapshot(node("a", age=None))

    shown, name = await Ages(clock=lambda: NOW + 100).array(known)

    assert b"".join(shown) == known.array()
    assert name == "e-1"


async def test_the_array_of_many_nodes_comes_in_pieces() -> None:
    known = snapshot(*(node(f"n{number}", age=None, filler="x" * 1000) for number in range(3000)))

    shown, _ = await Ages(clock=lambda: NOW).array(known)

    assert len(shown) > 2
    assert max(map(len, shown)) < 2 * PIECE
    assert b"".join(shown) == known.array()
