"""Plugins that look at the node alone: cordon, name, taints, affinity, ports, room."""

from __future__ import annotations

import pytest

from moorage import Cluster

HOST = "kubernetes.io/hostname"


def _required(*terms) -> dict:
    return {
        "affinity": {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
        }
    }


def _expression(key: str, operator: str, *values: str) -> dict:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def _field(operator: str, *values: str, key: str = "metadata.name") -> dict:
    return {"matchFields": [{"key": key, "operator": operator, "values": list(values)}]}


def test_a_gated_pod_is_refused_everywhere_at_once(a_node, a_pod):
    ask = a_pod(spec={"schedulingGates": [{"name": "a/one"}, {"name": "two"}]})

    verdict = Cluster.from_objects(nodes=[a_node()]).fit(ask)

    assert (verdict.prefilter.plugin, verdict.prefilter.reasons) == (
        "SchedulingGates",
        ("waiting for scheduling gates: [a/one two]",),
    )
    assert verdict.nodes == {}
    assert not verdict.fits


@pytest.mark.parametrize(
    ("toleration", "fits"),
    [
        (None, False),
        ({"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"}, True),
        ({"key": "node.kubernetes.io/unschedulable"}, True),
        ({"key": "node.kubernetes.io/unschedulable", "operator": "Equal", "value": "x"}, False),
        ({"operator": "Exists"}, True),
        ({"operator": "Exists", "effect": "NoExecute"}, False),
    ],
)
def test_a_cordoned_node_takes_only_pods_that_tolerate_its_cordon(a_node, a_pod, toleration, fits):
    cluster = Cluster.from_objects(nodes=[a_node(unschedulable=True)])

    verdict = cluster.fit(a_pod(spec={"tolerations": [toleration] if toleration else []}))

    assert verdict.nodes["n1"].fits is fits


@pytest.mark.parametrize(
    ("taint", "toleration", "fits"),
    [
        ({"key": "k", "value": "v", "effect": "NoSchedule"}, {"key": "k", "value": "v"}, True),
        ({"key": "k", "value": "v", "effect": "NoSchedule"}, {"key": "k", "operator": "Equal", "value": "w"}, False),
        ({"key": "k", "value": "v", "effect": "NoSchedule"}, {"key": "k", "operator": "Exists"}, True),
        ({"key": "k", "value": "v", "effect": "NoSchedule"}, {"key": "other", "operator": "Exists"}, False),
        (
            {"key": "k", "value": "v", "effect": "NoExecute"},
            {"key": "k", "operator": "Exists", "effect": "NoSchedule"},
            False,
        ),
        ({"key": "k", "value": "v", "effect": "PreferNoSchedule"}, {"key": "none"}, True),
        ({"key": "k", "value": "5", "effect": "NoSchedule"}, {"key": "k", "operator": "Gt", "value": "3"}, False),
        ({"key": "k", "value": "5", "effect": "NoSchedule"}, {"key": "k", "operator": "nonsense", "value": "5"}, False),
        ({"key": "k", "effect": "NoSchedule"}, {"key": "k", "value": ""}, True),
    ],
)
def test_a_taint_is_tolerated_by_key_value_and_effect(a_node, a_pod, taint, toleration, fits):
    cluster = Cluster.from_objects(nodes=[a_node(taints=[taint])])

    verdict = cluster.fit(a_pod(spec={"tolerations": [toleration]}))

    assert verdict.nodes["n1"].fits is fits


@pytest.mark.parametrize(
    ("spec", "fits"),
    [
        ({"nodeSelector": {"pool": "gpu"}}, True),
        ({"nodeSelector": {"pool": "cpu"}}, False),
        ({"nodeSelector": {"absent": ""}}, False),
        (_required(_expression("pool", "In", "gpu", "cpu")), True),
        (_required(_expression("pool", "NotIn", "gpu")), False),
        (_required(_expression("absent", "NotIn", "gpu")), True),
        (_required(_expression("absent", "DoesNotExist")), True),
        (_required(_expression("pool", "Exists")), True),
        (_required(_expression("cores", "Gt", "15")), True),
        (_required(_expression("cores", "Gt", "16")), False),
        (_required(_expression("cores", "Lt", "17")), True),
        (_required(_expression("pool", "Gt", "1")), False),
        (_required(_expression("cores", "Gt", "many")), False),
        (_required(_expression("cores", "Gt", "1", "2")), False),
        (_required({}), False),
        (_required(), False),
        (_required({}, _expression("pool", "Exists")), True),
        (_required(_expression("pool", "In")), False),
        (_required(_expression("pool", "Exists", "value")), False),
        (_required(_expression("not a key", "DoesNotExist")), False),
        (_required(_expression("pool", "Sideways", "x")), False),
        (_required(_expression("pool", "In", "cpu"), _field("In", "n1")), True),
        (_required(_field("NotIn", "n2")), True),
        (_required(_field("NotIn", "n1")), False),
        (_required(_field("In", "n1", "n2")), False),
        (_required({**_expression("pool", "In", "cpu"), **_field("In", "n1")}), False),
        ({"nodeSelector": {"pool": "gpu"}, **_required(_expression("pool", "In", "cpu"))}, False),
    ],
)
def test_a_node_must_match_selector_and_required_terms(a_node, a_pod, spec, fits):
    cluster = Cluster.from_objects(nodes=[a_node(labels={"pool": "gpu", "cores": "16"})])

    verdict = cluster.fit(a_pod(spec=spec))

    assert verdict.nodes["n1"].fits is fits


