"""Machines that an administrator wrote down."""

from __future__ import annotations

import pytest

from moorage.machines.configured import Configured, MachineListError, read_file
from moorage.objects import Node, ObjectMeta, Taint
from moorage.scheduling.accounting.nodeinfo import NodeInfo

GPU = """
- pool: gpu
  kind: g5.xlarge
  labels: {karpenter.sh/nodepool: gpu, example.com/team: vision}
  taints: ["nvidia.com/gpu=present:NoSchedule"]
  allocatable: {cpu: 3920m, memory: 14Gi, nvidia.com/gpu: 1}
  gpu_model: NVIDIA A10G
  most: 2
  zones: [a, b]
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "machines.yaml"


def nodes_of_pool(count):
    found = {}
    for number in range(count):
        info = found[f"n{number}"] = NodeInfo(f"n{number}")
        info.set_node(Node(metadata=ObjectMeta(name=info.name, labels={"karpenter.sh/nodepool": "gpu"})))
    return found


def test_an_entry_is_a_machine(file):
    file.write_text(GPU)

    (machine,) = Configured(file, nodes=dict).machines()

    assert (machine.pool, machine.kind, machine.state, machine.left) == ("gpu", "g5.xlarge", "can_be_added", 2)
    assert (machine.gpu_model, machine.gpu_count) == ("NVIDIA A10G", 1)
    assert (machine.label, machine.zones) == (("karpenter.sh/nodepool", "gpu"), ("a", "b"))
    node = machine.node
    assert node is not None
    assert node.spec.taints == (Taint("nvidia.com/gpu", "present", "NoSchedule"),)
    assert node.status.allocatable == {"pods": "110", "cpu": "3920m", "memory": "14Gi", "nvidia.com/gpu": "1"}
    assert node.metadata.labels["node.kubernetes.io/instance-type"] == "g5.xlarge"


@pytest.mark.parametrize(
    ("there", "state", "left"), [(1, "can_be_added", 1), (2, "at_maximum", 0), (3, "at_maximum", 0)]
)
def test_nodes_of_the_pool_count_towards_its_maximum(file, there, state, left):
    file.write_text(GPU)

    (machine,) = Configured(file, nodes=lambda: nodes_of_pool(there)).machines()

    assert (machine.state, machine.left) == (state, left)
    assert (machine.why is None) == (state == "can_be_added")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- 3", "entry 1: 3 is no machine"),
        ("- pool: a\n  allocatable: {cpu: 1}\n- {pool: b}", "entry 2: allocatable is missing"),
        ("- allocatable: {cpu: 1}", "entry 1: pool is missing"),
        ("- {pool: a, alocatable: {cpu: 1}}", "“alocatable” is unknown; did you mean allocatable?"),
        ("- {pool: a, allocatable: {cpu: lots}}", "allocatable.cpu: “lots” is not a Kubernetes quantity"),
        ("- {pool: a, allocatable: {cpu: -1}}", "allocatable.cpu: -1 is below 0"),
        ("- {pool: a, allocatable: {cpu: true}}", "allocatable.cpu: true is not a Kubernetes quantity"),
        ("- {pool: a, allocatable: {cpu: 1}, labels: {gpu: true}}", "labels.gpu: true is no label's value; put it in"),
        ("- {pool: a, allocatable: {cpu: 1}, labels: {'a b': x}}", "labels: “a b” is no label's key"),
        ("- {pool: a, allocatable: {cpu: 1}, taints: [x]}", "taints[0]: “x” is no taint"),
        ("- {pool: a, allocatable: {cpu: 1}, taints: ['x:Never']}", "taints[0]: the effect is “Never”"),
        ("- {pool: a, allocatable: {cpu: 1}, most: many}", "most is “many”, not a whole number"),
        ("- {pool: a, allocatable: {cpu: 1}, gpu_model: T4}", "gpu_model is given, but allocatable has no GPU"),
        ("- {pool: a, allocatable: {cpu: 1}, zones: a}", "zones is “a”, not a list"),
        ("pool: a", "is not a list"),
        ("- [", "can't be read"),
    ],
)
def test_what_is_wrong_is_told_with_its_entry_and_key(file, text, complaint):
    file.write_text(text)

    with pytest.raises(MachineListError) as caught:
        read_file(file)

    assert complaint in str(caught.value)


def test_a_changed_file_is_read_again(file):
    file.write_text(GPU)
    changes = []
    configured = Configured(file, nodes=dict, changed=lambda: changes.append(1))

    file.write_text(GPU + "- {pool: cpu, allocatable: {cpu: 8}}")
    configured.look()

    assert [machine.pool for machine in configured.machines()] == ["gpu", "cpu"]
    assert changes == [1]


def test_a_change_that_can_not_be_used_leaves_the_list_and_is_said_once(file, caplog):
    file.write_text(GPU)
    configured = Configured(file, nodes=dict)

    file.write_text("- {pool: gpu}")
    configured.look()
    configured.look()

    assert [machine.pool for machine in configured.machines()] == ["gpu"]
    assert [record.getMessage() for record in caplog.records] == [
        f"{file}, entry 1: allocatable is missing: what pods may use on such a machine, as in cpu: 3920m"
    ]
