"""New cases out of the public answers: clusters and pods recombined and changed, seeded, with fields that the public ones lack.

What comes out is sometimes nonsense that an API server would refuse; the scheduler's code still has an answer, and ours must be the same.
"""

import copy
import gzip
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[2] / "data" / "vectors" / "fit.jsonl.gz"
KINDS = {
    "nodes": "node",
    "pods": "pod",
    "persistentvolumeclaims": "claim",
    "persistentvolumes": "volume",
    "storageclasses": "class",
    "csinodes": "csinode",
    "namespaces": "namespace",
}
MAPS = ("labels", "matchLabels", "nodeSelector", "capacity", "allocatable", "requests", "limits")
KEPT = ("name", "uid", "kind", "apiVersion", "metadata", "namespace", "creationTimestamp")
ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
NO_SCHEDULE = "DoNotSchedule"


def _terms() -> list[dict[str, Any]]:
    return [
        {"topologyKey": ZONE, "labelSelector": {"matchLabels": {"app": "web"}}, "matchLabelKeys": ["app"]},
        {"topologyKey": ZONE, "labelSelector": {"matchLabels": {"app": "web"}}, "mismatchLabelKeys": ["app"]},
        {
            "topologyKey": HOST,
            "labelSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "batch"]}]},
            "namespaces": ["other", "default"],
        },
        {"topologyKey": ZONE, "labelSelector": {}, "namespaceSelector": {}},
        {
            "topologyKey": HOST,
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}},
            "labelSelector": {"matchLabels": {"app": "jupyterhub"}},
        },
        {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "jupyterhub"}}},
        {"topologyKey": HOST},
    ]


