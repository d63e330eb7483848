"""Full clusters in which somebody has to go: nodes, pods of many priorities with budgets around some of them, and pods that ask.

All from a seed. Start times differ, so that who goes first is determined, and no node has more pods than upstream sorts
in a stable way.
"""

import random
from dataclasses import dataclass, field
from fractions import Fraction

from rig.api import Obj
from rig.objects import node, pod

NAMESPACE = "quay"
ZONE = "topology.kubernetes.io/zone"
APPS = ("web", "batch", "notebook", "user-placeholder")
PRIORITIES = (-100, -10, -10, -10, -5, -5, 0, 5, 50)
ASKING = (0, 0, 10, 10, 60, 60, -10)
MOST_ON_A_NODE = 10


def priority_class(value: int, *, patient: bool = False) -> Obj:
    policy = {"preemptionPolicy": "Never"} if patient else {}
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": class_of(value, patient=patient)},
        "value": value,
        **policy,
    }


def class_of(value: int, *, patient: bool = False) -> str:
    return f"{'patient-' if patient else ''}{'below' if value < 0 else 'at'}-{abs(value)}"


def standing_objects() -> list[Obj]:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    values = sorted({*PRIORITIES, *ASKING})
    return [namespace, *map(priority_class, values), *(priority_class(value, patient=True) for value in {*ASKING})]


@dataclass
class Full:
    number: int
    nodes: list[Obj] = field(default_factory=list)
    pods: list[Obj] = field(default_factory=list)
    budgets: list[Obj] = field(default_factory=list)


def full(chance: random.Random, *, number: int) -> Full:
    """Nearly no node has room for a pod of 2 CPU."""
    made = Full(number)
    for index in range(chance.randint(5, 8)):
        cpu, gpu = chance.choice((4, 6, 8)), chance.choice((0, 0, 2))
        name = f"f{number}-node-{index}"
        labels = {ZONE: chance.choice("abc")}
        made.nodes.append(node(name, cpu=str(cpu), memory="16Gi", gpu=gpu, labels=labels))
        _fill(made, chance, on=name, cpu=Fraction(cpu), gpu=gpu)
    apps = chance.sample(APPS[:3], chance.choice((1, 2, 3)))
    made.budgets = [_budget(made, chance, app) for app in apps]
    return made


def _fill(made: Full, chance: random.Random, *, on: str, cpu: Fraction, gpu: int) -> None:
    left = cpu - Fraction(chance.choice((0, 0, 1)), 2)
    for _ in range(MOST_ON_A_NODE):
        asked = min(left, Fraction(chance.choice((1, 2, 2, 3, 4, 6)), 2))
        if not asked:
            return
        left -= asked
        cards = chance.choice((0, 1)) if gpu else 0
        gpu -= cards
        number = len(made.pods)
        body = pod(
            f"f{made.number}-pod-{number}",
            namespace=NAMESPACE,
            on=on,
            cpu=f"{int(asked * 1000)}m",
            memory="1Gi",
            gpu=cards,
        )
        body["metadata"]["labels"] = {"app": (app := chance.choice(APPS)), "component": app}
        body["spec"]["priorityClassName"] = class_of(chance.choice(PRIORITIES))
        body["spec"]["terminationGracePeriodSeconds"] = chance.choice((0, 0, 30))
        made.pods.append(body)


def started(number: int) -> str:
    """A moment of its own."""
    return f"2026-01-{1 + number // 1440:02}T{number // 60 % 24:02}:{number % 60:02}:00Z"


def _budget(made: Full, chance: random.Random, app: str) -> Obj:
    there = sum(body["metadata"]["labels"]["app"] == app for body in made.pods)
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": f"f{made.number}-{app}", "namespace": NAMESPACE},
        "spec": {
            "selector": {"matchLabels": {"app": app}},
            "minAvailable": max(0, there - chance.choice((0, 0, 0, 1, 2))),
        },
    }


def asking(chance: random.Random, *, number: int, index: int) -> Obj:
    """A pod that wants more than there is, most often."""
    gpu = chance.choice((0, 0, 0, 1, 2))
    body = pod(
        f"f{number}-ask-{index}", namespace=NAMESPACE, cpu=chance.choice(("1", "2", "2", "3", "4", "7")), gpu=gpu
    )
    body["metadata"]["labels"] = {"app": "ask"}
    spec = body["spec"]
    spec["priorityClassName"] = class_of(chance.choice(ASKING), patient=chance.random() < 0.08)
    if chance.random() < 0.3:
        spec["nodeSelector"] = {ZONE: chance.choice("abc")}
    if chance.random() < 0.15:
        term = {
            "labelSelector": {"matchLabels": {"app": chance.choice(APPS)}},
            "topologyKey": "kubernetes.io/hostname",
        }
        spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    return body
