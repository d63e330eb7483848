"""What the tasks compare: objects as kubectl prints them, manifests and values as Helm prints them."""

from __future__ import annotations

import base64
import difflib
import json
import re
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

Values = dict[str, Any]

# What the API server writes into an object by itself: not part of what somebody wanted.
_WRITTEN = (
    "resourceVersion",
    "uid",
    "creationTimestamp",
    "generation",
    "managedFields",
    "selfLink",
    "deletionTimestamp",
)
_HELM = "meta.helm.sh/"
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_REVISION = "deployment.kubernetes.io/revision"
# moorage's part of a hub's values: keys of maps, and entries of lists by their name.
_KEYS = {
    "annotations": "moorage.io/token",
    "extraConfig": "50-moorage",
    "labels": "moorage.io/client",
    "loadRoles": "moorage-check",
    "services": "moorage-check",
}
_LISTS = ("extraVolumeMounts", "extraVolumes", "initContainers")
_TOKEN, _PATH, _FOLDER = "MOORAGE_SERVICE_TOKEN", "PYTHONPATH", "/opt/moorage-hub"


def items(text: str) -> list[Values]:
    """The objects of `kubectl get --output json`, which prints a list, one object, or nothing."""
    found = json.loads(text) if text.strip() else {"items": []}
    return list(found.get("items", [found]))


def objects(manifest: str) -> list[Values]:
    """The objects of a manifest as Helm prints it."""
    return [obj for obj in yaml.safe_load_all(manifest) if obj]


