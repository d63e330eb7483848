"""Waiting is offered where it can help, and nowhere else."""

import pytest

from moorage.hub.start.hope import without_hope
from moorage.hub.view.nodes import read_node

POD = {
    "spec": {
        "containers": [{"resources": {"requests": {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": "1"}}}],
    }
}
TAINTED = {"plugin": "TaintToleration", "reasons": [{"text": "Has the taint dedicated=x:NoSchedule."}]}
CORDONED = {"plugin": "NodeUnschedulable", "reasons": [{"text": "Cordoned: takes no new pods for now."}]}
WITHOUT = {"plugin": "NodeResourcesFit", "reasons": [{"text": "has no GPU (1 asked)"}]}
ELSEWHERE = {"plugin": "NodeAffinity", "reasons": [{"text": "Is not the chosen node."}]}


def never(**nodes):
    return {
        "answer": "never",
        "refusals": [],
        "nodes": nodes,
        "would_work": {"sentences": ["Would fit on c with no GPU."]},
    }


@pytest.fixture
def facts(load):
    fake = load("moorage_test_fake_service")

    def of(name, *, gpus=1, **more):
        return {name: read_node(fake.node_json(name, gpus={"nvidia.com/gpu": (gpus, 0)}, **more))}

    return of


def test_what_no_node_has_is_told_with_its_reasons_and_what_would_work():
    told = without_hope(never(b=WITHOUT, c=WITHOUT), pod=POD, nodes={})

    assert told == (
        "No node can take this server, and waiting would not help. b, c: has no GPU (1 asked). "
        "Would fit on c with no GPU."
    )


def test_a_taint_that_stays_is_no_hope_and_one_that_passes_is(facts):
    stays = [{"key": "dedicated", "value": "x", "effect": "NoSchedule"}]
    passes = [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]

    assert "dedicated=x" in without_hope(never(a=TAINTED), pod=POD, nodes=facts("a", taints=stays))
    assert without_hope(never(a=TAINTED), pod=POD, nodes=facts("a", taints=passes)) is None


@pytest.mark.parametrize(("gpus", "hopes"), [(0, False), (1, True)])
def test_a_cordoned_node_is_hope_where_it_has_what_is_asked_for(facts, gpus, hopes):
    told = without_hope(never(a=CORDONED, b=WITHOUT), pod=POD, nodes=facts("a", gpus=gpus, cordoned=True))

    assert (told is None) == hopes


def test_of_a_server_for_one_node_that_nodes_reasons_are_told():
    pod = {"spec": {**POD["spec"], "nodeSelector": {"kubernetes.io/hostname": "b"}}}

    told = without_hope(never(a=ELSEWHERE, b=WITHOUT, c=ELSEWHERE), pod=pod, nodes={})

    assert "b: has no GPU" in told
    assert "chosen node" not in told


@pytest.mark.parametrize("answer", ["now", "waits", "after_eviction", "on_its_way", "new_machine", None])
def test_every_other_answer_is_hope(answer):
    assert without_hope({**never(b=WITHOUT), "answer": answer}, pod=POD, nodes={}) is None


@pytest.mark.parametrize(
    "answer",
    [
        {"answer": "never"},
        {"answer": "never", "nodes": {"a": None}, "would_work": None},
        {"answer": "never", "nodes": {"a": {"reasons": "?"}}, "prefilter": {"reasons": [None]}},
    ],
)
def test_a_strange_answer_raises_nothing(answer):
    without_hope(answer, pod={}, nodes={})


@pytest.mark.parametrize(
    ("fits", "state", "is_hope"),
    [
        (True, "backing_off", True),
        (None, "can_be_added", True),
        (False, "can_be_added", False),
        (True, "at_maximum", False),
    ],
)
def test_a_machine_that_may_still_come_is_hope(fits, state, is_hope):
    answer = never(b=WITHOUT) | {"machines": [{"pool": "gpu", "fits": fits, "state": state}]}

    assert (without_hope(answer, pod=POD, nodes={}) is None) is is_hope
