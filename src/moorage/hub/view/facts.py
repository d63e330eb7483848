"""What the hub knows about a node and an image: the service's JSON, checked field by field.

The service is another process that may be older, newer or broken. A field of the wrong type becomes unknown, an object
without a name is left out, and nothing that it sends can raise here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from moorage.hub.amounts import ANY_MAKER, cpu_words, memory_words, short_resource
from moorage.hub.view.cards import Cards, read_cards
from moorage.hub.view.checked import text, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOSTNAME = "kubernetes.io/hostname"
# Those that keep pods off a node.
_TAINT_EFFECTS = ("NoSchedule", "NoExecute")


@dataclass(frozen=True, slots=True)
class Amounts:
    """CPU in thousandths, memory in bytes; None is unknown."""

    cpu: int | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Units:
    """Units of one GPU resource on a node; how many are left may be unknown."""

    resource: str
    capacity: int
    allocatable: int
    available: int | None

    def as_json(self) -> dict[str, Any]:
        return {
            "resource": self.resource,
            "capacity": self.capacity,
            "allocatable": self.allocatable,
            "available": self.available,
        }


@dataclass(frozen=True, slots=True)
class Taint:
    """A taint that keeps pods off a node."""

    key: str
    value: str
    effect: str

    def words(self) -> str:
        return f"{self.key}={self.value}" if self.value else self.key


@dataclass(frozen=True, slots=True)
class Coming:
    """What a machine that is not there yet is called, how a pod asks for one, and what is to be said of it."""

    title: str
    selector: Mapping[str, str]
    words: str


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One node as the form needs it, or a machine of a pool that can be chosen like one (`machine`). The name of a
    machine begins with a letter that no node's name has.
    """

    name: str
    hostname: str | None
    capacity: Amounts
    allocatable: Amounts
    available: Amounts
    gpus: tuple[Units, ...] = ()
    cards: Cards = field(default_factory=Cards)
    schedulable: bool = True
    closed: str | None = None
    # What is going on there, where more is to come: "GPU driver is starting".
    preparing: str | None = None
    # Those that do not go away by themselves.
    keeps_off: tuple[Taint, ...] = ()
    # Those that the service shows.
    labels: Mapping[str, str] = field(default_factory=dict)
    # Its operating system and architecture as Go names them (linux, amd64); None is unknown.
    os: str | None = None
    arch: str | None = None
    # What pods hold that make room for people's servers.
    evictable: Amounts = field(default_factory=Amounts)
    # What pages get, made once for all of them: the stream's JSON, and the option of the form's Node field.
    page: bytes = field(default=b"", compare=False, repr=False)
    # The same for who may see who holds its cards; the very same bytes where nobody is known to.
    named_page: bytes = field(default=b"", compare=False, repr=False)
    # The pods that hold its cards, as far as they are known.
    holders: frozenset[str] = frozenset()
    option: str = field(default="", compare=False, repr=False)
    # The same where cards of several makers are offered.
    option_by_maker: str = field(default="", compare=False, repr=False)
    machine: Coming | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        return self.machine.title if self.machine is not None else self.name

    @property
    def selector(self) -> Mapping[str, str]:
        """The labels by which a pod asks for it; none where it can't be chosen."""
        if self.machine is not None:
            return self.machine.selector
        return {HOSTNAME: self.hostname} if self.hostname is not None else {}

    def units(self, resource: str) -> Units | None:
        return next((units for units in self.gpus if units.resource == resource), None)


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """One image of the catalogue."""

    name: str
    reference: str
    display_name: str
    description: str = ""
    default: bool = False
    # All that it is built for; none where that is unknown.
    os: tuple[str, ...] = ()
    arch: tuple[str, ...] = ()
    # KubeSpawner's own, which is in no list: whatever it is at the time of a start.
    own: bool = False


