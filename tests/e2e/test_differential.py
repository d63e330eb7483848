"""moorage and the real scheduler, asked the same: thousands of pods in random clusters, no disagreement allowed.

Two of moorage's mouths are asked: the library, on objects read back from the API and the pod as it would be stored; and a running
service, which follows the API server by itself and is sent the pod as its author wrote it.
MOORAGE_ASKS says how many pods, MOORAGE_SEED from where on; a disagreement is written to test-results/ with all objects it takes to repeat it.
"""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.api import Obj
from rig.asks import ask, uses_claims
from rig.controlplane import ControlPlane
from rig.processes import until
from rig.scenes import Scene, scene
from rig.service import Service, service
from rig.stage import Stage, verdict_of
from rig.verdicts import Journal, disagreement, verdict_from_json

ASKS_IN_A_SCENE = 24
TRIES = 4


@pytest.fixture
def served(shared: ControlPlane) -> Iterator[Service]:
    with service(shared.kubeconfig, folder=shared.folder) as made:
        yield made


def _compare(
    stage: Stage, served: Service, pod: Obj, objects: dict[str, list[Obj]], journal: Journal
) -> tuple[str | None, Obj]:
    """Asked again where they differ: the scheduler or the service may not have seen the scene's last change yet."""
    difference, case = None, {}
    count = len(objects["nodes"])
    for attempt in range(TRIES):
        stored = stage.stored_form(pod)
        if stored is None:
            journal.refused_by_api += 1
            return None, {}
        verdict = verdict_of(objects, stored)
        told = served.fit({"pod": pod})
        if told["undecided"]:
            # It says that it lacks a rule of the API server's (a runtime class, say); the stored pod needs none.
            journal.undecided += 1
            told = served.fit({"pod": stored})
        live = verdict_from_json(told)
        answer = stage.ask(pod)
        difference = disagreement(verdict, answer, nodes=count)
        if difference is None and (other := disagreement(live, answer, nodes=count)):
            difference = f"the service: {other}"
        case = {**objects, "ask": stored, "template": pod, "answer": vars(answer), "difference": difference}
        if difference is None:
            journal.note(verdict, answer)
            journal.again += attempt > 0
            return None, {"bound": answer.node}
        if answer.node is not None and uses_claims(pod):
            break  # the scene is no longer what it was
        objects = stage.read()
    journal.asks += 1
    return difference, case


def _play(stage: Stage, served: Service, made: Scene, *, seed: int, journal: Journal, results: Path) -> None:
    """All asks of one scene."""
    stage.set(made)
    names = {node["metadata"]["name"] for node in made.nodes}
    until(lambda: set(served.nodes()) == names, within=10, what="the service sees the scene's nodes")
    objects = stage.read()
    journal.resized += len(made.resized)
    chance = random.Random(seed)
    pods = sorted((ask(chance, made, number=index) for index in range(ASKS_IN_A_SCENE)), key=uses_claims)
    for pod in pods:
        difference, case = _compare(stage, served, pod, objects, journal)
        if difference is not None:
            name = pod["metadata"]["name"]
            journal.disagreements.append(f"seed {seed}: {name}: {difference}")
            folder = results / "disagreements"
            folder.mkdir(exist_ok=True)
            (folder / f"{seed}-{name}.json").write_text(json.dumps(case))
        if uses_claims(pod) and case.get("bound"):
            break  # its volumes are taken now
    stage.clear()


@pytest.mark.timeout(3600)
def test_moorage_says_what_the_scheduler_does(
    shared: ControlPlane, served: Service, results: Path, asks_wanted: int
) -> None:
    seed = int(os.environ.get("MOORAGE_SEED", random.SystemRandom().randrange(1_000_000)))
    stage, journal = Stage(shared.admin), Journal()
    stage.prepare()
    number = 0

    while journal.asks < asks_wanted:
        number += 1
        made = scene(seed + number, number=number)
        _play(stage, served, made, seed=seed + number, journal=journal, results=results)

    journal.write(results)
    print(f"\nDifferential asks, seed {seed}, {number} scenes\n{journal.table()}")
    assert not journal.disagreements, "\n".join(journal.disagreements)
