"""What Karpenter's pools may add and what is on its way, from objects as it writes them."""

from __future__ import annotations

import pytest

from moorage.machines.karpenter import Karpenter
from moorage.objects import Node, NodeStatus, ObjectMeta, PersistentVolume, decode
from moorage.scheduling.cluster import Cluster

READY = [{"type": "Ready", "status": "True"}]
ZONE, TYPE, POOL = "topology.kubernetes.io/zone", "node.kubernetes.io/instance-type", "karpenter.sh/nodepool"
A10G = {"cpu": "3920m", "memory": "14Gi", "pods": "110", "nvidia.com/gpu": "1"}
WHOLE = {"cpu": "4", "memory": "16Gi", "pods": "110", "nvidia.com/gpu": "1"}


def pool(name="gpus", *, requirements=(), labels=None, taints=(), startup=(), limits=None, ready=READY, **spec):
    template = {
        "metadata": {"labels": labels or {}},
        "spec": {
            "requirements": [{"key": k, "operator": o, "values": list(v)} for k, o, *v in requirements],
            "taints": list(taints),
            "startupTaints": list(startup),
            "nodeClassRef": {"group": "cloud.example", "kind": "Class", "name": "default"},
        },
    }
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": name},
        "spec": {"template": template, "limits": limits, **spec},
        "status": {"conditions": ready, "resources": {}},
    }


def claim(
    name="gpus-1",
    *,
    of="gpus",
    kind="g5.xlarge",
    labels=None,
    allocatable=A10G,
    capacity=WHOLE,
    requests=None,
    reached=("Launched", "Registered", "Initialized"),
    node=None,
    deleted=None,
    taints=(),
    startup=(),
):
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {
            "name": name,
            "labels": {POOL: of, TYPE: kind, ZONE: "a", "kubernetes.io/arch": "amd64", **(labels or {})},
            "creationTimestamp": "2026-01-01T00:00:10Z",
            "deletionTimestamp": deleted,
        },
        "spec": {"resources": {"requests": requests}, "taints": list(taints), "startupTaints": list(startup)},
        "status": {
            "allocatable": allocatable,
            "capacity": capacity,
            "nodeName": node,
            "conditions": [{"type": each, "status": "True"} for each in reached],
        },
    }


def karpenter(*objects, nodes=(), known=()):
    by_kind = {kind: [each for each in objects if each["kind"] == kind] for kind in ("NodePool", "NodeClaim")}
    cluster = Cluster.from_objects(nodes=nodes, nodepools=by_kind["NodePool"], nodeclaims=by_kind["NodeClaim"])
    assert not cluster.unreadable
    return Karpenter(lambda: cluster, known=lambda: known), cluster


def machines(*objects, nodes=(), known=()):
    source, _ = karpenter(*objects, nodes=nodes, known=known)
    return source.machines()


def can_come(*objects, **more):
    return [(each.pool, each.kind) for each in machines(*objects, **more) if each.state == "can_be_added"]


def test_a_cluster_without_karpenter_has_no_machines():
    assert machines() == ()


# On their way


