"""The spawn form: rendered from memory in one go, complete without JavaScript, brought to life by `static/form.js`
where there is any.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader
from jupyterhub.utils import url_path_join
from markupsafe import Markup

from moorage.hub.amounts import cpu_words, is_card, memory_words, short_resource
from moorage.hub.choice import profiles
from moorage.hub.choice.offered import placement
from moorage.hub.choice.offered.kind import joint, parted
from moorage.hub.models import resource_words, spoken
from moorage.hub.pages import files
from moorage.hub.pages.form import said
from moorage.hub.pages.form.queues import in_words
from moorage.hub.pages.form.selection import as_fields, by_link, selected
from moorage.hub.pages.form.sizes import amount_fields, bounds
from moorage.hub.view.cards import in_language
from moorage.hub.view.encoding import closed_option, option
from moorage.texts import again, t, tn
from moorage.texts.pages import texts

if TYPE_CHECKING:
    from datetime import datetime

    from moorage.hub.choice.offered.offer import Offer
    from moorage.hub.state import Filled
    from moorage.hub.view.facts import NodeFacts
    from moorage.hub.view.heard import Status
    from moorage.hub.view.images import ImageFacts

# How long the page waits for a service that was never heard of before.
_FIRST_WAIT = 0.5
# Rows that the page has without JavaScript; with it, all nodes can be searched.
_MOST_ROWS = 100


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("moorage.hub.pages", "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    made.globals.update(t=t, tn=tn)
    return made


async def render(spawner: Any, *, filled: Filled | None) -> str:
    """The form's HTML. Never raises for what the service, the cluster, profiles or saved options are like."""
    await spawner.service.settled(_FIRST_WAIT)
    saved = filled.options if filled else spawner.user_options
    standing, theirs, notes = await _profiles(spawner, saved)
    offer = await standing.offer()
    chosen, more_notes = selected(saved, offer, filled=filled is not None)
    if filled and filled.by_link:
        more_notes = by_link(filled.options, offer)
    queues = await in_words(spawner, offer)
    nodes = sorted(offer.offered(), key=lambda node: node.name)
    if offer.gpu_most == 0:
        nodes = [node.without_gpus() for node in nodes]
    status = spawner.service.status
    base = spawner.hub.base_url
    return (
        _environment()
        .get_template("form.html")
        .render(
            spoken=texts(),
            profiles=Markup(theirs),  # noqa: S704 - KubeSpawner's own form, made from the administrator's configuration
            shown=profiles.shown(chosen, standing.profile),
            base=base,
            static=url_path_join(base, "moorage", "static", files.version(), files.STATIC),
            status=status_words(status),
            live=status.live,
            closed=offer.closed,
            limits=said.limits(offer),
            presets=said.presets(offer),
            presets_only=offer.presets_only,
            notes=[*notes, *more_notes, *filter(None, [spawner.stopped_in_words()])],
            options=_options(nodes, chosen["node"], offer),
            rows=[row(node, offer) for node in nodes[:_MOST_ROWS]],
            more=max(0, len(nodes) - _MOST_ROWS),
            known=offer.nodes is not None,
            selected=chosen,
            **amount_fields(offer, chosen),
            resources=offer.gpu_resources,
            kinds=(kinds := said.kinds(offer)),
            kind=(kind := joint(chosen["gpu_resource"], chosen["gpu_kind"])),
            kind_gone=_kind_gone(kind) if kind not in [each["value"] for each in kinds] else "",
            images=(images := _images(offer, chosen["image"])),
            image_values=["" if image.own else image.name for image in images],
            broken={image.name: words for image in images if (words := spawner.broken(image))},
            invalid=filled.wrong if filled else None,
            listed=offer.images or (),
            queues=queues,
            island=_island(spawner, offer, filled),
        )
    )


async def _profiles(spawner: Any, saved: Any) -> tuple[Any, str, list[str]]:
    """The spawner as the last profile leaves it, or the default one, or none; KubeSpawner's form for them; and what to
    tell of that.
    """
    if not spawner.profile_list:
        return await spawner.standing(), "", []
    notes: list[str] = []
    for chosen in ([last] if (last := profiles.selection(saved)) else []) + [{}]:
        try:
            standing = await spawner.standing(chosen)
            return standing, await standing.profiles_form(), notes
        except Exception:
            spawner.log.warning("Profile options of %s can't be used", spawner._log_name, exc_info=True)  # noqa: SLF001
            notes = [
                t("Your last profile is no longer available.")
                if chosen
                else t("The profiles can't be shown right now.")
            ]
    return await spawner.standing(), "", notes


