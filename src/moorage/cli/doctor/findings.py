"""A finding: one subject, how it stands, a sentence, why that matters, and what to do next.

Only the standard library: the doctor of a hub's pod has nothing else to say it with.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why something could not be read, as half a sentence, and what would help."""

    reason: str
    next: str | None = None


class State(StrEnum):
    """How a subject stands; the values are those of the JSON output."""

    OK = "ok"
    NOTE = "note"  # good to know; nothing has to be mended
    ATTENTION = "attention"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"  # can't be looked at from here, or is not asked for: nothing to mend


FINE = (State.OK, State.NOTE, State.SKIPPED)


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


def note(subject: str, says: str, *, next: str | None = None, why: str | None = None) -> Finding:
    return Finding(subject, State.NOTE, says, next, (), why)


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


def as_json(found: list[Finding], *, hub: str, namespace: str) -> dict[str, Any]:
    return {
        "release": hub or None,
        "namespace": namespace,
        "findings": [
            {
                "id": one.id,
                "subject": one.subject,
                "state": str(one.state),
                "says": one.says,
                "why": one.why,
                "next": one.next,
                "commands": list(one.commands),
            }
            for one in found
        ],
    }


def summed_up(found: list[Finding]) -> str:
    counts = {state: sum(one.state is state for one in found) for state in State}
    parts = [
        f"{counts[state]} {words}"
        for state, words in ((State.FAILED, "wrong"), (State.ATTENTION, "to look at"), (State.UNKNOWN, "unknown"))
        if counts[state]
    ]
    return f"{', '.join(parts)}; {sum(counts[state] for state in FINE)} fine." if parts else "All is well."
