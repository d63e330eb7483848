"""The real scheduler's answers, line by line; the README beside each file says where they come from."""

from __future__ import annotations

from typing import Any

import pytest

from moorage import Cluster, effective_requests

KINDS = (
    "nodes",
    "pods",
    "persistentvolumeclaims",
    "persistentvolumes",
    "storageclasses",
    "csinodes",
    "volumeattachments",
    "namespaces",
    "resourceslices",
    "resourceclaims",
    "deviceclasses",
    "poddisruptionbudgets",
)


def test_a_pod_counts_on_its_node_what_the_real_code_counts(vectors):
    for case in vectors("vectors/requests"):
        expected = case["requests"]

        found = effective_requests(case["pod"])

        assert found.cpu_milli == expected["cpu_milli"], case["pod"]
        assert found.memory == expected["memory"], case["pod"]
        assert found.ephemeral_storage == expected["ephemeral_storage"], case["pod"]
        assert found.scalars == expected.get("scalars", {}), case["pod"]


@pytest.mark.parametrize("file", ["vectors/fit", "verdicts/invented", "verdicts/devices"])
def test_every_node_gets_the_verdict_that_the_real_scheduler_gives(vectors, file):
    for case in vectors(file):
        cluster = Cluster.from_objects(**{kind: case[kind] for kind in KINDS if kind in case})

        verdict = cluster.fit(case["ask"])

        assert cluster.unreadable == []
        assert file != "verdicts/devices" or verdict.undecided == ()
        assert (_plain(verdict.prefilter) if verdict.prefilter else None) == case["prefilter"], case["ask"]
        assert {name: _plain(node) for name, node in verdict.nodes.items()} == case["verdicts"], case["ask"]


def test_every_node_gets_the_victims_that_the_real_scheduler_finds(vectors):
    for case in vectors("vectors/preempt"):
        cluster = Cluster.from_objects(**{kind: case[kind] for kind in KINDS if kind in case})

        made = cluster.evictions(case["ask"])

        assert made.not_eligible == case.get("not_eligible"), case["ask"]
        assert {name: _evicted(node) for name, node in made.nodes.items()} == case.get("evictions", {}), case["ask"]


@pytest.mark.parametrize("kind", ["nodes", "pods"])
def test_a_verdict_does_not_depend_on_the_order_in_which_things_are_told(vectors, kind):
    for case in vectors("vectors/fit")[:300]:
        given = {kind: case[kind] for kind in KINDS if kind in case}
        given[kind] = list(reversed(given[kind] or []))

        verdict = Cluster.from_objects(**given).fit(case["ask"])

        assert {name: _plain(node) for name, node in verdict.nodes.items()} == case["verdicts"], case["ask"]


def _evicted(node: Any) -> dict[str, Any]:
    if not node.victims:
        return {"reasons": list(node.reasons)}
    violations = {"pdb_violations": node.pdb_violations} if node.pdb_violations else {}
    return {"victims": list(node.victims), **violations}


def _plain(verdict: Any) -> dict[str, Any]:
    if verdict.fits:
        return {"fits": True}
    plain = {"fits": False, "plugin": verdict.plugin, "reasons": list(verdict.reasons)}
    return {**plain, "unresolvable": True} if verdict.unresolvable else plain
