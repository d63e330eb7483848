"""How long a card has done nothing, as far as its readings were seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moorage.gpus.merge import Card

_REMEMBERED = 100_000


class IdleClock:
    """Remembers of each card when it was last seen busy."""

    def __init__(self) -> None:
        self._busy: dict[tuple[str, str | int | None], float] = {}

    def observe(self, node: str, card: Card) -> int | None:
        """Seconds of idleness up to the card's newest reading, or None where its utilization is not known."""
        if card.utilization is None or card.taken_at is None:
            return None
        key = (node, card.uuid or card.pci or card.index)
        since = self._busy.get(key)
        if card.utilization > 0 or since is None:
            if since is None and len(self._busy) >= _REMEMBERED:
                self._busy.clear()
            self._busy[key] = since = card.taken_at
        return max(0, int(card.taken_at - since))
