"""What is counted for Prometheus, on the hub's own `/metrics`: jupyterhub gives out all that is registered."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

VERDICTS = Counter(
    "moorage_hub_verdicts",
    "Verdicts given to open forms, by what they said: fits, evicts, no, refused, unknown.",
    ["outcome"],
)
VERDICT_SECONDS = Histogram(
    "moorage_hub_verdict_seconds",
    "How long a form waited for its verdict.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 4),
)
STARTS = Counter(
    "moorage_hub_starts",
    "Starts by how they ended: placed (the pod runs), refused, no_place (others held what it needed), failed.",
    ["outcome"],
)
WAITING = Gauge("moorage_hub_waiting", "Servers that wait for a place right now, those that Kueue holds back included.")
LIVE = Gauge("moorage_hub_live", "1 while the hub hears the moorage service, 0 while availability is unknown.")
PAGES = Gauge("moorage_hub_pages", "Pages that follow availability right now.")

# What has not been counted yet is there as 0: Prometheus takes the first number that it sees for no increase.
for _outcome in ("placed", "refused", "no_place", "failed"):
    STARTS.labels(_outcome)
for _outcome in ("fits", "evicts", "no", "refused", "unknown"):
    VERDICTS.labels(_outcome)


def verdict_outcome(told: dict[str, object]) -> str:
    """The word for a verdict as pages get it."""
    if "refusal" in told:
        return "refused"
    if "unknown" in told:
        return "unknown"
    if told.get("fits"):
        return "fits"
    return "evicts" if told.get("after_eviction") else "no"
