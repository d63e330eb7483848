"""What the tool before this one made of the same rows and pods, and what is true: each case that it got wrong, by name.

The two oracles below are its behaviour as it was observed, in words of our own: a card was free when it used less than 100 MiB and less than 5 %, a
placeholder was 0, a line that was no row ended the whole node, and pods were counted by the limits of their regular containers against capacity.
"""

from __future__ import annotations

from typing import Any

import pytest

from moorage.gpus.cards import Cards
from moorage.gpus.sources.smi import parse_csv
from moorage.gpus.view import NodeView, view_of
from moorage.objects import Node, decode
from moorage.scheduling.accounting.nodeinfo import NodeInfo
from moorage.scheduling.accounting.podinfo import digest

GPU = "nvidia.com/gpu"
FIELDS = ("index", "name", "memory.total", "memory.used", "memory.free", "utilization.gpu")


def before_by_rows(text: str) -> list[bool]:
    """For each row whether the card was called available."""

    def number(cell: str) -> int:
        digits = cell.split(" ", maxsplit=1)[0]
        return int(digits) if digits.isdigit() else 0

    found = []
    for line in text.strip().split("\n") if text.strip() else []:
        cells = line.split(", ")
        found.append(number(cells[3]) < 100 and number(cells[5]) < 5)
    return found


def before_by_counts(node: dict[str, Any], pods: list[dict[str, Any]]) -> int:
    """How many GPUs of a node were called free."""
    held = sum(
        int(((container.get("resources") or {}).get("limits") or {}).get(GPU, 0))
        for pod in pods
        for container in pod["spec"]["containers"]
    )
    virtual = int(node["status"]["capacity"].get(GPU, 0))
    physical = int(node["metadata"]["labels"].get("nvidia.com/gpu.count", virtual))
    return max(0, (1 if virtual > physical else virtual) - held)


def now_by_rows(text: str, *, held: int = 0, units: int = 1) -> list[dict[str, Any]]:
    output = parse_csv(text, fields=FIELDS, taken_at=1000.0)

    class Driver:
        name, activity = "exec", True

        def facts(self, node):
            return output.cards

        def problem(self, node):
            return output.failure

    view = NodeView(name="n1", capacity={GPU: units}, allocatable={GPU: units}, requested={GPU: held})
    return Cards([Driver()], clock=lambda: 1001.0).details(view)


def states(entries) -> list[tuple[str, bool]]:
    return [(entry["state"], entry["available"]) for entry in entries]


WRONG_ROWS = {
    "a GB10 that a pod holds was free, since it tells no memory": ("0, NVIDIA GB10, [N/A], [N/A], [N/A], 2 %", 1, True, ("held", False)),
    "a split card was free, since it tells no utilization": ("0, NVIDIA H100 80GB HBM3, 81559 MiB, 59 MiB, 81022 MiB, [N/A]", 1, True, ("held", False)),
    "a card that may not be read was free": ("0, NVIDIA A100-SXM4-80GB, [Insufficient Permissions], [Insufficient Permissions], [Insufficient Permissions], [N/A]", 1, True, ("held", False)),
    "a card with a desktop was taken": ("0, NVIDIA GeForce RTX 4080 SUPER, 16376 MiB, 596 MiB, 15348 MiB, 0 %", 0, False, ("free", True)),
    "an idle L40S was taken, since its first sample reads 100 %": ("0, NVIDIA L40S, 46068 MiB, 0 MiB, 45460 MiB, 100 %", 0, False, ("free", True)),
    "an idle notebook's card was free": ("0, NVIDIA GeForce RTX 4090, 24564 MiB, 1 MiB, 24129 MiB, 0 %", 1, True, ("held", False)),
}  # fmt: skip


@pytest.mark.parametrize("case", list(WRONG_ROWS))
def test_a_row_that_was_read_wrongly(case) -> None:
    row, held, before, now = WRONG_ROWS[case]

    assert before_by_rows(row) == [before]
    assert states(now_by_rows(row, held=held)) == [now]


WHOLE_NODE_LOST = {
    "no devices": "No devices were found",
    "a version mismatch": "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 550.144",
    "one lost card of two": (
        "0, NVIDIA GeForce RTX 3090, 24576 MiB, 30 MiB, 24000 MiB, 0 %\n"
        "Unable to determine the device handle for GPU0000:02:00.0: Unknown Error"
    ),
}


@pytest.mark.parametrize("case", list(WHOLE_NODE_LOST))
def test_a_sentence_among_the_rows_lost_the_whole_node(case) -> None:
    text = WHOLE_NODE_LOST[case]

    with pytest.raises(IndexError):
        before_by_rows(text)
    assert len(now_by_rows(text, units=2)) == 2


def test_an_answer_that_never_came_was_a_node_without_gpus() -> None:
    assert before_by_rows("") == []
    assert [entry["state"] for entry in now_by_rows("", units=2)] == ["free", "free"]


def node(*, capacity: dict[str, str], allocatable: dict[str, str] | None = None, **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "n1", "labels": {f"nvidia.com/gpu.{key}": value for key, value in labels.items()}},
        "status": {"capacity": capacity, "allocatable": allocatable or capacity},
    }


def pod(name: str, *, init: int = 0, resource: str = GPU, **amounts: int) -> dict[str, Any]:
    def asking(amount: int) -> dict[str, Any]:
        return {"requests": {resource: str(amount)}, "limits": {resource: str(amount)}}

    containers = [{"name": key, "resources": asking(amount)} for key, amount in amounts.items()] or [{"name": "c"}]
    first = [{"name": "init", "resources": asking(init)}] if init else []
    return {
        "metadata": {"name": name, "namespace": "lab", "uid": name},
        "spec": {"nodeName": "n1", "containers": containers, "initContainers": first},
    }


WRONG_COUNTS = {
    "a sick card counted as free": (node(capacity={GPU: "4"}, allocatable={GPU: "3"}), [pod("a", c=3)], 1, 0),
    "an init container's card counted as free": (node(capacity={GPU: "2"}), [pod("a", init=2)], 2, 0),
    "renamed slots did not exist": (node(capacity={GPU: "0", "nvidia.com/gpu.shared": "8"}, count="1"), [pod("a", resource="nvidia.com/gpu.shared", c=3)], 0, 5),
    "slices did not exist": (node(capacity={"nvidia.com/mig-1g.5gb": "2"}, count="1"), [], 0, 2),
    "cards of another maker did not exist": (node(capacity={"amd.com/gpu": "2"}), [pod("a", resource="amd.com/gpu", c=1)], 0, 1),
    "two cards in two slots each were one": (node(capacity={GPU: "4"}, count="2", replicas="2"), [], 1, 4),
}  # fmt: skip


@pytest.mark.parametrize("case", list(WRONG_COUNTS))
def test_a_node_that_was_counted_wrongly(case) -> None:
    body, pods, before, now = WRONG_COUNTS[case]
    info = NodeInfo("n1")
    info.set_node(decode(Node, body))
    for one in pods:
        info.add(digest(one))

    view = view_of(info)

    assert view is not None
    assert before_by_counts(body, pods) == before
    assert sum(unit["available"] for unit in Cards().units(view)) == now
