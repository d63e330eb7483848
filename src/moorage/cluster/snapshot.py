"""The cluster at one moment, ready to be sent: a value that never changes once it is made.

Each node's JSON is kept as bytes and shared by all snapshots until that node changes; the array of all nodes is joined
when someone first asks for it. So a change costs the nodes that it touches, and a thousand readers cost one join.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All nodes by name, sorted. `revision` grows by one with each change; an `epoch` is one run of this process."""

    revision: int
    epoch: str
    taken_at: datetime
    nodes: Mapping[str, bytes]
    _joined: list[bytes] = field(default_factory=list, repr=False, compare=False)

    def array(self) -> bytes:
        """The JSON array of all nodes."""
        if not self._joined:
            self._joined.append(b"[" + b",".join(self.nodes.values()) + b"]")
        return self._joined[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self.nodes)


@dataclass(frozen=True, slots=True)
class Step:
    """From one snapshot to the next: which nodes read differently now, and which are gone."""

    snapshot: Snapshot
    changed: dict[str, bytes]
    removed: list[str]


def following(before: Snapshot, *, fresh: Mapping[str, bytes | None], taken_at: datetime) -> Step | None:
    """The next snapshot, given the JSON of some nodes (None for one that is gone); None if nothing differs."""
    changed = {name: data for name, data in fresh.items() if data is not None and before.nodes.get(name) != data}
    removed = sorted(name for name, data in fresh.items() if data is None and name in before.nodes)
    if not changed and not removed:
        return None
    nodes = dict(before.nodes)
    for name in removed:
        del nodes[name]
    known = len(nodes)
    nodes.update(changed)
    if len(nodes) != known:
        nodes = dict(sorted(nodes.items()))
    snapshot = Snapshot(before.revision + 1, before.epoch, taken_at, MappingProxyType(nodes))
    return Step(snapshot, changed, removed)
