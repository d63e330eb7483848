"""Images that starts have failed of, so that the form does not offer them as if they were good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from moorage.texts import again, t

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT, _MOST = timedelta(days=1), 500


def _now() -> datetime:
    return datetime.now(UTC)


class BrokenImages:
    """By their references: each until a start with it succeeds, or a day has passed."""

    def __init__(self, *, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        self._said: dict[str, tuple[datetime, str]] = {}

    def note(self, reference: str, words: str) -> None:
        self._said.pop(reference, None)
        self._said[reference] = self._now(), words
        while len(self._said) > _MOST:
            del self._said[next(iter(self._said))]

    def forget(self, reference: str) -> None:
        self._said.pop(reference, None)

    def words(self, reference: str) -> str | None:
        """When it could not be pulled, and why; None for an image of which nothing bad is known."""
        if reference not in self._said:
            return None
        at, words = self._said[reference]
        return None if self._now() - at > _KEPT else _told(at, words)


def _told(at: datetime, words: str) -> str:
    return t("This image could not be pulled at {time} UTC. {why}", time=f"{at:%H:%M}", why=again(words))
