"""Answers that this process works out by itself, the same as the service's."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from moorage.cluster.answers.asks import pod_of
from moorage.cluster.answers.fit_json import encoded, judge
from moorage.cluster.answers.machines import Candidates, MachineJson
from moorage.cluster.answers.rules import UNKNOWN, Rules
from moorage.errors import MoorageError
from moorage.gpus.labels.kinds import kinds
from moorage.machines.configured import Configured
from moorage.machines.karpenter import Karpenter
from moorage.machines.picture import Machines, Source
from moorage.scheduling.alternatives.machines import Machine
from moorage.scheduling.cluster import Cluster


def machines_locally(cluster: Cluster) -> tuple[Machine, ...]:
    """What Karpenter's objects tell, and the file that a service with this environment would read."""
    path = os.environ.get("MOORAGE_MACHINES_FILE")
    described: list[Source] = [Configured(Path(path), nodes=lambda: cluster.nodes)] if path else []
    karpenter = Karpenter(lambda: cluster, known=lambda: (each for source in described for each in source.machines()))
    karpenter.look()
    return Machines([*described, karpenter]).now()


def shown_machines(cluster: Cluster) -> list[dict[str, Any]]:
    describe = MachineJson(gpu_kinds=kinds)
    shown: list[dict[str, Any]] = msgspec.to_builtins([describe.of(machine) for machine in machines_locally(cluster)])
    return shown


def fit_locally(cluster: Cluster, request: dict[str, Any], *, revision: int, rules: Rules = UNKNOWN) -> dict[str, Any]:
    machines = machines_locally(cluster)
    pod = request["pod"] if "pod" in request else pod_of(request["ask"], cluster=cluster, machines=machines)
    judged = judge(
        cluster,
        pod,
        revision=revision,
        rules=rules,
        policy="pod",
        claims=request.get("claims", ()),
        machines=Candidates(machines),
    )
    answer: dict[str, Any] = msgspec.json.decode(encoded(judged))
    return answer


async def images_locally(names_by_node: Callable[[], dict[str, Iterable[str]]]) -> list[dict[str, Any]]:
    """The catalogue that a service with this environment would offer."""
    try:
        from moorage.service.settings import Settings
        from moorage.service.state.sources import catalogue_of
    except ModuleNotFoundError as exc:
        raise MoorageError(
            "reading the catalogue needs the package moorage[server], which is not installed",
            hint="run `pip install 'moorage[server]'`, or ask a service with --server URL",
        ) from exc
    from moorage.images.presence import Presence

    catalogue = catalogue_of(Settings())
    await catalogue.once()
    if catalogue.listing.reason is not None:
        raise MoorageError(catalogue.listing.reason)
    present = Presence(names_by_node).of(catalogue.listing.images)
    shown: list[dict[str, Any]] = msgspec.json.decode(catalogue.listing.encoded(present=present))
    return shown


def images_by_node(cluster: Cluster) -> dict[str, Iterable[str]]:
    found: dict[str, Iterable[str]] = {}
    for name, info in cluster.nodes.items():
        found[name] = [text for names in info.images for text in names]
    return found
