"""Machines that are not there yet, chosen like nodes."""

from __future__ import annotations

import pytest

from moorage.hub.choice.offered.offer import Offer
from moorage.hub.choice.offered.offering import NVIDIA
from moorage.hub.choice.offered.placement import Placement, barred, outside
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.choice.options import decide
from moorage.hub.pages.verdicts.brief import in_brief
from moorage.hub.selector import read as selector
from moorage.hub.view.encoding import node_words
from moorage.hub.view.machines import read_machines
from moorage.hub.view.nodes import read_node

GI = 1 << 30


@pytest.fixture
def machine(load):
    return load("moorage_test_fake_service").machine_json


@pytest.fixture
def node(load):
    make = load("moorage_test_fake_service").node_json
    return lambda *args, **more: read_node(make(*args, **more))


def place(*machines):
    (found,) = read_machines(list(machines)).values()
    return found


def offer(*machines, nodes=(), **more):
    return Offer(nodes={each.name: each for each in nodes} | read_machines(list(machines)), **more)


def choose(offered, **options):
    return decide({"moorage": 1, **options}, offered)


def test_a_machine_is_called_by_its_kind_and_has_its_size_and_time(machine):
    gpu = {"model": "NVIDIA A10G", "count": 1}
    found = place(machine("gpu", "g5.xlarge", extended={NVIDIA: 1}, gpu=gpu, about_seconds=240))

    assert node_words(found) == "New machine g5.xlarge (4 CPU, 16 GiB, 1 GPU; NVIDIA A10G; can be added, about 4 min)"
    assert found.name == "~gpu/g5.xlarge"


def test_a_pool_of_several_kinds_is_asked_for_by_its_kind_too(machine):
    found = read_machines([machine("gpu", kind) for kind in ("g5.xlarge", "g5.2xlarge")])

    assert found["~gpu/g5.xlarge"].selector == {
        "karpenter.sh/nodepool": "gpu",
        "node.kubernetes.io/instance-type": "g5.xlarge",
    }


def test_machines_on_their_way_are_told_with_those_of_their_kind(machine):
    found = place(machine("gpu", "g5.xlarge", state="on_its_way"), machine("gpu", "g5.xlarge", state="at_maximum"))

    assert (found.closed, found.machine.words) == (None, "on its way")


@pytest.mark.parametrize("state", ["unknown", "something new", None])
def test_a_pool_of_which_nobody_knows_whether_it_grows_is_no_choice(machine, state):
    assert read_machines([machine("gpu", state=state)]) == {}


@pytest.mark.parametrize("answer", [None, {}, "no", [3, None, {"pool": 7}, {"pool": "a", "state": []}]])
def test_nonsense_is_no_machine(answer):
    assert read_machines(answer) == {}


def test_a_machine_is_chosen_like_a_node(machine):
    choice = choose(offer(machine("gpu", "g5.xlarge")), node="~gpu/g5.xlarge", cpu="2")

    assert choice.node.selector == {"karpenter.sh/nodepool": "gpu"}
    assert choice.as_options()["node"] == "~gpu/g5.xlarge"


def test_a_pool_that_is_gone_is_refused_by_its_name(machine):
    with pytest.raises(Refusal, match=r"There is no pool “gone/g5\.xlarge” any more"):
        choose(offer(machine("gpu", "g5.xlarge")), node="~gone/g5.xlarge")


def test_a_pool_at_its_maximum_can_be_kept_as_a_choice(machine):
    offered = offer(machine("gpu", "g5.xlarge", state="at_maximum"))

    assert offered.nodes["~gpu/g5.xlarge"].closed == "at its maximum"
    assert choose(offered, node="~gpu/g5.xlarge").node.name == "~gpu/g5.xlarge"


def test_what_only_a_new_machine_could_give_is_not_too_large(machine, node):
    offered = offer(machine("large", "m5.4xlarge", cpu=16), nodes=[node("n1", cpu=4, memory=16 * GI)])

    assert choose(offered, cpu="12").cpu_milli == 12000
    with pytest.raises(Refusal, match="20 CPU is too much"):
        choose(offered, cpu="20")


def test_a_pool_that_nobody_has_seen_may_be_large_enough(machine, node):
    unseen = machine("large", allocatable=None, capacity=None)

    assert choose(offer(unseen, nodes=[node("n1", cpu=4)]), cpu="64").cpu_milli == 64000


def test_labels_that_a_machine_may_get_do_not_bar_it(machine, node):
    offered = offer(machine("gpu"), nodes=[node("n1", labels={"zone": "a"})])

    assert "~gpu" not in barred(Placement({"zone": "a"}), offered.nodes)
    assert outside(selector("zone=b"), offered.nodes) == {"n1"}


def test_a_taint_of_a_machine_bars_it(machine):
    tainted = machine("gpu", taints=[{"key": "team", "value": "a", "effect": "NoSchedule"}])

    assert barred(Placement({}), offer(tainted).nodes) == {"~gpu": "reserved (team=a)"}


def test_the_verdict_tells_of_machines_apart_from_nodes(machine):
    told = {**machine("gpu", "g5.xlarge"), "fits": True, "reasons": [], "image_problem": None}
    refused = {"fits": False, "reasons": [{"text": "full", "message": "Insufficient cpu"}], "unresolvable": False}
    answer = {"fits": False, "answer": "new_machine", "answer_text": "One can be added.", "machines": [told]}

    brief = in_brief({**answer, "nodes": {"n1": refused}})

    assert brief["fits"] is False
    assert brief["machine"] == {"text": "One can be added."}
    assert brief["kinds"][brief["nodes"]["~gpu/g5.xlarge"]] == {"fits": True}
