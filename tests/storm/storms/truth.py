"""A recount of the simulator's objects by itself, and what it was at each moment."""

import time
from decimal import Decimal

_SUFFIXES = {"m": Decimal("0.001"), "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6}
_UNITS = (("cpu", 1000), ("memory", 1), ("nvidia.com/gpu", 1))
_FIELDS = ("cpu_millicores", "memory_bytes", "gpu")


def amount(text):
    for suffix, factor in _SUFFIXES.items():
        if str(text).endswith(suffix):
            return Decimal(str(text).removesuffix(suffix)) * factor
    return Decimal(str(text))


def recount(simulator):
    """For each node what it has, and for each what its pods ask for, as cpu, memory and GPUs.

    They come from two kinds of objects, which the service follows apart from each other.
    """
    asked = {}
    for pod in simulator.list("pods"):
        if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
            asks = [container.get("resources", {}).get("requests", {}) for container in pod["spec"]["containers"]]
            asked.setdefault(pod["spec"].get("nodeName"), []).extend(asks)
    has = {node["metadata"]["name"]: [node["status"]["allocatable"]] for node in simulator.list("nodes")}
    told = {("has", name): _sum(amounts) for name, amounts in has.items()}
    return told | {("asked", name): _sum(amounts) for name, amounts in asked.items()}


def shown(nodes):
    """The same out of what the service answers."""
    told = {}
    for node in nodes:
        told["has", node["name"]] = tuple(node["allocatable"][field] for field in _FIELDS)
        told["asked", node["name"]] = tuple(node["allocated"][field] for field in _FIELDS)
    return told


def _sum(amounts):
    return tuple(int(sum(amount(one.get(key, 0)) for one in amounts) * unit) for key, unit in _UNITS)


class History:
    """What was true until when."""

    def __init__(self, simulator):
        self._simulator = simulator
        self.now = {}
        self._past = {}
        self.note()

    def note(self):
        """Something has changed."""
        moment, fresh = time.monotonic(), recount(self._simulator)
        for key in self.now.keys() | fresh.keys():
            if self.now.get(key) != fresh.get(key):
                self._past.setdefault(key, []).append((moment, self.now.get(key)))
        self.now = fresh

    def wrong(self, told, *, asked, within):
        """What was not true at any time from `within` seconds before `asked` until now."""
        return [
            key
            for key in self._keys(told)
            if _differs(told.get(key), self.now.get(key))
            and not any(
                until >= asked - within and not _differs(value, told.get(key))
                for until, value in self._past.get(key, ())
            )
        ]

    def _keys(self, told):
        """Of what pods ask for only that on the nodes that are shown."""
        return told.keys() | {key for key in self.now if key[0] == "has"}


def _differs(one, other):
    """Nothing that asks is the same as asking for nothing."""
    return (one if one is not None and any(one) else None) != (other if other is not None and any(other) else None)
