"""The real Kueue: places, reasons and evictions are told as it has them."""

import contextlib
import json
import os
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from rig.api import Api, Obj
from rig.controlplane import ControlPlane
from rig.hub import NAMESPACE, Hub, hub
from rig.kueue import (
    GPU,
    PRIORITY_CLASS,
    QUEUE_NAME,
    cluster_queue,
    flavor,
    kueue,
    local_queue,
    places,
    priority,
)
from rig.objects import add_node, node, pod
from rig.processes import until
from rig.rights import ACCOUNT, grant, manifests
from rig.service import Service, service

pytestmark = pytest.mark.timeout(400)

STEPS = 30
QUEUES = "/api/v1/cluster/queues"
PRIORITIES = {"low": 0, "middle": 50, "high": 100}
CHOICE = {"moorage": 1, "cpu": "1", "memory": "1Gi", "gpu": 1, "gpu_resource": GPU}
HUB = """
c.MoorageSpawner.queues = ["people"]
c.MoorageSpawner.queue_priority_class = "middle"
c.MoorageSpawner.wait_for_room = 600
"""


@dataclass
class Line:
    """A cluster with Kueue; a service that was there before it, one that may read all of it, one that has to count."""

    cluster: ControlPlane
    without: Service
    told: Service
    counts: Service

    @property
    def api(self) -> Api:
        return self.cluster.admin

    def arrive(self, name: str, *, queue: str, rank: str) -> None:
        made = pod(name, gpu=1)
        made["metadata"]["labels"] = {QUEUE_NAME: queue, PRIORITY_CLASS: rank}
        self.api.create(made)

    def quota(self, gpus: int) -> None:
        """What the cluster queue of the first test may give."""
        groups = self.api.get("ClusterQueue", "gpus")["spec"]["resourceGroups"]
        (resource,) = [each for each in groups[0]["flavors"][0]["resources"] if each["name"] == GPU]
        resource["nominalQuota"] = str(gpus)
        self.api.patch("ClusterQueue", "gpus", {"spec": {"resourceGroups": groups}})


@pytest.fixture(scope="module")
def line(own: ControlPlane) -> Iterator[Line]:
    api = own.admin
    add_node(api, node("berth-1", cpu="64", memory="256Gi", gpu=16))
    base = own.write_kubeconfig(own.folder / "base.kubeconfig", token=grant(api))
    counting = own.write_kubeconfig(own.folder / "counting.kubeconfig", token=_account_that_counts(api))
    with kueue(own), service(base, folder=own.folder) as without:
        seen = without.get(QUEUES)
        for made in manifests("optional/kueue.yaml"):
            api.apply(made)
        for made in (flavor("cards"), *(priority(name, value) for name, value in PRIORITIES.items())):
            api.create(made)
        amounts = {GPU: "3", "cpu": "64", "memory": "256Gi"}
        api.create(cluster_queue("gpus", amounts, flavor="cards"))
        api.create(cluster_queue("persons", amounts | {GPU: "1"}, flavor="cards", preempts=True))
        for name in ("lab", "class"):
            api.create(local_queue(name, behind="gpus"))
        with (
            service(base, folder=own.folder, options=("--gpu-holders", "pod")) as told,
            service(counting, folder=own.folder, options=("--gpu-holders", "pod")) as counts,
        ):
            made = Line(own, without, told, counts)
            _assert_says_what_is_missing(seen)
            yield made


