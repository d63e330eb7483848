"""Could this choice be had now? The very pod that KubeSpawner would create goes to the service, and its verdict comes
back in the page's terms.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tornado import web

from moorage.hub.amounts import short_resource
from moorage.hub.choice import kinds, left, placement, profiles, rules, ways
from moorage.hub.choice.offer import VERSION
from moorage.hub.choice.options import decide, is_ours
from moorage.hub.choice.platforms import misfits
from moorage.hub.choice.refusal import Refusal
from moorage.hub.pages import queues, refusals
from moorage.hub.pages import said as said_of
from moorage.hub.pages.selection import as_fields
from moorage.hub.pages.sizes import understood
from moorage.hub.pages.turns import Turns
from moorage.hub.start import manifest
from moorage.hub.start.trial import made_for, rejected
from moorage.hub.view import holders
from moorage.hub.view.checked import text, whole
from moorage.hub.view.machines import name_of
from moorage.texts import t

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moorage.hub.choice.offer import Choice, Offer
    from moorage.hub.view.holders import Sight

_TIMEOUT = 2.0
# Where the time is up before anybody was asked, as on a busy hub.
_LEAST = 0.5
# Verdicts being worked out at the same time, and how many wait for their turn: an answer that comes after its page has
# given up is of no use to anybody.
_AT_ONCE, _WAITING = 4, 64
_MOST_REASONS = 5

_turns: dict[asyncio.AbstractEventLoop, Turns] = {}


async def on(spawner: Any, body: Mapping[str, Any], *, sight: Sight, elsewhere: bool = True) -> dict[str, Any]:
    """`{"refusal": sentence}` with the `field` to change and what would work, `{"unknown": sentence}`, or the verdict
    with its reasons by node and what would work, where `broken` is a sentence on an image that a start failed of. With
    `elsewhere` the nodes beside a chosen one are told of, too.
    """
    form = profiles.as_form(body)
    until = asyncio.get_running_loop().time() + _TIMEOUT
    try:
        choice, offer = await spawner.chosen(form)
        profile = spawner.profile_of(form)
        (answer, said), anywhere, lines = await asyncio.gather(
            _ask(spawner, choice, profile, until=until),
            _anywhere(spawner, choice if elsewhere else None, profile, until=until),
            queues.known(spawner, offer),
        )
        if answer is None and said:
            return refusals.told(rejected(said, choice, offer), offer)
        if answer is None:
            return {"unknown": t("Can't tell right now whether this fits. You can start anyway.")}
        card = only_card(offer.gpu_resources)
        closed = {**kinds.without(choice.kind, offer.nodes), **misfits(choice.image, offer.nodes)}
        brief = in_brief(answer, card=card, closed=closed)
        brief["barred"] = placement.packed(offer.barred, hidden=offer.hidden)
        brief["understood"] = understood(choice)
        brief["queues"] = queues.said(lines)
        if (waits_in_line := queues.waits(lines, choice)) is not None:
            brief["warnings"].append(waits_in_line)
        brief["broken"] = spawner.broken(choice.image) if choice.image else None
        if brief["broken"]:
            brief["would_work"] = ways.in_words(ways.other_images(choice, offer, spawner.broken))
        brief["left"] = said_of.team(left.of_quota(answer.get("quota"), choice, offer))
        waits = _take_rules(brief, answer, said, choice=choice, offer=offer)
        if choice.node is not None and elsewhere:
            _take_others(brief, in_brief(anywhere or {}, card=card, closed=closed), chosen=choice.node.name)
        if not brief["fits"] and not brief["refused"]:
            brief["held"] = holders.held(answer.get("held_by"), sight, among=offer.gpu_resources)
            brief["would_work"] += ways.ways(choice, offer, verdict=answer, anywhere=anywhere)
        brief["no"] = _kind_of_no(brief, waits=waits)
        if brief["no"] == "never" and not brief["would_work"]:
            brief["would_work"] = ways.in_words(ways.usual(offer, None))
        return brief
    except Refusal as refusal:
        return refusals.told(refusal, await refusals.usual_offer(spawner))
    except web.HTTPError as error:
        return await refusals.by_hook(spawner, error, timeout=_TIMEOUT)
    except Exception:  # a hook of the administrator's that can't run ahead of time
        spawner.log.debug("No pod for a verdict", exc_info=True)
        return {"unknown": t("Can't tell whether this fits: the server's pod can't be made ahead of time.")}


async def instead(spawner: Any, *, sight: Sight, seconds: float) -> dict[str, Any]:
    """For a server that waits: whether it fits by now, what would work in place of it, and who holds what it lacks.
    Its own pod counts in quotas already, so these are left out. Nothing where that is not known within `seconds`.
    """
    until = asyncio.get_running_loop().time() + seconds
    saved = spawner.user_options
    try:
        profile = profiles.selection(saved)
        standing = await spawner.standing(profile)
        offer = await standing.offer()
        choice = decide(saved if is_ours(saved) else {"moorage": VERSION}, offer.without_limits())
        answer, _ = await _ask(spawner, choice, profile, until=until, is_tried=False)
        if answer is None:
            return {}
        found: dict[str, Any] = {"held": holders.held(answer.get("held_by"), sight, among=offer.gpu_resources)}
        if profile:  # one click could not say which profile stays
            return found
        anywhere = await _anywhere(spawner, choice, profile, until=until + _LEAST)
        fields = as_fields(choice.as_options()) or {}
        found["ways"] = [
            {"text": way["text"], "fields": {**fields, **way["use"]}}
            for way in ways.ways(choice, offer, verdict=answer, anywhere=anywhere)
        ]
        return found
    except Exception:  # a page about waiting says what it can
        spawner.log.debug("Nothing in place of a choice that waits", exc_info=True)
        return {}


def _take_rules(
    brief: dict[str, Any], answer: Mapping[str, Any], said: str | None, *, choice: Choice, offer: Offer
) -> bool:
    """Put what the namespace's rules leave of the choice into plain words and buttons: those that the service knows,
    and what the API server itself has `said`. Whether others hold what is lacking.
    """
    refusals = answer.get("refusals")
    told = [
        each["message"]
        for each in (refusals if isinstance(refusals, list) else ())
        if isinstance(each, dict) and isinstance(each.get("message"), str)
    ]
    if said and not any(message in said for message in told):
        brief["refused"].append(
            {"text": t("Kubernetes rejected this server: {said}", said=said)[:500], "message": said[:300]}
        )
        told.append(said)
        brief["fits"] = brief["can_wait"] = False
    if not brief["refused"]:
        return False
    brief["after_eviction"] = brief["machine"] = None
    waits = False
    for each in brief["refused"]:
        message = next((message for message in told if message[:300] == each["message"]), "")
        if (rule := rules.broken(message, choice, offer)) is not None:
            each["text"] = rule.text
            brief["field"] = rule.field
            brief["would_work"] += [way for way in ways.in_words(rule.ways) if way not in brief["would_work"]]
            waits |= rule.waits
    return waits


def _kind_of_no(brief: Mapping[str, Any], *, waits: bool) -> str | None:
    """Whether a choice that does not fit has to be changed, can wait for what somebody holds, or never fits here."""
    if brief["fits"] or brief["after_eviction"] or brief["machine"]:
        return None
    if waits or (brief["can_wait"] and not brief["refused"]):
        return "wait"
    return "change" if brief["would_work"] else "never"


def _take_others(brief: dict[str, Any], others: Mapping[str, Any], *, chosen: str) -> None:
    """Of all nodes but the chosen one, what is said of them where the node is left open: that a pod for one node fits
    on no other one is no news.
    """
    said = [*brief["kinds"], *others["kinds"]]
    after = len(brief["kinds"])
    nodes = {name: after + place for name, place in others["nodes"].items() if name != chosen}
    if chosen in brief["nodes"]:
        nodes[chosen] = brief["nodes"][chosen]
    brief["kinds"], brief["nodes"] = said, nodes


async def _anywhere(
    spawner: Any, choice: Choice | None, profile: dict[str, Any], *, until: float
) -> dict[str, Any] | None:
    """The service's verdict with the node left open, where one was chosen."""
    if choice is None or choice.node is None:
        return None
    answer, _ = await _ask(spawner, replace(choice, node=None), profile, until=until, is_tried=False)
    return answer


