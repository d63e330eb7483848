"""What Kueue's objects come to: quotas, who waits where, and why."""

from __future__ import annotations

import pytest

from moorage.objects import ClusterQueue, LocalQueue, Workload, decode
from moorage.queues.kueue import Place, in_line_of, queues, waited_for
from moorage.queues.words import in_words
from moorage.scheduling.cluster import Cluster
from moorage.simulator.builders import cluster_queue, local_queue, workload

GPU = "nvidia.com/gpu"
SHORT = "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu in flavor rtx4090, 1 more needed"
TWO = (
    "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor a, 500m more needed, "
    "insufficient unused quota for memory in flavor a, 2Gi more needed"
)
LARGE = (
    "couldn't assign flavors to pod set main: insufficient quota for nvidia.com/gpu in flavor a, previously considered "
    "podsets requests (0) + current podset request (9) > maximum capacity (4)"
)
KINDS = {"ClusterQueue": ClusterQueue, "LocalQueue": LocalQueue, "Workload": Workload}


def cluster(*bodies):
    """A cluster that has these objects, made one second after the other."""
    state = Cluster()
    for second, body in enumerate(bodies):
        made = {"creationTimestamp": f"2026-01-01T00:00:{second:02}Z", "uid": f"u{second}", **body["metadata"]}
        state.set_object(decode(KINDS[body["kind"]], {**body, "metadata": made}))
    return state


def told(kind, *, holds, **more):
    return {"type": kind, "status": "True" if holds else "False", **more}


def waits(name, *, queue="lab", message=SHORT, **more):
    said = told("QuotaReserved", holds=False, reason="Pending", message=message)
    return workload(name, queue=queue, conditions=[said], **more)


def standard(*more, **spec):
    quotas = {"rtx4090": {GPU: 4, "cpu": "6500m", "memory": "64Gi"}}
    used = {"rtx4090": {GPU: 3, "cpu": 4, "memory": "16Gi"}}
    return cluster(cluster_queue("gpus", quotas, used=used, **spec), local_queue("lab", cluster_queue="gpus"), *more)


def test_a_queue_tells_its_quota_in_base_units_and_what_is_left_of_it():
    (queue,) = queues(standard())

    assert (queue.namespace, queue.name, queue.cluster_queue, queue.closed) == ("default", "lab", "gpus", None)
    shares = {share.resource: (share.flavor, share.quota, share.used, share.left) for share in queue.shares}
    assert shares == {
        GPU: ("rtx4090", 4, 3, 1),
        "cpu": ("rtx4090", 6500, 4000, 2500),
        "memory": ("rtx4090", 64 << 30, 16 << 30, 48 << 30),
    }


def test_more_than_the_quota_in_use_leaves_nothing_and_a_cohort_may_lend():
    state = cluster(
        cluster_queue("gpus", {"a": {GPU: 1}}, used={"a": {GPU: 2}}, cohortName="all"),
        local_queue("lab", cluster_queue="gpus"),
    )

    (queue,) = queues(state)

    assert queue.cohort == "all"
    assert (queue.shares[0].left, queue.shares[0].borrows) == (0, True)


def test_an_amount_that_is_garbage_is_unknown_and_hides_no_other():
    state = cluster(cluster_queue("gpus", {"a": {GPU: "many", "cpu": 2}}), local_queue("lab", cluster_queue="gpus"))

    (queue,) = queues(state)

    gpu, cpu = queue.shares
    assert (gpu.quota, gpu.left) == (None, None)
    assert "many" in gpu.unknown
    assert (cpu.quota, cpu.left, cpu.unknown) == (2000, 2000, None)