def test_a_machine_on_its_way_is_what_karpenter_expects_of_it():
    (coming, _) = machines(
        pool(),
        claim(
            reached=["Launched"],
            requests={"cpu": "1", "nvidia.com/gpu": "1"},
            taints=[
                {"key": "gpu", "effect": "NoSchedule"},
                {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"},
            ],
        ),
    )

    assert (coming.state, coming.pool, coming.kind, coming.label) == ("on_its_way", "gpus", "g5.xlarge", (POOL, "gpus"))
    assert coming.node.status.allocatable == A10G
    assert [taint.key for taint in coming.node.spec.taints] == ["gpu"]
    assert coming.taken == {"cpu": "1", "nvidia.com/gpu": "1"}
    assert (coming.gpu_count, coming.since, coming.why) == (1, 1767225610.0, None)


def test_startup_taints_go_before_pods_come():
    startup = {"key": "cni.example/starting", "effect": "NoExecute"}

    (coming, _) = machines(pool(), claim(reached=["Launched"], taints=[startup], startup=[startup]))

    assert coming.node.spec.taints == ()


def test_devices_that_come_later_than_their_node_are_on_their_way(node):
    there = node("n1", cpu="3900m", memory="13Gi", labels={POOL: "gpus", "rack": "r1"})
    (coming, _) = machines(pool(), claim(reached=["Launched", "Registered"], node="n1"), nodes=[there])

    assert coming.node_name == "n1"
    assert coming.node.metadata.labels["rack"] == "r1"
    assert {name: coming.node.status.allocatable[name] for name in ("cpu", "nvidia.com/gpu")} == {
        "cpu": "3900m",
        "nvidia.com/gpu": "1",
    }


def test_what_the_cloud_has_not_answered_for_has_no_shape_yet():
    (coming, _) = machines(pool(), claim(reached=[], allocatable=None, capacity=None))

    assert (coming.state, coming.node) == ("on_its_way", None)
    assert coming.why == "Karpenter has asked for it, and the cloud has not answered yet."


@pytest.mark.parametrize(
    "over", [{"reached": ["Initialized"]}, {"reached": ["Launched"], "deleted": "2026-01-01T00:00:00Z"}]
)
def test_a_machine_that_is_there_or_is_going_is_not_on_its_way(over):
    assert [each.state for each in machines(pool(), claim(**over))] == ["can_be_added"]


def test_garbage_in_one_claim_costs_its_shape_only():
    found = machines(pool(), claim("gpus-1", reached=["Launched"], allocatable={"cpu": "no"}), claim("gpus-2"))

    assert [(each.state, each.node is None) for each in found] == [("on_its_way", True), ("can_be_added", False)]


# What may be added


def test_a_pool_may_add_what_it_has_brought_before():
    (machine,) = machines(pool(labels={"team": "vision"}, taints=[{"key": "gpu", "effect": "NoSchedule"}]), claim())

    labels = machine.node.metadata.labels
    assert (machine.state, machine.left, machine.label) == ("can_be_added", None, (POOL, "gpus"))
    assert machine.node.status.allocatable == A10G
    assert [taint.key for taint in machine.node.spec.taints] == ["gpu"]
    assert {labels[key] for key in (TYPE, "team", POOL, "cloud.example/class", "karpenter.sh/initialized")} == {
        "g5.xlarge", "vision", "gpus", "default", "true"
    }  # fmt: skip


def test_a_kind_that_went_is_remembered():
    source, cluster = karpenter(pool(), claim())
    source.machines()

    cluster.remove_object("NodeClaim", "", "gpus-1")

    assert [(each.kind, each.state) for each in source.machines()] == [("g5.xlarge", "can_be_added")]


def test_a_kind_from_one_pool_is_known_to_the_others_without_the_first_ones_labels():
    (other, _) = machines(
        pool("a", labels={"team": "vision"}), pool("b"), claim(of="a", labels={"team": "vision", "karpenter.k8s.aws/instance-family": "g5"})
    )  # fmt: skip

    assert (other.pool, other.kind) == ("b", "g5.xlarge")
    assert "team" not in other.node.metadata.labels
    assert other.node.metadata.labels["karpenter.k8s.aws/instance-family"] == "g5"


@pytest.mark.parametrize(
    ("requirement", "admits"),
    [
        ((TYPE, "In", "g5.xlarge", "g6.xlarge"), True),
        ((TYPE, "In", "g6.xlarge"), False),
        ((TYPE, "NotIn", "g5.xlarge"), False),
        (("beta.kubernetes.io/arch", "In", "arm64"), False),
        (("karpenter.k8s.aws/instance-gpu-count", "Gt", "0"), True),
        (("karpenter.k8s.aws/instance-gpu-count", "Gt", "1"), False),
        (("karpenter.k8s.aws/instance-gpu-count", "Gte", "1"), True),
        (("karpenter.k8s.aws/instance-gpu-count", "Lt", "1"), False),
        (("karpenter.k8s.aws/instance-gpu-count", "Lte", "1"), True),
        (("karpenter.k8s.aws/instance-gpu-count", "DoesNotExist"), False),
        (("karpenter.k8s.aws/instance-gpu-count", "Exists"), True),
        ((ZONE, "In", "b"), True),
        (("example.com/team", "In", "vision"), True),
    ],
)
def test_a_pool_takes_the_kinds_that_its_requirements_admit(requirement, admits):
    seen = claim(of="other", labels={"karpenter.k8s.aws/instance-gpu-count": "1"})

    found = can_come(pool("other", ready=[]), pool(requirements=[requirement]), seen)

    assert (("gpus", "g5.xlarge") in found) == admits


def test_several_requirements_on_one_key_are_one():
    asked = [(TYPE, "In", "g5.xlarge", "g6.xlarge"), (TYPE, "NotIn", "g5.xlarge")]

    (_, unseen) = machines(pool("other", ready=[]), pool(requirements=asked), claim(of="other"))

    assert (unseen.kind, unseen.node) == ("g6.xlarge", None)
    assert unseen.why == "Nobody has seen a machine of kind g6.xlarge yet, so what it would look like is not known."


def test_zones_are_karpenters_choice():
    (several,) = machines(pool(requirements=[(ZONE, "In", "b", "c")]), claim())
    (one,) = machines(pool(requirements=[(ZONE, "In", "b")]), claim())

    assert (several.zones, ZONE in several.node.metadata.labels) == (("b", "c"), False)
    assert (one.zones, one.node.metadata.labels[ZONE]) == (("b",), "b")


def test_what_a_pool_leaves_open_karpenter_chooses_for_the_pod():
    ways, team = ("on-demand", "spot"), ("audio", "vision")

    (machine,) = machines(
        pool(requirements=[("karpenter.sh/capacity-type", "In", *ways), ("example.com/team", "In", *team)]),
        claim(labels={"karpenter.sh/capacity-type": "spot", "example.com/team": "vision"}),
    )

    assert dict(machine.choices) == {"karpenter.sh/capacity-type": ways, "example.com/team": team}
    assert not machine.node.metadata.labels.keys() & {"karpenter.sh/capacity-type", "example.com/team"}


def test_a_pool_that_names_no_zones_may_use_all_that_are_known():
    seen = [claim("gpus-1"), claim("gpus-2", labels={ZONE: "b"}), claim("gpus-3", labels={ZONE: "c"})]

    (machine, _) = machines(
        pool(requirements=[(ZONE, "NotIn", "c")]), pool("a", requirements=[(ZONE, "In", "d"), (TYPE, "In", "m")]), *seen
    )

    assert machine.zones == ("a", "b", "d")


def test_where_nodes_and_volumes_are_a_machine_may_come(node):
    source, cluster = karpenter(pool(), claim(), nodes=[node("n1", labels={ZONE: "b"})])
    term = {"matchExpressions": [{"key": "topology.ebs.csi.aws.com/zone", "operator": "In", "values": ["c"]}]}
    volume = {
        "metadata": {"name": "home"},
        "spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}},
    }
    cluster.set_object(decode(PersistentVolume, volume))

    source.look()

    assert [each.zones for each in source.machines()] == [("a", "b", "c")]


def test_a_node_that_changes_is_seen(node):
    source, cluster = karpenter(
        pool(), claim(reached=["Launched", "Registered"], node="n1"), nodes=[node("n1", cpu="3")]
    )
    before = source.machines()[0]

    cluster.set_node(decode(Node, node("n1", cpu="2")))

    assert [each.node.status.allocatable["cpu"] for each in (before, source.machines()[0])] == ["3", "2"]


def test_a_pool_of_which_nothing_is_known_says_so():
    (machine,) = machines(pool())

    assert (machine.pool, machine.kind, machine.node, machine.state) == ("gpus", None, None, "can_be_added")


def test_what_an_administrator_wrote_down_is_a_kind_of_its_pool(a_machine):
    written = a_machine("gpus", "g5.xlarge", source="configured", node=shape_of(A10G))

    (machine,) = machines(pool(limits={"nvidia.com/gpu": "2"}), known=[written])

    assert (machine.kind, machine.left, machine.gpu_count) == ("g5.xlarge", 2, 1)


def test_what_a_pool_does_not_take_is_said_where_somebody_hopes_for_it(a_machine):
    written = a_machine("gpus", "g5.xlarge", source="configured", node=shape_of(A10G))

    found = machines(pool(requirements=[(TYPE, "NotIn", "g5.xlarge")]), known=[written])

    assert [(each.kind, each.state, each.left) for each in found] == [("g5.xlarge", "at_maximum", 0)]


def test_the_heaviest_pool_comes_first_and_of_equals_the_last_by_name():
    found = machines(pool("a"), pool("b"), pool("c", weight=10))

    assert [(each.pool, each.order) for each in found] == [("c", 0), ("b", 1), ("a", 2)]


# Limits


@pytest.mark.parametrize(
    ("limits", "left", "why"),
    [
        (None, None, None),
        ({"cpu": "100"}, 24, None),
        ({"cpu": "8"}, 1, None),
        ({"cpu": "7"}, 0, "Pool gpus may have 7 CPU in all and has 4: no room for a machine with 4."),
        ({"cpu": "100", "nvidia.com/gpu": "1"}, 0, "Pool gpus may have 1 GPU in all and has 1: no room for a machine with 1."),
        ({"memory": "31Gi"}, 0, "Pool gpus may have 31 GiB of memory in all and has 16: no room for a machine with 16."),
        ({"nodes": "3"}, 2, None),
        ({"nodes": "1"}, 0, "Pool gpus is at its limit of 1 machine."),
        ({"example.com/thing": "0"}, None, None),
    ],
)  # fmt: skip
def test_limits_are_held_against_whole_machines(limits, left, why):
    (machine,) = machines(pool(limits=limits), claim())

    assert (machine.left, machine.why) == (left, why)
    assert machine.state == ("at_maximum" if why else "can_be_added")


def test_a_machine_that_is_going_leaves_the_limits():
    (machine,) = machines(pool(limits={"cpu": "4"}), claim(deleted="2026-01-01T00:00:00Z"))

    assert (machine.state, machine.left) == ("can_be_added", 1)


def test_without_the_right_to_read_claims_karpenters_own_sum_counts(a_machine):
    counted = pool(limits={"cpu": "8"})
    counted["status"]["resources"] = {"cpu": "5"}

    (machine,) = machines(counted, known=[a_machine("gpus", "g5.xlarge", node=shape_of(A10G))])

    assert machine.state == "at_maximum"


def test_a_pool_that_is_not_ready_adds_nothing():
    waiting = [
        {"type": "NodeClassReady", "status": "False", "message": "no such class."},
        {"type": "Ready", "status": "False", "message": "NodeClassReady=False"},
    ]

    (told,) = machines(pool(ready=waiting), claim())
    (silent,) = machines(pool(ready=[]), claim())

    assert (told.state, told.why) == ("backing_off", "Karpenter adds nothing to pool gpus: no such class.")
    assert (silent.state, silent.why) == ("backing_off", "Karpenter adds nothing to pool gpus: it is not ready.")


def test_a_fixed_pool_and_one_that_is_going_add_nothing():
    going = pool("going")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    (fixed,) = machines(pool("fixed", replicas=2), going)

    assert (fixed.state, fixed.why) == ("at_maximum", "Pool fixed keeps a fixed number of machines.")


def test_garbage_in_one_pool_hides_no_other():
    assert can_come(pool("bad", limits={"cpu": "much"}), pool("good")) == [("good", None)]


def shape_of(amounts):
    return Node(
        metadata=ObjectMeta(labels={TYPE: "g5.xlarge"}), status=NodeStatus(allocatable=amounts, capacity=amounts)
    )
