"""Exporters and agents that every GPU node runs, asked directly by the addresses of their pods."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

import aiohttp
import msgspec

from moorage.gpus.sources import agent_answer, http, metrics, series
from moorage.gpus.sources.pods import FoundPod, PodFinder
from moorage.gpus.sources.sweep import NoAnswer, Pace, Sweep
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from moorage.gpus.facts import CardFact
    from moorage.kube.client import Client

DCGM_SELECTORS = ("app=nvidia-dcgm-exporter", "app.kubernetes.io/name=dcgm-exporter")
AMD_SELECTORS = ("app.kubernetes.io/name=metrics-exporter", "app.kubernetes.io/name=device-metrics-exporter-charts")
AGENT_SELECTORS = ("app.kubernetes.io/name=moorage-gpu-agent",)

_LARGEST = 16 << 20


class _Finder(Protocol):
    async def find(self, *, within: float = 10.0) -> tuple[dict[str, list[FoundPod]], str | None]: ...


class Exporter(Sweep[str]):
    """One HTTP GET for each node."""

    def __init__(
        self,
        name: str,
        *,
        finder: _Finder,
        port: int,
        path: str,
        read: Callable[[bytes, float], Sequence[CardFact]],
        pace: Pace | None = None,
    ) -> None:
        super().__init__(name, pace=pace or Pace())
        self._finder = finder
        self._port = port
        self._path = path
        self._read = read
        self._searched_at: float | None = None
        self._known: dict[str, str] = {}
        self._search_problem: str | None = None
        self._session: aiohttp.ClientSession | None = None

    async def targets(self) -> tuple[Mapping[str, str], str | None]:
        now = self.clock()
        if self._searched_at is None or now - self._searched_at >= self.pace.search_every:
            found, self._search_problem = await self._finder.find()
            if found or self._search_problem is None:
                self._known = {node: self._address(pods[0]) for node, pods in found.items() if pods[0].ip}
            self._searched_at = now
        return self._known, self._search_problem

    async def ask(self, node: str, target: str) -> Sequence[CardFact]:
        del node
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=self.pace.deadline),
                # Pods are reached directly, whatever proxy the environment names for the world outside.
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        try:
            async with self._session.get(target, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise NoAnswer(later("it answered {status}", status=answer.status))
                body = await _whole_body(answer)
        except http.BROKEN as error:
            raise NoAnswer(http.words(error, deadline=self.pace.deadline)) from error
        return self._read(body, self.clock())

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _address(self, pod: FoundPod) -> str:
        host, port = pod.ip, self._port
        return f"http://{f'[{host}]' if ':' in host else host}:{port}{self._path}"


async def _whole_body(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > _LARGEST:
            raise NoAnswer(later("its answer is too large"))
    return bytes(body)


def dcgm(client: Client, *, namespace: str | None = None, port: int = 9400, pace: Pace | None = None) -> Exporter:
    """NVIDIA's dcgm-exporter."""
    finder = PodFinder(client, DCGM_SELECTORS, namespace=namespace)
    return Exporter("dcgm", finder=finder, port=port, path="/metrics", read=read_dcgm, pace=pace)


def amd(client: Client, *, namespace: str | None = None, port: int = 5000, pace: Pace | None = None) -> Exporter:
    """AMD's device-metrics-exporter."""
    finder = PodFinder(client, AMD_SELECTORS, namespace=namespace)
    return Exporter("amd", finder=finder, port=port, path="/metrics", read=read_amd, pace=pace)


def agent(
    client: Client,
    *,
    namespace: str | None = None,
    port: int = 9837,
    pace: Pace | None = None,
    extra: Iterable[str] = (),
) -> Exporter:
    """Our own read-only agent. `extra` are resource names that count as GPUs beside the known ones."""
    finder = PodFinder(client, AGENT_SELECTORS, namespace=namespace)
    read = partial(read_agent, extra=frozenset(extra))
    return Exporter("agent", finder=finder, port=port, path="/v1/cards", read=read, pace=pace)


def read_dcgm(body: bytes, now: float) -> Sequence[CardFact]:
    """The cards of a dcgm-exporter's text."""
    text = body.decode("utf-8", errors="replace")
    return metrics.dcgm_cards(series.parse_text(text, prefixes=metrics.DCGM_PREFIXES), taken_at=now)


def read_amd(body: bytes, now: float) -> Sequence[CardFact]:
    """The cards of the text of AMD's exporter."""
    text = body.decode("utf-8", errors="replace")
    return metrics.amd_cards(series.parse_text(text, prefixes=metrics.AMD_PREFIXES), taken_at=now)


def read_agent(body: bytes, now: float, *, extra: frozenset[str]) -> Sequence[CardFact]:
    """The cards of the agent's answer."""
    try:
        return agent_answer.cards(body, now=now, extra=extra)
    except msgspec.MsgspecError as error:
        raise NoAnswer(later("its answer can't be read")) from error