def _account_that_counts(api: Api) -> str:
    """As the service's own, but for Kueue's places."""
    (base,) = [made for made in manifests("cluster-role.yaml") if made["kind"] == "ClusterRole"]
    kinds = {"apiGroups": ["kueue.x-k8s.io"], "resources": ["localqueues", "clusterqueues", "workloads"]}
    group, metadata = "rbac.authorization.k8s.io", {"name": "counting"}
    account = {"kind": "ServiceAccount", "name": "counting", "namespace": ACCOUNT[0]}
    api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "counting", "namespace": ACCOUNT[0]}})
    rules = [*base["rules"], {**kinds, "verbs": ["list", "watch"]}]
    api.apply({"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules})
    role = {"apiGroup": group, "kind": "ClusterRole", "name": "counting"}
    bound = {"roleRef": role, "subjects": [account]}
    api.apply({"apiVersion": f"{group}/v1", "kind": "ClusterRoleBinding", "metadata": metadata, **bound})
    return api.token_for(ACCOUNT[0], "counting", seconds=24 * 3600)


def _assert_says_what_is_missing(seen: Obj) -> None:
    assert (seen["kueue"], seen["queues"]) == ("not_allowed", [])
    assert "grant list and watch on localqueues, clusterqueues, workloads of kueue.x-k8s.io" in seen["reason"]


def _waiting(served: Service, source: str) -> list[tuple[str, int, int]] | None:
    """As the service has it; None while its places are not from there, or not all known."""
    told = served.get(QUEUES)
    found = [each for queue in told["queues"] if queue["cluster_queue"] == "gpus" for each in queue["waiting"]]
    if told["kueue"] != "followed" or any(each["ahead"] is None for each in found):
        return None
    if found and told["places"] != source:
        return None
    return sorted(
        ((each["workload"], each["ahead"], each["ahead_in_queue"]) for each in found), key=lambda each: each[1]
    )


@dataclass
class Story:
    """Who has come and gone, one step after the other."""

    line: Line
    chance: random.Random
    alive: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)

    def step(self, number: int) -> None:
        if number in (STEPS // 3, 2 * STEPS // 3):
            gpus = self.chance.choice((1, 2, 5))
            self.line.quota(gpus)
            self.rows.append(f"{number:>3} the quota becomes {gpus}")
        elif len(self.alive) > 3 and self.chance.random() < 0.35:
            name = self.alive.pop(self.chance.randrange(len(self.alive)))
            self.line.api.delete("Pod", name, namespace="default", grace=0)
            self.rows.append(f"{number:>3} {name} goes")
        else:
            name, queue, rank = f"p{number}", self.chance.choice(("lab", "class")), self.chance.choice([*PRIORITIES])
            self.line.arrive(name, queue=queue, rank=rank)
            self.alive.append(name)
            self.rows.append(f"{number:>3} {name} comes to {queue}, {rank}")

    def agrees(self) -> list[tuple[str, int, int]] | None:
        """Kueue's places, where both services tell the same as Kueue before and after they were asked. What Kueue has
        not taken in yet is waited for: whom it holds back is who waits.
        """
        before = places(self.line.api, "gpus")
        pods = {made["metadata"]["name"]: made for made in self.line.api.list("Pod", namespace="default")}
        held = {f"pod-{name}" for name, made in pods.items() if made["spec"].get("schedulingGates")}
        if pods.keys() != set(self.alive) or held != {name.rpartition("-")[0] for name, _, _ in before}:
            return None
        told, counted = _waiting(self.line.told, "kueue"), _waiting(self.line.counts, "counted")
        after = places(self.line.api, "gpus")
        return before if before == told == counted == after else None


def test_places_are_kueues_own_through_arrivals_stops_priorities_and_changes_of_the_quota(
    line: Line, results: Path
) -> None:
    seed = int(os.environ.get("MOORAGE_SEED", random.SystemRandom().randrange(1_000_000)))
    story = Story(line, random.Random(seed))
    most = 0

    try:
        for number in range(STEPS):
            story.step(number)
            agreed = until(story.agrees, within=30, what=f"step {number} of seed {seed} is told as Kueue has it")
            story.rows[-1] += f": {' '.join(name for name, _, _ in agreed) or 'nobody waits'}"
            most = max(most, len(agreed))
    finally:
        (results / "kueue.txt").write_text("\n".join([f"seed {seed}", *story.rows]) + "\n")

    assert most > 3
    queue = next(each for each in line.told.get(QUEUES)["queues"] if each["name"] == "lab")
    stored = line.api.get("ClusterQueue", "gpus")["status"]["flavorsReservation"][0]["resources"]
    used = {each["name"]: each["total"] for each in stored}
    assert {each["resource"]: str(each["used"]) for each in queue["resources"]}[GPU] == used[GPU]
    for name in story.alive:
        line.api.delete("Pod", name, namespace="default", grace=0)


# With a hub


@pytest.fixture(scope="module")
def the_hub(line: Line, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with hub(line.cluster, service_url=line.told.url, folder=tmp_path_factory.mktemp("hub"), more=HUB) as made:
        line.api.apply(local_queue("people", behind="persons", namespace=NAMESPACE))
        yield made


class Told(threading.Thread):
    """What the page of a start is told, each event with the moment at which it came."""

    def __init__(self, the_hub: Hub, name: str) -> None:
        super().__init__(name=f"progress of {name}", daemon=True)
        self.url = f"{the_hub.url}/hub/api/users/{name}/server/progress"
        self.token = the_hub.token
        self.events: list[tuple[float, Obj]] = []
        self.start()

    def run(self) -> None:
        headers = {"Authorization": f"token {self.token}"}
        with (
            contextlib.suppress(httpx2.TransportError),
            httpx2.Client(headers=headers, timeout=120) as http,
            http.stream("GET", self.url) as answer,
        ):
            for row in answer.iter_lines():
                if row.startswith("data:"):
                    self.events.append((time.time(), json.loads(row.removeprefix("data:"))))

    def find(self, words: str) -> tuple[float, Obj] | None:
        return next((each for each in list(self.events) if words in each[1].get("message", "")), None)


def _pod_of(line: Line, name: str) -> Obj | None:
    for made in line.api.list("Pod", namespace=NAMESPACE):
        if made["metadata"].get("annotations", {}).get("hub.jupyter.org/username") == name:
            return made
    return None


def _end(line: Line, name: str) -> None:
    """Nobody ends a pod here but the test, as a kubelet would."""
    made = _pod_of(line, name)
    if made is not None:
        line.api.delete("Pod", made["metadata"]["name"], namespace=NAMESPACE, grace=0)


def _admitted(line: Line, uid: str) -> bool:
    for each in line.api.list("Workload", namespace=NAMESPACE):
        if any(owner["uid"] == uid for owner in each["metadata"].get("ownerReferences", ())):
            conditions = each["status"].get("conditions", ())
            return any((one["type"], one["status"]) == ("Admitted", "True") for one in conditions)
    return False


def test_a_server_in_line_is_told_its_place_its_admission_and_who_took_its_place(
    line: Line, the_hub: Hub, results: Path
) -> None:
    the_hub.start_server("ada", CHOICE)
    until(lambda: (_pod_of(line, "ada") or {}).get("spec", {}).get("nodeName"), within=60, what="ada has a node")
    with the_hub.person("bob") as bob:
        page = bob.form()
    assert "Your queue people: 0 of 1 GPU left, " in page
    assert "nobody waits." in page
    the_hub.start_server("bob", CHOICE)
    until(lambda: _pod_of(line, "bob"), within=60, what="bob's pod is there")
    told = Told(the_hub, "bob")
    until(
        lambda: told.find("In queue people, next. The quota lacks 1 GPU"),
        within=30,
        what="bob knows the place",
    )

    _end(line, "ada")
    the_hub.stop_server("ada")
    uid = (_pod_of(line, "bob") or {})["metadata"]["uid"]
    until(lambda: _admitted(line, uid), within=60, what="Kueue has admitted bob", every=0.01)
    seen = time.time()
    until(lambda: told.find("Queue people has admitted it"), within=60, what="bob's page knows", every=0.01)
    came, _ = told.find("Queue people has admitted it") or (0.0, {})
    until(lambda: (_pod_of(line, "bob") or {}).get("spec", {}).get("nodeName"), within=60, what="bob has a node")
    (results / "kueue-admission.txt").write_text(
        f"admission: seen by a reader of the API to told on the page {came - seen:.2f} s\n"
    )

    rival = pod("rival", namespace=NAMESPACE, gpu=1)
    rival["metadata"]["labels"] = {QUEUE_NAME: "people", PRIORITY_CLASS: "high"}
    line.api.create(rival)
    words = "its quota was given to a workload with a higher claim to it. Start again to join the queue anew"
    until(lambda: words in the_hub.program.log.read_text(), within=60, what="the hub knows of the eviction")
    _end(line, "bob")
    until(lambda: told.find(words), within=60, what="bob is told of the eviction")
    told.join(30)
    messages = [event["message"] for _, event in told.events if "message" in event]
    places_told = next(place for place, message in enumerate(messages) if "In queue people" in message)
    admission = next(place for place, message in enumerate(messages) if "has admitted it" in message)
    assert places_told < admission < len(messages) - 1
    assert told.events[-1][1].get("failed") is True
