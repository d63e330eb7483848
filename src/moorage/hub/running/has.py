"""What a server that runs has: its node, its cards, what of CPU and memory is in force and what of it is in use, since
when, and what it could grow to.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidQuantity
from moorage.hub.amounts import (
    cpu_text,
    cpu_words,
    is_gpu,
    memory_text,
    memory_words,
    read_cpu,
    read_memory,
    short_resource,
)
from moorage.hub.running import api, change, culling, resize, room
from moorage.hub.running import pod as pods
from moorage.texts import t

if TYPE_CHECKING:
    from moorage.hub.choice.offered.offer import Offer
    from moorage.hub.view.facts import NodeFacts

Json = dict[str, Any]

USAGE_FILE = "deploy/kubernetes/optional/hub-usage.yaml"
_MAY_SECONDS = 30.0
_may: dict[tuple[str, str], tuple[float, str | None]] = {}


async def now(spawner: Any) -> Json:
    """All of it. What is not known is null, with its reason beside it."""
    pod = pods.of(spawner)
    about = {"user": spawner.user.name, "server": spawner.name}
    if pod is None or not spawner.ready:
        return {**about, "running": False, "text": resize.not_running()}
    at_once = in_force(spawner, pod)
    uses, why_not, offer = await asyncio.gather(_uses(spawner, pod), _why_not(spawner, pod), _offer(spawner))
    grow, no_grow = await _could_grow_to(spawner, pod, offer) if why_not is None else (None, why_not)
    cull, no_cull = culling.of(spawner)
    return {
        **about,
        "running": True,
        **at_once,
        **_or_reason("uses", *uses),
        "can_resize": why_not is None,
        "can_resize_reason": why_not,
        **_or_reason("could_grow_to", grow, no_grow),
        **_or_reason("culled", cull, no_cull),
    }


def _or_reason(name: str, value: Any, reason: str | None) -> Json:
    return {name: value} if value is not None else {name: None, f"{name}_reason": reason}


def in_force(spawner: Any, pod: Json) -> Json:
    """What the hub knows without asking anybody."""
    has, wants = pods.in_force(pod), pods.asked(pod)
    spec, status = pod.get("spec") or {}, pods.status(pod)
    node = (spawner.service.nodes or {}).get(spec.get("nodeName"))
    gpus = pods.gpus(pod, is_gpu)
    model, no_model = _model(node, gpus, f"{spawner.namespace}/{(pod.get('metadata') or {}).get('name')}")
    running = (status.get("state") or {}).get("running") or {}
    return {
        "node": spec.get("nodeName"),
        "image": pods.container(pod).get("image"),
        "since": running.get("startedAt"),
        **_amounts(has),
        "asked": _amounts(wants),
        "gpus": gpus,
        **({"gpu_model": model} if model or not gpus else {"gpu_model": None, "gpu_model_reason": no_model}),
        "resize": _resize(pod),
        "text": words(has, gpus, model),
    }


def _amounts(sizes: pods.Sizes) -> Json:
    return {
        "cpu": None if sizes.cpu is None else cpu_text(sizes.cpu),
        "memory": None if sizes.memory is None else memory_text(sizes.memory),
        "cpu_millicores": sizes.cpu,
        "memory_bytes": sizes.memory,
    }


def words(sizes: pods.Sizes, gpus: dict[str, int], model: str | None) -> str:
    """As people say it: "2 CPU, 4 GiB memory, 1 GPU (NVIDIA GeForce RTX 4090)"."""
    parts = [
        t("no CPU limit") if sizes.cpu is None else f"{cpu_words(sizes.cpu)} CPU",
        t("no memory limit") if sizes.memory is None else t("{amount} memory", amount=memory_words(sizes.memory)),
        *(f"{amount} {short_resource(name, among=gpus)}" for name, amount in gpus.items()),
    ]
    return ", ".join(parts) + (f" ({model})" if model and gpus else "")


def _model(node: NodeFacts | None, gpus: dict[str, int], name: str) -> tuple[str | None, str | None]:
    """What its cards are: those that it is known to hold, or all of its node's where these are of one kind."""
    if not gpus:
        return None, None
    cards = node.cards.cards if node is not None else ()
    own = [card.model for card in cards if name in card.holders]
    models = sorted(set(own or [card.model for card in cards]))
    if not models:
        return None, t("The model of the node's cards is not known.")
    if len(models) > 1 and not own:
        return None, t(
            "The node has several models ({models}), and which one this server holds is not known.",
            models=", ".join(models),
        )
    return ", ".join(models), None


