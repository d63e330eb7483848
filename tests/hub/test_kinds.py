"""Kinds of GPU: what they are called, which can be chosen, and what a pod then asks for."""

import pytest

from moorage.hub import models
from moorage.hub.choice.fields import unfolded
from moorage.hub.choice.offered import kinds
from moorage.hub.choice.offered.offer import Offer
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.choice.options import decide
from moorage.hub.choice.ways import ways
from moorage.hub.models import Model
from moorage.hub.view.facts import Amounts, NodeFacts, Units

GI = 1 << 30
NVIDIA, AMD, SLICE = "nvidia.com/gpu", "amd.com/gpu", "nvidia.com/mig-1g.10gb"
PRODUCT = "nvidia.com/gpu.product"
KARPENTER = "karpenter.k8s.aws/instance-gpu-name"


def product(value, model, **more):
    return Model(((PRODUCT, value), *more.pop("also", ())), model, **more)


RTX = product("NVIDIA-GeForce-RTX-4090", "NVIDIA GeForce RTX 4090", memory=24564)
A100 = product("NVIDIA-A100-SXM4-40GB", "NVIDIA A100-SXM4-40GB", memory=40960)
T4 = product("Tesla-T4", "Tesla T4", memory=15360, also=((KARPENTER, "t4"),))
SHARED = product("Tesla-T4-SHARED", "Tesla T4", memory=15360, sharing="time-slicing", slots=4)
COMING = Model(((KARPENTER, "t4"),), "NVIDIA T4")


def node(name, *units):
    size = Amounts(16000, 64 * GI)
    return NodeFacts(name, name, size, size, size, tuple(units))


def offer(*nodes, resources=(NVIDIA,), **more):
    return Offer(nodes={each.name: each for each in nodes}, gpu_resources=resources, **more)


def units(model, *, resource=NVIDIA, count=1, free=1):
    return Units(resource, count, count, free, model)


def choose(offered, **options):
    return decide({"moorage": 1, "cpu": "1", "memory": "1Gi", "gpu": 1, **options}, offered)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (RTX, "RTX 4090 (24 GB)"),
        (A100, "A100 40 GB"),
        (product("NVIDIA-H100-80GB-HBM3", "NVIDIA H100 80GB HBM3", memory=81559), "H100 80 GB"),
        (product("NVIDIA-A100-PCIE-40GB", "NVIDIA A100-PCIE-40GB"), "A100 40 GB"),
        (product("x", "NVIDIA A100-SXM4-40GB", sharing="mig", profile="1g.5gb"), "MIG 1g.5gb slice"),
        (SHARED, "T4, shared (1 of 4 slots)"),
        (product("Tesla-T4-SHARED", "Tesla T4", sharing="mps"), "T4, shared"),
        (product("x", "AMD Instinct MI300X OAM", memory=196608), "AMD Instinct MI300X OAM (192 GB)"),
        (product("NVIDIA", "NVIDIA"), "NVIDIA"),
    ],
)
def test_a_model_is_called_what_people_call_it(model, words):
    assert model.words() == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NVIDIA-GeForce-RTX-4090", "RTX 4090"),
        ("Tesla-T4-SHARED", "T4, shared"),
        ("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "MIG 1g.5gb slice"),
    ],
)
def test_a_label_alone_is_called_the_same(name, words):
    assert models.spoken(name) == words


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        (NVIDIA, "NVIDIA GPU"),
        (AMD, "AMD GPU"),
        ("nvidia.com/mig-1g.5gb", "MIG 1g.5gb slice"),
        ("nvidia.com/gpu.shared", "NVIDIA GPU, shared"),
        ("gpu.intel.com/i915", "Intel GPU"),
        ("amd.com/cpx_nps4", "AMD GPU, partition cpx_nps4"),
    ],
)
def test_no_resource_name_is_shown_where_no_model_is_known(resource, words):
    listed = kinds.offered(offer(node("a", units(None, resource=resource)), resources=(resource,)))

    assert [(kind.value, kind.words) for kind in listed] == [(resource, words)]


