"""Verdicts on made-up clusters with devices of Dynamic Resource Allocation, beside those of the scheduler's own code."""

import itertools
import json
from collections import Counter

import pytest
from test_oracle import CASES, SEED, differing, rejection, verdicts_as_ours

from moorage import Cluster
from rig.invent_devices import InventDevices

pytestmark = pytest.mark.e2e


def verdict_on(case):
    return Cluster.from_objects(**{kind: items for kind, items in case.items() if kind != "ask"}).fit(case["ask"])


def ours(case):
    verdict = verdict_on(case)
    if verdict.prefilter:
        return rejection(verdict.prefilter.plugin, verdict.prefilter.reasons, verdict.prefilter.unresolvable)
    return {
        name: node.fits or rejection(node.plugin, node.reasons, node.unresolvable)
        for name, node in verdict.nodes.items()
    }


def test_every_verdict_about_devices_is_the_schedulers_own_or_said_to_be_undecided(programs, results):
    cases = list(itertools.islice(InventDevices(SEED).cases(), CASES))
    undecided = {case["ask"]["metadata"]["uid"] for case in cases if verdict_on(case).undecided}
    decided = [case for case in cases if case["ask"]["metadata"]["uid"] not in undecided]

    wrong, answers = differing(programs / "oracle", decided, ours=ours)

    met = Counter()
    for answer in map(verdicts_as_ours, answers):
        met.update([answer[0]] if isinstance(answer, tuple) else [v if v is True else v[1] for v in answer.values()])
    table = {
        "seed": SEED,
        "cases": len(cases),
        "undecided": len(undecided),
        "disagreements": len(wrong),
        "met": {"fits" if what is True else str(what): count for what, count in met.most_common()},
    }
    (results / "oracle-devices.json").write_text(json.dumps(table, indent=1) + "\n")
    print(f"\nThe scheduler's own code on devices: {table}")
    # Where the scheduler itself fails, an answer would be a guess.
    assert [answer for answer in answers if answer.get("error")] == []
    assert wrong == []
    assert len(undecided) < CASES / 10
