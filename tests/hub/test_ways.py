"""What would work instead of a choice that does not fit."""

from fractions import Fraction

import pytest

from moorage.hub.choice.offered.offer import Bounds, Offer
from moorage.hub.choice.options import decide
from moorage.hub.choice.ways import ways
from moorage.hub.view.facts import Amounts, NodeFacts, Units

GI = 1 << 30


def node(name, gpus=()):
    size = Amounts(16000, 64 * GI)
    return NodeFacts(name, name, size, size, size, tuple(gpus))


def offer(**more):
    nodes = {
        "atlas": node("atlas", [Units("nvidia.com/gpu", 2, 2, 1), Units("nvidia.com/mig-1g.5gb", 7, 7, 7)]),
        "borg": node("borg"),
    }
    return Offer(nodes=nodes, gpu_resources=("nvidia.com/gpu", "nvidia.com/mig-1g.5gb"), **more)


def short(**amounts):
    names = {"gpu": "nvidia.com/gpu"}
    reasons = [
        {"message": "m", "text": "t", "short_by": {"resource": names.get(key, key), "short_by": value}}
        for key, value in amounts.items()
    ]
    return {
        "fits": False,
        "nodes": {"atlas": {"fits": False, "reasons": reasons}},
        "would_work": {"fits_on": [], "closest": {"node": "atlas"}},
    }


def use(found):
    return [way["use"] for way in found]


def chosen(offered, **options):
    return decide({"moorage": 1, "cpu": "4", "memory": "8Gi", **options}, offered)


def test_other_nodes_where_it_fits_as_it_is_come_first():
    offered = offer()
    choice = chosen(offered, node="atlas")

    found = ways(choice, offered, verdict=short(cpu=500), anywhere={"fits": True, "would_work": {"fits_on": ["borg"]}})

    assert use(found)[:2] == [{"node": ""}, {"node": "borg"}]


def test_what_the_node_is_short_of_is_taken_from_the_choice_exactly():
    offered = offer()

    found = ways(chosen(offered, node="atlas"), offered, verdict=short(cpu=500, memory=3 * GI), anywhere=None)

    assert use(found) == [{"cpu": "3", "memory": "5 GiB"}]


def test_the_ratio_of_request_and_limit_is_kept_in_mind():
    offered = offer(cpu_guarantee_ratio=Fraction(1, 4))

    found = ways(chosen(offered, node="atlas"), offered, verdict=short(cpu=200), anywhere=None)

    assert use(found) == [{"cpu": "3.2"}]


def test_a_smaller_choice_is_one_that_is_offered():
    offered = offer(cpu=Bounds(choices=(1000, 2000, 4000)))

    found = ways(chosen(offered, node="atlas"), offered, verdict=short(cpu=500), anywhere=None)

    assert use(found) == [{"cpu": "2"}]


def test_fewer_cards_or_another_kind_of_card():
    offered = offer()

    found = ways(chosen(offered, node="atlas", gpu=2), offered, verdict=short(gpu=1), anywhere=None)

    assert {"gpu": "1"} in use(found)
    assert {"gpu_resource": "nvidia.com/mig-1g.5gb", "gpu_kind": "", "node": "atlas"} in use(found)


def test_less_is_not_offered_where_less_does_not_help():
    offered = offer()
    verdict = short(cpu=500)
    verdict["nodes"]["atlas"]["reasons"].append({"message": "untolerated taint", "text": "reserved"})

    assert ways(chosen(offered, node="atlas"), offered, verdict=verdict, anywhere=None) == []


@pytest.mark.parametrize(
    "verdict",
    [
        {},
        {"would_work": 7, "nodes": []},
        {"would_work": {"fits_on": [1], "closest": []}, "nodes": {"atlas": 3}},
        short(cpu=10**9),
        short(cpu=-5),
        short(cpu=True),
    ],
)
def test_nonsense_suggests_nothing(verdict):
    offered = offer()

    assert ways(chosen(offered, node="atlas"), offered, verdict=verdict, anywhere=verdict) == []