def _kind_gone(value: str) -> str:
    """What a kind of GPU is called that can't be chosen any more."""
    resource, name = parted(value)
    return t("{name} (not offered)", name=spoken(name) if name else resource_words(resource or ""))


def _images(offer: Offer, chosen: str) -> tuple[ImageFacts, ...]:
    """Those that are shown, and the chosen one where it may be had though no list holds it."""
    images = offer.shown_images()
    found = offer.image(chosen) if chosen else None
    return images if found is None or found in images else (*images, found)


def _options(nodes: list[NodeFacts], selected: str, offer: Offer) -> Markup:
    """The options of the Node field; each was made when its node changed."""
    by_maker = len([resource for resource in offer.gpu_resources if is_card(resource)]) > 1
    made = {node.name: option(node, by_maker=by_maker) for node in nodes}
    for name, reason in offer.barred.items():
        if name in offer.hidden:
            continue
        made[name] = closed_option(name, reason)
    if selected and selected not in made:
        made[selected] = closed_option(selected, t("gone"))
    if selected:
        # An option that is disabled would not be sent: the choice would turn into Automatic.
        made[selected] = made[selected].replace("<option ", "<option selected ", 1).replace(" disabled>", ">", 1)
    text = "\n".join(made.values())
    return Markup(text)  # noqa: S704 - each option was escaped by `facts`


def row(node: NodeFacts, offer: Offer) -> dict[str, Any]:
    """One node of the list that the page has without JavaScript."""
    placement = offer.placement
    taints = ", ".join(taint.words() for taint in node.keeps_off if placement is None or not placement.tolerates(taint))
    among = [*offer.gpu_resources, *(units.resource for units in node.gpus)]
    coming = node.machine is not None
    bars = [
        _bar(t("CPU"), node.available.cpu, node.allocatable.cpu, cpu_words, coming=coming),
        _bar("", node.available.memory, node.allocatable.memory, memory_words, coming=coming),
        *(
            _bar(short_resource(units.resource, among=among), units.available, units.allocatable, str, coming=coming)
            for units in node.gpus
            if units.capacity
        ),
    ]
    return {
        "name": again(node.title),
        "closed": bool(node.closed or node.name in offer.barred),
        "state": again(
            node.closed
            or offer.barred.get(node.name)
            or node.preparing
            or (node.machine.words if node.machine is not None else "")
        )
        or (t("reserved ({taints})", taints=taints) if taints else ""),
        "bars": bars,
        "cards": [in_language(line) for line in node.cards.words()],
    }


def _bar(what: str, available: int | None, whole: int | None, words: Any, *, coming: bool) -> dict[str, Any]:
    if coming and whole is not None:  # nothing of it is taken yet
        return {"what": what, "text": f"{words(whole)} {what}".strip(), "share": None}
    if available is None or whole is None:
        return {"what": what, "text": t("{what}: unknown", what=what or t("memory")), "share": None}
    return {
        "what": what,
        "text": f"{_share_words(words(available), words(whole))} {what}".strip(),
        "share": round(100 * available / whole) if whole > 0 else 0,
    }


def _share_words(part: str, whole: str) -> str:
    """For "54 GiB" and "62 GiB": "54 of 62 GiB"."""
    number, _, unit = part.partition(" ")
    alike = part == "0 B" or (unit and whole.endswith(f" {unit}"))
    return t("{part} of {whole}", part=number if alike else part, whole=whole)


def status_words(status: Status) -> str:
    """One sentence on how far the numbers can be trusted; empty when they are live."""
    if status.live:
        return ""
    since = _since(status.since)
    reason = f" ({again(status.reason)})" if status.reason else ""
    if status.known:
        return t(
            "The numbers are from {since} and may have changed{reason}. You can still start a server.",
            since=since,
            reason=reason,
        )
    return t(
        "What is free has been unknown since {since}{reason}. You can still start a server.", since=since, reason=reason
    )


def _since(moment: datetime | None) -> str:
    return moment.strftime("%H:%M:%S UTC") if moment else t("an unknown time")


def _island(spawner: Any, offer: Offer, filled: Filled | None) -> Markup:
    """What the page's module has to know, as JSON that nothing in it can break out of."""
    data = {
        "base": spawner.hub.base_url,
        "user": spawner.user.name,
        "server": filled.server if filled else spawner.name,
        "filled": filled is not None,
        "last": as_fields(spawner.user_options),
        "status": spawner.service.status.as_json(),
        "resources": list(offer.gpu_resources),
        "gpus": offer.gpu_most != 0,
        "presets": said.presets(offer),
        "bounds": bounds(offer),
        "barred": placement.packed(offer.barred, hidden=offer.hidden),
    }
    text = json.dumps(data, ensure_ascii=True)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # noqa: S704 - the three letters that HTML could read are escaped