def bare(obj: Values) -> Values:
    """An object as it can be sent back to where it came from."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _WRITTEN}
    notes = {key: value for key, value in metadata.pop("annotations", {}).items() if key != _REVISION}
    if notes:
        metadata["annotations"] = notes
    return {**{key: value for key, value in obj.items() if key != "status"}, "metadata": metadata}


def reference(obj: Values) -> Values:
    """As much of an object as its deletion takes."""
    metadata = {key: obj["metadata"][key] for key in ("name", "namespace") if key in obj["metadata"]}
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata}


def name(obj: Values) -> str:
    return f"{obj['kind']} {obj['metadata']['name']}"


def absent(wanted: list[Values], there: list[Values]) -> list[Values]:
    """References to those of `wanted` that are not `there`."""
    return [reference(obj) for obj in beside(wanted, there)]


def beside(objects: list[Values], others: list[Values]) -> list[Values]:
    """Those of `objects` that are not among `others`."""
    known = [_key(obj) for obj in others]
    return [obj for obj in objects if _key(obj) not in known]


def nowhere(wanted: list[Values], there: list[Values]) -> list[Values]:
    """Those of `wanted` whose namespace is wanted too, and not there yet."""
    absent = {obj["metadata"]["name"] for obj in beside(wanted, there) if obj["kind"] == "Namespace"}
    return [obj for obj in wanted if obj["metadata"].get("namespace") in absent]


def strangers(objects: list[Values], release: str, namespace: str) -> list[Values]:
    """Those that are not part of a release yet."""
    mine = [(f"{_HELM}release-name", release), (f"{_HELM}release-namespace", namespace)]
    return [
        obj for obj in objects if any(obj["metadata"].get("annotations", {}).get(key) != text for key, text in mine)
    ]


def of_others(objects: list[Values]) -> list[str]:
    """Those that are part of a release, with its name."""
    found = [(obj, obj["metadata"].get("annotations", {}).get(f"{_HELM}release-name")) for obj in objects]
    return [f"{name(obj)} (release {release})" for obj, release in found if release]


def ours(history: list[Values], revision: int) -> bool:
    """Whether the role has made a revision of a release, or the one that it is again."""
    told = {int(each["revision"]): str(each["description"]) for each in history}
    while back := re.fullmatch(r"Rollback to (\d+)", told.get(revision, "")):
        revision = int(back[1])
    return told.get(revision, "").startswith("moorage ")


def made(kept: list[Values]) -> list[Values]:
    """What the role has made, of the Secrets and ConfigMaps of its namespaces, and what its records among them name."""
    names = re.compile(r"moorage-(record-(api|hub)|tokens|settings-[a-z0-9]{10})")
    return [obj for obj in kept if names.fullmatch(obj["metadata"]["name"])] + [
        obj for record in _records(kept).values() for obj in record["before_moorage"]["made"]
    ]


def found_release(kept: list[Values], release: str) -> bool:
    """Whether a release of the service was there before the role, as far as a record tells."""
    before = _records(kept).get("moorage-record-api", {}).get("before_moorage", {}).get("release", {})
    return before.get("name") == release and int(before.get("last", 0)) > 0


def _records(kept: list[Values]) -> dict[str, Values]:
    found = [obj for obj in kept if obj["metadata"]["name"] in ("moorage-record-api", "moorage-record-hub")]
    return {obj["metadata"]["name"]: json.loads(base64.b64decode(obj["data"]["record"])) for obj in found}


def said(there: list[Values], wanted: list[Values], deployment: str) -> Values:
    """What manifests say of the service that a chart may not: its settings and its pod, as `{"there", "wanted"}`."""
    return {"there": _said(there, deployment), "wanted": _said(wanted, deployment)}


def _said(objects: list[Values], deployment: str) -> Values:
    found = next((obj for obj in objects if (obj["kind"], obj["metadata"]["name"]) == ("Deployment", deployment)), None)
    if found is None:
        return {}
    # What was applied: the API server adds defaults of its own.
    applied = found["metadata"].get("annotations", {}).get(_APPLIED)
    pod = (json.loads(applied) if applied else found)["spec"]["template"]["spec"]
    container = pod["containers"][0]
    sources = [each.get("configMapRef", {}).get("name") for each in container.get("envFrom", [])]
    data = [obj.get("data", {}) for obj in objects if obj["kind"] == "ConfigMap" and obj["metadata"]["name"] in sources]
    settings = {key.removeprefix("MOORAGE_").lower(): text for each in data for key, text in each.items()}
    rest = {key: value for key, value in pod.items() if key != "containers"}
    return {
        "settings": settings,
        "pod": rest,
        "container": {key: container.get(key) or [] for key in ("env", "volumeMounts")},
    }


def ways_back(former: list[Values], now: list[Values]) -> list[Values]:
    """JSON patches that make `former` again of those that have changed. `kubectl replace` would write an annotation
    anew that later applications rest on.
    """
    present = {_key(obj): bare(obj) for obj in now}
    moved = [(obj, present[_key(obj)]) for obj in map(bare, former) if present.get(_key(obj), obj) != obj]
    return [{**reference(old)["metadata"], "resource": _resource(old), "patch": _patch(old, new)} for old, new in moved]


def _resource(obj: Values) -> str:
    group, _, version = obj["apiVersion"].rpartition("/")
    return f"{obj['kind']}.{version}.{group}" if group else obj["kind"]


def _patch(old: Values, new: Values, path: str = "") -> list[Values]:
    patch: list[Values] = []
    for key in sorted({*old, *new}):
        if old.get(key) == new.get(key):
            continue
        if key == "metadata":
            patch += _patch(old[key], new[key], "/metadata")
        elif key in old:
            patch.append({"op": "add", "path": f"{path}/{key}", "value": old[key]})
        else:
            patch.append({"op": "remove", "path": f"{path}/{key}"})
    return patch


def _key(obj: Values) -> tuple[str, str, str]:
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def lost(live: Any, given: Any, may_go: list[str] | tuple[str, ...] = ()) -> list[str]:
    """Paths of the values that `live` has and `given` does not, less those below `may_go`. Values that differ are not
    lost, nor are the entries of lists whose name is there.
    """
    gone = list(_lost(live, given, ""))
    return [path for path in gone if not any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in may_go)]


_NOTHING = object()
_UNITS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTP", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTP", 1)},
}


def _lost(live: Any, given: Any, path: str) -> Iterator[str]:
    if isinstance(live, dict) and live:
        inside = given if isinstance(given, dict) else {}
        for key, value in live.items():
            yield from _lost(value, inside.get(key, _NOTHING), f"{path}.{key}".lstrip("."))
    elif isinstance(live, list) and live:
        there = given if isinstance(given, list) else []
        for place, entry in enumerate(live):
            called = entry.get("name") if isinstance(entry, dict) else None
            known = called is not None and any(isinstance(one, dict) and one.get("name") == called for one in there)
            if entry not in there and not known:
                yield f"{path}[{place if called is None else called}]"
    elif given is _NOTHING:
        yield path


def own(values: Values | None) -> Values:
    """A hub's values without moorage's part of them."""
    kept = dict(values or {})
    hub = dict(kept.get("hub") or {})
    for section, key in _KEYS.items():
        _replace(hub, section, lambda old, key=key: {at: value for at, value in old.items() if at != key})
    for section in _LISTS:
        _replace(hub, section, lambda old: [entry for entry in old if not _is_ours(entry)])
    _replace(hub, "extraEnv", _own_environment)
    policy = dict(hub.get("networkPolicy") or {})
    _replace(
        policy,
        "egress",
        lambda old: [rule for rule in old if '"app.kubernetes.io/name": "moorage"' not in json.dumps(rule)],
    )
    _put(hub, "networkPolicy", policy)
    _put(kept, "hub", hub)
    return kept


def _replace(owner: Values, section: str, change: Any) -> None:
    old = owner.get(section)
    if old:
        _put(owner, section, change(old) if isinstance(old, (dict, list)) else old)


def _put(owner: Values, section: str, value: Any) -> None:
    """An empty rest of what was ours goes; what was empty all along stays."""
    if value:
        owner[section] = value
    elif owner.get(section):
        del owner[section]


def _is_ours(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("name") == "moorage"


def _own_environment(old: Any) -> Any:
    if not isinstance(old, dict):
        return old
    kept = {key: value for key, value in old.items() if key not in (_TOKEN, _PATH)}
    theirs = str(old.get(_PATH) or "")
    rest = theirs.removeprefix(_FOLDER).removeprefix(":")
    return {**kept, _PATH: rest} if rest else kept


def account(manifest: str, component: str) -> str:
    """The service account that the Deployment of a component runs as, of what Helm would make."""
    for obj in _documents(manifest).values():
        if obj["kind"] == "Deployment" and obj["metadata"].get("labels", {}).get("component") == component:
            return str(obj["spec"]["template"]["spec"].get("serviceAccountName") or "default")
    return component


def of_person(objects: list[Values], person: str) -> list[Values]:
    """Those that KubeSpawner made for somebody; labels and names have an escaped form of who it is."""
    return [obj for obj in objects if obj["metadata"].get("annotations", {}).get("hub.jupyter.org/username") == person]


def service_token(secrets: list[Values], service: str) -> str:
    """The token of one of the hub's services, from whichever of the hub's Secrets has it."""
    found = [secret.get("data", {}).get(f"hub.services.{service}.apiToken") for secret in secrets]
    return base64.b64decode(next(filter(None, found), "")).decode()


def fits(verdict: Values) -> list[str]:
    """Names of the nodes where a choice fits, of what the hub answers to /hub/moorage/fit."""
    kinds = verdict.get("kinds") or []
    return sorted(node for node, kind in (verdict.get("nodes") or {}).items() if kinds[kind]["fits"])


def reasons(verdict: Values) -> list[str]:
    """Why a choice does not fit, in the hub's words."""
    told = [verdict.get("refusal"), verdict.get("unknown")]
    kinds = [reason for kind in verdict.get("kinds") or [] for reason in kind.get("reasons", [])]
    told += [reason["text"] for reason in [*(verdict.get("refused") or []), *(verdict.get("reasons") or []), *kinds]]
    return list(dict.fromkeys(filter(None, told)))


