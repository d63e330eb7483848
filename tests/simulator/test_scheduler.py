"""The scheduler: pods go where moorage's verdicts let them, and those that fit nowhere hear why in upstream's words."""

import pytest

from moorage.simulator import Simulator
from moorage.simulator.store.resources import kind_of


@pytest.fixture
async def cluster():
    async with Simulator(scheduler=True) as running:
        yield running


def where(cluster, name):
    return (cluster.get("pods", "default", name) or {}).get("spec", {}).get("nodeName")


def refusal(cluster, name):
    conditions = cluster.get("pods", "default", name)["status"].get("conditions", [])
    return next((c["message"] for c in conditions if c["type"] == "PodScheduled" and c["status"] == "False"), None)


async def test_a_pod_goes_to_the_node_that_is_least_loaded(cluster, node, pod, until):
    cluster.add(node("full", cpu=4), node("free", cpu=4), pod("other", on="full", cpu=3))

    cluster.add(pod("p", cpu=1))

    assert await until(lambda: where(cluster, "p")) == "free"


async def test_a_pod_that_fits_nowhere_says_why(cluster, node, pod, until):
    cluster.add(node("small", cpu=2), node("cordoned", cpu=32, unschedulable=True))

    cluster.add(pod("p", cpu=8))

    assert await until(lambda: refusal(cluster, "p")) == (
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. no new claims to deallocate, "
        "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    )


async def test_the_refusal_is_also_an_event(cluster, node, pod, until):
    cluster.add(node("n1", gpu=1))

    cluster.add(pod("p", gpu=2))
    await until(lambda: refusal(cluster, "p"))

    events = [event for event in cluster.list("events", "default") if event["reason"] == "FailedScheduling"]
    assert events[0]["type"] == "Warning"
    assert events[0]["message"].startswith("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")


async def test_a_waiting_pod_is_placed_when_room_appears(cluster, node, pod, until):
    cluster.add(node("n1", cpu=4), pod("other", on="n1", cpu=4), pod("p", cpu=2))
    await until(lambda: refusal(cluster, "p"))

    cluster.delete("pods", "default", "other")

    assert await until(lambda: where(cluster, "p")) == "n1"


async def test_without_any_node_the_pod_waits(cluster, pod, until):
    cluster.add(pod("p"))

    assert await until(lambda: refusal(cluster, "p")) == "no nodes available to schedule pods"


async def test_two_pods_never_get_the_same_room(cluster, node, pod, until):
    cluster.add(node("n1", cpu=4))

    cluster.add(*(pod(f"p{number}", cpu=3) for number in range(4)))
    await until(lambda: sum(refusal(cluster, f"p{n}") is not None for n in range(4)) == 3)

    assert sum(where(cluster, f"p{n}") is not None for n in range(4)) == 1


async def test_a_claim_of_a_class_that_waits_is_bound_with_its_pod(cluster, node, pod, until):
    cluster.add(
        node("n1"),
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "homes"},
            "provisioner": "simulator.moorage/volumes",
            "volumeBindingMode": "WaitForFirstConsumer",
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "home", "namespace": "default"},
            "spec": {
                "storageClassName": "homes",
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        },
    )

    cluster.add(pod("p", volumes=[{"name": "home", "persistentVolumeClaim": {"claimName": "home"}}]))
    await until(lambda: where(cluster, "p"))

    assert cluster.get("pvc", "default", "home")["status"]["phase"] == "Bound"


def a_class(name, *, waits, default=False):
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": name,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"} if default else {},
        },
        "provisioner": "simulator.moorage/volumes",
        "volumeBindingMode": "WaitForFirstConsumer" if waits else "Immediate",
    }


async def test_a_claim_of_a_class_that_does_not_wait_is_bound_at_once(cluster, until):
    amounts = {"requests": {"storage": "1Gi"}}
    spec = {"storageClassName": "quick", "accessModes": ["ReadWriteOnce"], "resources": amounts}
    cluster.add(a_class("quick", waits=False))

    cluster.add(
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "home"}, "spec": spec},
    )

    await until(lambda: cluster.get("pvc", "default", "home")["status"]["phase"] == "Bound")


