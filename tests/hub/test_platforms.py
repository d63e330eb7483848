"""Nodes that can't run the chosen image are closed for it, wherever a choice is judged."""

import pytest

from moorage.hub.choice.offered.offer import Offer
from moorage.hub.choice.offered.platforms import misfit
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.choice.options import decide
from moorage.hub.choice.ways import ways
from moorage.hub.pages.verdicts.brief import in_brief
from moorage.hub.view.facts import Amounts, NodeFacts
from moorage.hub.view.images import ImageFacts, read_images
from moorage.hub.view.nodes import read_node

SIZE = Amounts(16000, 64 << 30)


def node(name, os="linux", arch="amd64", size=SIZE):
    return NodeFacts(name, name, size, size, size, os=os, arch=arch)


def image(*, os=("linux",), arch=("amd64",)):
    return ImageFacts("lab", "registry.example/lab:1", "Lab", default=True, os=os, arch=arch)


def offer(*nodes, **image_of):
    return Offer(nodes={one.name: one for one in nodes}, images=(image(**image_of),))


def chosen(offered, **options):
    return decide({"moorage": 1, "cpu": "1", "memory": "1Gi", "image": "lab", **options}, offered)


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        (node("n"), None),
        (node("n", os="windows"), "Runs Windows; the image is for Linux."),
        (node("n", os="plan9"), "Runs plan9; the image is for Linux."),
        (node("n", arch="s390x"), "Its architecture is s390x; the image is for amd64."),
        (node("n", os=None, arch=None), None),
    ],
)
def test_a_node_of_another_kind_is_closed_for_the_image(where, reason):
    assert misfit(image(), where) == reason


@pytest.mark.parametrize(
    ("known", "where"),
    [
        ({"os": (), "arch": ()}, node("n", os="windows", arch="arm64")),
        ({"arch": ("amd64", "arm64")}, node("n", arch="arm64")),
        ({"arch": ("arm",)}, node("n", arch="arm64")),
        ({"arch": ("386",)}, node("n")),
    ],
)
def test_what_is_unknown_or_can_be_run_as_well_closes_no_node(known, where):
    assert misfit(image(**known), where) is None


def test_a_closed_node_that_was_chosen_is_refused_with_its_reason():
    with pytest.raises(Refusal, match=r"win is closed for this image. Runs Windows; the image is for Linux."):
        chosen(offer(node("win", os="windows"), node("lin")), node="win")


def test_size_is_that_of_the_nodes_that_run_the_image():
    small = Amounts(2000, 4 << 30)

    with pytest.raises(Refusal, match="the largest node has 2"):
        chosen(offer(node("win", os="windows"), node("lin", size=small)), cpu="8")


def test_an_image_that_no_node_runs_is_refused():
    with pytest.raises(Refusal, match=r"No node can run this image. Its architecture is arm64"):
        chosen(offer(node("a", arch="arm64"), node("b", arch="arm64")))


def test_where_nodes_are_added_on_demand_an_image_is_not_refused_for_those_that_are_there():
    offered = Offer(nodes={"a": node("a", arch="arm64")}, images=(image(),), refuse_too_large=False)

    assert chosen(offered).image.name == "lab"


def test_the_list_says_so_of_a_node_that_the_scheduler_would_take():
    fits, closed = {"fits": True, "reasons": []}, {"win": "Runs Windows; the image is for Linux."}

    brief = in_brief({"fits": True, "nodes": {"win": fits, "lin": fits}}, closed=closed)

    assert brief["fits"]
    assert brief["kinds"][brief["nodes"]["lin"]] == {"fits": True}
    assert brief["kinds"][brief["nodes"]["win"]] == {"fits": False, "reasons": [{"text": closed["win"], "message": ""}]}


def test_the_services_own_word_on_an_image_counts_too():
    problem = {"code": "ImagePlatform", "message": "Runs Windows.", "text": "Runs Windows.", "short_by": None}

    brief = in_brief({"fits": True, "nodes": {"win": {"fits": True, "reasons": [], "image_problem": problem}}})

    assert not brief["fits"]
    assert brief["kinds"][0]["reasons"][0]["text"] == "Runs Windows."


def test_a_closed_node_is_no_way_out():
    offered = offer(node("a"), node("win", os="windows"), node("lin"))
    anywhere = {"would_work": {"fits_on": ["lin", "win"]}}

    found = ways(chosen(offered, node="a"), offered, verdict={}, anywhere=anywhere)

    assert [way["use"] for way in found] == [{"node": ""}, {"node": "lin"}]


def test_the_services_facts_are_read_and_nonsense_is_unknown():
    told = [
        {"reference": "a:1", "os": ["linux"], "arch": ["amd64", "arm64"]},
        {"reference": "b:1", "os": "windows", "arch": [5, "amd64"]},
        {"reference": "c:1", "arch": None},
    ]

    assert [(one.os, one.arch) for one in read_images(told)] == [
        (("linux",), ("amd64", "arm64")),
        (("windows",), ()),
        ((), ()),
    ]
    read = read_node({"name": "n", "os": "windows", "arch": 5})
    assert (read.os, read.arch) == ("windows", None)