def test_nodes_that_are_not_named_say_so_in_other_words(a_node, a_pod):
    cluster = Cluster.from_objects(nodes=[a_node("n1"), a_node("n2")])

    verdict = cluster.fit(a_pod(spec=_required(_field("In", "n1"))))

    assert verdict.nodes["n1"].fits
    assert verdict.nodes["n2"].reasons == ("node(s) didn't satisfy plugin(s) [NodeAffinity]",)
    assert verdict.nodes["n2"].unresolvable


def test_names_that_contradict_each_other_are_refused_at_once(a_node, a_pod):
    fields = [{"key": "metadata.name", "operator": "In", "values": [name]} for name in ("n1", "n2")]

    verdict = Cluster.from_objects(nodes=[a_node()]).fit(a_pod(spec=_required({"matchFields": fields})))

    assert verdict.prefilter.reasons == ("pod affinity terms conflict",)


@pytest.mark.parametrize(
    ("held", "wanted", "fits"),
    [
        ({"hostPort": 80}, {"hostPort": 80}, False),
        ({"hostPort": 80}, {"hostPort": 81}, True),
        ({"hostPort": 80, "protocol": "UDP"}, {"hostPort": 80}, True),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80, "hostIP": "10.0.0.2"}, True),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80, "hostIP": "0.0.0.0"}, False),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80}, False),
        ({"hostPort": 80}, {"hostPort": 80, "hostIP": "10.0.0.1"}, False),
        ({"containerPort": 80}, {"hostPort": 80}, True),
        ({"hostPort": 80}, {"containerPort": 80}, True),
    ],
)
def test_two_pods_of_a_node_never_hold_the_same_port(a_node, a_pod, held, wanted, fits):
    cluster = Cluster.from_objects(nodes=[a_node()], pods=[a_pod("held", on="n1", ports=[held])])

    verdict = cluster.fit(a_pod("ask", ports=[wanted]))

    assert verdict.nodes["n1"].fits is fits


def test_a_sidecars_port_counts_and_a_plain_init_containers_does_not(a_node, a_pod):
    sidecar = {"initContainers": [{"name": "s", "restartPolicy": "Always", "ports": [{"hostPort": 80}]}]}
    plain = {"initContainers": [{"name": "i", "ports": [{"hostPort": 80}]}]}
    ask = a_pod("ask", ports=[{"hostPort": 80}])

    taken = Cluster.from_objects(nodes=[a_node()], pods=[a_pod("held", on="n1", spec=sidecar)]).fit(ask)
    free = Cluster.from_objects(nodes=[a_node()], pods=[a_pod("held", on="n1", spec=plain)]).fit(ask)

    assert not taken.fits
    assert free.fits


def test_all_resources_that_are_short_are_told_together(a_node, a_pod):
    cluster = Cluster.from_objects(nodes=[a_node(cpu="4", memory="8Gi", pods="1")], pods=[a_pod(on="n1", cpu="3")])

    refused = cluster.fit(a_pod("ask", cpu="2", memory="16Gi", gpu=1)).nodes["n1"]

    assert refused.reasons == (
        "Insufficient cpu",
        "Insufficient memory",
        "Insufficient nvidia.com/gpu",
        "Too many pods",
    )
    assert refused.unresolvable
    assert {s.resource: s.short_by for s in refused.details}["cpu"] == 1000


def test_what_is_not_asked_is_not_looked_at_on_an_overcommitted_node(a_node, a_pod):
    cluster = Cluster.from_objects(nodes=[a_node(cpu="4")], pods=[a_pod(on="n1", cpu="9")])

    assert cluster.fit(a_pod("ask", memory="1Gi")).fits
    assert not cluster.fit(a_pod("ask", cpu="1m")).fits


def test_room_that_others_hold_could_be_made_free_but_a_small_node_never_grows(a_node, a_pod):
    cluster = Cluster.from_objects(nodes=[a_node(cpu="4")], pods=[a_pod(on="n1", cpu="3")])

    assert not cluster.fit(a_pod("ask", cpu="4")).nodes["n1"].unresolvable
    assert cluster.fit(a_pod("ask", cpu="4001m")).nodes["n1"].unresolvable


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({"deleted": True}, True),
        ({"phase": "Unknown"}, True),
        ({"phase": "Pending"}, True),
        ({"phase": "Succeeded"}, False),
        ({"phase": "Failed"}, False),
        ({"namespace": "elsewhere"}, True),
    ],
)
def test_a_pod_counts_until_it_is_terminal_or_gone(a_node, a_pod, change, counts):
    cluster = Cluster.from_objects(nodes=[a_node(cpu="4")], pods=[a_pod("held", on="n1", cpu="3", **change)])

    assert cluster.fit(a_pod("ask", cpu="2")).fits is not counts


