"""Verdicts on made-up clusters beside those of the scheduler's own code: the rules that recorded cases hardly meet."""

import itertools
import json

import pytest
from test_oracle import CASES, SEED, differing, rejection

from moorage import Cluster
from rig.invent import Invent

pytestmark = pytest.mark.e2e


def ours(case):
    given = {kind: items for kind, items in case.items() if kind != "ask"}
    verdict = Cluster.from_objects(**given).fit(case["ask"])
    if verdict.prefilter:
        return rejection(verdict.prefilter.plugin, verdict.prefilter.reasons, verdict.prefilter.unresolvable)
    return {
        name: node.fits or rejection(node.plugin, node.reasons, node.unresolvable)
        for name, node in verdict.nodes.items()
    }


def test_every_verdict_on_a_made_up_cluster_is_the_schedulers_own(programs, results):
    cases = list(itertools.islice(Invent(SEED).cases(), CASES))

    wrong, answers = differing(programs / "oracle", cases, ours=ours)

    table = {"seed": SEED, "cases": len(cases), "disagreements": len(wrong)}
    (results / "oracle-invented.json").write_text(json.dumps(table, indent=1) + "\n")
    assert [answer for answer in answers if answer.get("error")] == []
    assert wrong == []
