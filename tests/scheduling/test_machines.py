"""Machines that are not there yet, tried as the nodes that they will be."""

from __future__ import annotations

import msgspec
import pytest

from moorage import Cluster
from moorage.objects import Node, Taint, decode
from moorage.scheduling.alternatives.machines import Machine, lasting_taints, on_machines
from moorage.scheduling.fit import Trial
from moorage.scheduling.steps import at_once


def a_machine(node, **more):
    facts = {"pool": "gpu", "source": "configured", "state": "can_be_added", **more}
    return Machine(node=decode(Node, node) if node is not None else None, **facts)


def tried(pod, *machines, nodes=(), pods=(), **more):
    cluster = Cluster.from_objects(nodes=nodes, pods=pods, **more)
    return at_once(on_machines(cluster, Trial(cluster, pod), machines))


def test_a_machine_is_asked_by_the_filters_of_nodes(a_node, a_pod):
    small, large = (a_machine(a_node(cpu=cpu)) for cpu in ("2", "8"))

    refused, fits = tried(a_pod(cpu="4"), small, large)

    assert refused is not None
    assert refused.reasons == ("Insufficient cpu",)
    assert fits is not None
    assert fits.fits


def test_of_a_machine_that_nobody_knows_there_is_no_verdict(a_pod):
    assert tried(a_pod(), a_machine(None)) == [None]


def test_what_is_promised_to_others_is_taken(a_node, a_pod):
    on_its_way = a_machine(a_node(cpu="8"), state="on_its_way", taken={"cpu": "6", "pods": "3"})

    (verdict,) = tried(a_pod(cpu="4"), on_its_way)

    assert verdict is not None
    assert verdict.reasons == ("Insufficient cpu",)


def test_taints_that_go_by_themselves_are_no_taints_of_the_machine():
    kept = Taint("nvidia.com/gpu", "present", "NoSchedule")
    startup = Taint("example.com/agent", None, "NoExecute")
    going = [
        Taint("karpenter.sh/unregistered", None, "NoExecute"),
        Taint("startup-taint.cluster-autoscaler.kubernetes.io/driver", "true", "NoSchedule"),
        Taint("node.kubernetes.io/not-ready", None, "NoSchedule"),
        startup,
    ]

    assert lasting_taints([kept, *going], startup={(startup.key, startup.effect)}) == (kept,)


def test_what_is_read_of_a_kind_is_shared_and_stays(a_node, a_pod):
    machine = a_machine(a_node(cpu="8"), taken={"cpu": "1"})
    before = msgspec.to_builtins(machine.node)

    tried(a_pod(cpu="4"), machine)

    assert msgspec.to_builtins(machine.node) == before


def a_daemon(pod, *, owner="ds", tolerations=None, node_selector=None):
    pod["metadata"]["ownerReferences"] = [{"kind": "DaemonSet", "name": owner, "uid": owner, "controller": True}]
    pod["spec"] |= {"tolerations": tolerations or [], "nodeSelector": node_selector or {}}
    return pod


def test_the_pods_that_a_daemonset_would_have_there_are_taken_off(a_node, a_pod):
    logs = a_daemon(a_pod("logs", on="n1", cpu="1"))

    full, room = tried(
        a_pod(cpu="4"), a_machine(a_node(cpu="4")), a_machine(a_node(cpu="5")), nodes=[a_node("n1")], pods=[logs]
    )

    assert full is not None
    assert full.reasons == ("Insufficient cpu",)
    assert room is not None
    assert room.fits


@pytest.mark.parametrize(
    "spared", [{"node_selector": {"gpu": "yes"}}, {"tolerations": [{"key": "other", "operator": "Exists"}]}]
)
def test_a_daemonset_that_would_not_run_there_takes_nothing(a_node, a_pod, spared):
    tainted = a_node(cpu="4", taints=[{"key": "pool", "effect": "NoSchedule"}])
    ask = a_pod(cpu="4", spec={"tolerations": [{"operator": "Exists"}]})
    logs = a_daemon(a_pod("logs", on="n1", cpu="1"), **{"tolerations": [{"operator": "Exists"}], **spared})

    (verdict,) = tried(ask, a_machine(tainted), nodes=[a_node("n1")], pods=[logs])

    assert verdict is not None
    assert verdict.fits


def test_a_daemonset_that_nodes_of_the_pool_do_not_have_takes_nothing(a_node, a_pod):
    nodes = [a_node("n1"), a_node("n2", labels={"pool": "gpu"})]
    pods = [a_daemon(a_pod("logs", on="n1", cpu="1")), a_daemon(a_pod("plugin", on="n2"), owner="plugin")]

    (verdict,) = tried(a_pod(cpu="4"), a_machine(a_node(cpu="4"), label=("pool", "gpu")), nodes=nodes, pods=pods)

    assert verdict is not None
    assert verdict.fits


