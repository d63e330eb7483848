"""The scheduler's reasons in plain words.

A table from (plugin, reason) to a sentence that says what is wrong and what to do about it. A reason that is not in the
table is passed on as it is: better the scheduler's words than none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moorage.scheduling import filters

if TYPE_CHECKING:
    from moorage.objects import Taint
    from moorage.scheduling.verdict import Shortage

_TAINTED = "This node is reserved or unwell: it has the taint {taint}, which the pod does not tolerate."
_NO_CLAIM = "The storage claim {claim} does not exist. Create it, or ask for another one."
_NO_CLASS = "The storage claim names no storage class, and there is none by default. Set one on the claim."

# (plugin, upstream's reason with its variable parts in braces, the sentence)
TABLE: tuple[tuple[str, str, str], ...] = (
    (
        filters.schedulinggates.NAME,
        filters.schedulinggates.REASON,
        "The pod waits until its scheduling gates are lifted: {gates}.",
    ),
    (
        filters.nodeunschedulable.NAME,
        filters.nodeunschedulable.REASON,
        "This node is cordoned: it takes no new pods for now.",
    ),
    (filters.nodename.NAME, filters.nodename.REASON, "The pod is bound by name to another node."),
    (
        filters.tainttoleration.NAME,
        filters.tainttoleration.REASON,
        "This node is reserved or unwell: it has a taint that the pod does not tolerate.",
    ),
    (
        filters.tainttoleration.NAME,
        filters.tainttoleration.REASON_NAMED,
        _TAINTED,
    ),
    (filters.nodeaffinity.NAME, filters.nodeaffinity.REASON, "This node is not among those that the choice allows."),
    (filters.nodeaffinity.NAME, filters.nodeaffinity.REASON_NOT_NAMED, "The pod asks for other nodes by name."),
    (
        filters.nodeaffinity.NAME,
        filters.nodeaffinity.REASON_CONFLICT,
        "The pod asks for a node by names that contradict each other, so no node can match.",
    ),
    (
        filters.nodeaffinity.NAME,
        "node(s) didn't match scheduler-enforced node affinity",
        "The cluster's scheduler is set up to keep such pods off this node.",
    ),
    (filters.nodeports.NAME, filters.nodeports.REASON, "A port that the pod needs on the node itself is taken there."),
    (filters.noderesourcesfit.NAME, filters.noderesourcesfit.REASON_PODS, "This node runs as many pods as it may."),
    (filters.noderesourcesfit.NAME, filters.noderesourcesfit.REASON, "Not enough {resource} is free on this node."),
    (
        filters.volumerestrictions.NAME,
        filters.volumerestrictions.REASON_DISK,
        "A disk that the pod needs is in use on this node.",
    ),
    (
        filters.volumerestrictions.NAME,
        filters.volumerestrictions.REASON_IN_USE,
        "The storage may be used by one pod at a time, and another pod has it now. Stop that one first.",
    ),
    (filters.volumerestrictions.NAME, filters.volumerestrictions.REASON_NOT_FOUND, _NO_CLAIM),
    (filters.nodevolumelimits.NAME, filters.nodevolumelimits.REASON, "No more volumes can be attached to this node."),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_AFFINITY,
        "The storage lives where this node can't reach it, for instance on another node or in another zone.",
    ),
    (
        filters.volumebinding.NAME,
        "node(s) had volume node affinity conflict",
        "The storage lives where this node can't reach it, for instance on another node or in another zone.",
    ),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_NO_VOLUMES,
        "No volume for the storage claim can be had on this node: none is free, and none can be made there.",
    ),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_NO_SPACE,
        "The storage behind this node has too little space left.",
    ),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_VOLUME_GONE,
        "The volume behind the storage claim is gone. An administrator has to restore it or remove the claim.",
    ),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_UNTRANSLATABLE,
        "The volume behind the storage claim can't be given to its driver: {problem}. Have it repaired.",
    ),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_UNBOUND,
        "A storage claim has no volume yet. It may take a moment; if it stays so, look at the claim's events.",
    ),
    (filters.volumebinding.NAME, filters.volumebinding.REASON_NO_CLAIM, _NO_CLAIM),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_LOST,
        "The storage claim {claim} lost its volume {volume}. An administrator has to restore it or remove the claim.",
    ),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_DELETED,
        "The storage claim {claim} is being deleted. Wait until it is gone and make it anew.",
    ),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_EPHEMERAL,
        "The storage claim {claim} is still being made for the pod.",
    ),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_NOT_OWNER,
        "A storage claim named {claim} exists already and belongs to something else. Remove it or rename the pod.",
    ),
    (filters.volumezone.NAME, filters.volumezone.REASON, "The storage is in another zone than this node."),
    (
        filters.volumezone.NAME,
        filters.volumezone.REASON_NO_CLAIM,
        "The storage claim {name} does not exist. Create it first.",
    ),
    (
        filters.volumezone.NAME,
        filters.volumezone.REASON_NO_VOLUME,
        "The volume {name} behind the storage claim is gone. An administrator has to restore it or remove the claim.",
    ),
    (
        filters.volumezone.NAME,
        filters.volumezone.REASON_CLASS_NOT_FOUND,
        "The storage class {name} does not exist. Name another one on the claim.",
    ),
    (
        filters.volumezone.NAME,
        filters.volumezone.REASON_CLAIM_NAMELESS,
        "The pod mounts a storage claim without saying which.",
    ),
    (filters.volumezone.NAME, filters.volumezone.REASON_NO_CLASS, _NO_CLASS),
    (filters.volumezone.NAME, filters.volumezone.REASON_VOLUME_NAMELESS, "A storage claim has no volume yet."),
    (
        filters.volumezone.NAME,
        filters.volumezone.REASON_NO_MODE,
        "The storage class {name} does not say when it binds volumes. An administrator has to repair it.",
    ),
    (
        filters.podtopologyspread.NAME,
        filters.podtopologyspread.REASON,
        "Pods of this kind must be spread evenly, and this node's part of the cluster has too many of them already.",
    ),
    (
        filters.podtopologyspread.NAME,
        filters.podtopologyspread.REASON_LABEL,
        "Pods of this kind are spread by a label that this node does not have.",
    ),
    (
        filters.interpodaffinity.NAME,
        filters.interpodaffinity.REASON_AFFINITY,
        "The pod must run near certain other pods, and none of them runs near this node.",
    ),
    (
        filters.interpodaffinity.NAME,
        filters.interpodaffinity.REASON_ANTI_AFFINITY,
        "The pod must not run near certain other pods, and one of them runs near this node.",
    ),
    (
        filters.interpodaffinity.NAME,
        filters.interpodaffinity.REASON_EXISTING,
        "A pod that runs near this node does not tolerate such pods beside it.",
    ),
    (
        filters.interpodaffinity.NAME,
        "parsing pod: {problem}",
        "The pod's rules on other pods can't be read: {problem}.",
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON,
        "The devices that the pod claims can't be had here: they are held, out of service, or not there.",
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_INVALID,
        "What is told of this node's devices contradicts itself. An administrator has to look at their driver.",
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_ELSEWHERE,
        "The claimed device is not on this node.",
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_LEFTOVER,
        "A claim that an earlier attempt left is being removed; then the scheduler tries again by itself.",
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_NO_CLASS,
        "The pod asks for devices of the class {name}, which does not exist.",
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_NOTHING_ASKED,
        "The device claim {claim} asks for devices in a way that this scheduler does not know.",
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_NO_CLAIM,
        "The device claim {claim} does not exist. Create it, or name another one.",
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_NOT_MADE,
        "The pod's device claim is still being made. If that takes long, its template does not exist.",
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_NAMELESS,
        "The pod's entry {name} names neither a device claim nor a template.",
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_DELETED,
        "The device claim {claim} is being deleted. Wait until it is gone and make it anew.",
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_NOT_OWNER,
        "A device claim named {claim} exists already and belongs to something else. Remove it or rename the pod.",
    ),
    (
        filters.dynamicresources.NAME,
        "resourceclaim in use",
        "The claimed device is in use by other pods.",
    ),
    (
        filters.dynamicresources.NAME,
        "cannot fit resource",
        "The device that the pod asks for is not free on this node.",
    ),
    (
        filters.dynamicresources.NAME,
        "node {node}: timed out trying to allocate devices",
        "The scheduler gave up searching for free devices on this node.",
    ),
    (
        filters.dynamicresources.NAME,
        "resource claim {claim} is in the process of being allocated",
        "The claimed device is being given to a pod right now.",
    ),
    (
        filters.nodedeclaredfeatures.NAME,
        filters.nodedeclaredfeatures.REASON,
        "This node's kubelet lacks a feature that the pod needs: it is older, or the feature is off there.",
    ),
    (
        filters.nodedeclaredfeatures.NAME,
        "node declared features check failed - unsatisfied requirements: {features}",
        "This node lacks features that the pod needs: {features}.",
    ),
    ("", "node(s) didn't satisfy plugin(s) [{plugins}]", "The pod asks for other nodes by name."),
    ("", "node(s) didn't satisfy plugin {plugins}", "The pod asks for other nodes by name."),
    ("", "no nodes available to schedule pods", "The cluster has no nodes that could take pods."),
    ("", "no new claims to deallocate", "No device could be freed for the pod."),
    ("", "still not schedulable", "No device could be freed for the pod."),
    (
        "",
        "deallocation of ResourceClaim completed",
        "A device was given back so that another can be had; it is tried again.",
    ),
    ("", "deletion of ResourceClaim completed", "A claim of an earlier attempt was removed; it is tried again."),
    ("", "Preemption is not helpful for scheduling", "Removing other pods would not help."),
    ("", "No preemption victims found for incoming pod", "There are no less important pods that could make room."),
)


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\{|\}\}|\{\w+\})", template)
    names = {"{{": r"\{", "}}": r"\}"}
    return re.compile(
        "".join(names.get(p) or (f"(?P<{p[1:-1]}>.+)" if p[:1] == "{" else re.escape(p)) for p in _once(parts)),
        re.DOTALL,
    )


def _once(parts: list[str]) -> list[str]:
    """A part that comes twice (a namespace, say) is named once and then only matched."""
    seen: set[str] = set()
    once: list[str] = []
    for part in parts:
        repeated = part in seen and part not in ("{{", "}}") and part[:1] == "{"
        once.append("{_" + str(len(once)) + "}" if repeated else part)
        seen.add(part)
    return once


_EXACT = {(plugin, reason): words for plugin, reason, words in TABLE if "{" not in reason}
_VARIABLE = [(plugin, _pattern(reason), words) for plugin, reason, words in TABLE if "{" in reason]


def sentence(plugin: str | None, reason: str, *, shortage: Shortage | None = None, taint: Taint | None = None) -> str:
    """What a reason means, in plain words; by how much, where `shortage` tells it, and by which `taint`."""
    if shortage is not None:
        return _short(shortage)
    if taint is not None and (plugin, reason) == (filters.tainttoleration.NAME, filters.tainttoleration.REASON):
        return _TAINTED.format(taint=filters.tainttoleration.taint_text(taint))
    for known in (plugin or "", ""):
        if (known, reason) in _EXACT:
            return _EXACT[known, reason]
    for known, pattern, words in _VARIABLE:
        if known in (plugin, "") or not plugin:
            found = pattern.fullmatch(reason)
            if found is not None:
                return words.format(**{key: _RESOURCES.get(value, value) for key, value in found.groupdict().items()})
    if not plugin:
        return next((words for _, known_reason, words in TABLE if known_reason == reason), reason)
    return reason


def _short(shortage: Shortage) -> str:
    name = shortage.resource
    if name == "pods":
        return f"This node runs as many pods as it may: {shortage.allocatable}."
    asked, free = amount_words(name, shortage.asked, up=True), amount_words(name, max(shortage.free, 0))
    if shortage.allocatable <= 0:
        return f"This node has no {resource_words(name)}."
    if shortage.asked > shortage.allocatable:
        return f"This node is too small: {asked} asked, and it has {amount_words(name, shortage.allocatable)} in all."
    return f"{amount_words(name, shortage.short_by, up=True)} too little: {asked} asked, {free} free."


# --- amounts ----------------------------------------------------------------------------------------------------

_RESOURCES = {"cpu": "CPU", "memory": "memory", "ephemeral-storage": "local disk space"}
_UNITS = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


def resource_words(name: str) -> str:
    """What people call a resource."""
    return _RESOURCES.get(name, name)


def amount_words(resource: str, amount: int, *, up: bool = False) -> str:
    """`1.5 CPU`, `3.25 GiB of memory`, `2 nvidia.com/gpu`.

    Rounded down, so that nobody is promised more than there is; `up` is for what is asked or missing.
    """
    if resource == "cpu":
        return f"{_decimal(amount, 1000, places=3, up=up)} CPU"
    if resource not in ("memory", "ephemeral-storage"):
        return f"{amount} {resource}"
    for unit, size in _UNITS:
        if abs(amount) >= size:
            return f"{_decimal(amount, size, places=2, up=up)} {unit} of {resource_words(resource)}"
    return f"{amount} bytes of {resource_words(resource)}"


def _decimal(amount: int, size: int, *, places: int, up: bool) -> str:
    scaled = -(-abs(amount) * 10**places // size) if up else abs(amount) * 10**places // size
    whole, rest = divmod(scaled, 10**places)
    fraction = f"{rest:0{places}d}".rstrip("0")
    return ("-" if amount < 0 else "") + (f"{whole}.{fraction}" if fraction else str(whole))
