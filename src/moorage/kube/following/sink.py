"""Where a feed pours into, and how it tells how well it does."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from moorage.kube.following.pages import Page, collecting_later
from moorage.kube.resources import Resource
from moorage.objects import Unreadable


@dataclass(frozen=True, slots=True)
class Health:
    """How well one feed does."""

    listed: bool = False
    stale: bool = False
    since: datetime | None = None
    reason: str | None = None
    # The sentence for the person who can grant it, where a right is missing.
    missing_right: str | None = None
    # An add-on that is not there, or that nobody granted: there is nothing to follow, and nothing wrong about that.
    absent: bool = False


class Sink(Protocol):
    """Where a feed pours into."""

    def begin(self, resource: Resource) -> None:
        """A list starts; one that was begun before and not ended is forgotten."""
        ...

    def page(self, resource: Resource, page: Page) -> None:
        """Some objects of the list that was begun."""
        ...

    def end(self, resource: Resource) -> None:
        """The list is whole: it takes the place of all that was known of this kind."""
        ...

    def put(self, resource: Resource, item: Any) -> None:
        """An object is new or changed."""
        ...

    def put_unreadable(self, resource: Resource, item: Unreadable) -> None:
        """An object is new or changed, and can't be read."""
        ...

    def drop(self, resource: Resource, item: Any) -> None:
        """An object is gone, or no longer selected."""
        ...

    def report(self, resource: Resource, health: Health) -> None:
        """The feed does better or worse than before."""
        ...


async def at_any_time() -> None:
    """A sink that nobody reads in turns may be changed whenever there is something new."""


def take_page(sink: Sink, resource: Resource, page: Page) -> None:
    """Pour one page into the sink."""
    with collecting_later():
        sink.page(resource, page)