def test_any_comes_first_then_each_model():
    listed = kinds.offered(offer(node("a", units(RTX)), node("b", units(A100)), node("c", units(RTX))))

    assert [(kind.words, kind.value) for kind in listed] == [
        ("Any GPU", NVIDIA),
        ("A100 40 GB", f"{NVIDIA}=NVIDIA-A100-SXM4-40GB"),
        ("RTX 4090 (24 GB)", f"{NVIDIA}=NVIDIA-GeForce-RTX-4090"),
    ]


def test_two_makers_on_one_node_are_two_kinds():
    amd = Model((("amd.com/gpu.product-name", "AMD_Instinct_MI300X"),), "AMD Instinct MI300X")
    both = offer(node("a", units(RTX), units(amd, resource=AMD)), resources=(NVIDIA, AMD))

    assert [kind.words for kind in kinds.offered(both)] == [
        "Any NVIDIA GPU",
        "RTX 4090 (24 GB)",
        "Any AMD GPU",
        "AMD Instinct MI300X",
    ]
    choice = choose(both, gpu_kind="AMD_Instinct_MI300X")
    assert choice.gpu_resource == AMD
    assert choice.kind.terms() == [
        {"key": "amd.com/gpu.product-name", "operator": "In", "values": ["AMD_Instinct_MI300X"]}
    ]


def test_slices_are_told_apart_by_model_only_where_there_are_several():
    small = product("NVIDIA-A100-SXM4-80GB", "NVIDIA A100-SXM4-80GB", sharing="mig", profile="1g.10gb")
    large = product("NVIDIA-H100-80GB-HBM3", "NVIDIA H100 80GB HBM3", sharing="mig", profile="1g.10gb")
    one = offer(node("a", units(small, resource=SLICE)), resources=(SLICE,))
    two = offer(node("a", units(small, resource=SLICE)), node("b", units(large, resource=SLICE)), resources=(SLICE,))

    assert [kind.words for kind in kinds.offered(one)] == ["MIG 1g.10gb slice"]
    assert [kind.words for kind in kinds.offered(two)] == [
        "MIG 1g.10gb slice",
        "MIG 1g.10gb slice of A100 80 GB",
        "MIG 1g.10gb slice of H100 80 GB",
    ]
    assert "MIG:" in kinds.offered(one)[0].help


def test_sharing_is_said_in_a_sentence():
    listed = {kind.words: kind.help for kind in kinds.offered(offer(node("a", units(SHARED)), node("b", units(RTX))))}

    assert listed["RTX 4090 (24 GB)"] == ""
    assert listed["T4, shared (1 of 4 slots)"].startswith("Time-slicing: up to 4 servers take turns")
    assert "shared cards" in listed["Any GPU"]


def test_cards_with_unlike_numbers_of_slots_do_not_name_one():
    eight = product("Tesla-T4-SHARED", "Tesla T4", memory=15360, sharing="time-slicing", slots=8)

    assert kinds.offered(offer(node("a", units(SHARED)), node("b", units(eight))))[1].words == "T4, shared"


def test_models_that_are_called_the_same_have_their_names_beside():
    pcie = product("NVIDIA-A100-PCIE-40GB", "NVIDIA A100-PCIE-40GB")

    words = [kind.words for kind in kinds.offered(offer(node("a", units(A100)), node("b", units(pcie))))[1:]]

    assert words == ["A100 40 GB, NVIDIA-A100-PCIE-40GB", "A100 40 GB, NVIDIA-A100-SXM4-40GB"]


def test_a_machine_that_a_cloud_labels_is_of_the_kind_of_its_nodes():
    listed = kinds.offered(offer(node("a", units(T4)), node("~pool", units(COMING))))

    assert [kind.name for kind in listed] == [None, "Tesla-T4"]
    assert listed[1].terms() == [
        {"key": PRODUCT, "operator": "In", "values": ["Tesla-T4"]},
        {"key": KARPENTER, "operator": "In", "values": ["t4"]},
    ]


def test_a_label_that_another_model_has_too_binds_to_neither():
    shared = product("Tesla-T4-SHARED", "Tesla T4", sharing="time-slicing", slots=4, also=((KARPENTER, "t4"),))
    listed = {kind.name: kind for kind in kinds.offered(offer(node("a", units(T4)), node("b", units(shared))))}

    assert listed["Tesla-T4"].labels == ((PRODUCT, "Tesla-T4"),)
    assert listed["Tesla-T4-SHARED"].labels == ((PRODUCT, "Tesla-T4-SHARED"),)


