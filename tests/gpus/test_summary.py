"""A node's cards in one sentence."""

from __future__ import annotations

import pytest

from moorage.gpus.cards import Cards
from moorage.gpus.view import NodeView

GPU = "nvidia.com/gpu"
L40S = {"nvidia.com/gpu.product": "NVIDIA-L40S", "nvidia.com/gpu.count": "4"}
T4 = {"nvidia.com/gpu.product": "Tesla-T4-SHARED", "nvidia.com/gpu.count": "2", "nvidia.com/gpu.replicas": "4"}
H100 = {"nvidia.com/gpu.product": "NVIDIA-H100-NVL-MIG-1g.12gb", "nvidia.com/gpu.memory": "11008"}


@pytest.mark.parametrize(
    ("labels", "capacity", "held", "cards", "text"),
    [
        (L40S, {GPU: 4}, 1, 3, "4 x NVIDIA L40S: 3 of 4 cards can be scheduled now"),
        (T4, {GPU: 8}, 7, 1, "2 x Tesla T4: 1 of 8 slots can be scheduled now"),
        (H100, {GPU: 7}, 2, 1, "NVIDIA H100 NVL: 5 of 7 slices can be scheduled now"),
        ({}, {GPU: 2}, 0, 2, "2 x Unknown GPU: 2 of 2 units can be scheduled now"),
        ({"feature.node.kubernetes.io/pci-10de.present": "true"}, {}, 0, 0, "Unknown GPU: not offered to pods"),
        ({}, {GPU: 1, "nvidia.com/gpumem": 24000}, 0, 1, "Unknown GPU: 1 of 1 units can be scheduled now"),
    ],
)
def test_what_a_node_can_still_give(labels, capacity, held, cards, text) -> None:
    node = NodeView(
        name="n1", labels=labels, capacity=capacity, allocatable=capacity, requested={GPU: held} if held else {}
    )

    summary = Cards().more(node)["gpu_summary"]

    assert (summary["available_cards"], summary["text"]) == (cards, text)


def test_a_node_without_cards_has_no_summary() -> None:
    assert Cards().more(NodeView(name="n1")) == {"gpu_summary": None, "gpu_claims": [], "gpu_kinds": []}
