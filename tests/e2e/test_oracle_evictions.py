"""Who would be evicted on made-up crowded clusters, beside the answers of the scheduler's own preemption."""

import itertools
import json
from collections import Counter

import pytest
from test_oracle import CASES, SEED, differing

from moorage import Cluster
from rig.crowd import Crowd
from rig.invent import Invent
from rig.recombine import Recombine

pytestmark = pytest.mark.e2e


def ours(case):
    made = Cluster.from_objects(**{kind: items for kind, items in case.items() if kind != "ask"}).evictions(case["ask"])
    nodes = {name: (list(node.victims), node.pdb_violations, list(node.reasons)) for name, node in made.nodes.items()}
    return made.not_eligible, nodes


def as_ours(answer):
    nodes = {
        name: (node.get("victims", []), node.get("pdb_violations", 0), node.get("reasons", []))
        for name, node in answer.get("evictions", {}).items()
    }
    return answer.get("not_eligible"), nodes


def test_every_eviction_is_the_schedulers_own(programs, results):
    half = CASES // 2
    plain = itertools.chain(
        itertools.islice(Recombine(SEED).cases(), half), itertools.islice(Invent(SEED).cases(), CASES - half)
    )
    cases = list(Crowd(SEED).cases(plain))

    wrong, answers = differing(programs / "oracle", cases, ours=ours, as_ours=as_ours, flags=["-evictions"])

    met = Counter()
    for answer in answers:
        met["may evict nobody"] += "not_eligible" in answer
        for node in answer.get("evictions", {}).values():
            met["with victims" if node.get("victims") else "without"] += 1
            met["against a budget"] += node.get("pdb_violations", 0) > 0
    table = {"seed": SEED, "cases": len(cases), "disagreements": len(wrong), "met": dict(met)}
    (results / "oracle-evictions.json").write_text(json.dumps(table, indent=1) + "\n")
    print(f"\nThe scheduler's own preemption: {table}")
    assert [answer for answer in answers if answer.get("error")] == []
    assert wrong == []
    assert met["with victims"] > CASES / 10
