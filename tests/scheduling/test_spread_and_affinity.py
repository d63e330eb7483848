"""PodTopologySpread and InterPodAffinity: rules about other pods."""

from __future__ import annotations

import pytest

from moorage import Cluster
from moorage.errors import InvalidObject

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
APP = {"matchLabels": {"app": "x"}}


def _spread(**change) -> dict:
    constraint = {"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": APP}
    return {"topologySpreadConstraints": [{**constraint, **change}]}


def _rule(kind: str, **change) -> dict:
    term = {"labelSelector": APP, "topologyKey": ZONE, **change}
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


@pytest.fixture
def zones(a_node, a_pod):
    """Three zones with 2, 1 and 0 pods of app x, and a node without a zone."""

    def make(*more_pods, namespaces=()) -> Cluster:
        nodes = [a_node(f"n{i}", labels={ZONE: f"z{i}"}) for i in range(3)] + [a_node("nowhere")]
        pods = [a_pod("a", on="n0", labels={"app": "x"}), a_pod("b", on="n0", labels={"app": "x"})]
        pods += [a_pod("c", on="n1", labels={"app": "x"}), *more_pods]
        return Cluster.from_objects(nodes=nodes, pods=pods, namespaces=namespaces)

    return make


@pytest.mark.parametrize(
    ("change", "fitting"),
    [
        ({}, ["n2"]),
        ({"maxSkew": 2}, ["n1", "n2"]),
        ({"maxSkew": 3}, ["n0", "n1", "n2"]),
        ({"whenUnsatisfiable": "ScheduleAnyway"}, ["n0", "n1", "n2", "nowhere"]),
        ({"minDomains": 4}, ["n2"]),
        ({"minDomains": 4, "maxSkew": 2}, ["n1", "n2"]),
        ({"labelSelector": {}}, ["n0", "n1", "n2"]),
        ({"labelSelector": None}, ["n0", "n1", "n2"]),
        (
            {
                "matchLabelKeys": ["app", "absent"],
                "labelSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]},
            },
            ["n2"],
        ),
    ],
)
def test_pods_of_a_kind_stay_even_over_the_domains(zones, a_pod, change, fitting):
    verdict = zones().fit(a_pod("ask", labels={"app": "x"}, spec=_spread(**change)))

    assert verdict.fitting == fitting


def test_a_node_outside_every_domain_lacks_the_label(zones, a_pod):
    refused = zones().fit(a_pod("ask", spec=_spread())).nodes["nowhere"]

    assert refused.reasons == ("node(s) didn't match pod topology spread constraints (missing required label)",)
    assert refused.unresolvable


def test_too_few_domains_make_the_lowest_count_zero(a_node, a_pod):
    pods = [a_pod("a", on="n1", labels={"app": "x"})]
    cluster = Cluster.from_objects(nodes=[a_node("n1", labels={ZONE: "z"})], pods=pods)
    ask = a_pod("ask", labels={"app": "x"}, spec=_spread(minDomains=2))

    assert not cluster.fit(ask).fits
    assert cluster.fit(a_pod("ask", labels={"app": "x"}, spec=_spread())).fits


def test_terminating_pods_and_other_namespaces_are_not_spread(zones, a_pod):
    gone = a_pod("d", on="n2", labels={"app": "x"}, deleted=True)
    elsewhere = a_pod("e", on="n2", labels={"app": "x"}, namespace="other")

    verdict = zones(gone, elsewhere).fit(a_pod("ask", labels={"app": "x"}, spec=_spread()))

    assert verdict.fitting == ["n2"]


def test_domains_that_the_pod_may_not_use_do_not_count_unless_told_so(zones, a_pod):
    only = {"nodeSelector": {HOST: "n0"}}
    ask = a_pod("ask", labels={"app": "x"}, spec={**only, **_spread()})
    anyway = a_pod("ask", labels={"app": "x"}, spec={**only, **_spread(nodeAffinityPolicy="Ignore")})

    assert zones().fit(ask).fitting == ["n0"]
    assert zones().fit(anyway).fitting == []


def test_tainted_domains_count_unless_told_otherwise(a_node, a_pod):
    taint = {"key": "k", "effect": "NoSchedule"}
    nodes = [a_node("n0", labels={ZONE: "z0"}), a_node("n1", labels={ZONE: "z1"}, taints=[taint])]
    cluster = Cluster.from_objects(nodes=nodes, pods=[a_pod("a", on="n0", labels={"app": "x"})])

    heeded = cluster.fit(a_pod("ask", labels={"app": "x"}, spec=_spread(nodeTaintsPolicy="Honor")))
    default = cluster.fit(a_pod("ask", labels={"app": "x"}, spec=_spread()))

    assert heeded.fitting == ["n0"]
    assert default.fitting == []


