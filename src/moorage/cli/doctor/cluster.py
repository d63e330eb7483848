"""The cluster around the hub: its API server and clock, nodes, priorities, schedulers, autoscalers and queues."""

import asyncio
from dataclasses import dataclass, field

from moorage import clock
from moorage.cli.doctor import apart
from moorage.cli.doctor.findings import Unknown
from moorage.cli.doctor.hub import Hub
from moorage.cli.doctor.reading import Json, Reader, at, mapping, rows, text
from moorage.errors import MoorageError

_OLDER_KUEUE = "/apis/kueue.x-k8s.io/v1beta1"


@dataclass(frozen=True, slots=True)
class Node:
    """Of a node what the checks look at: labels, what it has of each resource, and its kubelet's version."""

    name: str
    labels: dict[str, str]
    capacity: dict[str, str]
    kubelet: str = ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """`behind` are seconds by which the API server's clock is behind this machine's. `scheduler` is the release's own
    for people's pods, `autoscaler` the ConfigMap in which Cluster Autoscaler tells its status.
    """

    server: str = ""
    version: str | Unknown = ""
    behind: float | Unknown = 0.0
    nodes: list[Node] | Unknown = field(default_factory=list)
    priorities: list[Json] | Unknown = field(default_factory=list)
    scheduler: list[Json] | Unknown = field(default_factory=list)
    scheduler_config: Json | Unknown | None = None
    autoscaler: Json | Unknown | None = None
    karpenter: bool | Unknown = False
    kueue: bool | Unknown = False
    queues: list[Json] | Unknown = field(default_factory=list)


async def read_cluster(reader: Reader, hub: Hub, settings: dict[str, str] | Unknown | None) -> Cluster:
    known = settings if isinstance(settings, dict) else {}
    where = known.get("MOORAGE_CLUSTER_AUTOSCALER_NAMESPACE") or "kube-system"
    labels = {"component": "user-scheduler", **({"release": hub.name} if hub.name else {})}
    (version, behind), nodes, priorities = await asyncio.gather(
        _version(reader), _nodes(reader), reader.list("priorityclasses")
    )
    scheduler, autoscaler = await asyncio.gather(
        reader.list("deployments", namespace=hub.namespace, selector=labels),
        reader.one("configmaps", "cluster-autoscaler-status", namespace=where),
    )
    # Its ConfigMap has the name of its Deployment.
    config = None
    if isinstance(scheduler, list) and scheduler:
        config = await reader.one("configmaps", text(scheduler[0], "metadata.name"), namespace=hub.namespace)
    karpenter, kueue = await asyncio.gather(reader.serves("karpenter.sh"), reader.serves("kueue.x-k8s.io"))
    queues: list[Json] | Unknown = []
    if kueue is True:
        queues = await reader.list("localqueues", namespace=hub.namespace)
        queues = queues or await reader.list("localqueues", namespace=hub.namespace, root=_OLDER_KUEUE)
    return Cluster(
        reader.server,
        version,
        behind,
        nodes,
        priorities,
        scheduler,
        config,
        autoscaler,
        karpenter,
        kueue,
        queues,
    )


async def _version(reader: Reader) -> tuple[str | Unknown, float | Unknown]:
    """(version, seconds that the server's clock is behind ours)."""
    before = clock.now()
    try:
        body, date = await reader.dated("/version")
    except MoorageError as error:
        why = Unknown(f"the API server does not tell its version: {error.message}")
        return why, why
    found = apart.behind(date, before=before, after=clock.now())
    return text(body, "gitVersion"), Unknown("the API server sends no Date") if found is None else found


async def _nodes(reader: Reader) -> list[Node] | Unknown:
    found = await reader.list("nodes", page=250)
    if isinstance(found, Unknown):
        return found
    return [
        Node(
            text(node, "metadata.name"),
            {str(key): str(value) for key, value in mapping(node, "metadata.labels").items()},
            {str(key): str(value) for key, value in mapping(node, "status.capacity").items()},
            text(node, "status.nodeInfo.kubeletVersion"),
        )
        for node in found
    ]


def images(deployments: list[Json]) -> list[str]:
    """The images of their first containers."""
    return [
        text(container, "image") for one in deployments for container in rows(one, "spec.template.spec.containers")[:1]
    ]


def ready(deployment: Json) -> bool:
    return bool(at(deployment, "status.readyReplicas")) or at(deployment, "spec.replicas") == 0
