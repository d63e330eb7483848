"""A start that ends without a server: when it is better ended early, and the last that Kubernetes said of it.

JupyterHub knows only that time ran out. What came last before that is what the person can act on.
"""

from __future__ import annotations

import asyncio
import html
import logging
from typing import TYPE_CHECKING, Any

from moorage.hub.start.heard.pulls import for_good, waiting
from moorage.hub.start.heard.words import OUT_OF_MEMORY, ended, plain, shown
from moorage.texts import again, later, t

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

log = logging.getLogger("moorage.hub")

_LOOK_SECONDS = 0.5
# What an event means once nobody waits any longer.
_AFTERWARDS = {
    "Scheduled": later("A node was assigned, but it did not start the server."),
    "Pulling": later("The image was still being pulled. It may be ready the next time."),
    "Pulled": later("The image was ready, but the server was not started."),
    "Created": later("The container was created, but not started."),
    "Started": later("It started on its node but did not respond."),
    "Unhealthy": later("It started on its node but did not respond."),
    "TriggeredScaleUp": later("A new machine was being added for it. It may be ready the next time."),
    "Nominated": later("A new machine was being added for it. It may be ready the next time."),
}
_SAYS_NOTHING = ("Killing", "SuccessfulAttachVolume")


class Hopeless(Exception):
    """The start is ended: waiting would not help. In words, and in Kubernetes'."""

    def __init__(self, words: str, detail: str) -> None:
        super().__init__(words)
        self.words, self.detail = words, detail


async def unless(
    start: Awaitable[Any], hopeless: Callable[[], tuple[str, str] | None], *, every: float = _LOOK_SECONDS
) -> Any:
    """The start's own end, or `Hopeless` as soon as there is a reason."""
    task = asyncio.ensure_future(start)
    try:
        while not (await asyncio.wait({task}, timeout=every))[0]:
            reason = _or_none(hopeless)
            if reason is not None:
                raise Hopeless(*reason)
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def out_of_memory(pod: Any) -> tuple[str, str] | None:
    """That the server has needed more memory than it may have: the next try will, too."""
    words, detail = ended(pod)
    return (words, detail) if words == t(OUT_OF_MEMORY) else None


def explain(error: BaseException | None, last: Callable[[], tuple[str, str]], *, form: str) -> None:
    """Let a start that ran out of time say why, on JupyterHub's own pages."""
    if not isinstance(error, TimeoutError) or getattr(error, "jupyterhub_message", None):
        return
    words, detail = _or_none(last) or ("", "")
    if words:
        tell(error, t("The server did not start in time. {why}", why=words), detail, form=form)


def _or_none(ask: Callable[[], tuple[str, str] | None]) -> tuple[str, str] | None:
    """An answer out of whatever Kubernetes sent; what can't be read ends no start and hides no error."""
    try:
        return ask()
    except Exception:
        log.exception("What Kubernetes said of a start can't be read")
        return None


def tell(error: BaseException, words: str, detail: str, *, form: str) -> None:
    """Give an error the words that the "not running" page and the progress page show, with the way back to the form."""
    told: Any = error
    told.jupyterhub_message = words
    told.jupyterhub_html_message = (
        f'{shown(words, detail[:2000])} <a href="{html.escape(form)}">{html.escape(t("Choose again"))}</a>'
    )


def last_words(pod: Any, events: Iterable[dict[str, Any]]) -> tuple[str, str]:
    """The last that Kubernetes said of this pod, in plain words and in its own; empty where it said nothing."""
    words, detail = ended(pod)
    if words:
        return words, detail
    if (waits := waiting(pod)) is not None:
        _, said, image = waits
        return again(for_good(said, image=image) or later("The image {image} can't be pulled.", image=image)), said
    for event in reversed(list(events)):
        reason, message = str(event.get("reason") or ""), str(event.get("message") or "")
        known = t(_AFTERWARDS[reason]) if reason in _AFTERWARDS else plain(reason, message, hope=False)
        if reason not in _SAYS_NOTHING and (known or event.get("type") == "Warning"):
            return known or message[:300], f"{reason}: {message}"
    return "", ""