def _resize(pod: Json) -> Json | None:
    """The change that is under way, in words and in Kubernetes' own."""
    found = pods.resizing(pod)
    if found is None:
        return None
    node, wanted = (pod.get("spec") or {}).get("nodeName"), pods.asked(pod)
    to = words(wanted, {}, None)
    match found.state:
        case "deferred":
            text = t(
                "Waiting for room on {node} to change to {size}. It happens by itself as soon as there is some; until "
                "then the server keeps what it has.",
                node=node,
                size=to,
            )
        case "infeasible":
            text = t("{node} can't give {size}. The server keeps what it has. Choose less.", node=node, size=to)
        case "error":
            text = t(
                "Changing to {size} has not worked yet, and the node tries again. Less memory can be had only while "
                "the server uses less than that.",
                size=to,
            )
        case _:
            text = t("Changing to {size}.", size=to)
    return {"state": found.state, "text": text, "detail": found.detail}


async def _uses(spawner: Any, pod: Json) -> tuple[Json | None, str | None]:
    code, answer = await api.usage(spawner, pod)
    if api.lacks_right(code, answer):
        return None, t(
            "This hub may not read what pods use: it has no right to “get” “pods” of metrics.k8s.io in the namespace "
            "{namespace}. An administrator of the cluster gives it with {file}.",
            namespace=spawner.namespace,
            file=USAGE_FILE,
        )
    if code == 0:
        return None, t("The Kubernetes API does not answer right now.")
    name = pods.container(pod).get("name")
    containers = answer.get("containers") if isinstance(answer, dict) else None
    told: Any = next((c.get("usage") for c in containers or () if isinstance(c, dict) and c.get("name") == name), None)
    try:
        memory, cpu = read_memory(told["memory"]), -(-_nanos(told["cpu"]) // 10**6)
    except (TypeError, KeyError, InvalidQuantity):
        return None, t(
            "The cluster has not measured this server: it may have no metrics server, or not have looked yet."
        )
    at = answer.get("timestamp")
    return {
        "cpu_millicores": cpu,
        "memory_bytes": memory,
        "text": t("{memory} memory, {cpu} CPU", memory=memory_words(memory, up=True), cpu=cpu_words(cpu)),
        "at": at if isinstance(at, str) else None,
    }, None


def _nanos(value: Any) -> int:
    """CPU as the metrics server writes it: "12345678n"."""
    if isinstance(value, str) and value.endswith("n") and value[:-1].isdecimal():
        return int(value[:-1])
    return read_cpu(value) * 10**6


async def _why_not(spawner: Any, pod: Json) -> str | None:
    """Why it can't be resized at all, or None. Rights seldom change: the answer is kept for a while."""
    metadata = pod.get("metadata") or {}
    key = spawner.namespace, str(metadata.get("uid"))
    kept = _may.get(key)
    if kept is None or time.monotonic() - kept[0] > _MAY_SECONDS:
        for old in [each for each, (at, _) in _may.items() if time.monotonic() - at > _MAY_SECONDS]:
            del _may[old]
        kept = _may[key] = time.monotonic(), await resize.may(spawner, pod)
    return kept[1]


async def _offer(spawner: Any) -> Offer | None:
    try:
        return await change.offer_of(spawner)
    except Exception:  # a profile that is gone; the change itself will tell
        return None


async def _could_grow_to(spawner: Any, pod: Json, offer: Offer | None) -> tuple[Json | None, str | None]:
    """The most CPU, and the most memory, that could be had now, each by itself."""
    if offer is None or offer.closed is not None:
        return None, (offer.closed if offer is not None else None) or t("What you may have is not known right now.")
    found = await room.largest(spawner, pod)
    node = (spawner.service.nodes or {}).get((pod.get("spec") or {}).get("nodeName"))
    if found is None or found.most_cpu_request is None or found.most_memory is None:
        return None, t("How much room the node has is not known right now.")
    has, ratio = pods.in_force(pod), offer.cpu_guarantee_ratio
    by_room = found.most_cpu_request * ratio.denominator // ratio.numerator if ratio else None
    mosts = {
        "cpu": [by_room, offer.cpu.most, offer.limits.left("cpu"), node.capacity.cpu if node else None],
        "memory": [found.most_memory, offer.memory.most, offer.limits.left("memory")],
    }
    cpu, memory = (min(each for each in mosts[name] if each is not None) for name in ("cpu", "memory"))
    cpu, memory = max(cpu, has.cpu or 0), max(memory, has.memory or 0)
    grown = pods.Sizes(cpu=cpu, memory=memory)
    words = t("Up to {cpu} CPU and {memory} memory now.", cpu=cpu_words(cpu), memory=memory_words(memory))
    return {**_amounts(grown), "text": words}, None