@pytest.mark.parametrize(
    ("kind", "change", "fitting"),
    [
        ("podAffinity", {}, ["n0", "n1"]),
        ("podAntiAffinity", {}, ["n2", "nowhere"]),
        ("podAffinity", {"namespaces": ["other"]}, []),
        ("podAntiAffinity", {"namespaces": ["other"]}, ["n0", "n1", "n2", "nowhere"]),
        ("podAffinity", {"namespaceSelector": {}}, ["n0", "n1"]),
        ("podAffinity", {"namespaceSelector": {"matchLabels": {"team": "a"}}}, ["n0", "n1"]),
        ("podAffinity", {"namespaceSelector": {"matchLabels": {"team": "b"}}}, []),
        (
            "podAffinity",
            {
                "namespaceSelector": {"matchExpressions": [{"key": "none", "operator": "DoesNotExist"}]},
                "namespaces": [],
            },
            ["n0", "n1"],
        ),
        (
            "podAntiAffinity",
            {"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}},
            ["n2", "nowhere"],
        ),
        ("podAntiAffinity", {"labelSelector": None}, ["n0", "n1", "n2", "nowhere"]),
        ("podAntiAffinity", {"labelSelector": {}}, ["n2", "nowhere"]),
        ("podAntiAffinity", {"topologyKey": "absent"}, ["n0", "n1", "n2", "nowhere"]),
        ("podAffinity", {"topologyKey": HOST}, ["n0", "n1"]),
    ],
)
def test_a_pod_wants_or_avoids_certain_pods(zones, a_pod, kind, change, fitting):
    namespaces = [
        {"metadata": {"name": "default", "labels": {"team": "a"}}},
        {"metadata": {"name": "other", "labels": {"team": "b"}}},
    ]

    verdict = zones(namespaces=namespaces).fit(a_pod("ask", spec=_rule(kind, **change)))

    assert verdict.fitting == fitting


def test_all_affinity_terms_must_be_met_by_the_same_pods(a_node, a_pod):
    terms = [{"labelSelector": {"matchLabels": {key: "y"}}, "topologyKey": HOST} for key in ("a", "b")]
    rule = {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}
    apart = [a_pod("1", on="n1", labels={"a": "y"}), a_pod("2", on="n1", labels={"b": "y"})]
    both = [a_pod("1", on="n1", labels={"a": "y", "b": "y"})]

    assert not Cluster.from_objects(nodes=[a_node()], pods=apart).fit(a_pod("ask", spec=rule)).fits
    assert Cluster.from_objects(nodes=[a_node()], pods=both).fit(a_pod("ask", spec=rule)).fits


def test_the_first_of_its_kind_may_go_where_its_topology_is_known(a_node, a_pod):
    cluster = Cluster.from_objects(nodes=[a_node("n1", labels={ZONE: "z"}), a_node("nowhere")])

    first = cluster.fit(a_pod("ask", labels={"app": "x"}, spec=_rule("podAffinity")))
    stranger = cluster.fit(a_pod("ask", labels={"app": "y"}, spec=_rule("podAffinity")))

    assert first.fitting == ["n1"]
    assert stranger.fitting == []


@pytest.mark.parametrize(
    ("change", "namespace", "fits"),
    [
        ({}, "default", False),
        ({}, "other", True),
        ({"namespaces": ["other"]}, "other", False),
        ({"namespaceSelector": {}}, "other", False),
        ({"namespaceSelector": {"matchLabels": {"team": "b"}}}, "other", False),
        ({"namespaceSelector": {"matchLabels": {"team": "a"}}}, "other", True),
        ({"labelSelector": {"matchLabels": {"app": "y"}}}, "default", True),
        ({"labelSelector": {"matchLabels": {"app": "not valid!"}}}, "default", True),
    ],
)
def test_pods_that_run_keep_others_away(a_node, a_pod, change, namespace, fits):
    namespaces = [{"metadata": {"name": "other", "labels": {"team": "b"}}}]
    held = a_pod("held", on="n1", spec=_rule("podAntiAffinity", topologyKey=HOST, **change))
    cluster = Cluster.from_objects(nodes=[a_node()], pods=[held], namespaces=namespaces)

    verdict = cluster.fit(a_pod("ask", labels={"app": "x"}, namespace=namespace))

    assert verdict.fits is fits


@pytest.mark.parametrize(
    "spec",
    [
        _spread(labelSelector={"matchLabels": {"a b": "c"}}),
        _rule("podAffinity", labelSelector={"matchExpressions": [{"key": "a", "operator": "In"}]}),
    ],
)
def test_a_selector_that_can_not_be_read_is_an_error_that_names_it(a_node, a_pod, spec):
    with pytest.raises(InvalidObject, match=r"Pod default/ask can't be read: spec\..*"):
        Cluster.from_objects(nodes=[a_node()]).fit(a_pod("ask", spec=spec))


def test_replicas_share_their_terms(a_node, a_pod):
    away = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]}}
    pods = [a_pod(f"p{i}", on="n1", spec={"affinity": away}) for i in range(2)]

    first, second = Cluster.from_objects(nodes=[a_node()], pods=pods).pods.values()

    assert first.extra.anti_affinity is second.extra.anti_affinity


def test_terms_of_another_namespace_mean_a_pod_only_by_name_or_selector(a_node, a_pod):
    def refused(**more) -> bool:
        away = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{**TERM, **more}]}}
        other = a_pod("other", on="n1", namespace="elsewhere", spec={"affinity": away})
        cluster = Cluster.from_objects(
            nodes=[a_node()], pods=[other], namespaces=[{"metadata": {"name": "default", "labels": {"team": "a"}}}]
        )
        return not cluster.fit(a_pod("ask", labels={"app": "x"})).fits

    assert not refused()
    assert refused(namespaces=["default"])
    assert refused(namespaceSelector={"matchLabels": {"team": "a"}})
    assert refused(namespaceSelector={})
    assert not refused(namespaceSelector={"matchLabels": {"team": "b"}})


TERM = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "x"}}}
