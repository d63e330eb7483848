"""Who may see who holds a card or room, decided for each person.

Somebody's own servers are no secret to them. The names of others are for those whom the administrator's `show_holders`
names; to everybody else a card is held, by whom is in no byte that they get.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from moorage.hub.amounts import cpu_words, memory_words, short_resource
from moorage.texts import again, later, t

log = logging.getLogger("moorage.hub")

# A pod as the service names it (`namespace/name`), and what its owner calls it.
Own = Mapping[str, str]

# A right that is taken back counts after so long in a page that is open.
_ASKED_AGAIN = 5.0
_MOST_NAMED = 4
_MOST_TEXT = 400


class Sight:
    """What one person may see."""

    def __init__(self, user: Any, policy: str | Callable[[Any], Any]) -> None:
        self._user = user
        self._policy = policy
        self._names = False
        self._asked = float("-inf")

    @property
    def names(self) -> bool:
        """Whether the names of others are shown."""
        now = time.monotonic()
        if now - self._asked >= _ASKED_AGAIN:
            self._names, self._asked = self._ask(), now
        return self._names

    def _ask(self) -> bool:
        if self._user is None:
            return False
        if callable(self._policy):
            try:
                return self._policy(self._user) is True
            except Exception:  # a page must not break by it, and nobody sees more by it
                log.exception("c.MoorageSpawner.show_holders failed")
                return False
        return self._policy == "all" or (self._policy == "admins" and bool(self._user.admin))

    def own(self) -> dict[str, str]:
        """The pods of this person's servers."""
        if self._user is None:
            return {}
        return {
            f"{spawner.namespace}/{spawner.pod_name}": later("your server “{name}”", name=name)
            if name
            else later("your server")
            for name, spawner in list(self._user.spawners.items())
            if spawner.active
        }


def sight_of(reader: Any, policy: str | Callable[[Any], Any]) -> Sight:
    """`reader` is whoever is logged in; a service of the hub is nobody's eyes."""
    return Sight(reader if hasattr(reader, "spawners") else None, policy)


def by(holders: Sequence[str], *, own: Own, names: bool) -> str:
    """`your server “lab” and 2 more`; empty when nobody may be named."""
    known = [own[pod] for pod in holders if pod in own]
    known += [pod for pod in holders if names and pod not in own]
    known = list(dict.fromkeys(known))
    if not known:
        return ""
    rest = len(set(holders)) - len(known) + len(known[_MOST_NAMED:])
    listed = ", ".join(known[:_MOST_NAMED])
    return later("{names} and {rest} more", names=listed, rest=rest) if rest > 0 else listed


def held(answer: Any, sight: Sight, *, among: Sequence[str] = ()) -> dict[str, list[dict[str, Any]]]:
    """By node, who holds what a choice lacks there, out of the service's `held_by` as far as this person may see it:
    each holder once, with all that they hold. `among` are the GPU resources on offer.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    own, names = sight.own(), sight.names
    for node, ones in answer.items() if isinstance(answer, dict) else ():
        amounts: dict[tuple[bool, str], list[str]] = {}
        for one in ones if isinstance(ones, list) else ():
            if (told := _told(one, own=own, names=names, among=among)) is not None:
                mine, who, amount = told
                amounts.setdefault((mine, who), []).append(amount)
        if isinstance(node, str) and amounts:
            lines = [
                {"own": mine, "text": f"{again(who)} ({', '.join(held)})"} for (mine, who), held in amounts.items()
            ]
            found[node] = sorted(lines, key=lambda line: not line["own"])
    return found


def _told(one: Any, *, own: Own, names: bool, among: Sequence[str]) -> tuple[bool, str, str] | None:
    """Whether the holder is one's own, its name, and what it holds."""
    if not isinstance(one, dict):
        return None
    resource, amount = one.get("resource"), one.get("amount")
    parts = [one.get("namespace"), one.get("pod")]
    if not isinstance(resource, str) or isinstance(amount, bool) or not isinstance(amount, int):
        return None
    holder = "/".join(part for part in parts if isinstance(part, str) and part)[:_MOST_TEXT]
    who = by([holder], own=own, names=names) if holder else ""
    return (holder in own, who, _amount(resource, amount, among=among)) if who else None


def _amount(resource: str, amount: int, *, among: Sequence[str]) -> str:
    if resource == "cpu":
        return t("{amount} CPU", amount=cpu_words(amount))
    if resource in ("memory", "ephemeral-storage"):
        return memory_words(amount)
    return f"{amount} {short_resource(resource, among=among)}"[:_MOST_TEXT]
