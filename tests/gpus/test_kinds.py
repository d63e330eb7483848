"""Which model stands behind each resource name, and by which label a pod asks for it."""

import pytest

from moorage.gpus.labels.kinds import kinds

PRODUCT = "nvidia.com/gpu.product"
RTX = {PRODUCT: "NVIDIA-GeForce-RTX-4090", "nvidia.com/gpu.memory": "24564", "nvidia.com/gpu.count": "1"}
MIXED = {
    PRODUCT: "NVIDIA-A100-SXM4-40GB",
    "nvidia.com/gpu.count": "2",
    "nvidia.com/mig.strategy": "mixed",
    "nvidia.com/mig-1g.5gb.count": "4",
    "nvidia.com/mig-1g.5gb.memory": "4864",
}
SHARED = {
    PRODUCT: "Tesla-T4-SHARED",
    "nvidia.com/gpu.count": "1",
    "nvidia.com/gpu.replicas": "4",
    "nvidia.com/gpu.memory": "15109",
}


def told(labels, units):
    return [
        (kind["resource"], kind["model"], kind["memory_mib"], kind["sharing"], kind["slots"], kind["profile"])
        for kind in kinds(labels, units)
    ]


def by(labels, units):
    return [[(each["key"], each["value"]) for each in kind["labels"]] for kind in kinds(labels, units)]


@pytest.mark.parametrize(
    ("labels", "units", "expected"),
    [
        (RTX, {"nvidia.com/gpu": 1}, [("nvidia.com/gpu", "NVIDIA GeForce RTX 4090", 24564, None, None, None)]),
        (
            MIXED,
            {"nvidia.com/gpu": 1, "nvidia.com/mig-1g.5gb": 4},
            [
                ("nvidia.com/gpu", "NVIDIA A100-SXM4-40GB", None, None, None, None),
                ("nvidia.com/mig-1g.5gb", "NVIDIA A100-SXM4-40GB", 4864, "mig", None, "1g.5gb"),
            ],
        ),
        (
            {PRODUCT: "NVIDIA-H100-NVL-MIG-1g.12gb", "nvidia.com/gpu.memory": "11008", "nvidia.com/gpu.count": "7"},
            {"nvidia.com/gpu": 7},
            [("nvidia.com/gpu", "NVIDIA H100 NVL", 11008, "mig", None, "1g.12gb")],
        ),
        (SHARED, {"nvidia.com/gpu": 4}, [("nvidia.com/gpu", "Tesla T4", 15109, "time-slicing", 4, None)]),
        (
            SHARED | {"nvidia.com/gpu.sharing-strategy": "mps"},
            {"nvidia.com/gpu": 4},
            [("nvidia.com/gpu", "Tesla T4", 15109, "mps", 4, None)],
        ),
        (
            {"amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM", "amd.com/gpu.vram": "192G"},
            {"amd.com/cpx_nps4": 8, "amd.com/gpu": 1},
            [
                ("amd.com/cpx_nps4", "AMD Instinct MI300X OAM", None, "partition", None, "cpx_nps4"),
                ("amd.com/gpu", "AMD Instinct MI300X OAM", 196608, None, None, None),
            ],
        ),
    ],
)
def test_a_model_is_told_with_how_it_is_shared(labels, units, expected) -> None:
    assert told(labels, units) == expected


def test_two_makers_on_one_node_are_two_kinds() -> None:
    labels = RTX | {"amd.com/gpu.product-name": "AMD_Radeon_PRO_W7900"}

    assert [kind[:2] for kind in told(labels, {"nvidia.com/gpu": 1, "amd.com/gpu": 1})] == [
        ("amd.com/gpu", "AMD Radeon PRO W7900"),
        ("nvidia.com/gpu", "NVIDIA GeForce RTX 4090"),
    ]


def test_each_label_that_tells_the_model_is_told_the_vendors_own_first() -> None:
    labels = {"karpenter.k8s.aws/instance-gpu-name": "t4", "kubernetes.azure.com/accelerator": "nvidia"}

    assert by(labels | {PRODUCT: "Tesla-T4"}, {"nvidia.com/gpu": 1}) == [
        [(PRODUCT, "Tesla-T4"), ("karpenter.k8s.aws/instance-gpu-name", "t4")]
    ]
    assert by({"cloud.google.com/gke-accelerator": "nvidia-l4"}, {"nvidia.com/gpu": 1}) == [
        [("cloud.google.com/gke-accelerator", "nvidia-l4")]
    ]


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"nvidia.com/gpu.present": "true"},
        {"kubernetes.azure.com/accelerator": "nvidia"},
        RTX,  # of a node with another card that GFD does not tell of
        {"amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM"},
    ],
)
def test_no_model_is_told_where_labels_leave_it_open(labels) -> None:
    assert kinds(labels, {"nvidia.com/gpu": 2}) == []


def test_what_counts_no_cards_has_no_kind() -> None:
    assert kinds(RTX, {"nvidia.com/gpu": 0, "nvidia.com/gpumem": 24000, "example.com/fpga": 1}) == []
