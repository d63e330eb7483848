"""Devices of DRA drivers: ResourceSlices say what there is, ResourceClaims what is taken.

Nothing of them shows in a node's allocatable. Which device a class would give is decided by CEL expressions; the plain
ones (a driver, an attribute) are understood, others leave a class without a count. Devices that share counters or
capacity are coupled in ways that are not followed here. So all counts of this module are approximate, and say so.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from moorage.errors import MoorageError
from moorage.gpus.facts import CardFact, Part
from moorage.gpus.sources.dra_claims import Claims, Device
from moorage.gpus.sources.dra_objects import Basic, DeviceClass, ResourceClaim, ResourceSlice
from moorage.kube.backoff import Backoff
from moorage.kube.errors import NotFound
from moorage.kube.feed import Feed, follow
from moorage.kube.resources import Resource
from moorage.quantity import Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moorage.gpus.sources.base import OnChange
    from moorage.gpus.view import NodeView
    from moorage.kube.client import Client
    from moorage.kube.pages import Page
    from moorage.kube.sink import Health
    from moorage.objects import Unreadable

GROUP = "/apis/resource.k8s.io"
_VERSIONS = ("v1", "v1beta2", "v1beta1")
_ASK_AGAIN = 60.0


class Dra:
    """Follows slices, claims and classes."""

    name = "dra"
    activity = False

    def __init__(self, client: Client) -> None:
        self._client = client
        self.known = Claims()
        self._problem: str | None = "dra: not listed yet"
        self._healths: dict[str, Health] = {}

    async def run(self, on_change: OnChange) -> None:
        pace = Backoff(longest=_ASK_AGAIN)
        while True:
            try:
                version = await self._version()
            except NotFound:
                self._problem = "dra: this API server has no resource.k8s.io"
            except MoorageError as error:
                self._problem = f"dra: {error.message}"
            else:
                self._problem = None
                await self._follow(version, on_change)
            await asyncio.sleep(pace.next())

    def problem(self, node: NodeView) -> str | None:
        del node
        reasons = [health.reason for health in self._healths.values() if health.reason and not health.listed]
        return self._problem or (f"dra: {reasons[0]}" if reasons else None)

    def facts(self, node: NodeView) -> Sequence[CardFact]:
        found: list[CardFact] = []
        for identity, device in self.known.devices(node.name):
            if is_gpu(identity[0], device):
                found.append(self._fact(identity, device))
        return found

    def units(self, node: NodeView) -> list[dict[str, Any]]:
        """Devices by driver and pool, shaped like the units of resource names."""
        pools: dict[tuple[str, str], list[tuple[Device, Basic]]] = {}
        for identity, device in self.known.devices(node.name):
            if is_gpu(identity[0], device):
                pools.setdefault(identity[:2], []).append((identity, device))
        return [self._units(node, driver, pool, devices) for (driver, pool), devices in sorted(pools.items())]

    async def _version(self) -> str:
        body = await self._client.get(GROUP, within=10)
        served = set(re.findall(rb'"version"\s*:\s*"([a-z0-9]+)"', body))
        for version in _VERSIONS:
            if version.encode() in served:
                return version
        raise NotFound("no known version of resource.k8s.io", status=404)

    async def _follow(self, version: str, on_change: OnChange) -> None:
        sink = _Sink(self, on_change)
        path = f"{GROUP}/{version}/"
        resources = [
            Resource(kind.PLURAL, path + kind.PLURAL, kind) for kind in (ResourceSlice, ResourceClaim, DeviceClass)
        ]
        async with asyncio.TaskGroup() as group:
            for resource in resources:
                group.create_task(follow(Feed(resource, client=self._client, sink=sink)), name=f"dra {resource.name}")

    def _fact(self, identity: Device, device: Basic) -> CardFact:
        attributes = {name.rpartition("/")[2]: one.value for name, one in (device.attributes or {}).items()}
        claims = self.known.taken.get(identity)
        holders = tuple(holder for names in (claims or {}).values() for holder in names)
        uuid = attributes.get("uuid")
        memory = _memory(device.capacity)
        taint = next((taint for taint in device.taints or () if taint.effect in ("NoSchedule", "NoExecute")), None)
        if attributes.get("type") == "mig":
            parent = attributes.get("parentUUID")
            part = Part(
                profile=_text(attributes.get("profile")),
                uuid=_text(uuid),
                memory_total=memory,
                holders=holders,
                allocated=claims is not None,
            )
            return CardFact(
                source=self.name,
                uuid=_text(parent) or f"{identity[1]}/{identity[2]}",
                model=_text(attributes.get("productName")),
                mig=True,
                parts=(part,),
                allocated=False,
            )
        return CardFact(
            source=self.name,
            uuid=_text(uuid) or f"{identity[1]}/{identity[2]}",
            model=_text(attributes.get("productName")) or _text(attributes.get("model")),
            memory_total=memory,
            health="unhealthy" if taint else None,
            problem=f"taint {taint.key}{f'={taint.value}' if taint.value else ''}" if taint else None,
            holders=holders,
            allocated=claims is not None,
            counts_all=True,
        )

    def _units(self, node: NodeView, driver: str, pool: str, devices: Sequence[tuple[Device, Basic]]) -> dict[str, Any]:
        good = [(identity, device) for identity, device in devices if not _tainted(device)]
        free = [(identity, device) for identity, device in good if identity not in self.known.taken]
        return {
            "resource": driver,
            "pool": pool,
            "capacity": len(devices),
            "allocatable": len(good),
            "allocated": len(good) - len(free),
            "available": len(free) if node.takes_pods else 0,
            "out_of_service": len(devices) - len(good),
            "approximate": True,
            "classes": {
                name: count for name, item in sorted(self.known.classes.items()) if (count := _count(item, free)) != 0
            },
        }


class _Sink:
    """Pours the three feeds into `Claims`; a new list takes the place of what was known of its kind."""

    def __init__(self, source: Dra, on_change: OnChange) -> None:
        self._source = source
        self._on_change = on_change
        self._seen: dict[str, set[Any]] = {}

    def begin(self, resource: Resource) -> None:
        self._seen[resource.name] = set()

    def page(self, resource: Resource, page: Page) -> None:
        touched: set[str] = set()
        for item in page.objects:
            self._seen.setdefault(resource.name, set()).add(_key(item))
            touched |= self._put(item)
        self._on_change(touched)

    def end(self, resource: Resource) -> None:
        known = self._source.known
        seen = self._seen.pop(resource.name, set())
        touched: set[str] = set()
        if resource.kind is ResourceSlice:
            for name in [name for name in known.slices if name not in seen]:
                touched |= known.drop_slice(name)
        elif resource.kind is ResourceClaim:
            for key in [key for key in known.claims if key not in seen]:
                touched |= known.drop_claim(key)
        else:
            for name in [name for name in known.classes if name not in seen]:
                del known.classes[name]
        self._on_change(touched)

    def put(self, resource: Resource, item: Any) -> None:
        self._seen.get(resource.name, set()).add(_key(item))
        self._on_change(self._put(item))

    def put_unreadable(self, resource: Resource, item: Unreadable) -> None:
        """An object of a shape that we don't know is one that we know nothing of."""

    def drop(self, resource: Resource, item: Any) -> None:
        known = self._source.known
        key = _key(item)
        if resource.kind is ResourceSlice:
            self._on_change(known.drop_slice(key))
        elif resource.kind is ResourceClaim:
            self._on_change(known.drop_claim(key))
        else:
            known.classes.pop(key, None)

    def report(self, resource: Resource, health: Health) -> None:
        self._source._healths[resource.name] = health  # noqa: SLF001 # one module, one noun

    def _put(self, item: Any) -> set[str]:
        known = self._source.known
        if isinstance(item, ResourceSlice):
            return known.put_slice(item)
        if isinstance(item, ResourceClaim):
            return known.put_claim(item)
        if isinstance(item, DeviceClass):
            known.classes[item.metadata.name] = item
        return set()