def _node_terms() -> list[list[dict[str, Any]]]:
    def field(operator: str, *names: str) -> dict[str, Any]:
        return {"matchFields": [{"key": "metadata.name", "operator": operator, "values": list(names)}]}

    def label(operator: str, *values: str, key: str = "pool") -> dict[str, Any]:
        return {
            "matchExpressions": [{"key": key, "operator": operator, **({"values": list(values)} if values else {})}]
        }

    return [
        [{}],
        [{"matchExpressions": []}],
        [label("NotIn", "gpu")],
        [label("DoesNotExist")],
        [label("Gt", "3", key="n")],
        [label("Lt", "3", key="n")],
        [field("In", "node-0")],
        [field("NotIn", "node-0")],
        [field("In", "node-0"), label("Exists")],
        [field("In", "node-0"), field("In", "node-2", "gone")],
        [{**field("In", "node-0"), **label("Exists")}],
        [field("In", "gone")],
    ]


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
INVENTED: dict[str, list[Any]] = {
    "pod.spec.tolerations": [
        [{"operator": "Exists"}],
        [{"operator": "Exists", "effect": "NoExecute"}],
        [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        [{"key": "nvidia.com/gpu", "value": "present"}],
        [{"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "PreferNoSchedule"}],
        [{"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"}],
    ],
    "node.spec.taints": [
        [{"key": "a", "effect": "PreferNoSchedule"}],
        [{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}],
        [
            {"key": "a", "value": "b", "effect": "NoExecute"},
            {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"},
        ],
    ],
    "pod.spec.topologySpreadConstraints": [
        [{"maxSkew": skew, "topologyKey": key, "whenUnsatisfiable": NO_SCHEDULE, "labelSelector": selector, **more}]
        for skew in (1, 2)
        for key in (ZONE, HOST, "pool")
        for selector in ({"matchLabels": {"app": "web"}}, {"matchLabels": {"app": "jupyterhub"}}, {}, None)
        for more in (
            {},
            {"minDomains": 2},
            {"minDomains": 5},
            {"nodeAffinityPolicy": "Ignore"},
            {"nodeTaintsPolicy": "Honor"},
            {"matchLabelKeys": ["app"]},
            {"nodeAffinityPolicy": "Ignore", "nodeTaintsPolicy": "Honor", "minDomains": 3},
        )
    ],
    "pod.spec.affinity": [
        *({"podAntiAffinity": {REQUIRED: [term]}} for term in _terms()),
        *({"podAffinity": {REQUIRED: [term]}} for term in _terms()),
        {"podAffinity": {REQUIRED: _terms()[:2]}},
        *({"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}} for terms in _node_terms()),
    ],
    "pod.spec.schedulingGates": [[{"name": "kueue.x-k8s.io/admission"}], [{"name": "b"}, {"name": "a"}]],
    "pod.spec.overhead": [{"cpu": "250m", "memory": "120Mi"}],
    "pod.spec.hostNetwork": [True],
    "pod.spec.priority": [0, 10, -5, 100, 1000],
    "pod.spec.resources": [
        {"requests": {"cpu": "1", "memory": "1Gi"}},
        {"limits": {"cpu": "1"}},
        {"requests": {"cpu": "100"}},
    ],
    "pod.status.nominatedNodeName": ["node-0", "node-1", "node-2"],
    "pod.status.phase": ["Running", "Pending", "Unknown", "Succeeded", "Failed"],
    "pod.metadata.deletionTimestamp": ["2026-01-01T00:00:00Z"],
    "pod.metadata.labels": [{"app": "web"}, {"app": "jupyterhub"}, {}],
    "node.spec.unschedulable": [True],
    "node.metadata.labels": [{HOST: "node-0", "n": "5", "pool": "gpu", ZONE: "zone-a"}, {HOST: "x"}, {}],
    "node.status.allocatable": [
        {"cpu": "4", "memory": "8Gi", "pods": "2"},
        {
            "cpu": "1",
            "memory": "1Gi",
            "ephemeral-storage": "1Gi",
            "pods": "110",
            "nvidia.com/gpu": "1",
            "hugepages-2Mi": "4Mi",
        },
    ],
}
# The API server fills these in, or refuses an object without them; how we read such an object is our own affair.
NEVER_REMOVED = (
    "allocatable",
    "topologyKey",
    "volumeBindingMode",
    "metadata",
    "spec",
    "status",
    "containers",
    "image",
    *KEPT,
)


class Recombine:
    """An endless, seeded source of cases."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        with gzip.open(VECTORS, "rt") as lines:
            self.lines = [json.loads(line) for line in lines]
        self.seen: dict[str, list[Any]] = defaultdict(list)
        self.keys: dict[str, Counter[str]] = defaultdict(Counter)
        for line in self.lines:
            self._learn(line["ask"], "pod")
            for kind, root in KINDS.items():
                for thing in line.get(kind) or []:
                    self._learn(thing, root)

    def cases(self) -> Iterator[dict[str, Any]]:
        number = 0
        while True:
            number += 1
            yield self._case(number)

    def _learn(self, value: Any, place: str) -> None:
        if len(self.seen[place]) < 800:
            self.seen[place].append(value)
        for key, inner, inner_place in _inside(value, place):
            if isinstance(value, dict):
                self.keys[place][str(key)] += 1
            self._learn(inner, inner_place)

    def _case(self, number: int) -> dict[str, Any]:
        pick = self.random
        first, second = pick.choice(self.lines), pick.choice(self.lines)
        case = self._joined(first, second if pick.random() < 0.7 else {})
        ask = copy.deepcopy(pick.choice([first, first, second])["ask"])
        if pick.random() < 0.3:
            small = [{}, {"cpu": "100m"}, {"cpu": "1", "memory": "1Gi"}, {"memory": "4Gi", "nvidia.com/gpu": "1"}]
            ask["spec"]["containers"][0]["resources"] = {"requests": pick.choice(small)}
        if pick.random() < 0.5:
            ask["spec"].pop("nodeSelector", None)
        if pick.random() < 0.3:
            field = pick.choice(["affinity", "topologySpreadConstraints", "tolerations"])
            place = f"pod.spec.{field}"
            ask["spec"][field] = copy.deepcopy(pick.choice(self.seen[place] + INVENTED[place]))
        if pick.random() < 0.3:
            other = pick.choice(self.lines)
            if other["ask"]["spec"].get("volumes") and other.get("persistentvolumeclaims"):
                volumes = ("pods", "persistentvolumeclaims", "persistentvolumes", "storageclasses", "csinodes")
                case = self._joined(case, {kind: other.get(kind) for kind in volumes})
                ask["spec"]["volumes"] = copy.deepcopy(other["ask"]["spec"]["volumes"])
                ask["metadata"]["namespace"] = other["ask"]["metadata"].get("namespace", "default")
        for _ in range(pick.choice([0, 1, 1, 2, 3, 5, 8])):
            if pick.random() < 0.45:
                self._change(ask, "pod")
            else:
                kind = pick.choice([kind for kind in KINDS if case[kind]])
                self._change(pick.choice(case[kind]), KINDS[kind])
        if pick.random() < 0.9:
            ask["spec"].pop("nodeName", None)
        for index, pod in enumerate(case["pods"]):
            pod["metadata"]["uid"] = f"{number}-{index}"
        ask["metadata"]["uid"] = f"{number}-ask"
        for node in case["nodes"]:
            node["status"].setdefault("allocatable", node["status"].get("capacity", {}))
        return {**case, "ask": ask}

    def _joined(self, first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
        joined: dict[str, Any] = {}
        for kind in KINDS:
            by_name = {}
            for thing in [*(second.get(kind) or []), *(first.get(kind) or [])]:
                by_name[(thing["metadata"].get("namespace"), thing["metadata"]["name"])] = copy.deepcopy(thing)
            joined[kind] = list(by_name.values())
        return joined

    def _change(self, thing: dict[str, Any], root: str) -> None:
        pick = self.random
        spots = list(_spots(thing, root))
        how = pick.random()
        if how < 0.45:
            spots = [spot for spot in spots if spot[2] in self.seen and not spot[2].endswith(KEPT)]
            if spots:
                parent, key, place = pick.choice(spots)
                parent[key] = copy.deepcopy(pick.choice(self.seen[place] + INVENTED.get(place, []) * 20))
        elif how < 0.65:
            invented = [place for place in INVENTED if place.startswith(f"{root}.")]
            if invented:
                place = pick.choice(invented)
                *path, last = place.split(".")[1:]
                inner = thing
                for part in path:
                    inner = inner.setdefault(part, {})
                inner[last] = copy.deepcopy(pick.choice(INVENTED[place]))
        elif how < 0.8:
            maps = [(parent[key], place) for parent, key, place in spots if isinstance(parent[key], dict)]
            if maps:
                inner, place = pick.choice(maps)
                names = [name for name in self.keys[place] if name not in KEPT and self.seen.get(f"{place}.{name}")]
                if names:
                    name = pick.choice(names)
                    inner[name] = copy.deepcopy(pick.choice(self.seen[f"{place}.{name}"]))
        elif how < 0.9:
            spots = [s for s in spots if isinstance(s[0], dict) and s[1] not in NEVER_REMOVED]
            if spots:
                parent, key, _ = pick.choice(spots)
                del parent[key]
        else:
            lists = [parent[key] for parent, key, _ in spots if isinstance(parent[key], list) and parent[key]]
            if lists:
                items = pick.choice(lists)
                if pick.random() < 0.5 or len(items) == 1:
                    items.append(copy.deepcopy(pick.choice(items)))
                else:
                    items.pop(pick.randrange(len(items)))


def _inside(value: Any, place: str) -> Iterator[tuple[Any, Any, str]]:
    if isinstance(value, dict):
        for key, inner in list(value.items()):
            yield key, inner, f"{place}.*" if place.endswith(MAPS) else f"{place}.{key}"
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield index, inner, f"{place}[]"


def _spots(value: Any, place: str) -> Iterator[tuple[Any, Any, str]]:
    for key, inner, inner_place in _inside(value, place):
        yield value, key, inner_place
        yield from _spots(inner, inner_place)