async def _ask(
    spawner: Any, choice: Choice, profile: dict[str, Any], *, until: float, is_tried: bool = True
) -> tuple[dict[str, Any] | None, str | None]:
    """The service's verdict on the pod that this choice makes, and on its claim, or None; and what the API server says
    against them, or None. `until`, by the loop's clock, there is an answer, also where that is none.
    """
    loop = asyncio.get_running_loop()
    async with _turns.setdefault(loop, Turns(at_once=_AT_ONCE, waiting=_WAITING)).one() as is_ours:
        if not is_ours:
            return None, None
        options = profiles.beside(choice.as_options(), profile)
        async with asyncio.timeout_at(max(until, loop.time() + _LEAST)):
            # The pod and its JSON take milliseconds each: each gets turns of the loop.
            await asyncio.sleep(0)
            made = await made_for(spawner, options)
            await asyncio.sleep(0)
        plain = spawner.api.api_client.sanitize_for_serialization
        pod = manifest.for_verdict(plain(made.pod), namespace=made.namespace)
        claims = [manifest.claim_for_verdict(plain(made.claim), namespace=made.namespace)] if made.claim else []
        fit = spawner.service.fit(pod, claims=claims, timeout=max(until - loop.time(), _LEAST))
        if not is_tried:
            return await fit, None
        answer, said = await asyncio.gather(fit, spawner.trial.said(spawner, options, made))
        return answer, said


