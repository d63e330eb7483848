"""Clusters with devices of Dynamic Resource Allocation, and pods that claim them, made up from nothing and seeded.

python tests/e2e/rig/invent_devices.py SEED COUNT      writes cases as JSON lines, for the testbed's oracle to answer
"""

import itertools
import json
import random
import sys
from collections.abc import Iterator
from typing import Any

GPU, NIC = "gpu.example.com", "nic.example.com"
HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
MEMORY = ("16Gi", "24Gi", "80Gi")
MODELS = ("a100", "h100", "t4")
# Selectors that the API server would take, nearly all of a kind that moorage evaluates.
EXPRESSIONS = (
    f"device.driver == '{GPU}'",
    f"device.driver == '{NIC}'",
    f"'{GPU}' == device.driver && device.attributes['{GPU}'].model == 'a100'",
    f"device.driver == '{GPU}' && device.attributes['{GPU}'].type == 'gpu'",
    f"device.driver == \"{GPU}\" && device.attributes[\"{GPU}\"].model in ['h100', 'a100']",
    f"device.driver == '{GPU}' && !device.attributes['{GPU}'].virtual",
    f"device.driver == '{GPU}' && (device.attributes['{GPU}'].virtual || device.attributes['{GPU}'].index > 0)",
    f"device.driver == '{GPU}' && device.capacity['{GPU}'].memory.compareTo(quantity('24Gi')) >= 0",
    f"device.driver == '{GPU}' && device.capacity['{GPU}'].memory.isGreaterThan(quantity('20000Mi'))",
    f"device.driver == '{GPU}' && device.attributes['{GPU}'].version.compareTo(semver('1.10.0')) < 0",
    f"device.driver == '{GPU}' && device.attributes['{GPU}'].index <= 1 && device.attributes['{GPU}'].model != 't4'",
    f"device.driver == '{GPU}' && has(device.attributes['{GPU}'].rare)",
    f"device.driver == '{GPU}' && 'rare' in device.attributes['{GPU}'] && device.attributes['{GPU}'].rare == 'yes'",
    f"device.driver == '{GPU}' && device.attributes['other.example.com'].slot == 1",
    f"device.driver.startsWith('gpu') && device.attributes['{GPU}'].model.lowerAscii().contains('100')",
    f"device.driver == '{GPU}' && device.attributes['{GPU}'].index == 'a'",
    f"device.driver == '{GPU}' && cel.bind(own, device.attributes['{GPU}'], own.model == 'h100' || own.index == 0)",
    "true",
)
# Of a kind that is not evaluated, or on which some devices make the scheduler fail.
ODD = (
    f"device.driver == '{GPU}' && device.attributes['{GPU}'].model.matches('^[ah]100$')",
    f"device.attributes['{GPU}'].model == 'a100'",
)
TAINT = {"key": "gpu.example.com/sick", "value": "79"}