def is_gpu(driver: str, device: Basic) -> bool:
    """Whether a device is a card or a slice of one; other kinds of devices come through the same API."""
    kind = next(
        (one.value for name, one in (device.attributes or {}).items() if name.rpartition("/")[2] == "type"), None
    )
    return kind in ("gpu", "mig", "vfio") or (kind is None and "gpu" in driver.lower())


def _key(item: Any) -> Any:
    meta = item.metadata
    return (meta.namespace or "", meta.name) if isinstance(item, ResourceClaim) else meta.name


def _memory(capacity: Mapping[str, Any] | None) -> int | None:
    for name, amount in (capacity or {}).items():
        if name.rpartition("/")[2] != "memory":
            continue
        value = amount.get("value") if isinstance(amount, dict) else amount
        try:
            found = Quantity.parse(value).value >> 20 if isinstance(value, str | int) else 0
        except ValueError:
            return None
        return found or None
    return None


def _text(value: Any) -> str | None:
    return value.strip()[:200] or None if isinstance(value, str) else None


def _tainted(device: Basic) -> bool:
    return any(taint.effect in ("NoSchedule", "NoExecute") for taint in device.taints or ())


_TERM = re.compile(
    r"\(?\s*device\.(?:driver|attributes\[(?P<q>['\"])(?P<domain>[^'\"]+)(?P=q)\]\.(?P<name>\w+))\s*==\s*"
    r"(?P<v>['\"])(?P<value>[^'\"]*)(?P=v)\s*\)?"
)


def _count(item: DeviceClass, free: Sequence[tuple[Device, Basic]]) -> int | None:
    """How many of these devices a class would give, or None where its expressions are not understood."""
    terms: list[tuple[str | None, str | None, str]] = []
    for selector in item.spec.selectors or ():
        for piece in (selector.cel.expression if selector.cel else "").split("&&"):
            found = _TERM.fullmatch(piece.strip())
            if found is None:
                return None
            terms.append((found["domain"], found["name"], found["value"]))
    if not terms:
        return None
    return sum(all(_holds(term, identity, device) for term in terms) for identity, device in free)


def _holds(term: tuple[str | None, str | None, str], identity: Device, device: Basic) -> bool:
    domain, name, value = term
    if name is None:
        return identity[0] == value
    attributes = device.attributes or {}
    # A driver's own attributes may be written without their domain.
    one = attributes.get(f"{domain}/{name}") or (attributes.get(name) if domain == identity[0] else None)
    return one is not None and one.value == value
