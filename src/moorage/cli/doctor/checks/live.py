"""What the running service says of itself, its sources of cards, and its registry."""

from collections import Counter

from moorage import __version__
from moorage.cli.doctor.facts import Facts
from moorage.cli.doctor.findings import Finding, attention, failed, ok, skipped, unknown
from moorage.cli.doctor.reading import Json, rows, text
from moorage.cli.doctor.settings import is_on

_HOW = "`kubectl --namespace {} port-forward service/{} 8000`, and then `moorage doctor --server http://127.0.0.1:8000`"
_ACTIVITY = {
    "MOORAGE_GPU_PROMETHEUS_URL": "Prometheus",
    "MOORAGE_GPU_DCGM": "the dcgm-exporter",
    "MOORAGE_GPU_AMD": "AMD's exporter",
    "MOORAGE_GPU_AGENT": "moorage's agent",
    "MOORAGE_GPU_EXEC_NAMESPACE": "nvidia-smi by exec",
}


def answers(facts: Facts) -> Finding:
    """The service lets the hub's token in, is current, and has this version."""
    live = facts.live
    if live.status is None:
        return _not_asked("answers", facts)
    if live.status in (401, 403):
        return failed(
            "answers",
            f"The service at {live.url} refuses the token: {live.reason}",
            why="The form says that availability is unknown.",
            next="see `token` above; a token given with --token has to be one of the service's file",
        )
    if live.status != 200:
        return failed(
            "answers",
            f"The service at {live.url} does not answer as it should: {live.reason}",
            why="The form says that availability is unknown.",
            next=f"see {_log(facts)}",
        )
    if live.stale:
        return attention(
            "answers",
            "The service answers, and says that its picture of the cluster may be out of date.",
            why="People see numbers of some time ago, marked so.",
            next=f"{_log(facts)} says since when",
        )
    if live.version and live.version != __version__:
        return attention(
            "answers",
            f"The service is moorage {live.version}, and this is {__version__}.",
            why="Some checks may be of another version's rights and settings.",
            next="run the doctor of the service's version",
        )
    return ok(
        "answers", f"The service answers with the token, is current, and has version {live.version or 'unknown'}."
    )


def gpu_sources(facts: Facts) -> Finding:
    """Which source tells of how many cards, and how old the oldest reading is."""
    if (trouble := _unasked("GPU sources", facts)) is not None:
        return trouble
    cards = [card for node in facts.live.nodes for card in rows(node, "gpu_details")]
    if not cards:
        return ok("GPU sources", "The service knows of no cards.")
    count = f"{len(cards)} card{'s' * (len(cards) != 1)}"
    on = _switched_on(facts)
    stale = [card for card in cards if card.get("stale") is True]
    silent = [card for card in cards if card.get("utilization") is None]
    if stale:
        return attention(
            "GPU sources",
            f"Of {count}, {len(stale)} {'was' if len(stale) == 1 else 'were'} read {_oldest(stale)} s ago or earlier: "
            f"{_told(stale)}.",
            why="Use and memory of these cards are of that time.",
            next="look at the exporter's or agent's pods on these nodes; docs/gpus.md tells what each source needs",
        )
    if silent and on:
        why = Counter(text(card, "unknown.utilization") or "no source says why" for card in silent)
        reason = why.most_common(1)[0][0]
        return attention(
            "GPU sources",
            f"{len(silent)} of {count} {'has' if len(silent) == 1 else 'have'} no reading of use and memory, although "
            f"{' and '.join(on)} {'is' if len(on) == 1 else 'are'} asked: {reason}.",
            why="People don't see which card is idle.",
            next="look at the exporter's or agent's pods on these nodes; docs/gpus.md tells what each source needs",
        )
    if silent and not on:
        return ok("GPU sources", f"{count}, by {_told(cards)}. No source of use and memory is switched on.")
    return ok("GPU sources", f"{count}, by {_told(cards)}; the oldest reading is {_oldest(cards)} s old.")


def registry(facts: Facts) -> Finding:
    """Whether the registry answered last time."""
    if (trouble := _unasked("registry", facts)) is not None:
        return trouble
    told = facts.live.images
    state, reason = told.get("Moorage-Images-Source", ""), told.get("Moorage-Images-Reason", "no reason is told")
    age = told.get("Moorage-Images-Age-Seconds", "").partition(".")[0]
    next_ = "see docs/registries.md: address, password and certificates are settings of the service"
    if state == "unavailable":
        return failed(
            "registry", f"The registry does not answer: {reason}.", why="The form has no images of it.", next=next_
        )
    if state == "kept":
        says = f"The registry does not answer: {reason}. Its list is {age or 'some'} s old."
        return attention("registry", says, why="New images are not on the form.", next=next_)
    if state == "fresh":
        return ok("registry", f"It answered {age} s ago.")
    if state == "loading":
        return attention("registry", "The first list of the registry is not there yet.", next="ask again in a minute")
    return ok("registry", "None is set: images are those of the settings and of the hub.")


def _switched_on(facts: Facts) -> list[str]:
    settings = facts.service.settings if isinstance(facts.service.settings, dict) else {}
    return [
        words
        for name, words in _ACTIVITY.items()
        if (is_on(settings, name) if not name.endswith(("_URL", "_NAMESPACE")) else settings.get(name))
    ]


def _unasked(subject: str, facts: Facts) -> Finding | None:
    live = facts.live
    if live.status is None:
        return _not_asked(subject, facts)
    return unknown(subject, "the service does not answer", next="see `answers`") if live.status != 200 else None


def _not_asked(subject: str, facts: Facts) -> Finding:
    how = _HOW.format(facts.service.namespace or "moorage", facts.service.name or "moorage")
    return skipped(subject, f"The service was not asked: {facts.live.reason}.", next=how)


def _log(facts: Facts) -> str:
    name = facts.service.name or "moorage"
    return f"`kubectl --namespace {facts.service.namespace or 'moorage'} logs deployment/{name}`"


def _told(cards: list[Json]) -> str:
    """The sources by how many cards each tells of."""
    found = Counter(text(card, "source") or "none" for card in cards)
    return ", ".join(f"{name} ({count})" for name, count in found.most_common())


def _oldest(cards: list[Json]) -> int:
    ages = [age for card in cards if isinstance(age := card.get("age_seconds"), int)]
    return max(ages, default=0)
