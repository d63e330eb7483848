"""The catalogue: what was configured, and what the registries held when they last answered.

Registries are asked in the background. One that fails keeps its last list, whose age is told; it never makes the
catalogue an error.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

import msgspec

from moorage.images.image import Image, Present, shown
from moorage.images.presence import keys

log = logging.getLogger(__name__)

State = Literal["configured", "loading", "fresh", "kept", "unavailable"]


class Source(Protocol):
    """A registry: its images now, or an exception that says in a sentence why not."""

    name: str

    async def images(self) -> list[Image]: ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Listing:
    """What is offered. `fresh` and `kept` tell whether the registry answered last time, `reason` why it did not."""

    images: list[Image]
    state: State
    reason: str | None = None

    @cached_property
    def by_reference(self) -> dict[str, Image]:
        """The images by each full reference that a pod may name them by; of two of one the first."""
        found: dict[str, Image] = {}
        for image in self.images:
            for key in keys(image):
                found.setdefault(key, image)
        return found

    def image(self, wanted: str) -> Image | None:
        """By name first, by reference otherwise."""
        by_name = next((image for image in self.images if image.name == wanted), None)
        return by_name or next((image for image in self.images if image.reference == wanted), None)

    def encoded(self, *, present: Present) -> bytes:
        return msgspec.json.encode([shown(image, present=present) for image in self.images])


@dataclass
class _Known:
    images: list[Image] = field(default_factory=list)
    answered_at: float | None = None
    reason: str | None = None


class Catalogue:
    def __init__(
        self,
        configured: list[Image],
        *,
        sources: list[Source],
        refresh_seconds: float,
        default: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._configured = configured
        self._sources = sources
        self._known = {source.name: _Known() for source in sources}
        self._refresh_seconds = refresh_seconds
        self._default = default
        self._clock = clock
        self.listing = self._listing()

    def age_seconds(self) -> float | None:
        """Of the oldest list that is offered; None where no registry has answered (yet)."""
        answered = [known.answered_at for known in self._known.values() if known.answered_at is not None]
        return self._clock() - min(answered) if answered else None

    async def run(self) -> None:
        try:
            await asyncio.gather(*(self._follow(source) for source in self._sources), _for_ever())
        finally:
            for source in self._sources:
                await source.close()

    async def once(self) -> None:
        """Ask every registry once, for a command that ends then."""
        try:
            await asyncio.gather(*(self.refresh(source) for source in self._sources))
        finally:
            for source in self._sources:
                await source.close()

    async def _follow(self, source: Source) -> None:
        while True:
            await self.refresh(source)
            await asyncio.sleep(self._refresh_seconds)

    async def refresh(self, source: Source) -> None:
        """Ask one registry once; whatever happens, the catalogue stands."""
        known = self._known[source.name]
        try:
            images = await source.images()
        except (
            Exception
        ) as exc:  # a registry may fail in ways that nobody foresaw, and the catalogue goes on all the same
            reason = str(exc) or type(exc).__name__
            if known.reason != reason:
                log.warning("registry does not answer", extra={"registry": source.name, "reason": reason})
            known.reason = reason
        else:
            if known.reason is not None or known.answered_at is None:
                log.info("registry read", extra={"registry": source.name, "images": len(images)})
            known.images, known.answered_at, known.reason = images, self._clock(), None
        self.listing = self._listing()

    def _listing(self) -> Listing:
        images: dict[str, Image] = {}
        for image in [*self._configured, *(i for known in self._known.values() for i in known.images)]:
            images.setdefault(image.name, image)  # what an administrator wrote stands before what a registry says
        return Listing(_with_one_default(list(images.values()), self._default), *self._state())

    def _state(self) -> tuple[State, str | None]:
        if not self._sources:
            return "configured", None
        failing = [(source.name, k) for source in self._sources if (k := self._known[source.name]).reason is not None]
        if failing:
            state: State = "kept" if any(known.images for _, known in failing) else "unavailable"
            return state, "; ".join(f"{name}: {known.reason}" for name, known in failing)
        if any(known.answered_at is None for known in self._known.values()):
            return "loading", None
        return "fresh", None


async def _for_ever() -> None:
    """Also a catalogue without registries has a task that runs."""
    await asyncio.Event().wait()


def _with_one_default(images: list[Image], default: str | None) -> list[Image]:
    """Exactly one default where there is any image: the named one, else the first marked one, else the first."""
    if not images:
        return images
    chosen = next((image for image in images if default is not None and image.answers_to(default)), None)
    chosen = chosen or next((image for image in images if image.default), images[0])
    return [msgspec.structs.replace(image, default=image is chosen) for image in images]
