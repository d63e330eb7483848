"""Pods in the middle of an in-place resize: what they ask, were allocated and have differs, by container and by pod."""

import random
from collections.abc import Iterator
from typing import Any

AMOUNTS = {
    "cpu": ["0", "1", "2", "3", "500m", "100u", "1500u", "0.3"],
    "memory": ["0", "1Gi", "2Gi", "1500M", "512m", "1.5Ki"],
    "ephemeral-storage": ["1Gi", "3Gi"],
    "nvidia.com/gpu": ["0", "1", "2"],
    "hugepages-2Mi": ["4Mi", "8Mi"],
}
CHANCE = {"cpu": 0.8, "memory": 0.7, "ephemeral-storage": 0.2, "nvidia.com/gpu": 0.2, "hugepages-2Mi": 0.15}


class Resize:
    """A source of pods as they might lie on a node, and of what kubelets might say of given ones."""

    def __init__(self, chance: random.Random, *, amounts: dict[str, list[str]] | None = None) -> None:
        self.random = chance
        self.pick = chance.choice
        self.of = amounts or AMOUNTS

    def status(self, spec: dict[str, Any]) -> dict[str, Any]:
        """What the kubelet says of a pod with this spec."""
        return self._status(spec["containers"], spec.get("initContainers", []))

    def pods(self) -> Iterator[dict[str, Any]]:
        number = 0
        while True:
            number += 1
            yield self._pod(f"p{number}")

    def _may(self, chance: float) -> bool:
        return self.random.random() < chance

    def _amounts(self) -> dict[str, str]:
        return {name: self.pick(of) for name, of in self.of.items() if self._may(CHANCE[name])}

    def _pod(self, name: str) -> dict[str, Any]:
        containers = [self._container(f"c{index}") for index in range(self.pick([1, 1, 2, 3]))]
        spec: dict[str, Any] = {"nodeName": "n", "containers": containers}
        starting = [self._container(f"i{index}") for index in range(self.pick([0, 0, 0, 1, 2, 3]))]
        for container in starting:
            if self._may(0.5):
                container["restartPolicy"] = "Always"
        if starting:
            spec["initContainers"] = starting
        if self._may(0.35):
            spec["resources"] = self._resources()
        if self._may(0.3):
            spec["overhead"] = {"cpu": self.pick(["250m", "100u"]), "memory": "120Mi"}
        pod = {"metadata": {"name": name, "namespace": "default", "uid": name}, "spec": spec}
        return {**pod, "status": {"phase": "Running", **self.status(spec)}}

    def _container(self, name: str) -> dict[str, Any]:
        return {"name": name, "image": "x", "resources": self._resources()}

    def _resources(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._may(0.9):
            found["requests"] = self._amounts()
        if self._may(0.2):
            found["limits"] = self._amounts()
        return found

    def _status(self, containers: list[dict[str, Any]], starting: list[dict[str, Any]]) -> dict[str, Any]:
        status: dict[str, Any] = {}
        if self._may(0.85):
            status["containerStatuses"] = self._states(containers)
        if starting and self._may(0.85):
            status["initContainerStatuses"] = self._states(starting)
        if self._may(0.3):
            status["resources"] = self._resources()
        if self._may(0.3):
            status["allocatedResources"] = self._amounts()
        status["conditions"] = [{"type": "Ready", "status": "True"}]
        if self._may(0.4):
            reason = self.pick(["Infeasible", "Infeasible", "Deferred"])
            status["conditions"].append({"type": "PodResizePending", "status": "True", "reason": reason})
        return status

    def _states(self, containers: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = []
        for container in containers:
            if self._may(0.1):
                continue
            state: dict[str, Any] = {"name": container["name"], "image": "x", "imageID": "", "ready": True}
            state["restartCount"] = 0
            same = self._may(0.3)
            asked = container["resources"]
            if self._may(0.8):
                state["resources"] = asked if same else self._resources()
            if self._may(0.7):
                state["allocatedResources"] = asked.get("requests", {}) if same else self._amounts()
            found.append(state)
        self.random.shuffle(found)
        return found