def read_node(value: Any) -> NodeFacts | None:
    """A node of the service's answer, or None when it can't be told which node it is."""
    if not isinstance(value, dict) or not (name := text(value.get("name"), 253)):
        return None
    labels = value.get("labels")
    hostname = text(value.get("hostname_label"), 63)
    if hostname is None and isinstance(labels, dict):
        hostname = text(labels.get(HOSTNAME), 63)
    capacity, allocatable, available = (amounts_of(value.get(key)) for key in ("capacity", "allocatable", "available"))
    closed, cards = _closed(value), read_cards(value.get("gpu_details"), claims=value.get("gpu_claims"))
    node = NodeFacts(
        name=name,
        hostname=hostname,
        capacity=capacity,
        allocatable=allocatable,
        available=available,
        evictable=amounts_of(value.get("evictable")),
        gpus=_units(value),
        cards=cards,
        holders=cards.holders,
        schedulable=closed is None,
        closed=closed,
        preparing=_preparing(value.get("preparing"))[1],
        keeps_off=taints_of(value.get("taints")),
        labels=labels_of(labels),
        os=text(value.get("os"), 63),
        arch=text(value.get("arch"), 63),
    )
    return encoded(node)


def encoded(node: NodeFacts) -> NodeFacts:
    """With what pages get."""
    object.__setattr__(node, "option", _option(node))
    has_cards = any(units.allocatable for units in node.gpus)
    object.__setattr__(node, "option_by_maker", _option(node, by_maker=True) if has_cards else node.option)
    object.__setattr__(node, "page", _page(node, names=False))
    object.__setattr__(node, "named_page", _page(node, names=True) if node.holders else node.page)
    return node


def _kept(amount: int | None) -> dict[str, int]:
    return {"evictable": amount} if amount else {}


def _page(node: NodeFacts, *, names: bool) -> bytes:
    page: dict[str, Any] = {
        "name": node.name,
        "cpu": {
            "available": node.available.cpu,
            "allocatable": node.allocatable.cpu,
            **_kept(node.evictable.cpu),
            # A limit may be all that the machine has.
            **({} if node.capacity.cpu == node.allocatable.cpu else {"capacity": node.capacity.cpu}),
        },
        "memory": {
            "available": node.available.memory,
            "allocatable": node.allocatable.memory,
            **_kept(node.evictable.memory),
        },
        "gpus": [units.as_json() for units in node.gpus],
        "cards": node.cards.words(names=names),
        "closed": node.closed,
        "pickable": node.closed is None and bool(node.selector),
        "taints": [taint.words() for taint in node.keeps_off],
        "os": node.os,
        "arch": node.arch,
    }
    if node.preparing:
        page["preparing"] = node.preparing
    if node.machine is not None:
        page |= {"title": node.machine.title, "machine": node.machine.words}
    return json.dumps(page, ensure_ascii=True, separators=(",", ":")).encode()


def _option(node: NodeFacts, *, by_maker: bool = False) -> str:
    closed = " disabled" if node.closed or not node.selector else ""
    return f'<option value="{escape(node.name)}"{closed}>{escape(node_words(node, by_maker=by_maker))}</option>'


def closed_option(name: str, reason: str) -> str:
    """The option of a node that can't be chosen."""
    return f'<option value="{escape(name)}" disabled>{escape(f"{name} ({reason})")}</option>'


def node_words(node: NodeFacts, *, by_maker: bool = False) -> str:
    """A node in the list: its name and what can be had on it now. `by_maker`: as where cards of several are offered."""
    among = ANY_MAKER if by_maker else [units.resource for units in node.gpus]
    if node.closed:
        return f"{node.title} ({node.closed})"
    if node.machine is not None:
        return _machine_words(node, by_maker=by_maker)
    if node.hostname is None:
        return f"{node.name} (can't be chosen: no hostname label)"
    parts = _amount_words(node, among)
    free = f"{', '.join(parts)} free" if parts else "free: unknown"
    return f"{node.name} ({free}; {node.preparing})" if node.preparing else f"{node.name} ({free})"


