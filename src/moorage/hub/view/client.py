"""The hub's one connection to the service: what the cluster is now, kept in memory, however the service behaves.

A background task follows the service's stream and another one reads the images and the form's defaults now and then.
Everything else (the form, the open pages, a submitted choice) reads memory, so a service that is slow, down or talking
nonsense delays nobody. Silence is noticed: the service says something every second, and after three seconds without a
word what we know counts as stale.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from contextvars import Context
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp

from moorage.hub.view import sse
from moorage.hub.view.heard import Heard
from moorage.hub.view.queues import QueueFacts, read_queues
from moorage.texts import current, later

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

SILENCE = 3.0
REFRESH = 10.0
_QUEUES_KEPT = 1.0
LARGEST_ANSWER = 16 << 20
_PAUSES = (0.2, 0.5, 1.0, 2.0)


class ServiceClient(Heard):
    """What the service says, as long as it says it. One for each service in a hub."""

    def __init__(
        self, url: str, *, token: str = "", log: logging.Logger | Any = None, silence: float = SILENCE
    ) -> None:
        super().__init__(log or logging.getLogger("moorage.hub"))
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._silence = silence
        self._session: aiohttp.ClientSession | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._refreshed = asyncio.Event()
        # By namespace, when they were asked for and the answer.
        self._queues: dict[str, tuple[float, Any]] = {}

    def start(self) -> None:
        """Begin to follow, once; needs a running loop."""
        if self._tasks:
            return
        self._session = aiohttp.ClientSession(
            headers=self._headers, timeout=aiohttp.ClientTimeout(total=None, connect=2)
        )
        # What is heard is for everybody: in nobody's language, whoever was the first to ask.
        self._tasks = [asyncio.create_task(task, context=Context()) for task in (self._follow(), self._refresh())]

    async def close(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def settled(self, timeout: float) -> None:
        """Wait until nodes and images had their first answer or their first failure, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._settled.wait()
                await self._refreshed.wait()

    async def fit(
        self, pod: dict[str, Any], *, claims: Sequence[dict[str, Any]] = (), timeout: float = 2.0
    ) -> dict[str, Any] | None:
        """The service's verdict on this pod with the claims that are created before it, or None when there is none to
        be had in time.
        """
        question = {"pod": pod, "claims": list(claims)} if claims else {"pod": pod}
        try:
            answer = await self._read("POST", "/api/v1/cluster/fit", timeout=timeout, json=question)
        except (aiohttp.ClientError, TimeoutError, sse.Nonsense, OSError) as error:
            self.log.debug("No verdict: %r", error)
            return None
        return answer if isinstance(answer, dict) and isinstance(answer.get("fits"), bool) else None

    async def queues(self, namespace: str, names: Sequence[str], *, timeout: float = 1.0) -> dict[str, QueueFacts]:
        """What these queues of a namespace still have, and how many wait there."""
        at, answer = self._queues.get(namespace, (float("-inf"), None))
        now = asyncio.get_running_loop().time()
        if now - at > _QUEUES_KEPT:
            path = f"/api/v1/cluster/queues?namespace={quote(namespace, safe='')}"
            answer = await self._or_none(path, timeout=timeout)
            self._queues[namespace] = now, answer
        return read_queues(answer, names)

    async def waiting(self, uid: str, *, timeout: float = 1.0) -> dict[str, Any] | None:
        """What the service says of a pod that waits for a place; None where it says nothing, or nothing in time."""
        answer = await self._or_none(f"/api/v1/cluster/waiting/{quote(uid, safe='')}", timeout=timeout)
        return answer if isinstance(answer, dict) else None

    async def _or_none(self, path: str, *, timeout: float) -> Any:
        try:
            return await self._read("GET", path, timeout=timeout)
        except (aiohttp.ClientError, TimeoutError, sse.Nonsense, OSError) as error:
            self.log.debug("%s: %r", path, error)
            return None

    async def _follow(self) -> None:
        """Follow the stream for ever. Failures change the pace and the status, and end nothing."""
        failures = 0
        while True:
            try:
                await self._step()
                failures = 0
                reason = later("the moorage service closed the connection")
            except (aiohttp.ClientError, TimeoutError, sse.Nonsense, OSError) as error:
                reason = _why(error, silence=self._silence)
            except Exception as error:  # whatever it was, the next try may work
                self.log.exception("Following the moorage service failed")
                reason = later("the moorage service's answer could not be read ({error})", error=type(error).__name__)
            heard = self.status.live
            self._set_status(live=False, reason=reason)
            failures = 0 if heard else failures + 1
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])

    async def _step(self) -> None:
        """One connection, until it ends."""
        self._hears_machines = False
        assert self._session is not None  # noqa: S101
        headers = {"Accept": "text/event-stream"}
        if self._position and self._nodes is not None:
            headers["Last-Event-ID"] = self._position
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(self._silence):
                answer = await stack.enter_async_context(
                    self._session.get(f"{self.url}/api/v1/cluster/stream", headers=headers)
                )
            if answer.status != 200:
                raise sse.Nonsense(f"status {answer.status}")
            if answer.content_type != "text/event-stream":
                raise sse.Nonsense(f"an answer of type {answer.content_type[:40]}")
            async for event in sse.events(self._chunks(answer)):
                await self._take(event)

    async def _chunks(self, answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        while True:
            async with asyncio.timeout(self._silence):
                chunk = await answer.content.readany()
            if not chunk:
                return
            yield chunk

    async def _refresh(self) -> None:
        """Read images and defaults again and again; the last good answers are kept."""
        while True:
            for path, take in (
                ("/api/v1/images/jupyter", self._take_images),
                ("/api/v1/jupyterhub/config", self._take_defaults),
                ("/api/v1/cluster/machines", self._take_machines),
            ):
                if path.endswith("/machines") and self._hears_machines:
                    continue  # a service that tells each change
                try:
                    take(await self._read("GET", path, timeout=5))
                except (aiohttp.ClientError, TimeoutError, sse.Nonsense, OSError) as error:
                    self.log.debug("%s: %r", path, error)
                except Exception:  # a strange answer must not end the refreshing
                    self.log.exception("Reading %s failed", path)
            self._refreshed.set()
            await asyncio.sleep(REFRESH if self.status.live and self._images is not None else 1.0)

    async def _read(self, method: str, path: str, *, timeout: float, json: Any = None) -> Any:
        """One JSON answer, bounded in size and time."""
        if self._session is None:
            raise sse.Nonsense("not started")
        async with (
            asyncio.timeout(timeout),
            self._session.request(method, self.url + path, json=json, headers={"Accept-Language": current()}) as answer,
        ):
            if answer.status != 200:
                raise sse.Nonsense(f"status {answer.status}")
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise sse.Nonsense("an answer beyond all bounds")
        return await sse.parse(body.decode("utf-8", "replace"))


def _why(error: Exception, *, silence: float) -> str:
    if isinstance(error, TimeoutError):
        return later("the moorage service has been silent for {seconds} seconds", seconds=f"{silence:g}")
    if isinstance(error, sse.Nonsense | json.JSONDecodeError):
        return later("unexpected answer from the moorage service: {error}", error=error)
    if isinstance(error, aiohttp.ClientConnectorError):
        return later("the moorage service can't be reached")
    return later("the connection to the moorage service was lost")
