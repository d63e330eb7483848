"""A dump of a cluster as a source: what `kubectl get … -o json` (or yaml) wrote, in one file or several."""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import click
import msgspec

from moorage.cli.sources.local import fit_locally, images_by_node, images_locally, shown_machines
from moorage.cluster import dumps
from moorage.cluster.answers.rules import Rules, by_namespace
from moorage.cluster.node_json import NodeJson
from moorage.errors import InvalidObject, MoorageError
from moorage.gpus.cards import Cards
from moorage.gpus.labels.promises import Promises
from moorage.gpus.sources.dra import Dra
from moorage.objects import (
    ClusterQueue,
    CSIDriver,
    CSIStorageCapacity,
    LimitRange,
    LocalQueue,
    NodeClaim,
    NodePool,
    Object,
    PriorityClass,
    ResourceClaim,
    ResourceClaimTemplate,
    ResourceQuota,
    ResourceSlice,
    RuntimeClass,
    VolumeAttachment,
    Workload,
    decode,
)
from moorage.queues.kueue import queues
from moorage.queues.picture import Picture
from moorage.queues.shown import picture
from moorage.scheduling.accounting.aggregate import SERVER_VERSION, Version
from moorage.scheduling.cluster import KINDS, Cluster

RULES: tuple[type[Object], ...] = (LimitRange, ResourceQuota, RuntimeClass, PriorityClass)
_PLURALS = {"Node": "nodes", "Pod": "pods", **{kind.KIND: kind.PLURAL for kind in (*KINDS, *RULES)}}
# What the command below doesn't ask for: where a dump holds none of a group, nothing is known of it.
NOT_ASKED: tuple[tuple[type[Object], ...], ...] = (
    (VolumeAttachment,),
    (CSIDriver, CSIStorageCapacity),
    (ResourceSlice, ResourceClaim, ResourceClaimTemplate),
)


# Kinds whose names others use, too, and whose they are meant to be.
_GROUPS = {
    **dict.fromkeys((NodePool.KIND, NodeClaim.KIND), "karpenter.sh"),
    **dict.fromkeys((LocalQueue.KIND, ClusterQueue.KIND, Workload.KIND), "kueue.x-k8s.io"),
}


def _is_meant(item: dict[str, Any]) -> bool:
    meant = _GROUPS.get(str(item.get("kind")))
    return meant is None or str(item.get("apiVersion") or meant).partition("/")[0] == meant


class Dump:
    """One cluster from the objects of all files that are named."""

    def __init__(self, names: Sequence[str]) -> None:
        found: dict[str, list[Any]] = {}
        objects, differing = dumps.read(names)
        for item in objects:
            plural = _PLURALS.get(str(item.get("kind")))
            if plural is not None and _is_meant(item):
                found.setdefault(plural, []).append(item)
        if "nodes" not in found:
            shown = " and ".join(map(dumps.shown_name, names))
            raise MoorageError(f"there are no nodes in {shown}", hint=dumps.HINT)
        for sentence in differing:
            click.echo(f"moorage: {' '.join(sentence.split())}", err=True)
        nodes, pods = found.pop("nodes"), found.pop("pods", [])
        self.rules, broken = _rules({kind: found.pop(kind.PLURAL, []) for kind in RULES})
        self.cluster = Cluster.from_objects(nodes=nodes, pods=pods, server_version=_version(nodes), **found)
        self.cluster.promised = Promises()
        self.cluster.unknown_kinds = frozenset(
            kind for group in NOT_ASKED for kind in group if not any(other.PLURAL in found for other in group)
        )
        unreadable = [*self.cluster.unreadable, *broken]
        for error in unreadable[:5]:
            click.echo(f"moorage: left out: {' '.join(str(error).split())}", err=True)
        if len(unreadable) > 5:
            click.echo(f"moorage: left out: {len(unreadable) - 5} more objects", err=True)

    async def nodes(self) -> list[dict[str, Any]]:
        cards = Cards([Dra(lambda: self.cluster.devices)], holders="pod")
        describe = NodeJson(self.cluster, gpu_details=cards.details, gpu_more=cards.more)
        found = (describe.of(name) for name in sorted(self.cluster.nodes))
        return [msgspec.json.decode(node) for node in found if node is not None]

    async def machines(self) -> list[dict[str, Any]]:
        return shown_machines(self.cluster)

    async def queues(self) -> dict[str, Any]:
        found = tuple(queues(self.cluster))
        return picture(Picture("followed" if found else "absent", None, found), self.cluster, policy="pod")

    async def watch(self) -> AsyncIterator[list[dict[str, Any]]]:
        raise MoorageError("a dump can't be watched", hint="leave out --watch, or use --server or --kubeconfig")
        yield []

    async def fit(self, request: dict[str, Any]) -> dict[str, Any]:
        return fit_locally(self.cluster, request, revision=0, rules=self.rules)

    async def images(self) -> list[dict[str, Any]]:
        return await images_locally(lambda: images_by_node(self.cluster))


def _version(nodes: list[Any]) -> Version:
    """The release whose rules count. A dump doesn't tell it, but no kubelet is newer than its API server."""
    found = [SERVER_VERSION]
    for node in nodes:
        try:
            told = re.match(r"v(\d{1,4})\.(\d{1,4})", node["status"]["nodeInfo"]["kubeletVersion"])
        except (KeyError, TypeError):
            continue
        if told is not None:
            found.append((int(told[1]), int(told[2])))
    return max(found)


def _rules(found: dict[type[Object], list[Any]]) -> tuple[Rules, list[InvalidObject]]:
    """The admission rules of a dump. A kind that it does not hold is unknown, not empty."""
    decoded: dict[type[Object], list[Any]] = {kind: [] for kind in RULES}
    broken = []
    for kind, items in found.items():
        for item in items:
            try:
                decoded[kind].append(decode(kind, item))
            except InvalidObject as exc:
                broken.append(exc)
    rules = Rules(
        limitranges=by_namespace(decoded[LimitRange]),
        resourcequotas=by_namespace(decoded[ResourceQuota]),
        runtimeclasses=decoded[RuntimeClass] or None,
        priorityclasses=decoded[PriorityClass] or None,
    )
    return rules, broken
