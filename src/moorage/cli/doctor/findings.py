"""A finding: one subject, how it stands, a sentence, why that matters, and what to do next."""

import re
from dataclasses import dataclass
from enum import StrEnum

from moorage.cli.doctor.reading import Unknown


class State(StrEnum):
    """How a subject stands; the values are those of the JSON output."""

    OK = "ok"
    ATTENTION = "attention"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"  # can't be looked at from here, or is not asked for: nothing to mend


FINE = (State.OK, State.SKIPPED)


@dataclass(frozen=True, slots=True)
class Finding:
    subject: str
    state: State
    says: str
    next: str | None = None
    commands: tuple[str, ...] = ()
    why: str | None = None

    @property
    def id(self) -> str:
        """A name for scripts and pages that stays: of `pull secrets` it is `pull-secrets`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])|[^a-zA-Z0-9.]+", "-", self.subject).lower()


def ok(subject: str, says: str) -> Finding:
    return Finding(subject, State.OK, says)


def skipped(subject: str, says: str, *, next: str | None = None) -> Finding:
    return Finding(subject, State.SKIPPED, says, next)


def attention(
    subject: str, says: str, *, next: str | None = None, commands: tuple[str, ...] = (), why: str | None = None
) -> Finding:
    return Finding(subject, State.ATTENTION, says, next, commands, why)


def failed(
    subject: str, says: str, *, next: str | None = None, commands: tuple[str, ...] = (), why: str | None = None
) -> Finding:
    return Finding(subject, State.FAILED, says, next, commands, why)


def unknown(subject: str, why: Unknown | str, *, next: str | None = None) -> Finding:
    reason, hint = (why.reason, why.next) if isinstance(why, Unknown) else (why, None)
    return Finding(subject, State.UNKNOWN, f"Unknown: {reason}.", next or hint)
