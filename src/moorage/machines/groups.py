"""What Cluster Autoscaler writes into its status: YAML since 1.30, text for people before.

In flows the text of the ConfigMap, out flow its groups. A text that can't be read is told as that, and a number that is
missing is unknown; nothing raises. Sizes are all that it tells: what a machine of a group looks like, it does not say.

Source of the names: cluster-autoscaler 1.36 clusterstate/api/types.go, 1.29 clusterstate/api/utils.go
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

# Every value stays text, and libyaml reads the status of a hundred groups in milliseconds where Python takes a second.
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_LONGEST = 2_000_000
_MOST = 1000
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)? ?(Z|UTC|[+-]\d\d:?\d\d)?")
_CONDITION = re.compile(r" {2}(Health|ScaleUp|ScaleDown): +(\w+)(.*)")
_PROBED = re.compile(r" *LastProbeTime:|time:|Cluster-autoscaler status at", re.IGNORECASE)
_SIZE = re.compile(r"(\w+)=(-?\d+)")
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Groups as clouds name them, each after the pool that its nodes are labelled with.
_NAMES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"eks-(?P<pool>.+)-{_UUID}",
        r"aks-(?P<pool>.+)-\d+-vmss(?:\d+)?",
        r"eksctl-.+-nodegroup-(?P<pool>.+)-NodeGroup-[A-Za-z0-9]+",
        r"(?:MachineDeployment|MachineSet|MachinePool)/[^/]+/(?P<pool>[^/]+)",
    )
)
_GKE = re.compile(r".*/instanceGroups/gke-(?P<rest>.+)-[0-9a-f]{8}-grp")


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One group of nodes as the autoscaler sees it; None is what it does not tell. `since`, in seconds since 1970, is
    when it began to grow or to back off, and `why` what the cloud said then.
    """

    name: str
    healthy: bool | None = None
    least: int | None = None
    most: int | None = None
    target: int | None = None
    registered: int | None = None
    ready: int | None = None
    growing: bool = False
    backing_off: bool = False
    since: float | None = None
    why: str | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """All groups. `trouble` is why they are not to be trusted: what is wrong with the text, or with the cluster."""

    groups: tuple[Group, ...] = ()
    trouble: str | None = None


def read(text: str) -> Status:
    """What a status says, in either format."""
    if len(text) > _LONGEST:
        return Status(trouble=later("Cluster Autoscaler's status is too long to be read."))
    if re.search(r"^Cluster-(?:autoscaler status at|wide:)", text, re.MULTILINE):
        return _read_text(text)
    try:
        told = yaml.load(text, Loader=_LOADER)  # noqa: S506 # a base loader builds nothing but text, lists and dicts
    except (yaml.YAMLError, RecursionError, ValueError):
        told = None
    if not isinstance(told, dict) or not ("autoscalerStatus" in told or "nodeGroups" in told):
        return Status(trouble=later("Cluster Autoscaler's status can't be read."))
    return _read_yaml(told)


def written_at(text: str) -> float | None:
    """When a status was written, in seconds since 1970: its first moment."""
    found = re.search(r"^(?:time:|Cluster-autoscaler status at)(.*)$", text, re.MULTILINE)
    return _moment(found[1]) if found is not None else None


def without_probes(text: str) -> str:
    """A status without the moments that change with each look at the same cloud."""
    lines = text.splitlines()
    return "\n".join(
        line for line in lines if not re.match(r" *lastprobetime:|time:|cluster-autoscaler ", line.lower())
    )


def pool_of(name: str, pools: Container[str] = ()) -> str:
    """The pool, as its nodes are labelled, that a group's name stands for; the name itself where it tells no other."""
    if name in pools:
        return name
    for pattern in _NAMES:
        found = pattern.fullmatch(name)
        if found is not None:
            return found["pool"]
    found = _GKE.fullmatch(name)
    if found is None:
        return name
    # The cluster's name comes first, and both are cut where they are long.
    words = found["rest"].split("-")
    tails = ["-".join(words[at:]) for at in range(1, len(words))]
    return next((tail for tail in tails if tail in pools), found["rest"])


