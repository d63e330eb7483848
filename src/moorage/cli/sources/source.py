"""Where the answers come from: a running service, a cluster that is asked by ourselves, or a dump."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Origin:
    """What the person named on the command line."""

    server: str | None = None
    token: str | None = None
    kubeconfig: str | None = None
    context: str | None = None
    dumps: tuple[str, ...] = ()


class Source(Protocol):
    async def nodes(self) -> list[dict[str, Any]]:
        """Every node as the API shows it."""

    async def machines(self) -> list[dict[str, Any]]:
        """What is not there yet and may come, as the API shows it; empty where nothing is known of any."""

    async def queues(self) -> dict[str, Any]:
        """Queues with their quotas and who waits in them, as the API shows them."""

    def watch(self) -> AsyncIterator[list[dict[str, Any]]]:
        """The same, now and after each change."""

    async def fit(self, request: dict[str, Any]) -> dict[str, Any]:
        """The API's answer to a pod or an ask."""

    async def images(self) -> list[dict[str, Any]]:
        """The catalogue."""


@contextlib.asynccontextmanager
async def opened(origin: Origin) -> AsyncIterator[Source]:
    if origin.server is not None:
        from moorage.cli.sources.remote import remote

        async with remote(origin.server, token=origin.token) as source:
            yield source
    elif origin.dumps:
        from moorage.cli.sources.dump import Dump

        yield Dump(origin.dumps)
    else:
        from moorage.cli.sources.direct import direct

        async with direct(kubeconfig=origin.kubeconfig, context=origin.context) as source:
            yield source
