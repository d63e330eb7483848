"""The metrics of all cards in the cluster out of Prometheus, one query for each metric.

A series is put on a node by whatever label names it: the value of `Hostname` is a node's name or, on some
installations, the exporter pod's. Series of nodes that the cluster does not have are left away: Prometheus tells of a
dead node for five minutes more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from moorage import clock
from moorage.gpus.details import timestamp
from moorage.gpus.merge import DROPPED_AFTER
from moorage.gpus.sources import http, metrics
from moorage.gpus.sources.base import NOTHING, Known, OnChange, Told
from moorage.gpus.sources.series import Sample, parse_vector
from moorage.gpus.sources.sweep import NoAnswer
from moorage.scheduling.accounting.nodeinfo import NodeInfo
from moorage.texts import later

if TYPE_CHECKING:
    from pathlib import Path

    from moorage.gpus.facts import CardFact
    from moorage.gpus.view import NodeView

log = logging.getLogger(__name__)

Directory = Callable[[], Mapping[str, NodeInfo]]

_KEPT = (
    "UUID,uuid,gpu,pci_bus_id,modelName,GPU_I_ID,GPU_I_PROFILE,Hostname,hostname,node,kubernetes_node,instance,"
    "exported_pod,exported_namespace,exported_container,pod,namespace,container,pod_name,pod_namespace,container_name"
)
_KEPT_AMD = (
    "gpu_uuid,gpu_id,gpu_partition_id,serial_number,card_model,card_series,pcie_address,hostname,node,kubernetes_node,"
    "instance,exported_pod,exported_namespace,exported_container,pod,namespace,container"
)
DCGM_METRICS = (
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_DEV_FB_FREE",
    "DCGM_FI_DEV_FB_RESERVED",
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_DEV_GPU_TEMP",
    "DCGM_FI_DEV_XID_ERRORS",
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
)
AMD_METRICS = ("gpu_total_vram", "gpu_used_vram", "gpu_free_vram", "gpu_gfx_activity", "gpu_health")
_NODE_LABELS = ("node", "kubernetes_node", "exported_node", "Hostname", "hostname", "instance", "pod")
_LARGEST = 64 << 20


class Prometheus:
    """One Prometheus (or Thanos, or anything else that answers `/api/v1/query`)."""

    name = "prometheus"
    activity = True

    def __init__(
        self,
        url: str,
        *,
        directory: Directory,
        token_file: Path | None = None,
        every: float = 15.0,
        deadline: float = 10.0,
        clock: Callable[[], float] = clock.now,
    ) -> None:
        self._url = url.rstrip("/") + "/api/v1/query"
        self._token_file = token_file
        self._directory = directory
        self._every = every
        self._deadline = deadline
        self._clock = clock
        self._facts: dict[str, Known] = {}
        self._told: dict[str, Told] = {}
        self._answered_at: float | None = None
        self._problem: str | None = _named(later("no answer yet"))
        self._session: aiohttp.ClientSession | None = None

    def facts(self, node: NodeView) -> Sequence[CardFact]:
        found = self._facts.get(node.name, NOTHING)
        if found and self._answered_at is not None and self._clock() - self._answered_at > DROPPED_AFTER:
            return ()
        return found

    def problem(self, node: NodeView) -> str | None:
        if self._problem is not None:
            return self._problem
        return None if node.name in self._facts else _named(later("no series for this node"))

    async def run(self, on_change: OnChange) -> None:
        try:
            while True:
                await self.refresh(on_change)
                await asyncio.sleep(self._every)
        finally:
            if self._session is not None:
                await self._session.close()
                self._session = None

    async def refresh(self, on_change: OnChange) -> None:
        """Ask for everything once. What was known before stays, with its age, where that fails."""
        try:
            async with asyncio.timeout(self._deadline):
                nvidia = await self._query_all(DCGM_METRICS, _KEPT)
                amd = await self._query_all(AMD_METRICS, _KEPT_AMD)
                ages = await self._ages()
        except (NoAnswer, TimeoutError) as error:
            why = str(error) or later("no answer within {seconds} s", seconds=f"{self._deadline:g}")
            self._problem = _named(why)
            if self._answered_at is not None:
                since = timestamp(self._answered_at)[11:16]
                self._problem = _named(later("not answering since {time} UTC ({why})", time=since, why=why))
            on_change(list(self._facts))
            return
        now = self._clock()
        fresh: dict[str, tuple[CardFact, ...]] = {}
        index = _Index(self._directory())
        for read, samples in ((metrics.dcgm_cards, nvidia), (metrics.amd_cards, amd)):
            for number, (node, own) in enumerate(_by_node(samples, index).items()):
                taken_at = min(now, ages.get(_identity(own[0].labels), now))
                fresh[node] = (*fresh.get(node, ()), *read(own, source=self.name, taken_at=taken_at))
                if number % 100 == 99:
                    await asyncio.sleep(0)
        before = self._facts
        self._told = {node: told for node, told in self._told.items() if node in before}
        self._facts = {node: Known.after(before.get(node), facts) for node, facts in fresh.items()}
        recovered = self._problem is not None
        self._problem, self._answered_at = None, now
        if not fresh and (nvidia or amd):
            self._problem = _named(later("its series name no node in this cluster"))
        elif not fresh:
            self._problem = _named(later("it has no GPU series"))
        on_change(
            [
                node
                for node in before.keys() | fresh.keys()
                if self._told.setdefault(node, Told()).is_news(self._facts.get(node, NOTHING), now=now) or recovered
            ]
        )

    async def _query_all(self, names: Sequence[str], kept: str) -> list[Sample]:
        answers = await asyncio.gather(*(self._query(f"max by ({kept}) ({name})") for name in names))
        return [
            Sample(name, one.labels, one.value, one.at)
            for name, samples in zip(names, answers, strict=True)
            for one in samples
        ]

    async def _ages(self) -> dict[str, float]:
        """When each card was last scraped: an instant query gives values up to five minutes old as if they were new."""
        try:
            found = await self._query("max by (UUID) (timestamp(DCGM_FI_DEV_GPU_TEMP))")
            found += await self._query("max by (gpu_uuid) (timestamp(gpu_total_vram))")
        except NoAnswer:
            return {}
        ages = {}
        for one in found:
            try:
                ages[_identity(one.labels)] = clock.noted(float(one.value))
            except ValueError:
                continue
        return ages

    async def _query(self, query: str) -> list[Sample]:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._deadline),
                trust_env=True,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        try:
            headers = {}
            if self._token_file is not None:
                # Read each time: tokens of service accounts are renewed in place.
                headers["Authorization"] = f"Bearer {self._token_file.read_text(encoding='ascii').strip()}"
            async with self._session.post(
                self._url, data={"query": query}, headers=headers, allow_redirects=False
            ) as answer:
                body = await answer.content.read(_LARGEST)
                while not answer.content.at_eof() and len(body) < _LARGEST:
                    body += await answer.content.read(_LARGEST)
        except http.BROKEN as error:
            raise NoAnswer(http.words(error, deadline=self._deadline)) from error
        if answer.status in (401, 403):
            raise NoAnswer(later("it answered {status} (it needs a token or a different one)", status=answer.status))
        samples, why = parse_vector(body)
        if why is not None:
            raise NoAnswer(why if answer.status == 200 else later("it answered {status}", status=answer.status))
        return samples


class _Index(msgspec.Struct):
    """Which node a name stands for."""

    nodes: Mapping[str, NodeInfo]
    hostnames: dict[str, str] | None = None
    exporters: dict[str, str] | None = None

    def find(self, labels: Mapping[str, str]) -> str | None:
        for label in _NODE_LABELS:
            value = labels.get(label)
            if not value:
                continue
            if label == "instance":
                value = value.rpartition(":")[0] or value
            found = self._resolve(value)
            if found is not None:
                return found
        return None

    def _resolve(self, value: str) -> str | None:
        if value in self.nodes:
            return value
        if self.hostnames is None:
            self.hostnames = {
                node.labels.get("kubernetes.io/hostname", name): name for name, node in self.nodes.items()
            }
        found = self.hostnames.get(value)
        if found is not None:
            return found
        if self.exporters is None:
            self.exporters = {
                pod.name: name
                for name, node in self.nodes.items()
                for pod in node.pods.values()
                if "exporter" in pod.name
            }
        found = self.exporters.get(value)
        if found is not None:
            return found
        short = value.partition(".")[0]
        return short if short != value and short in self.nodes else None


def _by_node(samples: Sequence[Sample], index: _Index) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    known: dict[tuple[str | None, ...], str | None] = {}
    for one in samples:
        key = tuple(one.labels.get(label) for label in _NODE_LABELS)
        if key not in known:
            known[key] = index.find(one.labels)
        node = known[key]
        if node is not None:
            found.setdefault(node, []).append(one)
    return found


def _named(words: str) -> str:
    return f"prometheus: {words}"


def _identity(labels: Mapping[str, str]) -> str:
    return labels.get("UUID") or labels.get("uuid") or labels.get("gpu_uuid") or ""
