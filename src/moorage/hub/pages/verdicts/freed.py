"""When what is lacking has become free at the latest: by the ends that those who hold it are known to have."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from moorage.hub.choice.ways import short_by

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def at_the_latest(
    answer: Mapping[str, Any], *, culled: Callable[[str], datetime | None]
) -> tuple[str, datetime] | None:
    """The node on which it is so first, and when; None where too few of the holders have a known end. `answer` is the
    service's verdict; `culled` says when the hub itself has stopped a pod (`namespace/name`) at the latest.
    """
    nodes, held = answer.get("nodes"), answer.get("held_by")
    if not isinstance(nodes, dict) or not isinstance(held, dict):
        return None
    found = []
    for node, ones in held.items():
        short = short_by(nodes.get(node) or {})
        ends = _ends(ones, culled=culled)
        times = [_enough(ends.get(resource, ()), amount) for resource, amount in short.items()]
        known = [each for each in times if each is not None]
        if short and len(known) == len(times):
            found.append((node, max(known)))
    return min(found, key=lambda each: (each[1], each[0])) if found else None


def _ends(ones: Any, *, culled: Callable[[str], datetime | None]) -> dict[str, list[tuple[datetime, int]]]:
    """By resource, when how much of it has been given back, in the order of time."""
    found: dict[str, list[tuple[datetime, int]]] = {}
    for one in ones if isinstance(ones, list) else ():
        with suppress(KeyError, TypeError, ValueError):
            known = [culled(f"{one['namespace']}/{one['pod']}")] if one["pod"] else []
            known.append(_moment(one.get("until")))
            if ends := [each for each in known if each is not None]:
                found.setdefault(one["resource"], []).append((min(ends), int(one["amount"])))
    return {resource: sorted(ends) for resource, ends in found.items()}


def _enough(ends: Any, amount: int) -> datetime | None:
    """When so much has been given back."""
    given = 0
    for at, more in ends:
        given += more
        if given >= amount:
            moment: datetime = at
            return moment
    return None


def _moment(text: Any) -> datetime | None:
    """Of a moment without a zone nobody knows when it is."""
    moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    return moment if moment is not None and moment.tzinfo is not None else None
