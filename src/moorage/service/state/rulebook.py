"""Rules of the API server that the service may read, looked up when somebody asks for a pod that they concern.

Quotas and limit ranges in the namespaces that a setting names; runtime classes where a pod names one. A rule that can't
be read is told as undecided.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from moorage.cluster.answers.rules import UNKNOWN, Rules
from moorage.errors import MoorageError
from moorage.kube.client import Client
from moorage.objects import LimitRange, Object, ResourceQuota, RuntimeClass, decode_list
from moorage.texts import later

log = logging.getLogger(__name__)

# A form asks on each change of a field; a quota's use changes with each start.
KEPT_SECONDS = 2.0
WITHIN = 2.0

T = TypeVar("T", bound=Object)


class Rulebook:
    def __init__(
        self, client: Client, *, namespaces: Sequence[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._namespaces = frozenset(namespaces)
        self._clock = clock
        self._known: dict[str, tuple[float, Rules]] = {}
        self._runtimes: tuple[float, list[RuntimeClass] | None] | None = None
        self._locks: dict[str, asyncio.Lock] = {}
        self._said: dict[str, str] = {}

    async def rules_for(self, pod: dict[str, Any]) -> Rules:
        """What is known of the rules for this pod; it never fails, and what can't be read is told as undecided."""
        rules = await self._of_namespace(_namespace_of(pod))
        spec = pod.get("spec")
        if isinstance(spec, dict) and spec.get("runtimeClassName"):
            return replace(rules, runtimeclasses=await self._runtime_classes())
        return rules

    async def _of_namespace(self, namespace: str) -> Rules:
        if namespace not in self._namespaces:
            return UNKNOWN
        async with self._lock(namespace):
            read_at, rules = self._known.get(namespace, (None, UNKNOWN))
            now = self._clock()
            if read_at is None or now - read_at > KEPT_SECONDS:
                rules = await self._read(namespace)
                self._known[namespace] = now, rules
            return rules

    async def _runtime_classes(self) -> list[RuntimeClass] | None:
        """None where they may not be read: the right is optional (deploy/kubernetes/optional/runtime-classes.yaml)."""
        async with self._lock(""):
            now = self._clock()
            if self._runtimes is None or now - self._runtimes[0] > KEPT_SECONDS:
                try:
                    found = await self._list(RuntimeClass, at="/apis/node.k8s.io/v1/runtimeclasses")
                except MoorageError:
                    found = None
                self._runtimes = now, found
            return self._runtimes[1]

    def _lock(self, namespace: str) -> asyncio.Lock:
        return self._locks.setdefault(namespace, asyncio.Lock())

    async def _read(self, namespace: str) -> Rules:
        try:
            ranges, quotas = await asyncio.gather(
                self._list(LimitRange, at=f"/api/v1/namespaces/{namespace}/limitranges"),
                self._list(ResourceQuota, at=f"/api/v1/namespaces/{namespace}/resourcequotas"),
            )
        except MoorageError as exc:
            reason = str(exc)
            if self._said.get(namespace) != reason:
                self._said[namespace] = reason
                log.warning("quotas can't be read", extra={"namespace": namespace, "reason": reason})
            words = later("The quotas and limit ranges of {namespace} could not be read.", namespace=namespace)
            return Rules(undecided=(words,))
        self._said.pop(namespace, None)
        return Rules(limitranges={namespace: ranges}, resourcequotas={namespace: quotas})

    async def _list(self, kind: type[T], *, at: str) -> list[T]:
        data = await self._client.get(at, within=WITHIN)
        _, items, broken = decode_list(kind, data)
        for error in broken:
            log.warning("a rule can't be read", extra={"path": at, "reason": str(error)})
        return items


def _namespace_of(pod: dict[str, Any]) -> str:
    metadata = pod.get("metadata")
    namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
    return namespace if isinstance(namespace, str) and namespace else "default"
