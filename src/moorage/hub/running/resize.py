"""Making a server larger or smaller while it runs: the verdict, and the change itself.

what is asked ─► what the person may have ─► the node's room (service) and the namespace's rules (dry run) ─► resize
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from moorage.hub.amounts import cpu_field, cpu_text, cpu_words, memory_field, memory_text, memory_words
from moorage.hub.choice import rules, ways
from moorage.hub.choice.fields import is_ours
from moorage.hub.choice.offered.offer import VERSION
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.running import api, change, room
from moorage.hub.running import pod as pods
from moorage.texts import again, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.hub.running.change import Change
    from moorage.hub.running.room import Room

Json = dict[str, Any]

RIGHT_FILE = "deploy/kubernetes/optional/hub-resize.yaml"

# One person's changes one after another, so that together they keep to what the person may have.
_turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


class Unable(Refusal):
    """Whatever is asked for, it can't be done here; `status` is HTTP's."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message, no="never")
        self.status = status


def not_running() -> str:
    return t("This server is not running. Its size is chosen when it starts.")


def too_old() -> str:
    return t(
        "This cluster can't change a server while it runs: that needs Kubernetes 1.33 or newer. Stop the server and "
        "start it with another size."
    )


def missing_right(namespace: str) -> str:
    return t(
        "This hub may not resize servers: it has no right to “patch” “pods/resize” in the namespace {namespace}. An "
        "administrator of the cluster gives it with {file}, or with the chart's value rights.resize.",
        namespace=namespace,
        file=RIGHT_FILE,
    )


@dataclass(frozen=True, slots=True)
class Judged:
    """A change that may be made, and what the node says of it; None where it says nothing."""

    change: Change
    room: Room | None


async def verdict(spawner: Any, body: Mapping[str, Any]) -> Json:
    """Could this be had now? `{"refusal": sentence, …}`, or whether it `fits` the server's own node (null: unknown), or
    `waits` until it does.
    """
    try:
        pod = _running(spawner)
        return told(pod, await _judged(spawner, pod, body))
    except Refusal as refusal:
        return {
            "refusal": refusal.message,
            "field": refusal.field,
            "would_work": ways.in_words(refusal.ways),
        }


async def apply(spawner: Any, body: Mapping[str, Any]) -> Json:
    """The same, and then the change. Raises `Refusal`."""
    lock = _turns.setdefault(spawner.user.name, asyncio.Lock())
    async with lock:
        pod = _running(spawner)
        judged = await _judged(spawner, pod, body)
        if not judged.change.is_none:
            made = await _patch(spawner, pod, judged.change, dry_run=False)
            pods.take(spawner, made)
            _save(spawner, judged.change)
        return told(pod, judged)


def _running(spawner: Any) -> Json:
    pod = pods.of(spawner)
    if pod is None or not spawner.ready:
        raise Unable(not_running(), status=409)
    return pod


async def _judged(spawner: Any, pod: Json, body: Mapping[str, Any]) -> Judged:
    await refuse_unable(spawner)
    wanted = await change.of(spawner, pod, body)
    if wanted.is_none:
        return Judged(wanted, None)
    _, found = await asyncio.gather(
        _patch(spawner, pod, wanted, dry_run=True), room.for_change(spawner, pod, wanted.resources)
    )
    if found is not None and found.never:
        node, reasons = pod["spec"]["nodeName"], _listed(found)
        words = t("{node} could never give this: {reasons}.", node=node, reasons=reasons)
        raise Refusal(words, ways=_ways(wanted, found))
    return Judged(wanted, found)


async def refuse_unable(spawner: Any) -> None:
    """Raises `Unable` where this cluster or the hub's rights don't let a server be changed at all."""
    if await api.is_too_old(spawner):
        raise Unable(too_old(), status=501)


async def may(spawner: Any, pod: Json) -> str | None:
    """Why the hub can't resize this server whatever is asked for, or None: the API server is asked for no change."""
    try:
        await refuse_unable(spawner)
        own = pods.container(pod)
        code, answer = await api.resize(spawner, pod, own.get("resources") or {}, name=own["name"], dry_run=True)
        _refuse_code(code, answer, namespace=spawner.namespace)
    except Unable as unable:
        return unable.message
    return None


def _refuse_code(code: int, answer: Any, *, namespace: str) -> None:
    if api.lacks_right(code, answer):
        raise Unable(missing_right(namespace), status=501)
    if code == 404:
        kind = (answer.get("details") or {}).get("kind") if isinstance(answer, dict) else None
        raise Unable(not_running(), status=409) if kind == "pods" else Unable(too_old(), status=501)


async def _patch(spawner: Any, pod: Json, wanted: Change, *, dry_run: bool) -> Json:
    """The pod as the API server has it then. Raises `Refusal` with its reason."""
    name = pods.container(pod)["name"]
    code, answer = await api.resize(spawner, pod, wanted.resources, name=name, dry_run=dry_run)
    if code == 200 and isinstance(answer, dict):
        return answer
    _refuse_code(code, answer, namespace=spawner.namespace)
    said = api.message(answer)
    if code in (400, 403, 406, 422) and said:
        raise _rejected(said, wanted)
    if dry_run:  # nothing is known against it
        return pod
    if code == 409:
        raise Unable(t("The server has just been changed or replaced. Look again."), status=409)
    words = t("The Kubernetes API does not answer right now. Nothing was changed. Try again in a minute.")
    raise Unable(words, status=503)


