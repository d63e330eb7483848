"""Whatever the sources say, cards never promise more than the scheduler has left, and no card is told twice."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.gpus.cards import Cards
from moorage.gpus.facts import CardFact, Holder, Part
from moorage.gpus.units import units
from moorage.gpus.view import Holding, NodeView

NOW = 1000.0
NAMES = (
    "nvidia.com/gpu",
    "nvidia.com/gpu.shared",
    "nvidia.com/mig-1g.5gb",
    "nvidia.com/mig-3g.20gb",
    "amd.com/gpu",
    "amd.com/cpx_nps1",
    "nvidia.com/gpumem",
)
small = st.integers(0, 9)
maybe = st.none() | small
uuids = st.none() | st.sampled_from(["GPU-0", "GPU-1", "GPU-2", "MIG-1", "x"])


def built(kind, **fields):
    return st.fixed_dictionaries(fields).map(lambda values: kind(**values))


holders = st.lists(built(Holder, namespace=st.just("n"), pod=st.sampled_from("abc")), max_size=3).map(tuple)
facts = built(
    CardFact,
    source=st.sampled_from(["dcgm", "agent", "exec", "dra", "hami", "podstatus", "amd"]),
    taken_at=st.none() | st.sampled_from([NOW, NOW - 100, NOW - 900]),
    uuid=uuids,
    pci=st.none() | st.sampled_from(["00000000:01:00.0", "00000000:02:00.0"]),
    index=st.none() | st.integers(0, 2),
    model=st.none() | st.sampled_from(["Tesla T4", "NVIDIA GB10", "AMD Instinct MI300X"]),
    memory_total=maybe,
    memory_used=maybe,
    utilization=maybe,
    health=st.sampled_from([None, "healthy", "unhealthy"]),
    lost=st.booleans(),
    xid=maybe,
    mig=st.sampled_from([None, True, False]),
    parts=st.lists(
        built(Part, profile=st.sampled_from([None, "1g.5gb", "3g.20gb"]), uuid=uuids, instance=maybe, holders=holders),
        max_size=3,
    ).map(tuple),
    holders=holders,
    allocated=st.sampled_from([None, None, True, False]),
    counts_all=st.booleans(),
)
nodes = built(
    NodeView,
    name=st.just("n1"),
    labels=st.dictionaries(
        st.sampled_from(["nvidia.com/gpu.count", "nvidia.com/gpu.replicas", "nvidia.com/gpu.product", "nvidia.com/mig-1g.5gb.count"]),
        st.sampled_from(["1", "2", "4", "Tesla-T4", "NVIDIA-H100-NVL-MIG-1g.12gb"]),
    ),
    capacity=st.dictionaries(st.sampled_from(NAMES), small, max_size=3),
    allocatable=st.dictionaries(st.sampled_from(NAMES), small, max_size=3),
    requested=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 12), max_size=3),
    nominated=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 2), max_size=2),
    ready=st.booleans(),
    schedulable=st.booleans(),
    holdings=st.lists(built(Holding, resource=st.sampled_from(NAMES), device=st.sampled_from(["GPU-0::1", "GPU-1", "MIG-1", "0"]), holder=st.just(Holder(namespace="n", pod="a"))), max_size=4).map(tuple),
)  # fmt: skip


class Fixed:
    name, activity = "fixed", True

    def __init__(self, known):
        self.known = known

    def facts(self, node):
        return self.known

    def problem(self, node):
        return None


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(facts, max_size=5), nodes)
def test_cards_never_promise_more_than_the_scheduler_has_left(known, node) -> None:
    entries = Cards([Fixed(known)], clock=lambda: NOW).details(node)

    left = sum(unit.available for unit in units(node) if unit.family.kind != "amount")
    claimable = sum(1 for fact in known if fact.allocated is False)
    assert sum(entry["available"] for entry in entries) <= left + (claimable if node.takes_pods else 0)
    if not any(fact.allocated is not None for fact in known):
        assert sum(entry["available"] for entry in entries) <= left


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(facts, max_size=5), nodes)
def test_every_card_has_a_number_of_its_own_and_says_what_it_is(known, node) -> None:
    entries = Cards([Fixed(known)], clock=lambda: NOW).details(node)

    assert len({entry["index"] for entry in entries}) == len(entries)
    for entry in entries:
        assert entry["state"] in ("free", "held", "shared", "out_of_service", "not_reporting", "unknown")
        assert entry["state_text"]
        assert isinstance(entry["available"], bool)
        assert entry["memory_used"] == "Unknown" or entry["memory_used"].endswith(" MiB")
        for field in ("memory_used", "utilization", "model", "memory_total"):
            empty = entry[field] in (None, "Unknown", "Unknown GPU")
            assert not empty or entry["unknown"][field]
