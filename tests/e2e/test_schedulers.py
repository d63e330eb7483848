"""Schedulers that are configured otherwise, as real kube-schedulers: moorage reads what they are started with and says what they do."""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rig.api import Obj
from rig.asks import ask, uses_claims
from rig.controlplane import ControlPlane
from rig.objects import add_node, node, pod
from rig.processes import until
from rig.rights import grant
from rig.scenes import Scene, scene
from rig.service import Service, service
from rig.stage import DEFAULT, Stage, verdict_of
from rig.userscheduler import configuration, profile, scheduler
from rig.verdicts import Journal, disagreement

ASKS, ASKS_IN_A_SCENE, TRIES = 120, 20, 4
ZONE = "topology.kubernetes.io/zone"


def _off(*names: str, point: str = "filter") -> Obj:
    return {"plugins": {point: {"disabled": [{"name": name} for name in names]}}}


def _with(plugin: str, **args: object) -> Obj:
    kind = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": f"{plugin}Args"}
    return {"pluginConfig": [{"name": plugin, "args": {**kind, **args}}]}


def _only(*names: str) -> Obj:
    return {"plugins": {"multiPoint": {"disabled": [{"name": "*"}], "enabled": [{"name": name} for name in names]}}}


IN_ZONE_A = {"matchExpressions": [{"key": ZONE, "operator": "NotIn", "values": ["zone-b"]}]}
ADDED = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [IN_ZONE_A]}}
PROFILES: dict[str, Obj] = {
    "other-scores": profile("other-scores"),
    "no-taints": _off("TaintToleration", "NodeUnschedulable"),
    "no-disks": _off("VolumeBinding", "VolumeRestrictions", "VolumeZone", "NodeVolumeLimits", point="multiPoint"),
    "only-room": _only("PrioritySort", "SchedulingGates", "NodeResourcesFit", "NodeAffinity", "DefaultBinder"),
    "room-first": {"plugins": {"filter": {"enabled": [{"name": "NodeResourcesFit"}, {"name": "NodePorts"}]}}},
    "no-cards": _with("NodeResourcesFit", ignoredResourceGroups=["nvidia.com"], ignoredResources=["amd.com/gpu"]),
    "zone-a": _with("NodeAffinity", addedAffinity=ADDED),
    "patient": _off("DefaultPreemption", point="postFilter"),
}
CONFIGURED = configuration([{**made, "schedulerName": name} for name, made in PROFILES.items()])


@pytest.fixture(scope="module")
def configured(own: ControlPlane) -> Iterator[ControlPlane]:
    with scheduler(own, CONFIGURED["profiles"]):
        yield own


def _play(stage: Stage, made: Scene, *, seed: int, journal: Journal, results: Path) -> None:
    stage.set(made)
    objects = stage.read()
    chance = random.Random(seed)
    pods = sorted((ask(chance, made, number=index) for index in range(ASKS_IN_A_SCENE)), key=uses_claims)
    for asked in pods:
        asked["spec"]["schedulerName"] = chance.choice(list(PROFILES))
        difference, bound = _compare(stage, asked, objects, journal)
        if difference is not None:
            told = f"seed {seed}: {asked['metadata']['name']} of {asked['spec']['schedulerName']}: {difference}"
            journal.disagreements.append(told)
            (results / f"scheduler-{seed}-{asked['metadata']['name']}.json").write_text(
                json.dumps({**objects, "ask": asked})
            )
        if bound and uses_claims(asked):
            break  # its volumes are taken now
    stage.clear()


def _compare(stage: Stage, asked: Obj, objects: dict[str, list[Obj]], journal: Journal) -> tuple[str | None, bool]:
    difference = None
    for _ in range(TRIES):
        stored = stage.stored_form(asked)
        if stored is None:
            journal.refused_by_api += 1
            return None, False
        verdict = verdict_of(objects, stored, configured=CONFIGURED)
        answer = stage.ask(asked)
        difference = disagreement(verdict, answer, nodes=len(objects["nodes"]))
        if difference is None:
            journal.note(verdict, answer)
            return None, answer.node is not None
        if answer.node is not None and uses_claims(asked):
            break
        objects = stage.read()
    journal.asks += 1
    return difference, True