def test_a_daemonset_whose_last_pod_is_gone_takes_nothing(a_node, a_pod):
    cluster = Cluster.from_objects(nodes=[a_node("n1")], pods=[a_daemon(a_pod(n, on="n1", cpu="1")) for n in "ab"])
    machine = a_machine(a_node(cpu="4"))
    ask = a_pod("ask", cpu="4")

    seen = []
    for uid in [None, *list(cluster.pods)]:
        if uid is not None:
            cluster.remove_pod(uid)
        (verdict,) = at_once(on_machines(cluster, Trial(cluster, ask), [machine]))
        assert verdict is not None
        seen.append(verdict.fits)

    assert seen == [False, False, True]


def test_a_machine_is_tried_in_each_of_its_zones(a_node, a_pod):
    ask = a_pod(spec={"nodeSelector": {"topology.kubernetes.io/zone": "b"}})

    verdicts = tried(ask, a_machine(a_node(), zones=("a", "b")), a_machine(a_node(), zones=("a",)))

    assert [verdict is not None and verdict.fits for verdict in verdicts] == [True, False]


def test_a_machine_is_tried_with_each_value_of_a_label_that_is_still_open(a_node, a_pod):
    ask = a_pod(spec={"nodeSelector": {"topology.kubernetes.io/zone": "b", "way": "spot"}})
    open_ = {"zones": ("a", "b"), "choices": (("way", ("on-demand", "spot")),)}

    verdicts = tried(ask, a_machine(a_node(), **open_), a_machine(a_node(), **{**open_, "choices": ()}))

    assert [verdict is not None and verdict.fits for verdict in verdicts] == [True, False]


def test_a_new_machine_is_a_new_domain_of_what_is_spread_over_hosts(a_node, a_pod):
    spread = {
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"app": "a"}},
            }
        ]
    }
    there = [a_pod(f"p{n}", on="n1", labels={"app": "a"}) for n in range(2)]

    (verdict,) = tried(
        a_pod("ask", labels={"app": "a"}, spec=spread), a_machine(a_node()), nodes=[a_node("n1")], pods=there
    )

    assert verdict is not None
    assert verdict.fits


def test_nothing_runs_on_a_machine_by_its_name(a_node, a_pod):
    (verdict,) = tried(a_pod(spec={"nodeSelector": {"kubernetes.io/hostname": "n1"}}), a_machine(a_node("n1")))

    assert verdict is not None
    assert not verdict.fits


CLAIMS = {"resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "gpu"}]}
TEMPLATE = {
    "metadata": {"name": "gpu", "namespace": "default"},
    "spec": {"spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "gpu", "count": 1}}]}}},
}
DEVICES = {"metadata": {"name": "gpu"}, "spec": {"extendedResourceName": "nvidia.com/gpu"}}


@pytest.mark.parametrize("templates", [[], [TEMPLATE]])
def test_which_devices_a_machine_would_have_for_claims_is_not_known(a_node, a_pod, templates):
    more = {"resourceclaimtemplates": templates, "deviceclasses": [DEVICES]}

    assert tried(a_pod(spec=CLAIMS), a_machine(a_node()), **more) == [None]


def test_which_devices_a_machine_would_have_behind_a_name_is_not_known(a_node, a_pod):
    asks = a_pod(cpu="1", gpu=1)

    found = tried(asks, a_machine(a_node()), a_machine(a_node(gpu="1")), deviceclasses=[DEVICES])
    (without_class,) = tried(asks, a_machine(a_node()))

    assert found[0] is None
    assert found[1] is not None
    assert found[1].fits
    assert without_class is not None
    assert without_class.reasons == ("Insufficient nvidia.com/gpu",)


def test_a_machine_that_is_too_small_is_that_whatever_devices_it_would_have(a_node, a_pod):
    mine = {"metadata": {"name": "mine", "namespace": "default"}, "spec": TEMPLATE["spec"]["spec"]}
    more = {"resourceclaims": [mine], "deviceclasses": [DEVICES]}
    claims = {"resourceClaims": [{"name": "gpu", "resourceClaimName": "mine"}]}

    (verdict,) = tried(a_pod(cpu="1000", spec=claims), a_machine(a_node()), **more)

    assert verdict is not None
    assert verdict.reasons == ("Insufficient cpu",)
    assert tried(a_pod(cpu="1", spec=claims), a_machine(a_node()), **more) == [None]
