"""Quotas and limit ranges of the namespaces that the service may read, looked up when somebody asks for a pod there."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from moorage.cluster.rules import UNKNOWN, Rules
from moorage.errors import MoorageError
from moorage.kube.client import Client
from moorage.objects import LimitRange, Object, ResourceQuota, decode_list

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
        self._locks: dict[str, asyncio.Lock] = {}
        self._said: dict[str, str] = {}

    async def rules_for(self, namespace: str) -> Rules:
        """What is known of this namespace; it never fails, and what can't be read is told as undecided."""
        if namespace not in self._namespaces:
            return UNKNOWN
        async with self._locks.setdefault(namespace, asyncio.Lock()):
            read_at, rules = self._known.get(namespace, (None, UNKNOWN))
            now = self._clock()
            if read_at is None or now - read_at > KEPT_SECONDS:
                rules = await self._read(namespace)
                self._known[namespace] = now, rules
            return rules

    async def _read(self, namespace: str) -> Rules:
        try:
            ranges, quotas = await asyncio.gather(
                self._list(LimitRange, namespace=namespace), self._list(ResourceQuota, namespace=namespace)
            )
        except MoorageError as exc:
            reason = str(exc)
            if self._said.get(namespace) != reason:
                self._said[namespace] = reason
                log.warning("quotas can't be read", extra={"namespace": namespace, "reason": reason})
            return Rules(undecided=(f"The quotas and limit ranges of {namespace} could not be read.",))
        self._said.pop(namespace, None)
        return Rules(limitranges={namespace: ranges}, resourcequotas={namespace: quotas})

    async def _list(self, kind: type[T], *, namespace: str) -> list[T]:
        data = await self._client.get(f"/api/v1/namespaces/{namespace}/{kind.PLURAL}", within=WITHIN)
        _, items, broken = decode_list(kind, data)
        for error in broken:
            log.warning("a rule can't be read", extra={"namespace": namespace, "reason": str(error)})
        return items


def namespace_of(pod: dict[str, Any]) -> str:
    metadata = pod.get("metadata")
    namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
    return namespace if isinstance(namespace, str) and namespace else "default"