@pytest.mark.timeout(600)
def test_moorage_says_what_schedulers_do_that_are_configured_otherwise(configured: ControlPlane, results: Path) -> None:
    seed = int(os.environ.get("MOORAGE_SEED", random.SystemRandom().randrange(1_000_000)))
    stage, journal, number = Stage(configured.admin, schedulers=(DEFAULT, *PROFILES)), Journal(), 0
    stage.prepare()

    while journal.asks < ASKS:
        number += 1
        _play(stage, scene(seed + number, number=number), seed=seed + number, journal=journal, results=results)

    print(f"\nAsks of other schedulers, seed {seed}, {number} scenes\n{journal.table()}")
    assert not journal.disagreements, "\n".join(journal.disagreements)


@pytest.fixture(scope="module")
def served(configured: ControlPlane) -> Iterator[Service]:
    """A service that may read one ConfigMap."""
    admin = configured.admin
    kubeconfig = configured.write_kubeconfig(configured.folder / "service.kubeconfig", token=grant(admin))
    metadata = {"name": "user-scheduler", "namespace": "lab"}
    admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lab"}})
    text = yaml.safe_dump(CONFIGURED)
    admin.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"config.yaml": text}})
    manifest = Path(__file__).resolve().parents[2] / "deploy/kubernetes/optional/scheduler.yaml"
    for obj in yaml.safe_load_all(manifest.read_text()):
        admin.apply({**obj, "metadata": {**obj["metadata"], "namespace": "lab"}})
    options = ("--scheduler-configmaps", "lab/user-scheduler")
    with service(kubeconfig, folder=configured.folder, options=options) as made:
        yield made


def test_the_service_reads_the_configmap_and_foretells_where_such_a_pod_starts(
    configured: ControlPlane, served: Service
) -> None:
    admin = configured.admin
    add_node(admin, node("pier", cpu="4"))
    admin.patch("Node", "pier", {"spec": {"taints": [{"key": "lab", "value": "x", "effect": "NoSchedule"}]}})
    until(lambda: "pier" in served.nodes(), within=10, what="the service knows the node")
    told, went = {}, {}
    for name in ("other-scores", "no-taints"):
        asked = pod(name, cpu="1")
        asked["spec"]["schedulerName"] = name
        told[name] = served.fit({"pod": asked})
        admin.create(asked)
        went[name] = until(lambda name=name: _answer(configured, name), within=20, what="the scheduler has answered")
        admin.delete("Pod", name, namespace="default", grace=0)
    admin.delete("Node", "pier")

    assert [told[name]["fits"] for name in told] == [False, True]
    assert [told[name]["undecided"] for name in told] == [[], []]
    assert list(went.values()) == ["refused", "pier"]


def test_a_scheduler_without_preemption_evicts_nobody_and_the_answer_says_so(
    configured: ControlPlane, served: Service
) -> None:
    admin = configured.admin
    admin.apply(
        {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "low"}, "value": -10}
    )
    add_node(admin, node("pier", cpu="4"))
    holds = pod("holds", cpu="3500m", on="pier")
    holds["spec"]["priorityClassName"] = "low"
    admin.create(holds)
    until(
        lambda: served.nodes().get("pier", {}).get("available", {}).get("cpu") == 0.5,
        within=10,
        what="the service knows the pod",
    )
    told, went = {}, {}
    for name in ("patient", "other-scores"):
        asked = pod(name, cpu="2")
        asked["spec"]["schedulerName"] = name
        told[name] = served.fit({"pod": asked})
        admin.create(asked)
        went[name] = until(
            lambda name=name: _answer(configured, name, nominated=name != "patient"),
            within=20,
            what="the scheduler has answered",
        )
        admin.delete("Pod", name, namespace="default", grace=0)
    admin.delete("Node", "pier")

    assert [told[name]["answer"] for name in told] == ["waits", "after_eviction"]
    assert told["patient"]["evictions"]["not_eligible"] == "not eligible because the scheduler patient evicts nobody."
    assert list(went.values()) == ["refused", "pier"]


def _answer(configured: ControlPlane, name: str, *, nominated: bool = False) -> str | None:
    found = configured.admin.get("Pod", name, namespace="default")
    if where := found["spec"].get("nodeName"):
        return str(where)
    refused = [each for each in found.get("status", {}).get("conditions", ()) if each["type"] == "PodScheduled"]
    return "refused" if refused and not nominated else None
