"""A cluster under change: whatever was told before, it reads as if told once."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from moorage import Cluster
from moorage.objects import Namespace, Node, PersistentVolume, Pod, Unreadable, VolumeAttachment, decode
from moorage.scheduling.accounting.podinfo import NO_EXTRA, digest

if TYPE_CHECKING:
    from moorage.scheduling.accounting.nodeinfo import NodeInfo

HOST = "kubernetes.io/hostname"


def _sum(info: NodeInfo) -> tuple[Any, ...]:
    requests = [pod.requests for pod in info.pods.values()]
    scalars: dict[str, int] = {}
    for one in requests:
        for name, amount in one.scalars.items():
            scalars[name] = scalars.get(name, 0) + amount
    return (
        sum(one.cpu_milli for one in requests),
        sum(one.memory for one in requests),
        sum(one.ephemeral_storage for one in requests),
        len(requests),
        {name: amount for name, amount in scalars.items() if amount},
    )


def _state(cluster: Cluster) -> dict[str, Any]:
    """All that a cluster knows, without the order in which it learnt it."""
    infos = {**cluster.nodes, **cluster._strangers}
    return {
        "nodes": {name: info.node for name, info in cluster.nodes.items()},
        "strangers": set(cluster._strangers),
        "pods": cluster.pods,
        "on": {name: info.pods for name, info in infos.items()},
        "special": {name: info.special for name, info in infos.items()},
        "nominated": {name: info.nominated for name, info in infos.items()},
        "sums": {name: info.requested for name, info in infos.items()},
        "unreadable": {key: str(error) for key, error in cluster.unreadable_objects.items()},
        "unreadable on": {name: set(info.unreadable) for name, info in infos.items()},
        "claims": cluster.claim_users,
        "anti-affine": cluster.anti_affine,
    }


class _Life:
    """A random history of nodes and pods, and the objects that are left at its end."""

    def __init__(self, seed: int, a_node: Any, a_pod: Any) -> None:
        self.random, self.a_node, self.a_pod = random.Random(seed), a_node, a_pod
        self.nodes: dict[str, dict] = {}
        self.pods: dict[str, dict] = {}

    def node(self) -> dict:
        number = self.random.randrange(5)
        return self.a_node(
            f"n{number}", cpu=str(self.random.randrange(1, 9)), labels={"x": str(self.random.randrange(3))}
        )

    def pod(self) -> dict:
        pick = self.random
        amounts = {
            key: value
            for key, value in (("cpu", "333m"), ("memory", "1500M"), ("gpu", "1"), ("ephemeral_storage", "1Gi"))
            if pick.random() < 0.5
        }
        avoid = {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": {}, "topologyKey": HOST}]
            }
        }
        pod = self.a_pod(
            f"p{pick.randrange(12)}",
            on=pick.choice([None, "n0", "n1", "n2", "n9"]),
            claims=pick.choice([[], [], ["a"], ["a", "b"]]),
            ports=pick.choice([[], [{"hostPort": 80}]]),
            priority=pick.choice([0, 5]),
            deleted=pick.random() < 0.2,
            phase=pick.choice([None, None, None, "Succeeded", "Failed", "Unknown"]),
            nominated=pick.choice([None, None, "n0", "n8"]),
            spec=pick.choice([{}, {}, {"affinity": avoid}]),
            **amounts,
        )
        if pick.random() < 0.15:
            pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "garbage"
        if pick.random() < 0.2:
            pod["status"]["containerStatuses"] = [{"name": "c", "resources": {"requests": {"cpu": "2"}}}]
        return pod

    def step(self, cluster: Cluster) -> None:
        kind = self.random.random()
        if kind < 0.15:
            node = self.node()
            if self.random.random() < 0.1:
                node["status"]["allocatable"]["cpu"] = "garbage"
                with pytest.raises(Unreadable):
                    cluster.set_node(decode(Node, node))
            else:
                self.nodes[node["metadata"]["name"]] = node
                cluster.set_node(decode(Node, node))
        elif kind < 0.25:
            name = f"n{self.random.randrange(6)}"
            self.nodes.pop(name, None)
            cluster.remove_node(name)
        elif kind < 0.75:
            pod = self.pod()
            uid = pod["metadata"]["uid"]
            self.pods[uid] = pod
            for _ in range(self.random.choice([1, 1, 2])):
                try:
                    cluster.set_pod(decode(Pod, pod))
                except Unreadable:
                    assert uid not in cluster.pods
        else:
            uid = f"uid-default-p{self.random.randrange(14)}"
            self.pods.pop(uid, None)
            cluster.remove_pod(uid)

    def from_scratch(self) -> Cluster:
        return Cluster.from_objects(nodes=self.nodes.values(), pods=self.pods.values())


@pytest.mark.parametrize("seed", range(40))
def test_after_any_history_a_cluster_equals_one_told_at_once(seed, a_node, a_pod):
    life, cluster = _Life(seed, a_node, a_pod), Cluster()

    for _ in range(150):
        life.step(cluster)
        for info in (*cluster.nodes.values(), *cluster._strangers.values()):
            assert info.requested.as_tuple() == _sum(info)
            assert info.special == {uid: pod for uid, pod in info.pods.items() if pod.extra is not NO_EXTRA}

    expected = _state(life.from_scratch())
    found = _state(cluster)
    for name in [key for key in found["unreadable"] if key[0] == "Node"]:
        del found["unreadable"][name]  # a node that once could not be read keeps its former facts, and its mark
    assert found == expected


@pytest.mark.parametrize("seed", range(20))
def test_a_cluster_without_a_pod_equals_one_that_never_had_it_and_leaves_the_other_as_it_was(seed, a_node, a_pod):
    life = _Life(seed, a_node, a_pod)
    for _ in range(150):
        life.step(Cluster())
    cluster, before = life.from_scratch(), _state(life.from_scratch())

    for uid, pod in list(life.pods.items()):
        counted = cluster.pods.get(uid)
        if counted is not None and counted.node_name in cluster.nodes:
            others = Cluster.from_objects(
                nodes=life.nodes.values(), pods=[other for other in life.pods.values() if other is not pod]
            )
            assert _state(cluster.without(uid)) == _state(others)
        else:
            assert cluster.without(uid) is cluster

    assert _state(cluster) == before


def test_pods_may_come_before_their_node_and_outlive_it(a_node, a_pod):
    cluster = Cluster()
    cluster.set_pod(digest(a_pod("early", on="n1", cpu="3")))
    cluster.set_node(decode(Node, a_node("n1", cpu="4")))
    ask = a_pod("ask", cpu="2")
    assert not cluster.fit(ask).fits

    cluster.remove_node("n1")
    assert cluster.fit(ask).nodes == {}
    cluster.set_node(decode(Node, a_node("n1", cpu="4")))

    assert not cluster.fit(ask).fits


def test_one_bad_object_hides_no_other(a_node, a_pod):
    bad_node, bad_pod, worse_pod = a_node("bad"), a_pod("bad", on="n1"), a_pod("worse", on="n1")
    bad_node["status"]["allocatable"]["memory"] = "lots"
    bad_pod["spec"]["containers"][0]["resources"]["requests"] = {"cpu": "1 core"}
    worse_pod["spec"]["containers"] = "none"

    cluster = Cluster.from_objects(
        nodes=[bad_node, a_node("n1", cpu="4"), None, "nonsense"],
        pods=[bad_pod, worse_pod, a_pod("good", on="n1", cpu="3")],
        persistentvolumes=[{"metadata": {"name": "v"}, "spec": {"csi": 3}}],
    )

    assert list(cluster.nodes) == ["n1"]
    assert cluster.nodes["n1"].unreadable_pods == 2
    assert cluster.nodes["n1"].requested.cpu_milli == 3000
    assert len(cluster.unreadable) == 6
    assert "Node bad can't be read: status.allocatable.memory: 'lots' is not a Kubernetes quantity" in map(
        str, cluster.unreadable
    )


def test_a_pod_that_can_be_read_again_is_counted_again(a_node, a_pod):
    pod = a_pod("p", on="n1", cpu="x")
    cluster = Cluster.from_objects(nodes=[a_node("n1")], pods=[pod])
    assert cluster.nodes["n1"].unreadable_pods == 1

    cluster.set_pod(decode(Pod, a_pod("p", on="n1", cpu="2")))

    assert cluster.nodes["n1"].unreadable_pods == 0
    assert cluster.nodes["n1"].requested.cpu_milli == 2000
    assert cluster.unreadable == []


def test_a_node_with_garbage_keeps_its_former_facts(a_node, a_pod):
    cluster = Cluster.from_objects(nodes=[a_node("n1", cpu="4")])

    with pytest.raises(Unreadable):
        cluster.set_node(decode(Node, a_node("n1", cpu="x")))

    assert cluster.nodes["n1"].allocatable.cpu_milli == 4000
    assert len(cluster.unreadable) == 1


def test_other_objects_come_and_go_by_name():
    cluster = Cluster()
    volume = decode(PersistentVolume, {"metadata": {"name": "v"}, "spec": {"storageClassName": "fast"}})
    moved = decode(PersistentVolume, {"metadata": {"name": "v"}, "spec": {"storageClassName": "slow"}})
    attachment = decode(VolumeAttachment, {"metadata": {"name": "a"}, "spec": {"nodeName": "n1"}})
    for item in (volume, moved, attachment, decode(Namespace, {"metadata": {"name": "lab"}})):
        cluster.set_object(item)

    assert list(cluster.volumes_of_class("fast")) == []
    assert list(cluster.volumes_of_class("slow")) == [moved]
    assert list(cluster.attachments_on("n1")) == [attachment]

    cluster.remove_object("PersistentVolume", None, "v")
    cluster.remove_object("volumeattachments", None, "a")
    cluster.remove_object(Namespace, None, "lab")
    cluster.remove_object(Namespace, None, "unknown")
    assert list(cluster.volumes_of_class("slow")) == []
    assert list(cluster.attachments_on("n1")) == []
    assert list(cluster.all(Namespace)) == []


def test_a_kind_that_no_verdict_depends_on_is_a_mistake():
    with pytest.raises(TypeError, match="no verdict depends on services"):
        Cluster.from_objects(services=[])


def test_a_resize_is_counted_by_the_rule_of_the_servers_version(a_node, a_pod):
    states = [
        {"name": n, "resources": {"requests": {"cpu": c}}, "allocatedResources": {"cpu": c}}
        for n, c in (("a", "1"), ("b", "3"))
    ]
    containers = [{"name": n, "resources": {"requests": {"cpu": c}}} for n, c in (("a", "3"), ("b", "1"))]
    pod = a_pod("p", on="n1", spec={"containers": containers}, status={"containerStatuses": states})

    assert Cluster.from_objects(nodes=[a_node()], pods=[pod]).nodes["n1"].requested.cpu_milli == 6000
    assert (
        Cluster.from_objects(nodes=[a_node()], pods=[pod], server_version=(1, 37)).nodes["n1"].requested.cpu_milli
        == 4000
    )


def test_pods_without_a_uid_are_known_by_their_name(a_node, a_pod):
    pods = [a_pod("a", on="n1", cpu="1"), a_pod("b", on="n1", cpu="1")]
    for pod in pods:
        del pod["metadata"]["uid"]

    cluster = Cluster.from_objects(nodes=[a_node()], pods=pods)

    assert cluster.nodes["n1"].requested.cpu_milli == 2000
