"""`pods/log`, `pods/binding`, `pods/eviction` and `serviceaccounts/token`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from moorage.simulator.status import no_such_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from moorage.simulator.apiserver import ApiServer
    from moorage.simulator.request import Target

Json = dict[str, Any]


class Logs(Protocol):
    """Where the output of a pod's containers is found: the kubelet."""

    def read_log(self, uid: str, container: str) -> bytes: ...

    def follow_log(self, uid: str, container: str) -> AsyncIterator[bytes]: ...


async def answer(server: ApiServer, request: web.Request, target: Target) -> web.StreamResponse:
    raise no_such_path()
