"""Time that nobody can set: the machine's clock as it stood when the process began, and what has passed since.

An age is the difference between two moments, and the machine's clock may be set between them. What this process notes
is therefore told by this clock, what others have noted is brought to it, and a moment is shown as the machine's clock
has it now.
"""

import time
from datetime import UTC, datetime, timedelta

_BEGAN = time.time() - time.monotonic()
# Clocks are always being corrected by a little; below this a moment keeps the name that it was first shown under.
_SET = 1.0


def now() -> float:
    """Seconds since 1970."""
    return _BEGAN + time.monotonic()


def moment() -> datetime:
    """The same as a date and time in UTC."""
    return datetime.fromtimestamp(now(), UTC)


def age(of: datetime) -> float:
    """Seconds since a moment of this clock, never below 0."""
    return max(0.0, now() - of.timestamp())


def noted(by_others: float) -> float:
    """A moment that another process has noted by the machine's clock, as this clock has it; both in seconds."""
    return by_others - _set_by()


def shown(of: datetime) -> datetime:
    """A moment of this clock as the machine's clock has it now."""
    by = _set_by()
    return of + timedelta(seconds=by) if by else of


def _set_by() -> float:
    """Seconds by which the machine's clock was set forwards since the process began; 0.0 if it was not."""
    by = time.time() - now()
    return by if abs(by) > _SET else 0.0
