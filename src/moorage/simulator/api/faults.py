"""Telling the simulator to misbehave, by path and verb, for so many requests or until it is told to stop.

In process: `simulator.faults.delay(10, path="/api/v1/pods*", verb="list", times=1)`; from elsewhere: `POST
/simulator/faults` with `{"kind": "delay", "seconds": 10, "path": …, "verb": …, "times": …}`, `DELETE /simulator/faults`
ends all of them.

| kind | what happens |
| --- | --- |
| delay | the answer comes `seconds` later |
| half_open | open watches go silent for good; new requests are accepted and never answered |
| refuse | answered with `status` (429 and 503 with `Retry-After: seconds`) |
| truncate | the body ends in the middle, the connection is cut |
| garbage | a body, or the next line of a watch, that is no JSON |
| gone | 410 Expired, by HTTP status; `in_stream` as an ERROR line of open and new watches |
| drop | the connection is cut without an answer |
| answer | answered with `status`, `headers` and `body` as they are: a redirect, a page, an odd `Retry-After` |
| duplicate | new watches tell each batch of lines twice |
| shuffle | the objects of a page of a list come in any order |
| revoke | 403, as if the right had been taken away, by resource (`resource`) and verb |
"""

from __future__ import annotations

import fnmatch
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moorage.errors import MoorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from moorage.simulator.api.request import Target

# The request goes on, and a later fault may hit it as well.
GOES_ON = ("delay", "duplicate", "shuffle")
KINDS = (*GOES_ON, "half_open", "refuse", "truncate", "garbage", "gone", "drop", "answer", "revoke")
_BEFORE_THE_STREAM = (*GOES_ON, "refuse", "answer")
_numbers = itertools.count(1)


@dataclass(slots=True, eq=False)
class Fault:
    """One way to misbehave; `times` is None while it lasts until it is removed."""

    kind: str
    path: str = "*"
    verb: str | None = None
    times: int | None = None
    seconds: float = 0
    status: int = 500
    in_stream: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    resource: str | None = None
    namespace: str | None = None
    open_watches: bool = True
    new_requests: bool = True
    hits: int = 0
    number: int = field(default_factory=lambda: next(_numbers))

    def concerns(self, path: str, target: Target | None) -> bool:
        if not fnmatch.fnmatchcase(path, self.path):
            return False
        if self.verb is not None and (target is None or target.verb != self.verb):
            return False
        if self.resource is not None and (target is None or target.kind.plural != self.resource):
            return False
        return self.namespace is None or (target is not None and target.namespace == self.namespace)

    def describe(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("number", "kind", "path", "verb", "times", "seconds", "hits")}


class Faults:
    """All faults that are on; the first that concerns a request wins; those that let it go on add to that."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._active: list[Fault] = []
        self._wake = wake

    def __iter__(self) -> Any:
        return iter(list(self._active))

    def add(self, kind: str, **how: Any) -> Fault:
        if kind not in KINDS:
            raise MoorageError(f"there is no fault {kind!r}", hint="one of " + ", ".join(KINDS))
        try:
            fault = Fault(kind, **how)
        except TypeError as error:
            raise MoorageError(f"the fault {kind!r} can't be set so: {error}") from error
        self._active.append(fault)
        self._wake()
        return fault

    def remove(self, fault: Fault | int) -> None:
        self._active = [held for held in self._active if held is not fault and held.number != fault]

    def clear(self) -> None:
        self._active.clear()

    def delay(self, seconds: float, **where: Any) -> Fault:
        return self.add("delay", seconds=seconds, **where)

    def half_open(self, **where: Any) -> Fault:
        return self.add("half_open", **where)

    def too_many_requests(self, *, retry_after: int = 1, **where: Any) -> Fault:
        return self.add("refuse", status=429, seconds=retry_after, **where)

    def server_error(self, status: int = 500, **where: Any) -> Fault:
        return self.add("refuse", status=status, **where)

    def truncate(self, **where: Any) -> Fault:
        return self.add("truncate", **where)

    def garbage(self, **where: Any) -> Fault:
        return self.add("garbage", **where)

    def gone(self, *, in_stream: bool = False, **where: Any) -> Fault:
        return self.add("gone", in_stream=in_stream, **where)

    def answer(
        self, status: int = 200, *, headers: Mapping[str, str] | None = None, body: str = "", **where: Any
    ) -> Fault:
        """Answer with this, which need not be the Kubernetes API at all."""
        return self.add("answer", status=status, headers=headers or {}, body=body, **where)

    def duplicate(self, **where: Any) -> Fault:
        return self.add("duplicate", verb="watch", **where)

    def shuffle(self, **where: Any) -> Fault:
        return self.add("shuffle", verb="list", **where)

    def drop(self, **where: Any) -> Fault:
        return self.add("drop", **where)

    def revoke_right(self, resource: str, verb: str | None = None, **where: Any) -> Fault:
        """Take away a right until the fault is removed; open watches end."""
        return self.add("revoke", resource=resource, verb=verb, **where)

    def take(self, path: str, target: Target | None) -> list[Fault]:
        """What shall happen to this request; counts it."""
        found: list[Fault] = []
        for fault in list(self._active):
            if fault.concerns(path, target) and not _only_for_streams(fault):
                self._count(fault)
                found.append(fault)
                if fault.kind not in GOES_ON:
                    break
        return found

    def take_for_stream(self, target: Target, *, last: int) -> Fault | None:
        """What shall happen to a watch that is open already: the first fault younger than `last`."""
        for fault in list(self._active):
            if (
                fault.number > last
                and fault.kind not in _BEFORE_THE_STREAM
                and fault.open_watches
                and fault.concerns(target.path, target)
            ):
                if fault.kind == "gone" and not fault.in_stream:
                    continue
                self._count(fault)
                return fault
        return None

    @property
    def newest(self) -> int:
        """The number of the youngest fault, so that a new watch isn't hit by what it was opened under."""
        return max((fault.number for fault in self._active), default=0)

    def _count(self, fault: Fault) -> None:
        fault.hits += 1
        if fault.times is not None and fault.hits >= fault.times:
            self.remove(fault)


def _only_for_streams(fault: Fault) -> bool:
    return not fault.new_requests
