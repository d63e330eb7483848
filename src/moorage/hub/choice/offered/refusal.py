"""A choice that can't be had, in words, and what to put into the form instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from moorage.errors import MoorageError
from moorage.texts import t

# What to put into the form, with its words.
Ways = Sequence[tuple[str, Mapping[str, str]]]


def automatic() -> Ways:
    return ((t("Automatic"), {"node": ""}),)


def gpus(count: int) -> Ways:
    return ((t("{amount} GPU", amount=count) if count else t("no GPU"), {"gpu": str(count)}),)


class Refusal(MoorageError):
    """A choice that can't be had; the message is for the person who made it. `field` is the one of the form to change,
    where it is one, and `ways` what to put into the form instead, each with its words. `no` is what kind of no it is:
    "change" the choice, "wait" for what somebody holds, or "never" here.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, field: str | None = None, ways: Ways = (), no: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.field, self.ways = field, ways
        self.no = no or ("change" if field or ways else "never")


def maximum(amount: str, *, by_hub: bool = False, group: str | None = None) -> str:
    """A sentence on how much there is, and who says so."""
    if group:
        return t("Your group {group} may have up to {amount}.", group=group, amount=amount)
    return t("This hub's limit is {amount}.", amount=amount) if by_hub else t("The maximum is {amount}.", amount=amount)