async def test_a_claim_without_a_class_gets_the_default_one(cluster):
    cluster.add(a_class("other", waits=True), a_class("usual", waits=True, default=True))
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}

    made = cluster.api.create(kind_of("pvc"), "default", {"metadata": {"name": "home"}, "spec": spec})

    assert made.body["spec"]["storageClassName"] == "usual"


async def test_a_pod_of_another_scheduler_is_left_to_it_unless_its_name_is_taken_on(node, pod, until):
    async with Simulator(scheduler=True, scheduler_names=["user-scheduler"]) as cluster:
        cluster.add(node("n1"), pod("theirs"), pod("ours", schedulerName="user-scheduler"))

        assert await until(lambda: where(cluster, "ours")) == "n1"
        assert where(cluster, "theirs") is None


def a_volume(name, *, kind, on=None, size="1Gi"):
    terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [on]}]}]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "storageClassName": kind,
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": size},
            **({"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}} if on else {}),
        },
        "status": {"phase": "Available"},
    }


def a_claim(name, kind):
    amounts = {"requests": {"storage": "1Gi"}}
    spec = {"storageClassName": kind, "accessModes": ["ReadWriteOnce"], "resources": amounts}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def bound_to(cluster, name):
    return cluster.get("pvc", "default", name)["spec"].get("volumeName")


@pytest.mark.parametrize("waits", [True, False])
async def test_a_claim_takes_the_smallest_volume_that_is_there_and_ties_its_pod_to_it(cluster, node, pod, until, waits):
    cluster.add(
        node("n1", cpu=2),
        node("n2", cpu=16),
        {**a_class("local", waits=waits), "provisioner": "kubernetes.io/no-provisioner"},
        a_volume("large", kind="local", on="n2", size="2Gi"),
        a_volume("small", kind="local", on="n1"),
    )

    cluster.add(a_claim("home", "local"))
    volumes = [{"name": "home", "persistentVolumeClaim": {"claimName": "home"}}]
    cluster.add(pod("p", cpu=1, node_selector={"kubernetes.io/hostname": "n1"}, volumes=volumes))

    assert await until(lambda: where(cluster, "p")) == "n1"
    assert bound_to(cluster, "home") == "small"
    assert cluster.get("pv", None, "small")["status"]["phase"] == "Bound"


@pytest.mark.parametrize("waits", [True, False])
async def test_a_volume_is_made_within_the_topologies_of_its_class(cluster, node, pod, until, waits):
    zone = "topology.kubernetes.io/zone"
    only = [{"matchLabelExpressions": [{"key": zone, "values": ["b"]}]}]
    cluster.add(node("n1", cpu=16, labels={zone: "a"}), node("n2", cpu=2, labels={zone: "b"}))
    cluster.add({**a_class("zonal", waits=waits), "allowedTopologies": only}, a_claim("home", "zonal"))

    cluster.add(pod("p", cpu=1, volumes=[{"name": "home", "persistentVolumeClaim": {"claimName": "home"}}]))

    assert await until(lambda: where(cluster, "p")) == "n2"
    made = cluster.get("pv", None, bound_to(cluster, "home"))
    assert made["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"] == [
        {"matchExpressions": [{"key": zone, "operator": "In", "values": ["b"]}]}
    ]


async def test_a_claim_that_nothing_could_bind_is_bound_when_there_is_a_volume(cluster, until):
    cluster.add(a_claim("home", "by-hand"))
    await until(lambda: cluster.get("pvc", "default", "home"))

    cluster.add(a_volume("late", kind="by-hand"))

    assert await until(lambda: bound_to(cluster, "home")) == "late"


async def test_two_claims_never_get_the_same_volume(cluster, until):
    cluster.add(*(a_volume(name, kind="by-hand") for name in ("one", "two")))

    cluster.add(*(a_claim(name, "by-hand") for name in ("a", "b", "c")))

    await until(lambda: sum(bound_to(cluster, name) is not None for name in ("a", "b", "c")) == 2)
    assert {bound_to(cluster, name) for name in ("a", "b", "c")} == {None, "one", "two"}
