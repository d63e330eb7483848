"""How far another machine's clock is from this one's, by the `Date` of an answer."""

from email.utils import parsedate_to_datetime

# Below this, clocks are said to agree.
AGREE_SECONDS = 5.0


def behind(date: str | None, *, before: float, after: float) -> float | None:
    """Seconds that the other clock is behind ours for sure, below 0 where it is ahead; None without a `Date`.

    `before` and `after` are the moments of ours between which the answer was made. A `Date` has whole seconds, rounded
    down (RFC 9110).
    """
    try:
        told = parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return None
    # True of any moment between the two and of any fraction of the second.
    return before - told - 1 if before > told + 1 else min(0.0, after - told)


def in_words(seconds: float, *, of: str, than: str) -> str:
    return f"{of}'s clock is {abs(seconds):.0f} s {'behind' if seconds > 0 else 'ahead of'} {than}'s."
