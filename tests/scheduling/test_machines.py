"""Machines that are not there yet, tried as the nodes that they will be."""

from __future__ import annotations

import msgspec

from moorage import Cluster
from moorage.objects import Node, Taint, decode
from moorage.scheduling.fit import Trial
from moorage.scheduling.machines import Machine, lasting_taints, on_machines
from moorage.scheduling.steps import at_once


def a_machine(node, **more):
    facts = {"pool": "gpu", "source": "configured", "state": "can_be_added", **more}
    return Machine(node=decode(Node, node) if node is not None else None, **facts)


def tried(pod, *machines, nodes=(), pods=()):
    cluster = Cluster.from_objects(nodes=nodes, pods=pods)
    return at_once(on_machines(Trial(cluster, pod), machines))


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