class InventDevices:
    """An endless source of cases."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.pick = self.random.choice

    def cases(self) -> Iterator[dict[str, Any]]:
        for number in itertools.count(1):
            yield self._case(number)

    def _case(self, number: int) -> dict[str, Any]:
        self.number = number
        self.names = [f"n{index}" for index in range(self.random.randint(1, 4))]
        # Few cases ask for what moorage leaves undecided, so that most test what it decides.
        self.odd = self._may(0.12)
        self.devices: list[tuple[str, str, str]] = []
        self.slices: list[dict[str, Any]] = []
        for name in self.names:
            self._pools(name)
        if self._may(0.3):
            self._shared_pool()
        self.classes = [self._class(name) for name in ("gpu", "big", "any")[: self.random.randint(1, 3)]]
        self.claims: list[dict[str, Any]] = []
        self.random.shuffle(self.devices)
        for index in range(self.random.randint(0, 4)):
            self._others_claim(f"taken-{index}")
        ask = self._ask()
        self.random.shuffle(self.slices)
        return {
            "nodes": [self._node(name) for name in self.names],
            "pods": [self._pod(f"p{index}") for index in range(self.random.randint(0, 3))],
            "resourceslices": self.slices,
            "resourceclaims": self.claims,
            "deviceclasses": self.classes,
            "ask": ask,
        }

    def _may(self, chance: float) -> bool:
        return self.random.random() < chance

    # --- what there is ------------------------------------------------------------------------------------------

    def _node(self, name: str) -> dict[str, Any]:
        there = {"cpu": "8", "memory": "16Gi", "ephemeral-storage": "10Gi", "pods": "110"}
        if self._may(0.35):
            there["example.com/gpu"] = self.pick(["0", "1", "2"])
        labels = {HOST: name, ZONE: self.pick(["z1", "z2"])}
        return {
            "metadata": {"name": name, "uid": f"{self.number}-{name}", "labels": labels},
            "spec": {},
            "status": {"allocatable": there, "capacity": there},
        }

    def _device(self, name: str, driver: str) -> dict[str, Any]:
        device: dict[str, Any] = {"name": name}
        if driver == GPU:
            attributes: dict[str, Any] = {
                "type": {"string": "gpu"},
                "model": {"string": self.pick(MODELS)},
                "virtual": {"bool": self._may(0.4)},
                "index": {"int": self.pick([0, 1, 2])},
                "version": {"version": self.pick(["1.2.0", "1.10.0-rc.1", "1.10.0", "2.0.0"])},
                "other.example.com/slot": {"int": self.pick([1, 2])},
            }
            if self._may(0.3):
                attributes[self.pick(["rare", f"{GPU}/rare"])] = {"string": self.pick(["yes", "no"])}
            device |= {"attributes": attributes, "capacity": {"memory": {"value": self.pick(MEMORY)}}}
        elif self._may(0.5):
            device["attributes"] = {"other.example.com/slot": {"int": self.pick([1, 2])}}
        if self._may(0.15):
            device["taints"] = [{**TAINT, "effect": self.pick(["NoSchedule", "NoExecute", "None"])}]
        if self.odd and self._may(0.15):
            device["allowMultipleAllocations"] = True
            if "capacity" in device and self._may(0.5):
                device["capacity"]["memory"]["requestPolicy"] = {"default": "8Gi"}
        if self._may(0.05):
            device |= {"bindingConditions": ["ready"], "bindingFailureConditions": ["broken"]}
        return device

    def _pools(self, node: str) -> None:
        for driver in (GPU, NIC):
            if not self._may(0.75 if driver == GPU else 0.3):
                continue
            pool = f"{node}-{driver[:3]}"
            generation = self.pick([1, 1, 2])
            parts = self.pick([1, 1, 1, 2])
            claimed = parts + (1 if self._may(0.07) else 0)
            where = {"nodeName": node} if self._may(0.85) else {"nodeSelector": _on({HOST: node})}
            for part in range(parts):
                self._slice(driver, pool, part, where, generation=generation, count=claimed)
            if parts == 1 and driver == GPU and self._may(0.15):
                self._couple(pool, where, generation=generation)
            if generation == 2 and self._may(0.5):
                self._slice(driver, pool, 9, where, generation=1, count=1)

    def _couple(self, pool: str, where: dict[str, Any], *, generation: int) -> None:
        """Devices of the last slice take from counters that they share; now and then from one that is not there."""
        spec = self.slices[-1]["spec"]
        for device in spec["devices"]:
            if self._may(0.7):
                name = "slices" if self._may(0.97) else "missing"
                taken = {name: {"value": self.pick(["1", "2", "4"])}}
                device["consumesCounters"] = [{"counterSet": "board", "counters": taken}]
        counters = [{"name": "board", "counters": {"slices": {"value": "4"}}}]
        self._slice(GPU, pool, 8, where, generation=generation, count=2)
        del self.slices[-1]["spec"]["devices"]
        self.slices[-1]["spec"]["sharedCounters"] = counters
        spec["pool"]["resourceSliceCount"] = 2

    def _shared_pool(self) -> None:
        where: dict[str, Any] = self.pick(
            [{"allNodes": True}, {"nodeSelector": _on({ZONE: "z1"})}, {"perDeviceNodeSelection": True}]
        )
        parts = self.pick([1, 2])
        for part in range(parts):
            self._slice(GPU, "shared", part, where, generation=1, count=parts)
        if parts == 1 and self._may(0.2):
            # The other part of the pool is another node's.
            self.slices[-1]["spec"]["pool"]["resourceSliceCount"] = 2
            self._slice(GPU, "shared", 5, {"nodeName": self.names[-1]}, generation=self.pick([1, 1, 2]), count=2)

    def _slice(self, driver: str, pool: str, part: int, where: dict[str, Any], *, generation: int, count: int) -> None:
        devices = [
            self._device(f"d{part}{index}" if self._may(0.97) else "d00", driver)
            for index in range(self.random.randint(0, 3))
        ]
        if "perDeviceNodeSelection" in where:
            places = [{"nodeName": self.names[0]}, {"allNodes": True}, {"nodeSelector": _on({ZONE: "z2"})}]
            devices = [{**device, **self.pick(places)} for device in devices]
        self.devices += [(driver, pool, device["name"]) for device in devices]
        self.slices.append(
            {
                "metadata": {"name": f"{pool}-{generation}-{part}"},
                "spec": {
                    "driver": driver,
                    "pool": {"name": pool, "generation": generation, "resourceSliceCount": count},
                    "devices": devices,
                    **where,
                },
            }
        )

    def _class(self, name: str) -> dict[str, Any]:
        spec: dict[str, Any] = {"selectors": [_cel(self._expression()) for _ in range(self.pick([0, 1, 1, 1, 2]))]}
        if name == "gpu" and self._may(0.8):
            spec["selectors"] = [_cel(EXPRESSIONS[0])]
        if name == "any":
            spec["selectors"] = []
        if self._may(0.7):
            spec["extendedResourceName"] = {"gpu": "example.com/gpu", "big": "example.com/big"}.get(
                name, "example.com/x"
            )
        stamp = f"2026-01-0{self.random.randint(1, 9)}T00:00:00Z"
        return {"metadata": {"name": name, "creationTimestamp": stamp}, "spec": spec}

    def _expression(self) -> str:
        return self.pick(ODD) if self.odd and self._may(0.3) else self.pick(EXPRESSIONS)

    # --- who has what -------------------------------------------------------------------------------------------

    def _others_claim(self, name: str) -> None:
        if not self.devices:
            return
        claim = self._claim(name)
        if self._may(0.85):
            self._allocate(claim, most=2, more={"adminAccess": True} if self._may(0.1) else {})
        self.claims.append(claim)

    def _allocate(self, claim: dict[str, Any], *, most: int, more: dict[str, Any] | None = None) -> None:
        results = [
            {"request": "r", "driver": driver, "pool": pool, "device": device, **(more or {})}
            for driver, pool, device in self.devices[: self.random.randint(0, most)]
        ]
        if self.odd and self._may(0.3):
            results = [{**one, "shareID": "a-share"} for one in results]
        allocation: dict[str, Any] = {"devices": {"results": results}}
        if self._may(0.8):
            allocation["nodeSelector"] = {
                "nodeSelectorTerms": [
                    {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [self.pick(self.names)]}]}
                ]
            }
        claim["status"] = {"allocation": allocation}

    def _claim(self, name: str, **meta: Any) -> dict[str, Any]:
        requests = [self._request(f"r{index}") for index in range(self.pick([1, 1, 1, 2, 3]))]
        devices: dict[str, Any] = {"requests": requests}
        if self._may(0.15):
            tie = {"matchAttribute": self.pick([f"{GPU}/model", "other.example.com/slot", f"{GPU}/index"])}
            if self._may(0.4):
                tie["requests"] = [requests[0]["name"]]
            devices["constraints"] = [tie] * self.pick([1, 1, 2])
        return {
            "metadata": {"name": name, "namespace": "default", "uid": f"{self.number}-{name}", **meta},
            "spec": {"devices": devices},
        }

    def _request(self, name: str) -> dict[str, Any]:
        if self._may(0.1):
            return {"name": name, "firstAvailable": [{"name": f"s{i}", **self._exactly()} for i in range(2)]}
        return {"name": name, "exactly": self._exactly()}

    def _exactly(self) -> dict[str, Any]:
        known = [item["metadata"]["name"] for item in self.classes]
        asked: dict[str, Any] = {"deviceClassName": self.pick(known) if self._may(0.985) else "gone"}
        asked |= (
            {"allocationMode": "All"}
            if self._may(0.1)
            else {"allocationMode": "ExactCount", "count": self.pick([1, 1, 1, 2, 3])}
        )
        if self._may(0.35):
            asked["selectors"] = [_cel(self._expression())]
        if self._may(0.2):
            asked["tolerations"] = [
                self.pick(
                    [
                        {"operator": "Exists"},
                        {"key": TAINT["key"], "operator": "Exists", "effect": "NoSchedule"},
                        {"key": TAINT["key"], "operator": "Equal", "value": self.pick(["79", "80"])},
                    ]
                )
            ]
        if self.odd and self._may(0.1):
            asked["adminAccess"] = True
        return asked

    # --- who asks -----------------------------------------------------------------------------------------------

    def _pod(self, name: str) -> dict[str, Any]:
        meta = {"name": name, "namespace": "default", "uid": f"{self.number}-{name}"}
        containers = [{"name": "c", "image": "x", "resources": {"requests": self._amounts(0.3)}}]
        spec = {"containers": containers, "nodeName": self.pick(self.names)}
        return {"metadata": meta, "spec": spec, "status": {"phase": "Running"}}

    def _amounts(self, chance: float) -> dict[str, str]:
        names = ["example.com/gpu", "example.com/big", "deviceclass.resource.kubernetes.io/gpu"]
        amounts = {name: self.pick(["0", "1", "1", "2"]) for name in names if self._may(chance)}
        return {"cpu": self.pick(["1", "2"]), **amounts}

    def _ask(self) -> dict[str, Any]:
        uid = f"{self.number}-ask"
        by_name = self._may(0.45)
        containers = [
            {"name": f"c{index}", "image": "x", "resources": {"requests": self._amounts(0.4 if by_name else 0.02)}}
            for index in range(self.pick([1, 1, 2]))
        ]
        spec: dict[str, Any] = {"containers": containers}
        if by_name and self._may(0.3):
            spec["initContainers"] = [
                {
                    "name": f"i{index}",
                    "image": "x",
                    "resources": {"requests": self._amounts(0.4)},
                    **({"restartPolicy": "Always"} if self._may(0.4) else {}),
                }
                for index in range(self.pick([1, 2]))
            ]
        status: dict[str, Any] = {"phase": "Pending"}
        if not by_name or self._may(0.3):
            entries, made = [], []
            for index in range(self.pick([1, 1, 1, 2])):
                entry, state = self._entry(f"e{index}", uid)
                entries.append(entry)
                made += state
            spec["resourceClaims"], status["resourceClaimStatuses"] = entries, made
        if by_name and self._may(0.04):
            owner = {"apiVersion": "v1", "kind": "Pod", "name": "ask", "uid": uid, "controller": True}
            mark = {"resource.kubernetes.io/extended-resource-claim": "true"}
            self.claims.append(self._claim("ask-left", ownerReferences=[owner], annotations=mark))
        meta = {"name": "ask", "namespace": "default", "uid": uid}
        return {"metadata": meta, "spec": spec, "status": status}

    def _entry(self, name: str, uid: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """One of the pod's claims, and what its status says of it."""
        claim = f"ask-{name}"
        if self._may(0.02):
            return {"name": name, "resourceClaimName": "gone"}, []
        if self._may(0.02):
            return {"name": name, "resourceClaimTemplateName": "t"}, []
        if self._may(0.02):
            return {"name": name, "resourceClaimTemplateName": "t"}, [{"name": name}]
        meta: dict[str, Any] = {}
        if self._may(0.02):
            meta |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/hold"]}
        from_template = self._may(0.4)
        if from_template and self._may(0.95):
            meta["ownerReferences"] = [
                {"apiVersion": "v1", "kind": "Pod", "name": "ask", "uid": uid, "controller": True}
            ]
        made = self._claim(claim, **meta)
        if self._may(0.25):
            self._allocate(made, most=1)
        self.claims.append(made)
        if from_template:
            return (
                {"name": name, "resourceClaimTemplateName": "t"},
                [{"name": name, "resourceClaimName": claim}],
            )
        return {"name": name, "resourceClaimName": claim}, []


def _cel(expression: str) -> dict[str, Any]:
    return {"cel": {"expression": expression}}


def _on(labels: dict[str, str]) -> dict[str, Any]:
    wanted = [{"key": key, "operator": "In", "values": [value]} for key, value in labels.items()]
    return {"nodeSelectorTerms": [{"matchExpressions": wanted}]}


if __name__ == "__main__":
    seed, count = map(int, sys.argv[1:])
    for case in itertools.islice(InventDevices(seed).cases(), count):
        print(json.dumps(case))
