"""moorage and the real scheduler, asked the same: thousands of pods in random clusters, no disagreement allowed.

MOORAGE_ASKS says how many, MOORAGE_SEED from where on; a disagreement is written to test-results/ with all objects it takes to repeat it.
"""

import json
import os
import random
from pathlib import Path

import pytest

from rig.api import Obj
from rig.asks import ask, uses_claims
from rig.controlplane import ControlPlane
from rig.scenes import scene
from rig.stage import Stage, verdict_of
from rig.verdicts import Journal, disagreement

ASKS_IN_A_SCENE = 24
TRIES = 3


def _compare(stage: Stage, pod: Obj, objects: dict[str, list[Obj]], journal: Journal) -> tuple[str | None, Obj]:
    """Asked once more where they differ: the scheduler may not have seen the scene's last change when it answered."""
    difference, case = None, {}
    for attempt in range(TRIES):
        stored = stage.stored_form(pod)
        if stored is None:
            return None, {}
        verdict = verdict_of(objects, stored)
        answer = stage.ask(pod)
        difference = disagreement(verdict, answer, nodes=len(objects["nodes"]))
        case = {**objects, "ask": stored, "answer": vars(answer), "difference": difference}
        if difference is None:
            journal.note(verdict, answer)
            journal.again += attempt > 0
            return None, {"bound": answer.node}
        if answer.node is not None and uses_claims(pod):
            break  # the scene is no longer what it was
        objects = stage.read()
    journal.asks += 1
    return difference, case


@pytest.mark.timeout(1800)
def test_moorage_says_what_the_scheduler_does(shared: ControlPlane, results: Path, asks_wanted: int) -> None:
    seed = int(os.environ.get("MOORAGE_SEED", random.SystemRandom().randrange(1_000_000)))
    stage, journal = Stage(shared.admin), Journal()
    stage.prepare()
    number = 0

    while journal.asks < asks_wanted:
        number += 1
        made = scene(seed + number, number=number)
        stage.set(made)
        objects = stage.read()
        chance = random.Random(seed + number)
        pods = sorted((ask(chance, made, number=index) for index in range(ASKS_IN_A_SCENE)), key=uses_claims)
        for pod in pods:
            difference, case = _compare(stage, pod, objects, journal)
            if difference is not None:
                journal.disagreements.append(f"seed {seed + number}: {pod['metadata']['name']}: {difference}")
                folder = results / "disagreements"
                folder.mkdir(exist_ok=True)
                (folder / f"{seed}-{pod['metadata']['name']}.json").write_text(json.dumps(case))
            if uses_claims(pod) and case.get("bound"):
                break  # its volumes are taken now
        stage.clear()

    journal.write(results)
    print(f"\nDifferential asks, seed {seed}, {number} scenes\n{journal.table()}")
    assert not journal.disagreements, "\n".join(journal.disagreements)
