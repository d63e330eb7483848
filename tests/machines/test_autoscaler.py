"""Cluster Autoscaler's status in both of its formats, and what becomes of it."""

import asyncio
import contextlib
import logging

import pytest

from moorage.kube.client import Client, Endpoint
from moorage.machines.autoscaler import ClusterAutoscaler, machines_of
from moorage.machines.groups import Group, pool_of, read, without_probes, written_at

AT = 1795842607.0  # when the statuses below were written
SINCE = 1795842540.0
EKS = "eks-gpu-26c2f3a1-0d9e-4d0b-9a53-3f0c9a1b2c3d"

# Texts of our own in the shapes that it writes.

YAML = """time: "2026-11-28 05:10:07.218 +0000 UTC"
autoscalerStatus: "Running"
clusterWide:
  health:
    status: "{cluster}"
    nodeCounts:
      registered:
        total: 6
        ready: 6
      longUnregistered: 0
      unregistered: 1
    lastProbeTime: "2026-11-28T05:10:07Z"
    lastTransitionTime: "2026-11-27T20:00:00Z"
  scaleUp:
    status: "InProgress"
    lastProbeTime: "2026-11-28T05:10:07Z"
    lastTransitionTime: "2026-11-28T05:09:00Z"
  scaleDown:
    status: "NoCandidates"
    lastProbeTime: "2026-11-28T05:10:07Z"
    lastTransitionTime: "2026-11-27T20:00:00Z"
nodeGroups:
"""

GROUP = """- name: "{name}"
  health:
    status: "{health}"
    nodeCounts:
      registered:
        total: {registered}
        ready: {ready}
      longUnregistered: 0
      unregistered: 0
    cloudProviderTarget: {target}
    minSize: {least}
    maxSize: {most}
    lastProbeTime: "2026-11-28T05:10:07Z"
    lastTransitionTime: "2026-11-27T20:00:00Z"
  scaleUp:
    status: "{scale_up}"
{backoff}    lastProbeTime: "2026-11-28T05:10:07Z"
    lastTransitionTime: "2026-11-28T05:09:00Z"
  scaleDown:
    status: "NoCandidates"
    lastProbeTime: "2026-11-28T05:10:07Z"
    lastTransitionTime: "2026-11-27T20:00:00Z"
"""

BACKOFF = """    backoffInfo:
      errorCode: "{code}"
      errorMessage: "{message}"
"""

TEXT = """Cluster-autoscaler status at 2026-11-28 05:10:07.218347112 +0000 UTC:
Cluster-wide:
  Health:      {cluster} (ready=6 unready=0 (resourceUnready=0) notStarted=0 longNotStarted=0 registered=6 longUnregistered=0)
               LastProbeTime:      2026-11-28 05:10:07.19 +0000 UTC m=+89812.7
               LastTransitionTime: 2026-11-27 20:00:00.5 +0000 UTC m=+12.3
  ScaleUp:     InProgress (ready=6 registered=6)
               LastProbeTime:      2026-11-28 05:10:07.19 +0000 UTC m=+89812.7
               LastTransitionTime: 2026-11-28 05:09:00.5 +0000 UTC m=+89746.1
  ScaleDown:   NoCandidates (candidates=0)
               LastProbeTime:      2026-11-28 05:10:07.19 +0000 UTC m=+89812.7
               LastTransitionTime: 2026-11-27 20:00:00.5 +0000 UTC m=+12.3

NodeGroups:
"""

TEXT_GROUP = """  Name:        {name}
  Health:      {health} (ready={ready} unready=0 (resourceUnready=0) notStarted=0 longNotStarted=0 registered={registered} longUnregistered=0 cloudProviderTarget={target} (minSize={least}, maxSize={most}))
               LastProbeTime:      2026-11-28 05:10:07.19 +0000 UTC m=+89812.7
               LastTransitionTime: 2026-11-27 20:00:00.5 +0000 UTC m=+12.3
  ScaleUp:     {scale_up} (ready={ready} cloudProviderTarget={target})
               LastProbeTime:      2026-11-28 05:10:07.19 +0000 UTC m=+89812.7
               LastTransitionTime: 2026-11-28 05:09:00.5 +0000 UTC m=+89746.1
  ScaleDown:   NoCandidates (candidates=0)
               LastProbeTime:      2026-11-28 05:10:07.19 +0000 UTC m=+89812.7
               LastTransitionTime: 2026-11-27 20:00:00.5 +0000 UTC m=+12.3

"""


def group(name, *, target=1, most=3, least=0, registered=None, ready=None, health="Healthy", scale_up="NoActivity"):
    registered = target if registered is None else registered
    ready = registered if ready is None else ready
    return {
        "name": name,
        "target": target,
        "most": most,
        "least": least,
        "registered": registered,
        "ready": ready,
        "health": health,
        "scale_up": scale_up,
    }


def as_yaml(*groups, cluster="Healthy", code="", message=""):
    backoff = BACKOFF.format(code=code, message=message) if code else ""
    return YAML.format(cluster=cluster) + "".join(GROUP.format(**each, backoff=backoff) for each in groups)


