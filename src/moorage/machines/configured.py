"""Machines that an administrator wrote down: for pools at 0 nobody else knows what their machines look like."""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from msgspec.structs import replace

from moorage.errors import InvalidQuantity, MoorageError, quoted
from moorage.machines.facts import INSTANCE_TYPES, gpu_of, pool_label
from moorage.objects import Node, NodeSpec, NodeStatus, ObjectMeta, Taint, Unreadable
from moorage.quantity import Quantity
from moorage.scheduling.accounting.nodeinfo import NodeInfo
from moorage.scheduling.alternatives.machines import Machine, lasting_taints
from moorage.scheduling.selectors import is_label_key, is_label_value

log = logging.getLogger(__name__)

Directory = Callable[[], Mapping[str, NodeInfo]]
KEYS = ("pool", "kind", "labels", "taints", "allocatable", "gpu_model", "most", "zones")
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_TAINT = re.compile(r"(?P<key>[^=:]+)(?:=(?P<value>[^:]*))?:(?P<effect>[A-Za-z]+)")
# What nodes have where nothing else is said.
_USUAL = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
_PODS = "110"
_EVERY = 2.0


class MachineListError(MoorageError):
    """The list can't be used; the sentence names the entry and the key."""


class Configured:
    """The machines of one file, read again when it changes. A list that can't be used leaves the former in place."""

    def __init__(self, path: Path, *, nodes: Directory, changed: Callable[[], None] = lambda: None) -> None:
        self._path = path
        self._nodes = nodes
        self._changed = changed
        self._stamp = _stamp(path)
        self._entries = read_file(path)

    def machines(self) -> tuple[Machine, ...]:
        """Each kind, with how many more of it may come as far as a number was given."""
        keys = {machine.label[0] for machine, most in self._entries if machine.label is not None and most is not None}
        nodes = self._nodes().values() if keys else ()
        there = Counter((key, info.labels.get(key)) for info in nodes for key in keys)
        return tuple(_counted(machine, most, there) for machine, most in self._entries)

    async def run(self) -> None:
        """Look for a change of the file now and then, for ever."""
        while True:
            await asyncio.sleep(_EVERY)
            self.look()

    def look(self) -> None:
        """Read the file again if it is another one."""
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._entries = read_file(self._path)
        except MachineListError as exc:
            log.warning("%s", exc, extra={"event": "machines_file", "file": str(self._path)})
            return
        self._changed()


def read_file(path: Path) -> list[tuple[Machine, int | None]]:
    """Each machine with how many of it there may be.

    Raises `MachineListError` where the file or an entry can't be used.
    """
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise MachineListError(
            f"the list of machines {path} can't be read: {type(exc).__name__}",
            hint="use a YAML list with one entry for each kind of machine: - pool: …",
        ) from exc
    if isinstance(entries, dict) and set(entries) == {"machines"}:
        entries = entries["machines"]
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise MachineListError(f"the list of machines {path} is not a list", hint="write one - pool: … for each kind")
    found = []
    for number, entry in enumerate(entries, start=1):
        try:
            found.append(_machine(entry))
        except _Wrong as exc:
            raise MachineListError(f"{path}, entry {number}: {exc}") from exc
    return found


class _Wrong(Exception):
    """What is wrong with one entry."""


def _machine(entry: Any) -> tuple[Machine, int | None]:
    if not isinstance(entry, dict):
        raise _Wrong(f"{quoted(entry)} is no machine: it needs pool and allocatable")
    for key in entry:
        if key not in KEYS:
            near = get_close_matches(str(key), KEYS, 1)
            raise _Wrong(f"{quoted(key)} is unknown" + (f"; did you mean {near[0]}?" if near else ""))
    pool = _text(entry, "pool")
    if pool is None:
        raise _Wrong("pool is missing")
    kind, model = _text(entry, "kind"), _text(entry, "gpu_model")
    labels = _labels(entry)
    label = pool_label(labels) or next(((key, value) for key, value in labels.items() if value == pool), None)
    label = label or next(iter(labels.items()), None)
    amounts = {"pods": _PODS, **_amounts(entry)}
    node = Node(
        metadata=ObjectMeta(name="", labels={**_USUAL, **({INSTANCE_TYPES[0]: kind} if kind else {}), **labels}),
        spec=NodeSpec(taints=lasting_taints(_taints(entry))),
        status=NodeStatus(capacity=dict(amounts), allocatable=dict(amounts)),
    )
    try:
        gpu_model, gpu_count = gpu_of(node, model=model)
    except Unreadable as exc:
        raise _Wrong(f"allocatable: {exc.message}") from exc
    if model is not None and gpu_count is None:
        raise _Wrong("gpu_model is given, but allocatable has no GPU resource such as nvidia.com/gpu")
    machine = Machine(
        pool=pool,
        source="configured",
        state="can_be_added",
        kind=kind,
        node=node,
        gpu_model=gpu_model,
        gpu_count=gpu_count,
        label=label,
        zones=_zones(entry),
    )
    return machine, _most(entry)


