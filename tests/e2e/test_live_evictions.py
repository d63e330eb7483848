"""Evictions on the real scheduler: who was foretold to go goes, and the pod lands where it was said; or the scheduler's own
words on preemption have the foretold counts.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from moorage import Cluster
from rig.api import Api, Obj
from rig.controlplane import ControlPlane
from rig.full import NAMESPACE, Full, asking, full, standing_objects, started
from rig.objects import add_node
from rig.processes import until
from rig.service import Service, service
from rig.stage import READ

ASKS, ASKS_IN_A_CLUSTER = 96, 12
NOT_HELPFUL = "Preemption is not helpful for scheduling"
KINDS = {**READ, "poddisruptionbudgets": "PodDisruptionBudget", "priorityclasses": "PriorityClass"}


@dataclass
class Journal:
    met: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def asks(self) -> int:
        return self.met["asks"]


@pytest.fixture
def served(shared: ControlPlane) -> Iterator[Service]:
    with service(shared.kubeconfig, folder=shared.folder, options=("--gpu-holders", "pod")) as made:
        yield made


class Quay:
    """One full cluster after the other on the real API server."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._starts = 0

    def prepare(self) -> None:
        for obj in standing_objects():
            self.api.apply(obj)
        until(lambda: self.api.find("ServiceAccount", "default", namespace=NAMESPACE), within=20, what="an account")

    def set(self, made: Full) -> None:
        for node in made.nodes:
            add_node(self.api, node)
        for pod in made.pods:
            self.api.create(pod)
            self.run(pod["metadata"]["name"])
        for budget in made.budgets:
            self.api.create(budget)
        self.settle()
        probe = {"metadata": {"name": f"f{made.number}-probe", "namespace": NAMESPACE}, "kind": "Pod"}
        spec = {"nodeSelector": {"nowhere": "to-be-found"}, "containers": [{"name": "c", "image": "none"}]}
        self.api.create({**probe, "apiVersion": "v1", "spec": spec})
        start = f"0/{len(made.nodes)} nodes"
        until(
            lambda: self.said(probe["metadata"]["name"]).startswith(start), within=20, what="the scheduler sees it all"
        )
        self.api.delete("Pod", probe["metadata"]["name"], namespace=NAMESPACE, grace=0)

    def run(self, name: str) -> None:
        """What a kubelet would say of it."""
        self._starts += 1
        status = {
            "phase": "Running",
            "startTime": started(self._starts),
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        self.api.patch("Pod", name, {"status": status}, namespace=NAMESPACE, part="status")

    def settle(self) -> None:
        """Wait until the budgets have counted the pods as they are."""

        def settled() -> bool:
            pods = [pod for pod in self.api.list("Pod", namespace=NAMESPACE) if pod["spec"].get("nodeName")]
            for budget in self.api.list("PodDisruptionBudget", namespace=NAMESPACE):
                app, status = budget["spec"]["selector"]["matchLabels"]["app"], budget.get("status", {})
                healthy = [pod for pod in pods if pod["metadata"]["labels"].get("app") == app]
                allowed = max(0, len(healthy) - budget["spec"]["minAvailable"])
                if status.get("expectedPods") != len(healthy) or status["disruptionsAllowed"] != allowed:
                    return False
            return True

        until(settled, within=20, what="the budgets are counted")

    def give_up(self, name: str) -> None:
        """Nobody waits any longer for a pod that has no place."""
        found = self.api.find("Pod", name, namespace=NAMESPACE)
        if found and not found["spec"].get("nodeName"):
            self.api.delete("Pod", name, namespace=NAMESPACE, grace=0)

    def said(self, name: str) -> str:
        pod = self.api.get("Pod", name, namespace=NAMESPACE)
        for condition in pod.get("status", {}).get("conditions", ()):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return str(condition.get("message", ""))
        return ""

    def pods(self) -> dict[str, Obj]:
        return {pod["metadata"]["name"]: pod for pod in self.api.list("Pod", namespace=NAMESPACE)}

    def read(self) -> dict[str, list[Obj]]:
        return {name: self.api.list(kind) for name, kind in KINDS.items()}

    def clear(self) -> None:
        for kind, namespace in (("Pod", NAMESPACE), ("PodDisruptionBudget", NAMESPACE), ("Node", None)):
            for obj in self.api.list(kind, namespace=namespace):
                self.api.delete(kind, obj["metadata"]["name"], namespace=namespace, grace=0)
        until(lambda: not (self.pods() or self.api.list("Node")), within=20, what="the cluster is cleared away")


def _told(verdict: Any, made: Any, *, nodes: int) -> str:
    """The scheduler's words where it evicts nobody."""
    if made.not_eligible:
        return f"preemption: {made.not_eligible}"
    reasons = [
        reason
        for name, node in verdict.nodes.items()
        for reason in ((NOT_HELPFUL,) if node.unresolvable else made.nodes[name].reasons)
    ]
    counted = sorted(f"{many} {reason}" for reason, many in Counter(reasons).items())
    return f"preemption: 0/{nodes} nodes are available: {', '.join(counted)}."


def _of_service(answer: Obj) -> Any:
    evict = {name: node["evict"] for name, node in answer["nodes"].items() if node.get("evict")}
    return answer["fits"], {name: (sorted(found["pods"]), found["budget_violations"]) for name, found in evict.items()}


def _of_library(verdict: Any, made: Any) -> Any:
    # Where it fits nobody asks who would have to go.
    nodes = {} if verdict.fits else made.nodes
    return verdict.fits, {
        name: (sorted(node.victims), node.pdb_violations) for name, node in nodes.items() if node.victims
    }


def _ask(quay: Quay, served: Service, pod: Obj, journal: Journal, chance: random.Random) -> str | None:
    """What differs between the foretold and what happens, or None."""
    name = pod["metadata"]["name"]
    objects = quay.read()
    stored = quay.api.create(pod, dryRun="All")
    cluster = Cluster.from_objects(**objects)
    verdict, made = cluster.fit(stored), cluster.evictions(stored)
    expected = _of_library(verdict, made)
    try:
        until(lambda: _of_service(served.fit({"pod": pod})) == expected, within=5, what="the service says the same")
    except AssertionError:
        return f"the service: {_of_service(served.fit({'pod': pod}))}, the library: {expected}"
    before = quay.pods()
    quay.api.create(pod)
    journal.met["asks"] += 1
    if not (verdict.fits or made.chosen):
        words = _told(verdict, made, nodes=len(objects["nodes"]))
        said = until(lambda: quay.said(name) or None, within=20, what="the scheduler has answered")
        journal.met["nobody to evict"] += 1
        return None if said.endswith(words) else f"foretold {words} The scheduler: {said}"
    landed = until(lambda: _landed(quay, name), within=30, what=f"{name} has its place ({made.chosen})")
    gone = {f"{NAMESPACE}/{one}" for one in before.keys() - quay.pods().keys()}
    journal.met["fits" if verdict.fits else "evictions"] += 1
    places = verdict.fitting if verdict.fits else made.chosen
    victims = set() if verdict.fits else set(made.nodes[landed].victims) if landed in made.nodes else None
    journal.met["victims"] += len(victims or ())
    journal.met["of one node only"] += len(made.chosen) == 1
    journal.met["against a budget"] += not verdict.fits and made.nodes[landed].pdb_violations > 0
    if landed not in places:
        return f"foretold one of {places}, landed on {landed}"
    if gone != victims:
        return f"on {landed} foretold {victims}, gone {gone}"
    if chance.random() < 0.5:
        quay.run(name)
    else:
        quay.api.delete("Pod", name, namespace=NAMESPACE, grace=0)
    return None


def _landed(quay: Quay, name: str) -> str | None:
    """Its node; meanwhile those who are told to go are gone, as if kubelets had ended them."""
    pods = quay.pods()
    for other, pod in pods.items():
        if pod["metadata"].get("deletionTimestamp"):
            quay.api.delete("Pod", other, namespace=NAMESPACE, grace=0)
    where: str | None = pods[name]["spec"].get("nodeName")
    return where


@pytest.mark.timeout(300)
def test_who_was_foretold_goes_and_the_pod_lands_there(shared: ControlPlane, served: Service) -> None:
    seed = int(os.environ.get("MOORAGE_SEED", random.SystemRandom().randrange(1_000_000)))
    chance, quay, journal = random.Random(seed), Quay(shared.admin), Journal()
    print(f"\nLive evictions, seed {seed}")
    quay.prepare()
    number = 0

    while journal.asks < ASKS:
        number += 1
        quay.set(full(chance, number=number))
        for index in range(ASKS_IN_A_CLUSTER):
            pod = asking(chance, number=number, index=index)
            if difference := _ask(quay, served, pod, journal, chance):
                journal.wrong.append(f"{pod['metadata']['name']}: {difference}")
            quay.give_up(pod["metadata"]["name"])
            quay.settle()
        quay.clear()

    print(f"{number} clusters: {dict(journal.met)}")
    assert not journal.wrong, f"seed {seed}\n" + "\n".join(journal.wrong)
    assert journal.met["evictions"] >= ASKS / 4