def in_brief(
    answer: Mapping[str, Any],
    *,
    card: re.Pattern[str] | None = None,
    closed: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """The service's verdict, checked field by field and small: each node names one of a few `kinds` of answer. `card`
    finds what people call GPU; `closed` says of nodes why the image can't run there, as the service may say, too, or
    that they have no such card.
    `can_wait` where some node would have the pod once others have left it: no waiting helps against a taint, a selector
    or a volume elsewhere. `after_eviction` is null, or what the cluster would do by itself and whether `at_once`;
    `machine` is null, or what is to be said of one that may come. `refused` is why the API server would not take the
    pod at all, `warnings` say what would hold it up where it fits.
    `no` is null where it fits, "change", "wait" or "never" otherwise.
    """
    brief: dict[str, Any] = {
        "fits": answer.get("fits") is True,
        "no": None,
        "field": None,
        "can_wait": False,
        "after_eviction": _after_eviction(answer),
        "machine": _machine(answer),
        "nodes": {},
        "kinds": [],
        "image_bytes": whole(answer.get("image_bytes")),
        "refused": _reasons(answer.get("refusals"), card),
        "reasons": [],
        "would_work": [],
        "held": {},
        "warnings": [sentence["text"] for sentence in _reasons(answer.get("warnings"), card)],
    }
    places: dict[str, int] = {}
    nodes = answer.get("nodes")
    for name, node in nodes.items() if isinstance(nodes, dict) else ():
        if not isinstance(name, str) or not isinstance(node, dict):
            continue
        problem = _reasons([{"text": closed[name]}] if name in closed else [node.get("image_problem")], card)
        fits = node.get("fits") is True and not problem
        room = None if fits or problem or brief["refused"] else _room(node.get("evict"))
        image = _image(node)
        key = str(image) if fits else str((image, problem, room, node.get("reasons")))
        if key not in places:
            places[key] = len(brief["kinds"])
            brief["kinds"].append(
                {"fits": True, **image}
                if fits
                else {
                    **image,
                    "fits": False,
                    "reasons": [*problem, *_reasons(node.get("reasons"), card)][:_MOST_REASONS],
                    **({"room": room} if room else {}),
                }
            )
        brief["nodes"][name] = places[key]
        brief["can_wait"] |= not (fits or problem or brief["refused"]) and node.get("unresolvable") is False
    # The scheduler would take the pod where its image can't run.
    if brief["nodes"] and not any(kind["fits"] for kind in brief["kinds"]):
        brief["fits"] = False
    for name, kind in _on_machines(answer, card).items():
        if str(kind) not in places:
            places[str(kind)] = len(brief["kinds"])
            brief["kinds"].append(kind)
        brief["nodes"][name] = places[str(kind)]
    prefilter = answer.get("prefilter")
    if isinstance(prefilter, dict):
        brief["reasons"] = _reasons(prefilter.get("reasons"), card)
    return brief


def _image(node: Mapping[str, Any]) -> dict[str, Any]:
    """Whether the image is `here`, where that is known, and what `driver` is too old for it."""
    here, driver = node.get("image_present"), text(node.get("driver_problem"), 300)
    return {**({"here": here} if isinstance(here, bool) else {}), **({"driver": driver} if driver else {})}


def _room(evict: Any) -> str | None:
    """Whether the scheduler can make room on this node: `at_once` where only placeholders go or nobody has any grace,
    `later` where others have to end first.
    """
    if not isinstance(evict, dict):
        return None
    grace, placeholders = evict.get("longest_grace_seconds"), evict.get("placeholders")
    return "at_once" if grace == 0 or (placeholders and placeholders == evict.get("count")) else "later"


def _after_eviction(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    text, evictions = answer.get("answer_text"), answer.get("evictions")
    if answer.get("answer") != "after_eviction" or not isinstance(text, str) or not isinstance(evictions, dict):
        return None
    return {"text": text[:300], "at_once": evictions.get("at_once") is True}


def _machine(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is to be said where a machine that comes is the answer."""
    text = answer.get("answer_text")
    if answer.get("answer") not in ("on_its_way", "new_machine") or not isinstance(text, str):
        return None
    return {"text": text[:300]}


def _on_machines(answer: Mapping[str, Any], card: re.Pattern[str] | None) -> dict[str, dict[str, Any]]:
    """The kind of answer for each machine of the form's list; none where it is not known."""
    found: dict[str, dict[str, Any]] = {}
    machines = answer.get("machines")
    for machine in machines[:200] if isinstance(machines, list) else ():
        name = name_of(machine)
        fits = machine.get("fits") if isinstance(machine, dict) else None
        if name is None or not isinstance(fits, bool) or found.get(name, {}).get("fits"):
            continue
        reasons = _reasons([machine.get("image_problem"), *(machine.get("reasons") or ())], card)
        found[name] = {"fits": True} if fits else {"fits": False, "reasons": reasons}
    return found


def only_card(resources: Sequence[str]) -> re.Pattern[str] | None:
    """Finds the name of the only kind of whole card that is offered, which people call GPU; None where there are
    several, and the name tells which.
    """
    cards = [resource for resource in resources if short_resource(resource) == "GPU"]
    return re.compile(re.escape(cards[0]) + r"(?![\w/-]|\.\w)") if len(cards) == 1 else None


def _reasons(values: Any, card: re.Pattern[str] | None) -> list[dict[str, str]]:
    found = []
    for value in values[:_MOST_REASONS] if isinstance(values, list) else ():
        if isinstance(value, str):
            found.append({"text": value[:300], "message": value[:300]})
        elif isinstance(value, dict):
            message = value.get("message")
            text = value.get("text") or message
            if isinstance(text, str) and text:
                words = card.sub("GPU", text) if card else text
                found.append({"text": words[:300], "message": message[:300] if isinstance(message, str) else ""})
    return found
