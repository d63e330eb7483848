"""What the form says of the queues that its person may pass, before anything starts and as it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.texts import t

if TYPE_CHECKING:
    from moorage.hub.choice.offered.offer import Choice, Offer
    from moorage.hub.view.queues import QueueFacts


async def known(spawner: Any, offer: Offer) -> dict[str, QueueFacts]:
    """The queues of this offer; none where servers pass none."""
    if not offer.queues:
        return {}
    found: dict[str, QueueFacts] = await spawner.service.queues(spawner.namespace, offer.queues)
    return found


async def in_words(spawner: Any, offer: Offer) -> dict[str, str]:
    """By queue, what it still has and how many wait."""
    return said(await known(spawner, offer))


def said(queues: dict[str, QueueFacts]) -> dict[str, str]:
    if len(queues) == 1:
        return {name: t("Your queue {name}: {words}", name=name, words=facts.words()) for name, facts in queues.items()}
    return {name: facts.words() for name, facts in queues.items()}


def waits(queues: dict[str, QueueFacts], choice: Choice) -> str | None:
    """Why the choice would wait in its queue, as far as that is known."""
    facts = queues.get(choice.queue or "")
    return facts.lacks(choice.asked()) if facts is not None else None
