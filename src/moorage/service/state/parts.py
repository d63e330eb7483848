"""What a running service is made of, and its start and end."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial

from fastapi import Request

from moorage import clock
from moorage.cluster.amounts import GpuNames
from moorage.cluster.answers.machines import MachineJson
from moorage.cluster.labels import DEFAULT_LABELS
from moorage.cluster.live import LiveCluster
from moorage.cluster.snapshot import Snapshot
from moorage.gpus.cards import Cards
from moorage.gpus.labels.kinds import kinds
from moorage.gpus.labels.promises import Promises
from moorage.gpus.sources import from_settings
from moorage.gpus.sources.dra import Dra
from moorage.images.catalogue import Catalogue
from moorage.images.presence import Holding, Presence
from moorage.kube.client import Client
from moorage.kube.connect import connect
from moorage.kube.kept import Kept
from moorage.machines.picture import Machines
from moorage.queues.picture import Queues
from moorage.scheduling.state import SCHEDULERS
from moorage.service.http.errors import ApiError
from moorage.service.settings import Settings
from moorage.service.signin.entrances import ways_of
from moorage.service.signin.person import Person
from moorage.service.signin.ways import Ways
from moorage.service.state.ages import Ages
from moorage.service.state.form_defaults import FormDefaults
from moorage.service.state.machines import machines_of
from moorage.service.state.metrics import Metrics
from moorage.service.state.rulebook import Rulebook
from moorage.service.state.schedulers import Schedulers
from moorage.service.state.sources import catalogue_of
from moorage.service.state.waits import Waits
from moorage.service.streams.streams import Streams

log = logging.getLogger(__name__)


@dataclass
class Parts:
    settings: Settings
    alone: bool
    live: LiveCluster
    catalogue: Catalogue
    presence: Presence
    holding: Holding
    machines: Machines
    machine_json: MachineJson
    gpus: GpuNames
    queues: Queues
    rulebook: Rulebook
    ways: Ways
    form_defaults: FormDefaults
    streams: Streams
    metrics: Metrics
    shared: Kept | None = None
    ages: Ages = field(default_factory=Ages)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def snapshot(self, *, seen_by: Person | None = None) -> Snapshot:
        """The cluster as it is known now, as far as this person may see it; 503 until it is known at all."""
        snapshot = self.live.snapshot
        if snapshot is None:
            raise ApiError(
                503,
                "not_ready",
                self.why_not_ready(),
                hint="Try again in a moment; /readyz says when the first list is complete.",
                headers={"Retry-After": "1"},
            )
        return snapshot.with_names() if seen_by is not None and seen_by.sees_holders else snapshot

    @property
    def ready(self) -> bool:
        """Whether it tells what others tell: the cluster was read, and what replicas share, if that can be read."""
        return self.live.ready and (self.shared is None or self.shared.settled.is_set())

    def why_not_ready(self) -> str:
        reason = self.live.status.reason
        if self.live.ready and self.shared is not None:
            return f"The ConfigMap {self.shared.name} has not been read yet."
        return "The cluster has not been read yet" + (f": {reason}" if reason else ".")

    def age_seconds(self) -> float:
        """How old the picture may be: 0 while the feeds are live."""
        status = self.live.status
        if not status.stale or status.since is None:
            return 0.0
        return clock.age(status.since)

    def ended(self) -> list[str]:
        """Names of tasks that should run for ever and do not; only a new process brings them back."""
        return [task.get_name() for task in self.tasks if task.done()]


async def parts_of(request: Request) -> Parts:
    """The running service of this request; a dependency of every route."""
    parts = getattr(request.state, "moorage", None)
    if not isinstance(parts, Parts):
        raise ApiError(
            503,
            "not_started",
            "moorage is mounted into this application but was not started with it.",
            hint="Run the application with its lifespan, as uvicorn does, or TestClient in a `with` block.",
        )
    return parts


@contextlib.asynccontextmanager
async def running(settings: Settings, *, alone: bool = False) -> AsyncIterator[Parts]:
    """Start every part, and end all of them with the block. `alone`: the port is ours, and not somebody else's."""
    catalogue = catalogue_of(settings)
    client = await connect(
        kubeconfig=settings.kubeconfig,
        context=settings.context,
        server=settings.api_server,
        token_file=settings.api_token_file,
        certificate_authority=settings.api_ca_file,
    )
    ways = ways_of(settings, client=client, alone=alone)
    shared = shared_state(settings, client=client)
    form_defaults = FormDefaults(settings, shared=shared)
    machines = machines_of(settings, client=client, cluster=lambda: live.cluster, shared=shared)
    cards = Cards(
        [
            Dra(lambda: live.cluster.devices),
            *from_settings(settings.model_dump(), client=client, directory=lambda: live.cluster.nodes),
        ],
        holders=settings.gpu_holders,
        extra_resources=settings.gpu_resources,
    )
    labels = (*DEFAULT_LABELS, *settings.label_allow_list)
    live = LiveCluster(
        client,
        gpu_details=cards.details,
        gpu_more=cards.more,
        # Nobody but who is known can have the right to see more than all others.
        gpu_named=cards.named if ways.guarded else None,
        gpu_resources=settings.gpu_resources,
        label_allow_list=labels,
        coalesce=settings.coalesce_seconds,
    )
    live.cluster.promised = Promises()
    live.cluster.user_priority = settings.user_priority
    live.cluster.schedulers = (*SCHEDULERS, *settings.schedulers)
    schedulers = Schedulers(
        client,
        file=settings.scheduler_config_file,
        configmaps=settings.scheduler_configmaps,
        tell=partial(setattr, live.cluster, "profiles"),
    )
    gpus = GpuNames(tuple(settings.gpu_resources))
    machine_json = MachineJson(
        labels=labels, gpus=gpus, gpu_kinds=partial(kinds, extra=frozenset(settings.gpu_resources))
    )
    streams = Streams(
        live,
        replay_bytes=settings.replay_megabytes * 1024 * 1024,
        most=settings.max_streams,
        everybody_sees_names=settings.gpu_holders == "pod",
        machines=machines.now,
        as_json=machine_json.encoded,
    )
    waits = Waits(lambda: live.cluster)
    parts = Parts(
        settings=settings,
        alone=alone,
        live=live,
        catalogue=catalogue,
        presence=Presence(lambda: _images_by_node(live)),
        holding=Holding(),
        machines=machines,
        machine_json=machine_json,
        gpus=gpus,
        queues=Queues(client, cluster=lambda: live.cluster, feeds=lambda: live.status.feeds),
        rulebook=Rulebook(client, namespaces=settings.quota_namespaces),
        ways=ways,
        form_defaults=form_defaults,
        streams=streams,
        metrics=Metrics(live, streams, catalogue, waits),
        shared=shared,
    )
    tasks = parts.tasks = [
        asyncio.create_task(live.run(), name="cluster"),
        asyncio.create_task(schedulers.run(), name="schedulers"),
        asyncio.create_task(cards.run(live.touch), name="cards"),
        asyncio.create_task(streams.run(), name="stream"),
        asyncio.create_task(catalogue.run(), name="images"),
        asyncio.create_task(machines.run(), name="machines"),
        asyncio.create_task(waits.run(), name="waits"),
    ]
    if shared is not None:
        tasks.append(asyncio.create_task(shared.run(), name="state"))
    for task in tasks:
        task.add_done_callback(_tell)
    try:
        yield parts
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await ways.close()
        await client.close()


def shared_state(settings: Settings, *, client: Client) -> Kept | None:
    """What all replicas keep together, where that is set."""
    if settings.state_configmap is None:
        return None
    namespace, _, name = settings.state_configmap.partition("/")
    return Kept(client, namespace=namespace, name=name)


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (exc := task.exception()) is not None:
        log.error("a part of the service ended", extra={"part": task.get_name()}, exc_info=exc)


def _images_by_node(live: LiveCluster) -> dict[str, list[str]]:
    found = {}
    for name, info in live.cluster.nodes.items():
        found[name] = [text for names in info.images for text in names]
    return found