def as_text(*groups, cluster="Healthy"):
    return TEXT.format(cluster=cluster) + "".join(TEXT_GROUP.format(**each) for each in groups)


def config_map(status, *, namespace="kube-system", name="cluster-autoscaler-status"):
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"status": status},
    }


BOTH = pytest.mark.parametrize("write", [as_yaml, as_text])


@BOTH
def test_a_group_is_read_the_same_in_both_formats(write):
    (found,) = read(write(group("gpu", target=3, most=5, least=1, registered=2, ready=1, scale_up="InProgress"))).groups

    assert found == Group(
        name="gpu", healthy=True, least=1, most=5, target=3, registered=2, ready=1, growing=True, since=SINCE
    )


@BOTH
def test_a_status_tells_when_it_was_written(write):
    assert written_at(write()) == AT


@BOTH
def test_a_status_that_says_nothing_new_but_when_is_the_same(write):
    later = write(group("gpu")).replace("05:10:07", "05:10:17")

    assert without_probes(later) == without_probes(write(group("gpu")))
    assert without_probes(write(group("gpu", target=2))) != without_probes(later)


@BOTH
def test_several_groups_are_told_apart(write):
    found = read(write(group("a", target=0), group("b", most=9, health="Unhealthy"))).groups

    assert [(each.name, each.target, each.most, each.healthy) for each in found] == [
        ("a", 0, 3, True),
        ("b", 1, 9, False),
    ]


def test_why_a_group_backs_off_is_told_where_the_status_says_it():
    text = as_yaml(group("gpu", scale_up="Backoff"), code="QUOTA_EXCEEDED", message="GPUS_ALL_REGIONS is 0")

    (found,) = read(text).groups

    assert (found.backing_off, found.why, found.since) == (True, "QUOTA_EXCEEDED: GPUS_ALL_REGIONS is 0", SINCE)
    assert read(as_text(group("gpu", scale_up="Backoff"))).groups[0].backing_off


@BOTH
def test_a_cluster_that_is_not_healthy_grows_nowhere(write):
    assert read(write(group("gpu"), cluster="Unhealthy")).trouble.startswith("Cluster Autoscaler adds no machines now")
    assert read(write(group("gpu"))).trouble is None


@pytest.mark.parametrize(
    "text",
    ["Cluster-autoscaler status at 2026-11-28 05:10:07 +0000 UTC:\nInitializing", "autoscalerStatus: Initializing"],
)
def test_an_autoscaler_that_is_starting_has_no_groups_yet(text):
    assert (read(text).groups, read(text).trouble) == ((), None)


@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "- a\n- b",
        "nonsense",
        "a: [",
        "&a [*a, *a]",
        "[" * 5000,
        "x" * 3_000_000,
    ],
)
def test_a_text_that_can_not_be_read_is_told_and_raises_nothing(text):
    assert read(text).groups == ()
    assert "read" in read(text).trouble


@pytest.mark.parametrize(
    "text",
    [
        "autoscalerStatus: Running\nnodeGroups: [1, {name: [5]}, {name: ''}, {name: a, health: x, scaleUp: [1]}]",
        "nodeGroups: [{name: a, health: {maxSize: many, minSize: -1, cloudProviderTarget: 1.5}}]",
        "Cluster-wide:\n\nNodeGroups:\n  Name:        a\n  Health:      Odd (maxSize=x)\n  Name:  \n",
    ],
)
def test_of_a_group_that_is_half_told_the_rest_is_unknown(text):
    (found,) = read(text).groups

    assert (found.name, found.most, found.target) == ("a", None, None)
    (machine,) = machines_of("a", [found])
    assert (machine.state, machine.why) == ("unknown", "Cluster Autoscaler does not tell how large pool a may be.")


@pytest.mark.parametrize(
    ("name", "pools", "pool"),
    [
        (EKS, (), "gpu"),
        ("eks-26c2f3a1-0d9e-4d0b-9a53-3f0c9a1b2c3d", (), "eks-26c2f3a1-0d9e-4d0b-9a53-3f0c9a1b2c3d"),
        ("aks-gpupool-12345678-vmss", (), "gpupool"),
        ("eksctl-hub-nodegroup-gpu-a10-NodeGroup-1AB2C3D4E5F6", (), "gpu-a10"),
        ("MachineDeployment/openshift/gpu-a", (), "gpu-a"),
        ("https://compute.example/v1/p/zones/z-a/instanceGroups/gke-hub-gpu-l4-c399c5c0-grp", ("gpu-l4",), "gpu-l4"),
        ("https://compute.example/v1/p/zones/z-a/instanceGroups/gke-hub-gpu-l4-c399c5c0-grp", (), "hub-gpu-l4"),
        ("eks-odd-26c2f3a1-0d9e-4d0b-9a53-3f0c9a1b2c3d", ("eks-odd-26c2f3a1-0d9e-4d0b-9a53-3f0c9a1b2c3d",), None),
        ("my-own-group", (), "my-own-group"),
    ],
)
def test_a_groups_name_leads_to_the_pool_that_its_nodes_are_labelled_with(name, pools, pool):
    assert pool_of(name, pools) == (pool or name)