def _counted(machine: Machine, most: int | None, there: Mapping[tuple[str, str | None], int]) -> Machine:
    """How many more may come: the most less the nodes that carry the pool's label, of which so many are `there`."""
    if most is None:
        return machine
    if machine.label is None:
        return machine if most else replace(machine, state="at_maximum", left=0, why=_full(machine.pool, 0))
    left = max(most - there.get(machine.label, 0), 0)
    if left:
        return replace(machine, left=left)
    return replace(machine, state="at_maximum", left=0, why=_full(machine.pool, most))


def _full(pool: str, most: int) -> str:
    return f"Pool {pool} is at its maximum of {most} machine{'s' * (most != 1)}."


def _text(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise _Wrong(f"{key} is {quoted(value)}, not a name")
    return value.strip()


def _labels(entry: Mapping[str, Any]) -> dict[str, str]:
    labels = entry.get("labels")
    if labels is None:
        return {}
    if not isinstance(labels, dict):
        raise _Wrong(f"labels is {quoted(labels)}, not a list of key: value")
    for key, value in labels.items():
        if not isinstance(key, str) or not is_label_key(key):
            raise _Wrong(f"labels: {quoted(key)} is no label's key")
        if not isinstance(value, str) or not is_label_value(value):
            more = '; put it in quotes, as in "true"' if isinstance(value, bool | int | float) else ""
            raise _Wrong(f"labels.{key}: {quoted(value)} is no label's value{more}")
    return labels


def _taints(entry: Mapping[str, Any]) -> list[Taint]:
    taints = entry.get("taints")
    if taints is None:
        return []
    if not isinstance(taints, list):
        raise _Wrong(f"taints is {quoted(taints)}, not a list")
    return [_taint(taint, f"taints[{place}]") for place, taint in enumerate(taints)]


def _taint(taint: Any, where: str) -> Taint:
    """As in a node's spec, or as kubectl has it: `key=value:effect`."""
    if isinstance(taint, str) and (found := _TAINT.fullmatch(taint.strip())):
        taint = found.groupdict()
    if not isinstance(taint, dict) or taint.keys() - {"key", "value", "effect"}:
        raise _Wrong(f"{where}: {quoted(taint)} is no taint; write key=value:NoSchedule")
    key, value, effect = taint.get("key"), taint.get("value"), taint.get("effect")
    if not isinstance(key, str) or not is_label_key(key):
        raise _Wrong(f"{where}: {quoted(key)} is no taint's key")
    if value is not None and not (isinstance(value, str) and is_label_value(value)):
        raise _Wrong(f"{where}: {quoted(value)} is no taint's value")
    if effect not in EFFECTS:
        raise _Wrong(f"{where}: the effect is {quoted(effect)}; it is one of {', '.join(EFFECTS)}")
    return Taint(key, value, effect)


def _amounts(entry: Mapping[str, Any]) -> dict[str, str]:
    amounts = entry.get("allocatable")
    if not isinstance(amounts, dict) or not amounts:
        raise _Wrong("allocatable is missing: what pods may use on such a machine, as in cpu: 3920m")
    found = {}
    for name, amount in amounts.items():
        text = str(amount) if isinstance(amount, int | float) and not isinstance(amount, bool) else amount
        try:
            quantity = Quantity.parse(text)
        except (InvalidQuantity, TypeError) as exc:
            raise _Wrong(f"allocatable.{name}: {quoted(amount)} is not a Kubernetes quantity") from exc
        if quantity.nanos < 0:
            raise _Wrong(f"allocatable.{name}: {quoted(amount)} is below 0")
        found[str(name)] = text
    return found


def _most(entry: Mapping[str, Any]) -> int | None:
    most = entry.get("most")
    if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 0):
        raise _Wrong(f"most is {quoted(most)}, not a whole number")
    return most


def _zones(entry: Mapping[str, Any]) -> tuple[str, ...]:
    zones = entry.get("zones")
    if zones is None:
        return ()
    if not isinstance(zones, list) or not all(isinstance(zone, str) and zone for zone in zones):
        raise _Wrong(f"zones is {quoted(zones)}, not a list of names")
    return tuple(zones)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
