"""A picture that is brought up to date reads like one that is drawn anew."""

from __future__ import annotations

import copy

from hypothesis import example, given, settings
from hypothesis import strategies as st

from moorage.gpus.cards import Cards
from moorage.gpus.facts import CardFact, Holder
from moorage.gpus.view import NodeView
from moorage.objects import Node, decode
from moorage.scheduling.accounting.nodeinfo import NodeInfo
from moorage.scheduling.accounting.podinfo import digest

NOW = 1000.0
GPU = "nvidia.com/gpu"


class Changing:
    name, activity = "dcgm", True

    def __init__(self) -> None:
        self.known: list[CardFact] = []
        self.trouble: str | None = None

    def facts(self, node):
        return self.known

    def problem(self, node):
        return self.trouble


def fact(number: int, *, now: float, used, free, busy, pod, xid, age, silent=False) -> CardFact:
    return CardFact(
        source="dcgm",
        taken_at=now - age,
        uuid=f"GPU-{number}",
        index=number,
        model="NVIDIA L40S",
        memory_total=46068,
        memory_used=used,
        memory_free=free,
        utilization=busy,
        xid=xid,
        holders=(Holder(namespace="lab", pod=pod),) if pod else (),
        why={"holder": "the agent can't tell who holds which card"} if silent else {},
        counts_all=True,
    )


reading = st.fixed_dictionaries(
    {
        "used": st.sampled_from([None, 0, 50, 596, 20000, 45000]),
        "free": st.sampled_from([None, 0, 20000]),
        "busy": st.sampled_from([None, 0, 0, 40, 100]),
        "pod": st.sampled_from([None, "a", "b"]),
        "xid": st.sampled_from([0, 0, 79]),
        "age": st.sampled_from([0, 5, 90, 400]),
        "silent": st.sampled_from([False, False, True]),
    }
)
rounds = st.lists(
    st.tuples(st.lists(reading, min_size=1, max_size=3), st.sampled_from([None, None, "dcgm: it can't be reached"])),
    min_size=1,
    max_size=6,
)


STILL = {"used": 0, "free": None, "busy": 0, "pod": "a", "xid": 0, "age": 0}
FREE = STILL | {"pod": None}


@settings(max_examples=200, deadline=None, database=None)
@given(rounds, st.integers(0, 3))
# The scheduler counts a card as free that its source says someone holds.
@example([([FREE | {"silent": True}] * 3, None)] * 2, 0)
@example([([STILL, STILL], None), ([STILL | {"used": 596, "busy": 40}, STILL], None)], 0)
def test_new_readings_in_place_read_like_a_new_picture(told, held) -> None:
    source, now = Changing(), [NOW]
    cards = Cards([source], holders="pod", clock=lambda: now[0])
    view = NodeView(name="n1", capacity={GPU: 3}, allocatable={GPU: 3}, requested={GPU: held})

    for readings, trouble in told:
        now[0] += 15
        source.known = [fact(number, now=now[0], **one) for number, one in enumerate(readings)]
        source.trouble = trouble
        updated = copy.deepcopy(cards.details(view))
        anew = Cards([source], holders="pod", clock=lambda: now[0]).details(view)
        for entry in (*updated, *anew):
            # A new picture knows nothing of before: idleness alone may differ.
            entry["idle_seconds"] = None
            entry["notes"] = [note for note in entry["notes"] if "idle for" not in note]
        assert updated == anew


def node(**status):
    return decode(Node, {"metadata": {"name": "n1"}, "status": {"capacity": {GPU: "1"}, **status}})


def pod(name: str):
    amounts = {"requests": {GPU: "1"}, "limits": {GPU: "1"}}
    return digest(
        {
            "metadata": {"name": name, "namespace": "lab", "uid": name},
            "spec": {"nodeName": "n1", "containers": [{"name": "c", "resources": amounts}]},
        }
    )


def test_each_change_of_the_node_and_its_pods_is_seen() -> None:
    info, cards = NodeInfo("n1"), Cards()

    def states():
        return [(entry["state"], entry["available"]) for entry in cards.details(info)]

    assert states() == []
    info.set_node(node())
    assert states() == [("free", True)]
    info.nominated["x"] = pod("x")
    assert states() == [("free", False)]
    del info.nominated["x"]
    info.add(pod("a"))
    assert states() == [("held", False)]
    info.remove("a")
    assert states() == [("free", True)]
    info.set_node(node(conditions=[{"type": "Ready", "status": "False"}]))
    assert states() == [("not_reporting", False)]
    info.forget_node()
    assert states() == []


def test_another_pod_on_the_same_card_is_seen_although_the_sums_are_equal() -> None:
    source = Changing()
    info, cards = NodeInfo("n1"), Cards([source], holders="pod", clock=lambda: NOW)
    info.set_node(node())
    info.add(pod("a"))
    source.known = [fact(0, now=NOW, used=5, free=5, busy=1, pod="b", xid=0, age=0)]
    before = cards.details(info)[0]["holder"]

    info.remove("a")
    info.add(pod("b"))

    assert (before, cards.details(info)[0]["holder"]) == ("lab/a", "lab/b")


def test_nodes_that_are_gone_are_forgotten() -> None:
    cards = Cards()
    for number in range(150):
        info = NodeInfo(f"n{number}")
        info.set_node(decode(Node, {"metadata": {"name": info.name}, "status": {"capacity": {GPU: "1"}}}))
        cards.details(info)
        info.forget_node()

    assert len(cards._views) < 110
    assert len(cards._pictures) < 110


def test_the_holder_of_a_claimed_card_is_told_on_a_node_without_any_unit() -> None:
    source = Changing()
    info, cards = NodeInfo("n1"), Cards([source], holders="pod", clock=lambda: NOW)
    info.set_node(decode(Node, {"metadata": {"name": "n1"}}))
    source.known = [CardFact(source="dra", uuid="GPU-0", allocated=True, holders=(Holder(namespace="lab", pod="a"),))]

    assert [entry["holder"] for entry in cards.details(info)] == ["lab/a"]
