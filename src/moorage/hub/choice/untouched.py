"""An amount that nobody has chosen, and that stays as KubeSpawner is configured, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.hub.amounts import cpu_words, memory_words
from moorage.texts import t

if TYPE_CHECKING:
    from moorage.hub.choice.offered.offer import Choice, Defaults


def words(name: str, made: Defaults | Choice) -> str:
    """What "cpu" or "memory" is then; empty where a number says it."""
    if name not in made.as_configured:
        return ""
    requested, most = made.as_configured[name], made.amount(name)
    amount = t("{amount} CPU", amount=cpu_words(requested)) if name == "cpu" else memory_words(requested)
    if name in made.unlimited:
        return t("No limit ({amount} guaranteed)", amount=amount) if requested else t("No limit")
    if most == requested:
        return t("{amount} guaranteed", amount=amount)
    return t(
        "{amount} guaranteed, up to {most}",
        amount=amount,
        most=cpu_words(most) if name == "cpu" else memory_words(most),
    )