def test_a_choice_keeps_its_model_and_an_older_one_without_has_none():
    both = offer(node("a", units(RTX)), node("b", units(A100)))

    assert choose(both, gpu_kind="NVIDIA-A100-SXM4-40GB").as_options()["gpu_kind"] == "NVIDIA-A100-SXM4-40GB"
    assert "gpu_kind" not in choose(both).as_options()
    assert "gpu_kind" not in choose(both, gpu=0, gpu_kind="NVIDIA-A100-SXM4-40GB").as_options()
    assert decide(choose(both, gpu_kind="NVIDIA-A100-SXM4-40GB").as_options(), both).kind.name == A100.name


def test_a_model_by_a_clouds_label_stays_the_choice_when_the_vendors_is_there():
    saved = choose(offer(node("~pool", units(COMING))), gpu_kind="t4").as_options()

    assert decide(saved, offer(node("a", units(T4)))).kind.name == "Tesla-T4"


def test_a_model_that_is_gone_is_refused_with_those_that_are_there():
    with pytest.raises(Refusal, match="No node that you can use has the GPU “Tesla-V100”") as refused:
        choose(offer(node("a", units(RTX))), gpu_kind="Tesla-V100")

    assert refused.value.field == "gpu_kind"
    assert refused.value.ways[0] == ("Any GPU", {"gpu_resource": NVIDIA, "gpu_kind": ""})


@pytest.mark.parametrize("more", [{"nodes": None}, {"refuse_too_large": False}])
def test_where_nodes_are_not_known_the_vendors_label_is_taken(more):
    unknown = Offer(**{"nodes": {"a": node("a")}, "gpu_resources": (NVIDIA,), **more})

    assert choose(unknown, gpu_kind="Tesla-V100").kind.labels == ((PRODUCT, "Tesla-V100"),)


def test_a_barred_nodes_model_is_not_offered():
    listed = kinds.offered(offer(node("a", units(RTX)), node("b", units(A100)), barred={"b": "not offered to you"}))

    assert [kind.words for kind in listed] == ["Any GPU", "RTX 4090 (24 GB)"]


def test_a_node_without_the_model_is_too_small():
    with pytest.raises(Refusal, match="1 A100 40 GB is too much: a has none"):
        choose(offer(node("a", units(RTX)), node("b", units(A100))), gpu_kind=A100.name, node="a")


@pytest.mark.parametrize(
    ("posted", "expected"),
    [
        ([f"{NVIDIA}=Tesla-T4"], {"gpu_resource": [NVIDIA], "gpu_kind": ["Tesla-T4"]}),
        ([SLICE], {"gpu_resource": [SLICE], "gpu_kind": [""]}),
        (["Tesla-T4"], {"gpu_kind": ["Tesla-T4"]}),
        ([""], {"gpu_kind": [""]}),
        (["a/b", "c/d"], {"gpu_kind": ["a/b", "c/d"]}),
    ],
)
def test_the_forms_field_says_resource_and_model_in_one(posted, expected):
    assert unfolded({"gpu_kind": posted}) == expected


def test_another_model_is_suggested_where_this_one_is_used_up():
    both = offer(node("a", units(RTX, free=0)), node("b", units(A100)), node("c", units(SHARED)))
    choice = choose(both, gpu_kind=RTX.name)

    found = ways(choice, both, verdict={"fits": False, "nodes": {}}, anywhere=None)

    assert [(way["text"], way["use"]) for way in found] == [
        ("1 × A100 40 GB", {"gpu_resource": NVIDIA, "gpu_kind": A100.name}),
        ("1 × T4, shared (1 of 4 slots)", {"gpu_resource": NVIDIA, "gpu_kind": SHARED.name}),
    ]


def test_no_node_that_lacks_the_rest_is_suggested_for_its_model():
    full = NodeFacts("b", "b", Amounts(16000, 64 * GI), Amounts(16000, 64 * GI), Amounts(100, GI >> 1), (units(A100),))
    both = offer(node("a", units(RTX, free=0)), full)

    assert ways(choose(both, gpu_kind=RTX.name), both, verdict={"fits": False, "nodes": {}}, anywhere=None) == []
