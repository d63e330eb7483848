"""A cluster that is asked by ourselves, with the rights of a kubeconfig."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from moorage.cli.show import Currency, trouble_of
from moorage.cli.sources.local import fit_locally, images_by_node, images_locally, shown_machines
from moorage.cluster.live import LiveCluster
from moorage.errors import MoorageError
from moorage.gpus.cards import Cards
from moorage.gpus.labels.promises import Promises
from moorage.gpus.sources.dra import Dra
from moorage.kube.connect import connect
from moorage.queues.picture import Queues
from moorage.queues.shown import picture

# A first list of a large cluster takes seconds; an API server that is not there says so at once.
WITHIN = 30
PATIENCE = 4


@contextlib.asynccontextmanager
async def direct(*, kubeconfig: str | None, context: str | None) -> AsyncIterator["Direct"]:
    client = await connect(kubeconfig=kubeconfig, context=context)
    cards = Cards([Dra(lambda: live.cluster.devices)], holders="pod")
    live = LiveCluster(client, gpu_details=cards.details, gpu_more=cards.more)
    live.cluster.promised = Promises()
    task = asyncio.create_task(live.run())
    try:
        await _until_ready(live)
        yield Direct(live, Queues(client, cluster=lambda: live.cluster, feeds=lambda: live.status.feeds))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.close()


class Direct:
    def __init__(self, live: LiveCluster, queues: Queues) -> None:
        self._live = live
        self._queues = queues

    async def nodes(self) -> list[dict[str, Any]]:
        snapshot = self._live.snapshot
        return msgspec.json.decode(snapshot.array(), type=list[dict[str, Any]]) if snapshot is not None else []

    async def machines(self) -> list[dict[str, Any]]:
        return shown_machines(self._live.cluster)

    async def queues(self) -> dict[str, Any]:
        return picture(await self._queues.now(), self._live.cluster, policy="pod")

    async def watch(self) -> AsyncIterator[list[dict[str, Any]]]:
        currency = Currency()
        yield await self.nodes()
        async for change in self._live.changes():
            currency.tell(trouble_of(stale=change.status.stale, reason=change.status.reason))
            if change.changed or change.removed:
                yield await self.nodes()

    async def fit(self, request: dict[str, Any]) -> dict[str, Any]:
        snapshot = self._live.snapshot
        return fit_locally(self._live.cluster, request, revision=snapshot.revision if snapshot is not None else 0)

    async def images(self) -> list[dict[str, Any]]:
        return await images_locally(lambda: images_by_node(self._live.cluster))


async def _until_ready(live: LiveCluster) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    while not live.ready:
        feeds = live.status.feeds.values()
        waited = loop.time() - started
        failing = next((feed.missing_right or feed.reason for feed in feeds if feed.missing_right or feed.reason), None)
        if waited > WITHIN or (waited > PATIENCE and failing is not None and not any(feed.listed for feed in feeds)):
            raise MoorageError(
                failing or f"reading the cluster took longer than {WITHIN} s",
                hint="check the kubeconfig and its context with `kubectl get nodes`",
            )
        await asyncio.sleep(0.02)
