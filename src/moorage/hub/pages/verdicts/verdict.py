"""Could this choice be had now? The very pod that KubeSpawner would create goes to the service, and its verdict comes
back in the page's terms.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tornado import web

from moorage.hub.choice import profiles, rules, ways
from moorage.hub.choice.fields import is_ours
from moorage.hub.choice.offered import kinds, left, placement
from moorage.hub.choice.offered.offer import VERSION
from moorage.hub.choice.offered.platforms import misfits
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.choice.options import decide
from moorage.hub.pages.form import queues
from moorage.hub.pages.form import said as said_of
from moorage.hub.pages.form.selection import as_fields
from moorage.hub.pages.form.sizes import understood
from moorage.hub.pages.verdicts import freed, refusals
from moorage.hub.pages.verdicts.brief import in_brief, only_card
from moorage.hub.pages.verdicts.turns import Turns
from moorage.hub.start import hope, manifest
from moorage.hub.start.trial import made_for, rejected
from moorage.hub.view import holders
from moorage.texts import t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.hub.choice.offered.offer import Choice, Offer
    from moorage.hub.view.holders import Sight

_TIMEOUT = 2.0
# Where the time is up before anybody was asked, as on a busy hub.
_LEAST = 0.5
# Verdicts being worked out at the same time, and how many wait for their turn: an answer that comes after its page has
# given up is of no use to anybody.
_AT_ONCE, _WAITING = 4, 64

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
        if choice.queue in lines and (beyond := hope.beyond(lines[choice.queue], choice)) is not None:
            return refusals.told(beyond, offer)
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
        found["freed"] = freed.at_the_latest(answer, culled=spawner.culled_by)
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