def _machine_words(node: NodeFacts, *, by_maker: bool) -> str:
    among = ANY_MAKER if by_maker else [units.resource for units in node.gpus]
    size = ", ".join(_amount_words(node, among)) or "size unknown"
    words = node.machine.words if node.machine is not None else ""
    return f"{node.title} ({size}; {words})"


def _amount_words(node: NodeFacts, among: Sequence[str]) -> list[str]:
    parts = []
    if node.available.cpu is not None:
        parts.append(f"{cpu_words(node.available.cpu)} CPU")
    if node.available.memory is not None:
        parts.append(memory_words(node.available.memory))
    parts.extend(
        f"{units.available} {short_resource(units.resource, among=among)}"
        for units in node.gpus
        if units.allocatable and units.available is not None
    )
    return parts


def _closed(value: dict[str, Any]) -> str | None:
    """Why the node takes no new pods now, or None."""
    reason, words = _preparing(value.get("preparing"))
    if reason == "leaving" or (reason == "being_added" and value.get("ready") is False):
        return words
    if value.get("cordoned") is True:
        return "cordoned"
    if value.get("ready") is False:
        return "not ready"
    if value.get("schedulable") is False:
        return "closed"
    return None


def _preparing(value: Any) -> tuple[str | None, str | None]:
    """The service's word for what is going on at a node, and the words for people."""
    if not isinstance(value, dict):
        return None, None
    words = text(value.get("text"), 200)
    return text(value.get("reason"), 40) if words else None, words


def taints_of(value: Any) -> tuple[Taint, ...]:
    return tuple(
        Taint(key, text(taint.get("value")) or "", taint["effect"])
        for taint in (value[:20] if isinstance(value, list) else ())
        if isinstance(taint, dict)
        and taint.get("effect") in _TAINT_EFFECTS
        and taint.get("passes") is not True
        and (key := text(taint.get("key")))
    )


def labels_of(value: Any) -> dict[str, str]:
    # The empty text is a label's value, too.
    items = value.items() if isinstance(value, dict) else ()
    return {key: content for key, content in items if text(key) and (content == "" or text(content))}


def amounts_of(value: Any) -> Amounts:
    if not isinstance(value, dict):
        return Amounts()
    return Amounts(cpu=whole(value.get("cpu_millicores")), memory=whole(value.get("memory_bytes")))


def _units(value: dict[str, Any]) -> tuple[Units, ...]:
    found = []
    listed = value.get("gpu_units")
    for item in listed[:50] if isinstance(listed, list) else ():
        if not isinstance(item, dict) or not (resource := text(item.get("resource"), 316)):
            continue
        if item.get("kind") == "amount":  # a share of a card's memory or cores, not something to count in cards
            continue
        capacity, allocatable, available = (whole(item.get(key)) for key in ("capacity", "allocatable", "available"))
        if allocatable is None:
            continue
        found.append(
            Units(
                resource,
                allocatable if capacity is None else capacity,
                allocatable,
                None if available is None else max(0, available),
            )
        )
    return tuple(found)


def read_images(value: Any) -> tuple[ImageFacts, ...]:
    """The catalogue's images that can be read; each name once."""
    found: dict[str, ImageFacts] = {}
    for item in value[:2000] if isinstance(value, list) else ():
        if not isinstance(item, dict):
            continue
        reference = text(item.get("reference"))
        name = text(item.get("name")) or reference
        if not name or not reference or any(letter.isspace() for letter in reference):
            continue
        if name in found:
            name = reference
        found[name] = ImageFacts(
            name=name,
            reference=reference,
            display_name=text(item.get("display_name")) or name,
            description=text(item.get("description")) or "",
            default=item.get("default") is True,
            os=_names(item.get("os")),
            arch=_names(item.get("arch")),
        )
    return tuple(found.values())


def _names(value: Any) -> tuple[str, ...]:
    """One name or a list of them; none where any can't be read, since the others would not be all."""
    names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(names[:20]) if all(text(name, 63) for name in names) else ()
