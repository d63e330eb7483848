"""Pods that were promised a node count there for those who may not overtake them."""

from __future__ import annotations

import pytest

from moorage import Cluster

HOST = "kubernetes.io/hostname"


@pytest.mark.parametrize(("priority", "fits"), [(9, True), (10, False), (11, False)])
def test_a_promise_counts_against_pods_of_the_same_or_lower_priority(a_node, a_pod, priority, fits):
    waiting = a_pod("waiting", cpu="3", nominated="n1", priority=priority)
    cluster = Cluster.from_objects(nodes=[a_node(cpu="4")], pods=[waiting])

    assert cluster.fit(a_pod("ask", cpu="2", priority=10)).fits is fits


def test_a_pods_own_promise_does_not_stand_in_its_way(a_node, a_pod):
    waiting = a_pod("waiting", cpu="3", nominated="n1")
    cluster = Cluster.from_objects(nodes=[a_node(cpu="4")], pods=[waiting])

    assert cluster.fit(waiting).fits


@pytest.mark.parametrize(
    "change",
    [{"spec": {"schedulerName": "another"}}, {"phase": "Failed"}, {"on": "n2"}],
    ids=["another scheduler's", "ended", "placed"],
)
def test_some_promises_do_not_count(a_node, a_pod, change):
    waiting = a_pod("waiting", cpu="3", nominated="n1", **change)
    cluster = Cluster.from_objects(nodes=[a_node(cpu="4"), a_node("n2")], pods=[waiting])

    assert cluster.fit(a_pod("ask", cpu="2")).nodes["n1"].fits


def test_a_promise_of_the_users_scheduler_counts_for_its_other_pods(a_node, a_pod):
    theirs = {"schedulerName": "hub-user-scheduler"}
    waiting = a_pod("waiting", cpu="3", nominated="n1", spec=theirs)
    cluster = Cluster.from_objects(nodes=[a_node(cpu="4")], pods=[waiting])

    assert not cluster.fit(a_pod("ask", cpu="2", spec=theirs)).fits


def test_a_pod_must_fit_without_the_promised_pods_too(a_node, a_pod):
    near = {
        "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": HOST}
            ]
        }
    }
    waiting = a_pod("waiting", nominated="n1", labels={"app": "db"})
    cluster = Cluster.from_objects(nodes=[a_node()], pods=[waiting])

    refused = cluster.fit(a_pod("ask", spec={"affinity": near})).nodes["n1"]

    assert refused.reasons == ("node(s) didn't match pod affinity rules",)


def test_a_promised_pods_port_is_taken(a_node, a_pod):
    waiting = a_pod("waiting", nominated="n1", ports=[{"hostPort": 80}])
    cluster = Cluster.from_objects(nodes=[a_node()], pods=[waiting])

    assert not cluster.fit(a_pod("ask", ports=[{"hostPort": 80}])).fits


def test_a_promised_pod_counts_towards_the_spread(a_node, a_pod):
    spread = {
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": HOST,
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"app": "x"}},
            }
        ]
    }
    waiting = a_pod("waiting", nominated="n1", labels={"app": "x"})
    cluster = Cluster.from_objects(nodes=[a_node("n1"), a_node("n2")], pods=[waiting])

    verdict = cluster.fit(a_pod("ask", labels={"app": "x"}, spec=spread))

    assert verdict.fitting == ["n2"]


def test_a_promise_raises_the_lowest_domain_with_it(a_node, a_pod):
    spread = {
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": HOST,
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"app": "x"}},
            }
        ]
    }
    pods = [a_pod("a", on="n2", labels={"app": "x"}), a_pod("b", on="n2", labels={"app": "x"})]
    pods += [a_pod(f"waiting-{i}", nominated="n1", labels={"app": "x"}) for i in range(2)]
    cluster = Cluster.from_objects(nodes=[a_node("n1"), a_node("n2")], pods=pods)

    verdict = cluster.fit(a_pod("ask", labels={"app": "x"}, spec=spread))

    assert verdict.nodes["n1"].fits
    assert not verdict.nodes["n2"].fits


def test_a_promised_pod_that_avoids_the_ask_counts_only_if_some_rule_is_looked_at(a_node, a_pod):
    away = {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": HOST}
            ]
        }
    }
    waiting = a_pod("waiting", nominated="n1", spec={"affinity": away})
    other = a_pod("other", on="n2", spec={"affinity": away})
    ask = a_pod("ask", labels={"app": "x"})

    alone = Cluster.from_objects(nodes=[a_node("n1")], pods=[waiting])
    both = Cluster.from_objects(nodes=[a_node("n1"), a_node("n2")], pods=[waiting, other])

    assert alone.fit(ask).nodes["n1"].fits
    assert not both.fit(ask).nodes["n1"].fits
