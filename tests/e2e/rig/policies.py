"""Random rules of a namespace, and pods that keep or break them."""

import random
from typing import Any

from rig.api import Obj

CPU = ["100m", "500m", "1", "1500m", "2", "4"]
MEMORY = ["128Mi", "1Gi", "1500M", "2Gi", "6Gi"]
CLASSES = ("patient", "urgent")
# With an overhead and a place of its own, with neither, and one that nobody has made.
RUNTIMES = ("boxed", "plain", "missing")


def standing(named: str) -> list[Obj]:
    """Classes, which belong to no namespace."""
    runtime: Obj = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "handler": "x"}
    boxed = {"overhead": {"podFixed": {"cpu": "250m", "memory": "130Mi"}}}
    boxed["scheduling"] = {"nodeSelector": {"boxed": "yes"}, "tolerations": [{"key": "boxed", "operator": "Exists"}]}
    priority: Obj = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass"}
    return [
        {**runtime, "metadata": {"name": f"{named}-boxed"}, **boxed},
        {**runtime, "metadata": {"name": f"{named}-plain"}},
        *({**priority, "metadata": {"name": f"{named}-{name}"}, "value": 10 * len(name)} for name in CLASSES),
    ]


class Policies:
    """A source of rules and pods for the namespace `namespace`."""

    def __init__(self, chance: random.Random, *, namespace: str, named: str) -> None:
        self.random, self.pick = chance, chance.choice
        self.namespace, self.named = namespace, named

    def _may(self, chance: float) -> bool:
        return self.random.random() < chance

    def _meta(self, name: str) -> Obj:
        return {"name": name, "namespace": self.namespace}

    def _amounts(self, cpu: list[str], memory: list[str], *, chance: float = 0.6) -> Obj:
        found = {"cpu": (cpu, chance), "memory": (memory, chance)}
        return {name: self.pick(values) for name, (values, often) in found.items() if self._may(often)}

    def limit_range(self, name: str, *, first: bool) -> Obj:
        """Bounds that leave room; defaults within them, since the API server wants that.

        Which of two defaults comes first is chance, so that only the first LimitRange has some.
        """
        item: Obj = {"type": self.pick(["Container", "Container", "Pod"] if first else ["Pod"])}
        if self._may(0.5):
            item["min"] = self._amounts(["100m", "200m"], ["64Mi", "200Mi"])
        if self._may(0.6):
            item["max"] = self._amounts(["2", "3"], ["2Gi", "4Gi"])
        if item["type"] == "Container" and self._may(0.5):
            item["default"] = self._amounts(["1", "1500m"], ["1Gi", "2Gi"])
            if self._may(0.5):
                item["defaultRequest"] = {key: {"cpu": "500m", "memory": "512Mi"}[key] for key in item["default"]}
        if self._may(0.3):
            item["maxLimitRequestRatio"] = self._amounts(["2", "4"], ["1500m", "3"], chance=0.5)
        item = {field: value for field, value in item.items() if value}
        return {"apiVersion": "v1", "kind": "LimitRange", "metadata": self._meta(name), "spec": {"limits": [item]}}

    def quota(self, name: str, **_: bool) -> Obj:
        among = {
            "cpu": ["1", "3"],
            "requests.memory": ["2Gi", "5Gi"],
            "limits.cpu": ["2", "6"],
            "limits.memory": ["4Gi"],
            "pods": ["0", "5"],
            "count/pods": ["0", "9"],
            "requests.nvidia.com/gpu": ["0", "1"],
            "requests.ephemeral-storage": ["2Gi"],
            "requests.hugepages-2Mi": ["4Mi"],
        }
        hard = {held: self.pick(among[held]) for held in self.random.sample(sorted(among), self.pick([1, 2, 3]))}
        spec: Obj = {"hard": hard}
        for_all = {"pods", "count/pods"} >= hard.keys()
        if self._may(0.4):
            scopes = [
                "NotBestEffort",
                "Terminating",
                "NotTerminating",
                *(["BestEffort"] if hard.keys() == {"pods"} else []),
            ]
            spec["scopes"] = [self.pick(scopes)]
        elif self._may(0.3) and not for_all:
            named = [f"{self.named}-{name}" for name in CLASSES[:1]]
            requirement: Obj = {"scopeName": "PriorityClass", "operator": self.pick(["In", "NotIn", "Exists"])}
            if requirement["operator"] != "Exists":
                requirement["values"] = named
            spec["scopeSelector"] = {"matchExpressions": [requirement]}
        return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": self._meta(name), "spec": spec}

    def pod(self, name: str) -> Obj:
        spec: Obj = {"containers": [self._container(f"c{index}") for index in range(self.pick([1, 1, 2]))]}
        if self._may(0.3):
            first = self._container("first")
            if self._may(0.5):
                first["restartPolicy"] = "Always"
            spec["initContainers"] = [first]
        if self._may(0.15):
            spec["resources"] = {
                section: self._amounts(["4", "9"], ["9Gi"]) for section in ("requests", "limits") if self._may(0.6)
            }
        if self._may(0.2):
            spec["runtimeClassName"] = f"{self.named}-{self.pick(RUNTIMES)}"
        if self._may(0.1):
            spec["overhead"] = self.pick([{"cpu": "0.25", "memory": "130Mi"}, {"cpu": "1"}])
        if self._may(0.2):
            spec["priorityClassName"] = f"{self.named}-{self.pick([*CLASSES, 'missing'])}"
        if self._may(0.1):
            spec["nodeSelector"] = {"boxed": self.pick(["yes", "no"])}
        if self._may(0.2):
            spec["activeDeadlineSeconds"] = 600
        if self._may(0.2):
            spec["tolerations"] = [{"key": self.pick(["a", "node.kubernetes.io/not-ready"]), "operator": "Exists"}]
        return {"apiVersion": "v1", "kind": "Pod", "metadata": self._meta(name), "spec": spec}

    def _container(self, name: str) -> Obj:
        resources: dict[str, Any] = {}
        if self._may(0.7):
            resources["requests"] = self._amounts(CPU, MEMORY)
        if self._may(0.6):
            resources["limits"] = self._amounts(CPU, MEMORY)
            if self._may(0.3):
                resources["limits"]["nvidia.com/gpu"] = self.pick(["1", "2"])
            if self._may(0.2):
                resources["limits"]["ephemeral-storage"] = self.pick(["1Gi", "3Gi"])
            if self._may(0.1):
                resources["limits"] |= {"hugepages-2Mi": "4Mi", "cpu": "1"}
        return {"name": name, "image": "none", "resources": resources}