# --- YAML -----------------------------------------------------------------------------------------------------------


def _read_yaml(told: dict[str, Any]) -> Status:
    found = []
    listed = told.get("nodeGroups")
    for item in listed[:_MOST] if isinstance(listed, list) else ():
        name = item.get("name") if isinstance(item, dict) else None
        if isinstance(name, str) and name:
            found.append(_group(name, item))
    health = _part(_part(told, "clusterWide"), "health")
    return Status(groups=tuple(found), trouble=_sick(health.get("status")))


def _group(name: str, item: dict[str, Any]) -> Group:
    health, grows = _part(item, "health"), _part(item, "scaleUp")
    counts = _part(_part(health, "nodeCounts"), "registered")
    status, told = grows.get("status"), _part(grows, "backoffInfo")
    words = ": ".join(text for key in ("errorCode", "errorMessage") if isinstance(text := told.get(key), str) and text)
    return Group(
        name=name,
        healthy=_healthy(health.get("status")),
        least=_number(health.get("minSize")),
        most=_number(health.get("maxSize")),
        target=_number(health.get("cloudProviderTarget")),
        registered=_number(counts.get("total", "0") if counts else None),
        ready=_number(counts.get("ready", "0") if counts else None),
        growing=status == "InProgress",
        backing_off=status == "Backoff",
        since=_moment(grows.get("lastTransitionTime")),
        why=words[:500] or None,
    )


def _part(value: Any, key: str) -> dict[str, Any]:
    part = value.get(key) if isinstance(value, dict) else None
    return part if isinstance(part, dict) else {}


# --- text -----------------------------------------------------------------------------------------------------------


def _read_text(text: str) -> Status:
    wide, _, groups = text.partition("NodeGroups:")
    if "Cluster-wide:" not in wide:
        return Status()  # it is starting
    cluster = _conditions(wide).get("Health", {})
    return Status(groups=tuple(_groups_of(groups)), trouble=_sick(cluster.get("status")))


def _groups_of(text: str) -> Iterator[Group]:
    for part in re.split(r"^ {2}Name: +", text, flags=re.MULTILINE)[1 : _MOST + 1]:
        name, _, rest = part.partition("\n")
        told = _conditions(rest)
        health, grows = told.get("Health", {}), told.get("ScaleUp", {})
        if name.strip():
            yield Group(
                name=name.strip(),
                healthy=_healthy(health.get("status")),
                least=_number(health.get("minSize")),
                most=_number(health.get("maxSize")),
                target=_number(health.get("cloudProviderTarget")),
                registered=_number(health.get("registered")),
                ready=_number(health.get("ready")),
                growing=grows.get("status") == "InProgress",
                backing_off=grows.get("status") == "Backoff",
                since=_moment(grows.get("since")),
            )


def _conditions(text: str) -> dict[str, dict[str, str]]:
    """Each condition's status, its numbers, and since when."""
    found: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in text.splitlines():
        condition = _CONDITION.match(line)
        if condition is not None:
            current = found[condition[1]] = {**dict(_SIZE.findall(condition[3])), "status": condition[2]}
        elif "LastTransitionTime:" in line:
            current["since"] = line.partition("LastTransitionTime:")[2].strip()
    return found


# --- values ---------------------------------------------------------------------------------------------------------


def _healthy(status: Any) -> bool | None:
    return {"Healthy": True, "Unhealthy": False}.get(status) if isinstance(status, str) else None


def _sick(status: Any) -> str | None:
    if _healthy(status) is not False:
        return None
    return later("Cluster Autoscaler adds no machines now, since too many nodes of the cluster are not healthy.")


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value) else None


def _moment(value: Any) -> float | None:
    found = _MOMENT.search(value) if isinstance(value, str) else None
    if found is None:
        return None
    zone = "+00:00" if found[3] in (None, "Z", "UTC") else found[3]
    try:
        seconds = datetime.fromisoformat(f"{found[1]}T{found[2]}{zone}").timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None  # Go's zero time is in the year 1