def machines(*groups, **status):
    return machines_of("gpu", read(as_yaml(*groups, **status)).groups, read(as_yaml(*groups, **status)).trouble)


def test_a_group_below_its_maximum_can_grow_by_the_difference():
    (machine,) = machines(group("gpu", target=1, most=3))

    assert (machine.state, machine.left, machine.source, machine.node) == (
        "can_be_added",
        2,
        "cluster-autoscaler",
        None,
    )


def test_a_group_at_its_maximum_offers_no_hope():
    (machine,) = machines(group("gpu", target=1, most=1))

    assert (machine.state, machine.left, machine.why) == ("at_maximum", 0, "Pool gpu is at its maximum of 1 machine.")


def test_a_group_that_backs_off_says_since_when_and_why():
    (machine,) = machines(group("gpu", scale_up="Backoff"), code="OUT_OF_STOCK", message="no g5")

    assert (machine.state, machine.since, machine.left) == ("backing_off", SINCE, None)
    assert machine.why == (
        "The cloud gave no machine for pool gpu (OUT_OF_STOCK: no g5). Cluster Autoscaler tries again later."
    )


def test_what_was_asked_for_and_is_no_node_yet_is_on_its_way():
    coming = [each for each in machines(group("gpu", target=3, registered=1, scale_up="InProgress")) if each.may_come]

    assert [(each.state, each.since) for each in coming] == [("on_its_way", SINCE)] * 2
    assert machines(group("gpu", target=3, registered=1))[0].state == "at_maximum"


def test_groups_of_one_pool_in_several_zones_are_one():
    full, free = group("a", target=3), group("b", target=1)

    (machine,) = machines_of("gpu", read(as_yaml(full, free, free)).groups)

    assert (machine.state, machine.left) == ("can_be_added", 4)


def test_a_group_that_is_not_healthy_promises_nothing():
    (machine,) = machines(group("gpu", health="Unhealthy"))

    assert (machine.state, "unhealthy" in machine.why) == ("unknown", True)


def test_in_a_cluster_that_is_not_healthy_nothing_is_promised():
    found = machines(group("gpu", target=2, registered=1, scale_up="InProgress"), cluster="Unhealthy")

    assert [each.state for each in found] == ["unknown"]


@pytest.fixture
async def following(simulator):
    """`following(namespace=…)` runs a source on the simulator; `until` waits for its machines with a deadline."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(**how):
            client = await stack.enter_async_context(Client(Endpoint(simulator.url)))
            source = ClusterAutoscaler(client, **{"namespace": "kube-system", "now": lambda: AT + 10, **how})
            task = asyncio.create_task(source.run())
            stack.push_async_callback(_end, task)
            return source

        yield start


async def _end(task):
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def until(source, holds):
    async with asyncio.timeout(5):
        while not holds(source.machines()):
            await asyncio.sleep(0.01)
    return source.machines()


async def test_the_status_is_followed_and_forgotten_when_it_goes(simulator, following):
    simulator.add(config_map(as_yaml(group(EKS, target=1))), config_map("autoscalerStatus: Running", name="another"))
    changes = []
    source = await following(changed=lambda: changes.append(1))

    (machine,) = await until(source, lambda found: found)
    assert (machine.pool, machine.left) == ("gpu", 2)

    simulator.add(config_map(as_text(group(EKS, target=3))))
    (machine,) = await until(source, lambda found: found and found[0].state == "at_maximum")

    simulator.delete("ConfigMap", "kube-system", "cluster-autoscaler-status")
    await until(source, lambda found: not found)
    assert len(changes) == 3


async def test_a_status_that_has_not_been_written_for_minutes_promises_nothing(simulator, following):
    simulator.add(config_map(as_yaml(group("gpu", scale_up="InProgress", registered=0))))
    source = await following(now=lambda: AT + 3600)

    found = await until(source, lambda found: found)

    assert [(each.state, each.why) for each in found] == [
        ("unknown", "Cluster Autoscaler has not told anything for minutes.")
    ]


async def test_without_the_right_there_are_none_and_nobody_hears_of_it(simulator, following, caplog):
    simulator.add(config_map(as_yaml(group("gpu"))))
    fault = simulator.faults.revoke_right("configmaps")
    with caplog.at_level(logging.INFO):
        source = await following()
        async with asyncio.timeout(5):
            while not fault.hits:
                await asyncio.sleep(0.01)

    assert source.machines() == ()
    assert not caplog.records


async def test_a_status_that_can_not_be_read_is_one_line_of_the_log(simulator, following, caplog):
    simulator.add(config_map("nonsense"))
    source = await following()

    async with asyncio.timeout(5):
        while not caplog.records:
            await asyncio.sleep(0.01)

    assert [record.message for record in caplog.records] == ["Cluster Autoscaler's status can't be read."]
    assert source.machines() == ()
