"""Room that can be made: who would have to go, on which node, and who may evict nobody."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage import Cluster
from moorage.objects import CountedPod, PodDisruptionBudget, decode
from moorage.scheduling.alternatives.evictions import NOT_ELIGIBLE_NEVER, NOT_ELIGIBLE_WAITING, REASON_NO_VICTIMS
from moorage.simulator import builders


def pod(name, *, on=None, cpu="1", memory="1Gi", gpu=None, priority=0, started=None, labels=None, **spec):
    made = builders.pod(name, on=on, cpu=cpu, memory=memory, gpu=gpu)
    made["spec"].update(priority=priority, **spec)
    if labels:
        made["metadata"]["labels"] = labels
    if started:
        made.setdefault("status", {})["startTime"] = started
    return made


def budget(labels, *, allowed=0, disrupted=(), selector=None):
    return {
        "metadata": {"name": "b", "namespace": "default"},
        "spec": {"selector": {"matchLabels": labels} if selector is None else selector},
        "status": {"disruptionsAllowed": allowed, "disruptedPods": dict.fromkeys(disrupted, "2026-01-01T00:00:00Z")},
    }


def victims(cluster, ask):
    return {name: list(node.victims) for name, node in cluster.evictions(ask).nodes.items()}


def test_a_placeholder_makes_room_for_a_persons_server():
    cluster = Cluster.from_objects(
        nodes=[builders.node("n", cpu="4", memory="8Gi")], pods=[pod("placeholder", on="n", cpu="4", priority=-10)]
    )

    made = cluster.evictions(pod("ada", cpu="2"))

    assert made.nodes["n"].victims == ("default/placeholder",)
    assert made.chosen == ("n",)


def test_pods_of_the_same_priority_stay():
    cluster = Cluster.from_objects(
        nodes=[builders.node("n", cpu="4", memory="8Gi")], pods=[pod("bob", on="n", cpu="4")]
    )

    made = cluster.evictions(pod("ada", cpu="2"))

    assert made.nodes["n"].reasons == (REASON_NO_VICTIMS,)
    assert made.chosen == ()


def test_the_more_important_are_given_back_first():
    pods = [pod(f"p{n}", on="n", cpu="1", priority=-n, started="2026-01-01T00:00:00Z") for n in range(1, 5)]
    cluster = Cluster.from_objects(nodes=[builders.node("n", cpu="4", memory="8Gi")], pods=pods)

    assert victims(cluster, pod("ada", cpu="2")) == {"n": ["default/p3", "default/p4"]}


def test_of_equal_priority_the_longer_running_stays():
    pods = [pod(f"p{day}", on="n", cpu="2", priority=-1, started=f"2026-01-0{day}T00:00:00Z") for day in (2, 1)]
    cluster = Cluster.from_objects(nodes=[builders.node("n", cpu="4", memory="8Gi")], pods=pods)

    assert victims(cluster, pod("ada", cpu="2")) == {"n": ["default/p2"]}


def test_a_pod_that_a_budget_protects_is_given_back_before_a_more_important_one():
    guarded = pod("guarded", on="n", cpu="2", priority=-9, labels={"app": "db"})
    cluster = Cluster.from_objects(
        nodes=[builders.node("n", cpu="4", memory="8Gi")],
        pods=[guarded, pod("plain", on="n", cpu="2", priority=-1)],
        poddisruptionbudgets=[budget({"app": "db"})],
    )

    assert victims(cluster, pod("ada", cpu="2")) == {"n": ["default/plain"]}


@pytest.mark.parametrize(
    ("given", "violations"),
    [
        (budget({"app": "db"}), 1),
        (budget({"app": "db"}, allowed=1), 0),
        (budget({"app": "db"}, disrupted=["guarded"]), 0),
        (budget({}, selector={}), 0),
        (budget({}, selector={"matchExpressions": [{"key": "app", "operator": "Sometimes"}]}), 0),
    ],
    ids=["none left", "one left", "counted already", "empty selector", "broken selector"],
)
def test_evictions_against_a_budget_are_counted(given, violations):
    cluster = Cluster.from_objects(
        nodes=[builders.node("n", cpu="4", memory="8Gi")],
        pods=[pod("guarded", on="n", cpu="4", priority=-9, labels={"app": "db"})],
        poddisruptionbudgets=[given],
    )

    assert cluster.evictions(pod("ada", cpu="2")).nodes["n"].pdb_violations == violations


@pytest.mark.parametrize(
    "labels",
    [b'{"app":"db"}', b'{ "app" : "db" }', b'{"\\u0061pp":"d\\u0062"}', b'{"other":null,"app":"db"}'],
    ids=["as an API server writes them", "with spaces", "with escapes", "beside one without a value"],
)
def test_a_budget_protects_pods_however_their_labels_are_written(labels):
    guarded = json.dumps(pod("guarded", on="n", cpu="4", priority=-9, labels={"app": "db"})).encode()
    assert b'{"app": "db"}' in guarded
    cluster = Cluster.from_objects(
        nodes=[builders.node("n", cpu="4", memory="8Gi")], poddisruptionbudgets=[budget({"app": "db"})]
    )
    cluster.set_pod(decode(CountedPod, guarded.replace(b'{"app": "db"}', labels)))

    assert cluster.evictions(pod("ada", cpu="2")).nodes["n"].pdb_violations == 1


def test_of_a_label_that_is_written_twice_the_last_counts_as_it_does_for_everybody():
    guarded = json.dumps(pod("guarded", on="n", cpu="4", priority=-9, labels={"app": "db"})).encode()
    cluster = Cluster.from_objects(
        nodes=[builders.node("n", cpu="4", memory="8Gi")], poddisruptionbudgets=[budget({"app": "db"})]
    )
    cluster.set_pod(decode(CountedPod, guarded.replace(b'{"app": "db"}', b'{"app":"web","app":"db"}')))

    assert cluster.evictions(pod("ada", cpu="2")).nodes["n"].pdb_violations == 1


@pytest.mark.parametrize(
    ("then", "violations"),
    [
        (budget({"app": "db"}, allowed=1), 0),
        (budget({"app": "web"}), 0),
        (budget({"app": "db", "tier": "back"}), 1),
        (budget({"app": "db", "tier": "front"}), 0),
        (budget({}, selector={}), 0),
        (None, 0),
    ],
    ids=["one more left", "of others", "of fewer", "of fewer others", "of nobody", "gone"],
)
def test_a_budget_that_changes_protects_from_then_on_as_it_says(then, violations):
    cluster = Cluster.from_objects(
        nodes=[builders.node("n", cpu="4", memory="8Gi")],
        pods=[pod("guarded", on="n", cpu="4", priority=-9, labels={"app": "db", "tier": "back"})],
        poddisruptionbudgets=[budget({"app": "db"})],
    )
    assert cluster.evictions(pod("ada", cpu="2")).nodes["n"].pdb_violations == 1

    if then is None:
        cluster.remove_object("PodDisruptionBudget", "default", "b")
    else:
        cluster.set_object(decode(PodDisruptionBudget, json.dumps(then).encode()))

    assert cluster.evictions(pod("ada", cpu="2")).nodes["n"].pdb_violations == violations


def test_a_budget_protects_a_pod_that_comes_after_the_first_answer():
    cluster = Cluster.from_objects(
        nodes=[builders.node("n", cpu="4", memory="8Gi")],
        pods=[pod("plain", on="n", cpu="2", priority=-1)],
        poddisruptionbudgets=[budget({"app": "db"})],
    )
    cluster.evictions(pod("ada", cpu="3"))

    cluster.set_pod(
        decode(CountedPod, json.dumps(pod("guarded", on="n", cpu="2", priority=-9, labels={"app": "db"})).encode())
    )

    assert victims(cluster, pod("ada", cpu="2")) == {"n": ["default/plain"]}


def test_a_budget_for_whatever_has_no_label_means_no_pod_without_any():
    selector = {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}
    low = pod("low", on="n", cpu="4", priority=-9)
    cluster = Cluster.from_objects(
        nodes=[builders.node("n", cpu="4", memory="8Gi")],
        pods=[{**low, "metadata": {**low["metadata"], "labels": {}}}],
        poddisruptionbudgets=[budget({}, selector=selector)],
    )

    assert cluster.evictions(pod("ada", cpu="2")).nodes["n"].pdb_violations == 0


def test_a_pod_with_preemption_policy_never_evicts_nobody():
    cluster = Cluster.from_objects(
        nodes=[builders.node("n", cpu="4", memory="8Gi")], pods=[pod("low", on="n", cpu="4", priority=-10)]
    )

    made = cluster.evictions(pod("ada", cpu="2", preemptionPolicy="Never"))

    assert (made.not_eligible, made.nodes) == (NOT_ELIGIBLE_NEVER, {})


def test_a_nominated_pod_waits_for_those_that_are_evicted_for_it():
    going = pod("going", on="n", cpu="4", priority=-10)
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    going["status"]["conditions"] = [
        {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"},
    ]
    cluster = Cluster.from_objects(nodes=[builders.node("n", cpu="4", memory="8Gi")], pods=[going])
    ask = pod("ada", cpu="2")
    ask["status"] = {"nominatedNodeName": "n"}

    assert cluster.evictions(ask).not_eligible == NOT_ELIGIBLE_WAITING


def test_a_node_that_no_eviction_helps_is_not_among_the_answers():
    tainted = builders.node("tainted", cpu="4", memory="8Gi")
    tainted["spec"]["taints"] = [{"key": "a", "effect": "NoSchedule"}]
    cluster = Cluster.from_objects(nodes=[tainted], pods=[pod("low", on="tainted", cpu="4", priority=-10)])

    assert cluster.evictions(pod("ada", cpu="2")).nodes == {}


def test_the_node_with_the_fewest_violations_is_chosen():
    nodes = [builders.node(name, cpu="4", memory="8Gi") for name in ("guarded", "free")]
    pods = [
        pod("a", on="guarded", cpu="4", priority=-10, labels={"app": "db"}),
        pod("b", on="free", cpu="4", priority=-1),
    ]
    cluster = Cluster.from_objects(nodes=nodes, pods=pods, poddisruptionbudgets=[budget({"app": "db"})])

    assert cluster.evictions(pod("ada", cpu="2")).chosen == ("free",)


def test_nodes_that_are_alike_are_all_named():
    nodes = [builders.node(name, cpu="4", memory="8Gi") for name in ("a", "b")]
    pods = [pod(f"low-{n}", on=n, cpu="4", priority=-10, started="2026-01-01T00:00:00Z") for n in ("a", "b")]

    assert Cluster.from_objects(nodes=nodes, pods=pods).evictions(pod("ada", cpu="2")).chosen == ("a", "b")


def test_among_more_than_a_hundred_candidates_any_may_be_chosen():
    nodes = [builders.node(f"n{number}", cpu="4", memory="8Gi") for number in range(101)]
    pods = [pod(f"low-{number}", on=f"n{number}", cpu="4", priority=-number - 1) for number in range(101)]

    made = Cluster.from_objects(nodes=nodes, pods=pods).evictions(pod("ada", cpu="2"))

    assert len(made.chosen) == 101


def test_nobody_is_evicted_where_the_pod_fits_somewhere():
    nodes = [builders.node(name, cpu="4", memory="8Gi") for name in ("full", "empty")]
    cluster = Cluster.from_objects(nodes=nodes, pods=[pod("low", on="full", cpu="4", priority=-10)])

    made = cluster.evictions(pod("ada", cpu="2"))

    assert made.nodes["full"].victims == ("default/low",)
    assert made.chosen == ()


def test_a_start_time_that_no_clock_has_written_counts_as_now():
    pods = [
        pod("odd", on="n", cpu="2", priority=-1, started="yesterday"),
        pod("old", on="n", cpu="2", priority=-1, started="2026-01-01T00:00:00Z"),
    ]
    cluster = Cluster.from_objects(nodes=[builders.node("n", cpu="4", memory="8Gi")], pods=pods)

    assert victims(cluster, pod("ada", cpu="2")) == {"n": ["default/odd"]}


AMOUNTS = st.builds(
    lambda cpu, memory, gpu: {"cpu": cpu, "memory": f"{memory}Gi", "gpu": gpu}, *[st.integers(0, 4)] * 3
)
CROWD = st.lists(st.tuples(AMOUNTS, st.integers(-2, 1), st.sampled_from([None, 1, 2])), max_size=8)


@given(crowds=st.lists(CROWD, min_size=1, max_size=3), asked=AMOUNTS, slots=st.integers(1, 9))
def test_victims_found_by_sums_are_those_found_one_by_one(crowds, asked, slots):
    spread = {"maxSkew": 99, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}
    cluster = Cluster.from_objects(
        nodes=[builders.node(f"n{at}", cpu=6, memory="6Gi", gpu=4, pods=slots) for at in range(len(crowds))],
        pods=[
            pod(f"p{at}-{n}", on=f"n{at}", **amounts, priority=priority, started=day and f"2026-01-0{day}T00:00:00Z")
            for at, crowd in enumerate(crowds)
            for n, (amounts, priority, day) in enumerate(crowd)
        ],
    )

    by_sums = cluster.evictions(pod("ada", **asked))
    # The spread allows every node, but each pod is then tried by itself.
    one_by_one = cluster.evictions(pod("ada", **asked, topologySpreadConstraints=[spread]))

    assert by_sums == one_by_one
