"""The settings of one profile as the amounts and the nodes of a preset."""

from dataclasses import dataclass
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode

from moorage.cli.hub_values.documents import is_null, pairs
from moorage.cli.profiles.amounts import cpu_milli, cpu_text, memory_bytes, memory_text
from moorage.cli.profiles.notes import Notes
from moorage.cluster.amounts import GpuNames
from moorage.scheduling.selectors import is_label_key, is_label_value

IMAGE = "image"
_AMOUNTS = ("cpu_limit", "cpu_guarantee", "mem_limit", "mem_guarantee")
_EXTRA = ("extra_resource_limits", "extra_resource_guarantees")
TURNED = frozenset({*_AMOUNTS, *_EXTRA, "node_selector", IMAGE})
_GPUS = GpuNames()


@dataclass(frozen=True)
class Cpu:
    """Thousandths of a core, and where the amounts stand."""

    limit: int
    guarantee: int
    node: Node
    path: str

    @property
    def ratio(self) -> float:
        return round(self.guarantee / self.limit, 3)


def preset(settings: dict[str, Node], *, path: str, notes: Notes) -> tuple[dict[str, Any], Cpu | None]:
    """What these settings are as fields of a preset; what they can't be goes to the notes."""
    made: dict[str, Any] = {}
    cpu = _cpu(settings, path=path, notes=notes)
    if cpu is not None:
        made["cpu"] = cpu_text(cpu.limit)
    memory = _memory(settings, path=path, notes=notes)
    if memory is not None:
        made["memory"] = memory_text(memory)
    made |= _gpus(settings, path=path, notes=notes)
    image = settings.get(IMAGE)
    if isinstance(image, ScalarNode):
        made["image"] = str(image.value)
    nodes = _nodes(settings.get("node_selector"), path=path, notes=notes)
    if nodes:
        made["nodes"] = nodes
    return made, cpu


def _cpu(settings: dict[str, Node], *, path: str, notes: Notes) -> Cpu | None:
    limit, guarantee = (
        _amount(settings.get(key), cpu_milli, path=f"{path}.{key}", notes=notes)
        for key in ("cpu_limit", "cpu_guarantee")
    )
    if limit is None and guarantee is None:
        return None
    node = settings["cpu_limit" if limit is not None else "cpu_guarantee"]
    if limit is None:
        notes.add(node, f"{path}.cpu_guarantee", "had no limit; it is the preset's CPU, which is a limit too")
    if limit is not None and guarantee is not None:
        node = settings["cpu_guarantee"]
    most = limit or guarantee or 0
    # Kubernetes requests the limit where nothing is requested.
    return Cpu(most, most if guarantee is None else guarantee, node, f"{path}.cpu_guarantee")


def _memory(settings: dict[str, Node], *, path: str, notes: Notes) -> int | None:
    limit, guarantee = (
        _amount(settings.get(key), memory_bytes, path=f"{path}.{key}", notes=notes)
        for key in ("mem_limit", "mem_guarantee")
    )
    if limit is None and guarantee is not None:
        notes.add(
            settings["mem_guarantee"],
            f"{path}.mem_guarantee",
            "had no limit; it is the preset's memory, which is a limit too",
        )
    if limit is not None and guarantee is not None and guarantee != limit:
        notes.add(
            settings["mem_guarantee"],
            f"{path}.mem_guarantee",
            f"{memory_text(guarantee)} was requested; moorage requests all of the preset's {memory_text(limit)}",
        )
    return limit if limit is not None else guarantee


def _amount(node: Node | None, read: Any, *, path: str, notes: Notes) -> int | None:
    if node is None:
        return None
    found: int | None = read(str(node.value)) if isinstance(node, ScalarNode) else None
    if found is None:
        notes.add(node, path, "is no amount that can be read; left out")
    return found


def _gpus(settings: dict[str, Node], *, path: str, notes: Notes) -> dict[str, Any]:
    given = {key: {name: (str(value.value), value) for name, value in pairs(settings.get(key))} for key in _EXTRA}
    limits, requests = (given[key] for key in _EXTRA)
    found: dict[str, int] = {}
    for name, (count, node) in {**requests, **limits}.items():
        where = f"{path}.{_EXTRA[0] if name in limits else _EXTRA[1]}"
        if name not in _GPUS:
            notes.add(node, where, f"{name} is no GPU that moorage knows; left out")
        elif not count.isdecimal() or len(count) > 6:
            notes.add(node, where, f"{name} has no whole number; left out")
        elif name in requests and name in limits and requests[name][0] != count:
            notes.add(node, where, f"{name} has different limits and guarantees; left out")
        elif int(count):
            found[name] = int(count)
    if len(found) > 1:
        more = ", ".join(sorted(found)[1:])
        notes.add(settings[_EXTRA[0]], f"{path}.{_EXTRA[0]}", f"a preset has GPUs of one kind; {more} is left out")
    return {"gpu": found[min(found)], "gpu_resource": min(found)} if found else {}


def _nodes(selector: Node | None, *, path: str, notes: Notes) -> str:
    told = []
    for key, value in pairs(selector):
        text = str(value.value) if isinstance(value, ScalarNode) and not is_null(value) else None
        if text is None or not is_label_key(key) or not is_label_value(text):
            notes.add(value, f"{path}.node_selector", f"{key} is no label that a node can have; left out")
        else:
            told.append(f"{key}={text}")
    if selector is not None and not isinstance(selector, MappingNode):
        notes.add(selector, f"{path}.node_selector", "is no map of labels; left out")
    return ",".join(told)
