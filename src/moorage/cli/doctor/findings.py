"""A finding: one subject, how it stands, a sentence, and what to do next."""

from dataclasses import dataclass
from enum import StrEnum

from moorage.cli.doctor.reading import Unknown


class State(StrEnum):
    """How a subject stands; the values are those of the JSON output."""

    OK = "ok"
    ATTENTION = "attention"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    subject: str
    state: State
    says: str
    next: str | None = None
    commands: tuple[str, ...] = ()


def ok(subject: str, says: str) -> Finding:
    return Finding(subject, State.OK, says)


def attention(subject: str, says: str, *, next: str | None = None, commands: tuple[str, ...] = ()) -> Finding:
    return Finding(subject, State.ATTENTION, says, next, commands)


def failed(subject: str, says: str, *, next: str | None = None, commands: tuple[str, ...] = ()) -> Finding:
    return Finding(subject, State.FAILED, says, next, commands)


def unknown(subject: str, why: Unknown | str, *, next: str | None = None) -> Finding:
    reason, hint = (why.reason, why.next) if isinstance(why, Unknown) else (why, None)
    return Finding(subject, State.UNKNOWN, f"Unknown: {reason}.", next or hint)