def _rejected(said: str, wanted: Change) -> Refusal:
    """What the API server says against it, in plain words where these are known."""
    rule = rules.broken(said, wanted.choice, wanted.offer)
    words = t("Kubernetes rejected this: {said}", said=said)
    if rule is None:
        return Refusal(words, no="never")
    text = rule.text
    if "exceeded quota" in said and rule.ways:
        text = t("Your team's quota leaves at most {most} for this server.", most=rule.ways[0][0])
    return Refusal(f"{text} {words}", field=rule.field, ways=rule.ways)


def _listed(found: Room) -> str:
    return "; ".join(again(reason).removesuffix(".") for reason in found.reasons)


def _ways(wanted: Change, found: Room) -> list[tuple[str, dict[str, str]]]:
    """The most of the amount that is too much, if it may be chosen."""
    offer, made = wanted.offer, []
    if found.most_cpu_request is not None and wanted.cpu_request > found.most_cpu_request:
        ratio = offer.cpu_guarantee_ratio
        most = found.most_cpu_request * ratio.denominator // ratio.numerator if ratio else wanted.cpu
        amount = offer.cpu.down(most, grain=100)
        if amount and offer.cpu.offers(amount):
            made.append((f"{cpu_words(amount)} CPU", {"cpu": cpu_field(amount)}))
    if found.most_memory is not None and (wanted.memory or 0) > found.most_memory:
        amount = offer.memory.down(found.most_memory, grain=128 << 20)
        if amount and offer.memory.offers(amount):
            made.append((memory_words(amount), {"memory": memory_field(amount)}))
    if len(made) < 2:
        return made
    return [(", ".join(text for text, _ in made), {name: text for _, use in made for name, text in use.items()})]


def told(pod: Json, judged: Judged) -> Json:
    """What is to be said of a change that may be made."""
    wanted, found = judged.change, judged.room
    node = (pod.get("spec") or {}).get("nodeName")
    answer: Json = {
        "fits": None if found is None else found.fits,
        "waits": found is not None and not found.fits,
        "changes": not wanted.is_none,
        "cpu": cpu_text(wanted.cpu) if wanted.cpu else None,
        "memory": memory_text(wanted.memory) if wanted.memory else None,
        "understood": {
            "cpu": cpu_field(wanted.cpu) if wanted.cpu else "",
            "memory": memory_field(wanted.memory) if wanted.memory else "",
        },
        "would_work": [],
        "notes": [],
    }
    if wanted.is_none:
        waits = pods.resizing(pod) is not None
        words = t("The server is already being changed to this.") if waits else t("That is what your server has.")
        return {**answer, "fits": True, "text": words}
    answer["notes"] = _notes(wanted)
    if found is None:
        words = t(
            "Can't tell right now whether this fits. You can resize anyway: without room it waits, and your server "
            "keeps what it has."
        )
        return {**answer, "text": words}
    if found.fits:
        return {**answer, "text": t("Fits on {node}. Your server goes on running.", node=node)}
    reasons = _listed(found)
    answer["would_work"] = ways.in_words(_ways(wanted, found))
    words = t(
        "No room on {node} now: {reasons}. It can wait for room; your server keeps what it has until then.",
        node=node,
        reasons=reasons,
    )
    return {**answer, "text": words}


def _notes(wanted: Change) -> list[str]:
    notes = []
    if wanted.shrinks_memory:
        notes.append(
            t("Less memory can be had only while the server uses less than that. Until then the node tries again.")
        )
    notes.append(
        t(
            "Programs that read their limits when they started, such as JupyterLab's memory display, go on showing the "
            "old ones."
        )
    )
    return notes


def _save(spawner: Any, wanted: Change) -> None:
    """The next start has the new size, too."""
    saved = dict(spawner.user_options) if is_ours(spawner.user_options) else _saved(spawner)
    preset = wanted.offer.preset(saved["preset"]) if isinstance(saved.get("preset"), str) else None
    if wanted.preset is not None:
        saved = {**saved, "preset": wanted.preset}
        saved = {name: value for name, value in saved.items() if name not in ("cpu", "memory")}
    else:
        # A preset would set the old amounts again: what else it set stays as a choice of its own.
        saved.pop("preset", None)
        saved = {**saved, **(_chosen(preset.values()) if preset else {})}
        if wanted.cpu:
            saved["cpu"] = cpu_text(wanted.cpu)
        if wanted.memory:
            saved["memory"] = memory_text(wanted.memory)
    spawner.keep_options(saved)


def _chosen(values: Mapping[str, str]) -> Json:
    return {name: int(value) if name == "gpu" else value for name, value in values.items()}


def _saved(spawner: Any) -> Json:
    """Options of a server that was started without any of ours."""
    theirs = (
        spawner.user_options if isinstance(spawner.user_options, dict) and "profile" in spawner.user_options else {}
    )
    return {"moorage": VERSION, **({"profiles": dict(theirs)} if theirs else {})}
