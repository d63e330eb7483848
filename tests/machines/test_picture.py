"""Machines of several sources, put together."""

from __future__ import annotations

import asyncio

import pytest

from moorage.machines.picture import UNKNOWN_SHAPE, Machines, joined


class Told:
    """A source that says what it is given, or fails."""

    def __init__(self, *machines, fails=False):
        self._machines, self._fails = machines, fails

    def machines(self):
        if self._fails:
            raise RuntimeError("a bug")
        return self._machines

    async def run(self):
        await asyncio.Event().wait()


def test_an_autoscalers_group_takes_the_shape_that_was_seen(a_machine):
    group = a_machine("gpu", source="cluster-autoscaler", left=2)
    seen = a_machine("gpu", "g5.xlarge", shape={"zone": "a"}, state="unknown", gpu_model="A10G", gpu_count=1)

    (machine,) = joined([seen, group])

    assert (machine.source, machine.state, machine.left) == ("cluster-autoscaler", "can_be_added", 2)
    assert (machine.kind, machine.node, machine.gpu_model) == ("g5.xlarge", seen.node, "A10G")


def test_a_group_at_its_maximum_stays_so_whatever_a_file_hopes(a_machine):
    group = a_machine("gpu", source="cluster-autoscaler", state="at_maximum", left=0, why="Full.")
    written = a_machine("gpu", "g5.xlarge", shape={}, source="configured", left=3)

    (machine,) = joined([written, group])

    assert (machine.state, machine.left, machine.why) == ("at_maximum", 0, "Full.")


def test_karpenter_tells_all_that_is_on_its_way_to_its_pools(a_machine):
    may_come = a_machine("gpu", "g5.xlarge", shape={}, source="karpenter")
    node = a_machine("gpu", "g5.xlarge", shape={}, state="on_its_way", node_name="n1")

    assert joined([node, may_come]) == [may_come]


def test_zones_are_told_by_whoever_tells_the_shape(a_machine):
    chosen = a_machine("gpu", "g5.xlarge", shape={"topology.kubernetes.io/zone": "a"}, source="karpenter")
    seen = a_machine("gpu", "g5.xlarge", shape={}, zones=("a", "b"), choices=(("way", ("spot",)),))

    (machine,) = joined([seen, chosen])

    assert (machine.zones, machine.choices) == ((), ())


def test_a_limit_of_a_file_counts_beside_the_autoscalers(a_machine):
    group = a_machine("gpu", source="cluster-autoscaler", left=5)
    written = a_machine("gpu", "g5.xlarge", shape={}, source="configured", state="at_maximum", left=0, why="Full.")

    (machine,) = joined([written, group])

    assert (machine.state, machine.left, machine.why) == ("at_maximum", 0, "Full.")


def test_a_group_that_nobody_has_seen_says_so(a_machine):
    (machine,) = joined([a_machine("gpu", source="cluster-autoscaler")])

    assert machine.node is None
    assert machine.why == UNKNOWN_SHAPE


def test_one_kind_of_several_sources_is_one_entry(a_machine):
    claimed = a_machine("gpu", "g5.xlarge", shape={"zone": "a"}, source="karpenter")
    written = a_machine("gpu", "g5.xlarge", shape={"zone": "b"}, source="configured", gpu_model="A10G", gpu_count=1)

    (machine,) = joined([written, claimed])

    assert (machine.source, machine.node, machine.gpu_model) == ("karpenter", claimed.node, "A10G")


def test_each_machine_on_its_way_is_an_entry_and_looks_like_its_pool(a_machine):
    coming = [a_machine("gpu", source="cluster-autoscaler", state="on_its_way") for _ in range(2)]
    seen = a_machine("gpu", "g5.xlarge", shape={"zone": "a"})

    first, second, other = joined([seen, *coming])

    assert [first.state, second.state, other.state] == ["on_its_way", "on_its_way", "can_be_added"]
    assert first.node is second.node is seen.node


def test_a_pool_of_several_kinds_does_not_say_which_one_comes(a_machine):
    coming = a_machine("gpu", source="cluster-autoscaler", state="on_its_way")
    kinds = [a_machine("gpu", kind, shape={}) for kind in ("g5.xlarge", "g5.2xlarge")]

    first, *_ = joined([*kinds, coming])

    assert first.node is None
    assert first.why == UNKNOWN_SHAPE


def test_a_source_that_fails_costs_its_own_machines_only(a_machine):
    machines = Machines([Told(fails=True), Told(a_machine("gpu", "g5.xlarge", shape={}))])

    assert [machine.pool for machine in machines.now()] == ["gpu"]


@pytest.mark.parametrize(("state", "seconds"), [("can_be_added", 240), ("at_maximum", None)])
def test_a_time_is_told_where_there_is_hope(a_machine, state, seconds):
    machines = Machines([Told(a_machine("gpu", "g5.xlarge", shape={}, state=state))], about=lambda _: 240)

    assert [machine.about_seconds for machine in machines.now()] == [seconds]