def test_those_without_quota_wait_by_priority_and_age_each_with_its_reason():
    state = standard(
        waits("older"),
        waits("urgent", priority=10),
        waits("younger", message=""),
        workload("runs", queue="lab", conditions=[told("QuotaReserved", holds=True), told("Admitted", holds=True)]),
        workload("checked", queue="lab", conditions=[told("QuotaReserved", holds=True)]),
        workload("done", queue="lab", conditions=[told("Finished", holds=True), told("Admitted", holds=True)]),
        workload("off", queue="lab", active=False),
    )

    (queue,) = queues(state)

    assert [(each.workload, each.place) for each in queue.waiting] == [
        ("urgent", Place(0, 0)),
        ("older", Place(1, 1)),
        ("younger", Place(2, 2)),
    ]
    assert queue.waiting[0].text == "The quota lacks 1 GPU (flavor rtx4090)."
    assert queue.waiting[2].text == "Kueue has not said anything about it yet."
    assert queue.running == 2
    assert waited_for(state) == {"gpus"}


def test_two_queues_of_one_cluster_queue_stand_in_one_line():
    state = standard(
        local_queue("other", cluster_queue="gpus", namespace="elsewhere"),
        waits("a"),
        waits("b", queue="other", namespace="elsewhere"),
        waits("c"),
    )

    lab, other = queues(state)

    assert [each.place for each in lab.waiting] == [Place(0, 0), Place(2, 1)]
    assert [each.place for each in other.waiting] == [Place(1, 0)]


def test_kueues_own_places_win_and_one_that_it_does_not_list_has_none():
    state = standard(waits("a"), waits("b"), waits("new"))
    places = {"gpus": {("default", "a"): Place(1, 1), ("default", "b"): Place(0, 0)}}

    (queue,) = queues(state, places=places)

    assert [(each.workload, each.place) for each in queue.waiting] == [
        ("b", Place(0, 0)),
        ("a", Place(1, 1)),
        ("new", None),
    ]


@pytest.mark.parametrize(("reason", "order"), [("Preempted", ["a", "b"]), ("PodsReadyTimeout", ["b", "a"])])
def test_who_was_evicted_keeps_its_place_and_who_was_not_ready_in_time_goes_to_the_back(reason, order):
    evicted = told("Evicted", holds=True, reason=reason, lastTransitionTime="2026-01-01T00:01:00Z")
    state = standard(workload("a", queue="lab", conditions=[evicted]), waits("b"))

    (queue,) = queues(state)

    assert [each.workload for each in queue.waiting] == order


def test_a_pod_finds_its_workload_waiting_or_not():
    state = standard(
        waits("a", pod_uid="p1"), workload("b", queue="lab", pod_uid="p2", conditions=[told("Admitted", holds=True)])
    )

    assert in_line_of(state, "p1").place == Place(0, 0)
    assert (in_line_of(state, "p2").standing, in_line_of(state, "p2").place) == ("admitted", None)
    assert in_line_of(state, "p3") is None


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"stopPolicy": "Hold"}, "The queue is stopped."),
        ({"stopPolicy": "None"}, None),
    ],
)
def test_a_stopped_cluster_queue_closes_its_queues(spec, why):
    assert queues(standard(**spec))[0].closed == why


def test_a_queue_whose_cluster_queue_is_not_there_is_closed_and_has_no_quota():
    (queue,) = queues(cluster(local_queue("lab", cluster_queue="gone")))

    assert (queue.closed, queue.shares) == ("Its cluster queue does not exist.", ())


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (SHORT, "The quota lacks 1 GPU (flavor rtx4090)."),
        (
            TWO,
            "The quota lacks 0.5 CPU (flavor a). The quota lacks 2 GiB of memory (flavor a).",
        ),
        (
            LARGE,
            "The queue can never give this: its quota is at most 4 GPU (flavor a).",
        ),
        ("LocalQueue lab doesn't exist", "The queue lab does not exist."),
        ("ClusterQueue gpus is inactive", "The queue gpus is stopped, or not set up completely."),
        (
            "couldn't assign flavors to pod set main: untolerated taint {a b NoSchedule <nil>} in flavor x",
            "The nodes of flavor x have a taint that it does not tolerate.",
        ),
        ("something <b>new</b>", "something <b>new</b>"),
        (None, "Kueue has not said anything about it yet."),
    ],
)
def test_kueues_words_are_said_plainly_or_passed_on(message, words):
    assert in_words(message) == words
