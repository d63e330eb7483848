"""Cases in which somebody may have to go: the clusters of `recombine` and `invent`, made fuller, with priorities, budgets, and pods that end."""

import copy
import random
from collections.abc import Iterable, Iterator
from typing import Any

PRIORITIES = (-100, -10, -10, -5, 0, 0, 0, 5, 100, 1000)
POLICIES = (None, None, None, None, "PreemptLowerPriority", "Never")
# Above a dozen pods on one node upstream's sort leaves the order of equals to chance.
MOST_ON_A_NODE = 12


class Crowd:
    """Makes such cases from others, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.number = 0

    def cases(self, plain: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for case in plain:
            yield self._crowded(copy.deepcopy(case))

    def _crowded(self, case: dict[str, Any]) -> dict[str, Any]:
        chance = self.chance
        ask = case["ask"]
        ask["spec"]["priority"] = chance.choice((0, 10, 10, 50, 200))
        if policy := chance.choice(POLICIES):
            ask["spec"]["preemptionPolicy"] = policy
        nodes = [node["metadata"]["name"] for node in case["nodes"]]
        pods = case["pods"]
        self._fill(case, nodes)
        self._shrink(case, nodes)
        for pod in pods:
            self._rank(pod)
        if nodes and chance.random() < 0.15:
            ask.setdefault("status", {})["nominatedNodeName"] = chance.choice(nodes)
        case["poddisruptionbudgets"] = [self._budget(pods) for _ in range(chance.choice((0, 0, 1, 2, 3)))]
        return case

    def _fill(self, case: dict[str, Any], nodes: list[str]) -> None:
        """Copies of the cluster's pods, on whichever node."""
        pods = case["pods"]
        originals = [pod for pod in pods if pod["spec"].get("nodeName")]
        for _ in range(self.chance.choice((0, 2, 5, 8)) if originals and nodes else 0):
            twin = copy.deepcopy(self.chance.choice(originals))
            self.number += 1
            name = f"twin-{self.number}"
            twin["metadata"].update(name=name, uid=f"uid-{name}")
            twin["spec"]["nodeName"] = self.chance.choice(nodes)
            pods.append(twin)
        on: dict[str, list[Any]] = {}
        for pod in list(pods):
            if not (node := pod["spec"].get("nodeName")):
                continue
            on.setdefault(node, []).append(pod)
            if len(on[node]) > MOST_ON_A_NODE:
                pods.remove(pod)
            # No kubelet runs two pods with one host port, and upstream forgets the port of both when one goes.
            for container in (*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ())):
                if len(on[node]) > 1:
                    container.pop("ports", None)

    def _shrink(self, case: dict[str, Any], nodes: list[str]) -> None:
        """Most nodes are as good as full."""
        for node in case["nodes"]:
            status = node.get("status") or {}
            allocatable = status.get("allocatable")
            if allocatable and self.chance.random() < 0.6:
                allocatable["cpu"] = self.chance.choice(("500m", "1", "2", "4"))
                allocatable["memory"] = self.chance.choice(("1Gi", "3Gi", "8Gi"))
                if self.chance.random() < 0.2:
                    allocatable["pods"] = str(self.chance.randint(1, 6))

    def _rank(self, pod: dict[str, Any]) -> None:
        chance = self.chance
        pod["spec"]["priority"] = chance.choice(PRIORITIES)
        status = pod.setdefault("status", {})
        status.pop("startTime", None)
        if chance.random() < 0.8:
            status["startTime"] = f"2026-01-0{chance.randint(1, 3)}T0{chance.randint(0, 3)}:0{chance.randint(0, 3)}:00Z"
        if chance.random() < 0.1:
            pod["metadata"]["deletionTimestamp"] = "2026-01-04T00:00:00Z"
            if chance.random() < 0.7:
                reason = chance.choice(("PreemptionByScheduler", "PreemptionByScheduler", "EvictionByEvictionAPI"))
                condition = {"type": "DisruptionTarget", "status": chance.choice(("True", "True", "False"))}
                status["conditions"] = [{"type": "Ready", "status": "True"}, {**condition, "reason": reason}]

    def _budget(self, pods: list[dict[str, Any]]) -> dict[str, Any]:
        chance = self.chance
        self.number += 1
        labels = [pod["metadata"]["labels"] for pod in pods if pod["metadata"].get("labels")]
        selector: dict[str, Any] | None = {"matchLabels": dict(chance.choice(labels))} if labels else {}
        what = chance.random()
        if what < 0.1:
            selector = chance.choice((None, {}))
        elif what < 0.3:
            key = chance.choice(sorted(chance.choice(labels))) if labels else "app"
            selector = {"matchExpressions": [{"key": key, "operator": chance.choice(("Exists", "DoesNotExist"))}]}
        elif what < 0.35:
            selector = {"matchExpressions": [{"key": "app", "operator": "Sometimes"}]}
        status: dict[str, Any] = {"disruptionsAllowed": chance.choice((0, 0, 1, 2))}
        if pods and chance.random() < 0.3:
            name = chance.choice(pods)["metadata"]["name"]
            status["disruptedPods"] = {name: "2026-01-04T00:00:00Z"}
        namespace = chance.choice(pods)["metadata"].get("namespace", "default") if pods else "default"
        metadata = {"name": f"budget-{self.number}", "namespace": namespace}
        return {"metadata": metadata, "spec": {} if selector is None else {"selector": selector}, "status": status}