def compared(pod: Values, choice: Values, ratio: float | None = None) -> Values:
    """What was chosen and what the pod has of it, in the same words and units. The request of CPU can be expected only
    where its share is known, and an image only where the choice is a reference: a name is the hub's own.
    """
    containers = pod["spec"]["containers"]
    notebook = next((one for one in containers if one["name"] == "notebook"), containers[0])
    resources = notebook.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    gpu = choice.get("gpu_resource") or "nvidia.com/gpu"
    chosen, got = {"node": choice["node"]}, {"node": pod["spec"].get("nodeName")}
    for what, has, resource in (
        ("cpu", limits, "cpu"),
        ("memory", limits, "memory"),
        ("gpu", limits, gpu),
        ("memory", requests, "memory"),
    ):
        if what in choice:
            name = f"{what} {'request' if has is requests else 'limit'}"
            chosen[name], got[name] = str(_amount(choice[what])), str(_amount(has.get(resource, 0)))
    if ratio is not None and "cpu" in choice:
        chosen["cpu request"] = str(
            (_amount(choice["cpu"]) * Decimal(str(ratio))).quantize(Decimal("0.001"), ROUND_UP).normalize()
        )
        got["cpu request"] = str(_amount(requests.get("cpu", 0)))
    if {"/", ":"} & set(choice.get("image") or ""):
        chosen["image"], got["image"] = choice["image"], notebook["image"]
    return {"chosen": chosen, "got": got}


def _amount(quantity: Any) -> Decimal:
    """A Kubernetes quantity, as far as pods of a hub have them."""
    text = str(quantity)
    number = text.rstrip("mkKMGTPi")
    return (Decimal(number) * _UNITS[text.removeprefix(number)]).normalize()


def difference(before: str, after: str) -> str:
    """Two manifests, object by object; Secrets are left out."""
    old, new = _documents(before), _documents(after)
    text: list[str] = []
    for key in sorted({*old, *new}):
        lines = [yaml.safe_dump(side[key]).splitlines() if key in side else [] for side in (old, new)]
        label = "/".join(filter(None, key))
        text += difflib.unified_diff(*lines, fromfile=label, tofile=label, lineterm="", n=2)
    return "\n".join(text)


def _documents(manifest: str) -> dict[tuple[str, str, str], Values]:
    return {_key(obj): obj for obj in yaml.safe_load_all(manifest) if obj and obj["kind"] != "Secret"}


class FilterModule:
    def filters(self) -> dict[str, Any]:
        """Under the names that the tasks call."""
        functions = (
            items,
            objects,
            bare,
            reference,
            name,
            absent,
            beside,
            nowhere,
            strangers,
            of_others,
            ours,
            said,
            made,
            found_release,
            ways_back,
            lost,
            own,
            difference,
            account,
            of_person,
            service_token,
            fits,
            reasons,
            compared,
        )
        return {f"moorage_{function.__name__}": function for function in functions}