def test_only_the_first_plugin_that_refuses_is_told(a_node, a_pod):
    taint = {"key": "k", "effect": "NoSchedule"}
    cluster = Cluster.from_objects(nodes=[a_node(taints=[taint], unschedulable=True, cpu="1")])

    refused = cluster.fit(a_pod("ask", cpu="2", spec={"nodeSelector": {"a": "b"}})).nodes["n1"]

    assert refused.plugin == "NodeUnschedulable"


def test_a_pod_bound_by_name_goes_nowhere_else(a_node, a_pod):
    verdict = Cluster.from_objects(nodes=[a_node("n1"), a_node("n2")]).fit(a_pod("ask", on="n2"))

    assert verdict.fitting == ["n2"]
    assert verdict.nodes["n1"].plugin == "NodeName"


def test_allocatable_decides_and_capacity_stands_in_where_it_is_absent(a_node, a_pod):
    whole = a_node(cpu="8")
    whole["status"]["allocatable"]["cpu"] = "4"
    whole["status"]["capacity"] = {"cpu": "8", "pods": "10"}
    bare = a_node("n2")
    bare["status"] = {"capacity": {"cpu": "8", "pods": "10"}}
    cluster = Cluster.from_objects(nodes=[whole, bare])

    assert cluster.fit(a_pod("ask", cpu="6")).fitting == ["n2"]


def test_only_the_nodes_that_are_named_are_answered_for(a_node, a_pod):
    cluster = Cluster.from_objects(nodes=[a_node(f"n{i}") for i in range(3)])

    verdict = cluster.fit(a_pod("ask"), nodes=["n2", "unknown"])

    assert list(verdict.nodes) == ["n2"]


def test_what_can_not_be_decided_is_said(a_node, a_pod):
    cluster = Cluster.from_objects(nodes=[a_node()])

    assert len(cluster.fit(a_pod("ask", spec={"schedulerName": "volcano"})).undecided) == 1
    assert len(cluster.fit(a_pod("ask", priority=None, spec={"priorityClassName": "high"})).undecided) == 1
    assert cluster.fit(a_pod("ask", cpu=1)).undecided == ()


def test_a_node_whose_pods_can_not_be_read_may_have_less_room_than_told(a_node, a_pod):
    cluster = Cluster.from_objects(nodes=[a_node("n1"), a_node("n2")], pods=[a_pod("bad", on="n2", cpu="some")])

    verdict = cluster.fit(a_pod("ask"))

    assert verdict.undecided == ("Some pods on n2 can't be read, so there may be less room than shown.",)


RESTART_ALL = [{"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [1]}}]


@pytest.mark.parametrize(
    ("spec", "declared", "fits"),
    [
        ({}, None, True),
        ({"containers": [{"name": "c", "restartPolicyRules": RESTART_ALL}]}, None, False),
        ({"containers": [{"name": "c", "restartPolicyRules": RESTART_ALL}]}, ["SomethingElse"], False),
        (
            {"containers": [{"name": "c", "restartPolicyRules": RESTART_ALL}]},
            ["RestartAllContainersOnContainerExits"],
            True,
        ),
        ({"containers": [{"name": "c", "restartPolicyRules": [{"action": "Restart"}]}]}, None, True),
        ({"initContainers": [{"name": "i", "restartPolicyRules": RESTART_ALL}]}, None, False),
        ({"hostNetwork": True, "hostUsers": False}, None, False),
        ({"hostNetwork": True, "hostUsers": False}, ["UserNamespacesHostNetworkSupport"], True),
        ({"hostNetwork": True, "hostUsers": True}, None, True),
        ({"hostNetwork": True}, None, True),
        ({"hostUsers": False}, None, True),
    ],
)
def test_a_node_must_declare_the_features_that_the_pod_needs(a_node, a_pod, spec, declared, fits):
    node = a_node()
    node["status"]["declaredFeatures"] = declared
    cluster = Cluster.from_objects(nodes=[node])

    found = cluster.fit(a_pod(spec=spec)).nodes["n1"]

    assert found.fits is fits
    if not fits:
        assert (found.plugin, found.reasons, found.unresolvable) == (
            "NodeDeclaredFeatures",
            ("node(s) didn't match Pod's required features",),
            True,
        )


def test_before_v1_36_nodes_declare_nothing_and_nobody_asks(a_node, a_pod):
    cluster = Cluster.from_objects(nodes=[a_node()], server_version=(1, 35))

    assert cluster.fit(a_pod(spec={"hostNetwork": True, "hostUsers": False})).fits
