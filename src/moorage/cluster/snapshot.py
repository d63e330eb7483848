"""The cluster at one moment, ready to be sent: a value that never changes once it is made.

Each node's JSON is kept as bytes and shared by all snapshots until that node changes; the array of all nodes is joined
when someone first asks for it. So a change costs the nodes that it touches, and a thousand readers cost one join.

Who may see the names of those who hold cards gets other bytes for the nodes where such names are known, and the same
ones for all others.
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
    # The nodes that read differently for who may see names.
    named: Mapping[str, bytes] = field(default_factory=dict)
    _joined: list[bytes] = field(default_factory=list, repr=False, compare=False)
    _with_names: list["Snapshot"] = field(default_factory=list, repr=False, compare=False)

    def array(self) -> bytes:
        """The JSON array of all nodes."""
        if not self._joined:
            self._joined.append(b"[" + b",".join(self.nodes.values()) + b"]")
        return self._joined[0]

    def with_names(self) -> "Snapshot":
        """The same for who may see names; its epoch is another one, so that nobody goes on from one with the other."""
        if not self._with_names:
            nodes = MappingProxyType({**self.nodes, **self.named})
            self._with_names.append(Snapshot(self.revision, f"{self.epoch}n", self.taken_at, nodes))
        return self._with_names[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self.nodes)


@dataclass(frozen=True, slots=True)
class Step:
    """From one snapshot to the next: which nodes read differently now, and which are gone."""

    snapshot: Snapshot
    changed: dict[str, bytes]
    removed: list[str]


def following(
    before: Snapshot,
    *,
    fresh: Mapping[str, bytes | None],
    taken_at: datetime,
    named: Mapping[str, bytes] = MappingProxyType({}),
) -> Step | None:
    """The next snapshot, given the JSON of some nodes (None for one that is gone); None if nothing differs.

    `named` has the JSON with names of those among them where that differs.
    """
    changed = {
        name: data
        for name, data in fresh.items()
        if data is not None and (before.nodes.get(name) != data or before.named.get(name) != named.get(name))
    }
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
    kept = {name: data for name, data in before.named.items() if name not in fresh}
    snapshot = Snapshot(before.revision + 1, before.epoch, taken_at, MappingProxyType(nodes), {**kept, **named})
    return Step(snapshot, changed, removed)
