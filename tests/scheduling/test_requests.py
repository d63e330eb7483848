"""Effective requests, case by case: the rules behind the published tables.

The cases follow those of component-helpers resource/helpers_test.go at v0.36 (requests, pod level, init containers and
sidecars, resize) and kubernetes pkg/scheduler/framework/types_test.go, told in our own data.
"""

from __future__ import annotations

import pytest

from moorage import effective_requests
from moorage.errors import InvalidObject
from moorage.scheduling.accounting import requests

GI = 2**30


def _container(name="c", *, always=False, limits=None, **requests) -> dict:
    named = {
        key.replace("gpu", "nvidia.com/gpu").replace("pages", "hugepages-2Mi"): value for key, value in requests.items()
    }
    container = {"name": name, "resources": {"requests": named, **({"limits": limits} if limits else {})}}
    return {**container, "restartPolicy": "Always"} if always else container


def _pod(*containers, init=(), status=None, **spec) -> dict:
    return {
        "metadata": {"name": "p", "namespace": "ns"},
        "spec": {"containers": list(containers), "initContainers": list(init), **spec},
        "status": status or {},
    }


def _state(name="c", *, actual=None, allocated=None) -> dict:
    state = {"name": name}
    if actual is not None:
        state["resources"] = {"requests": actual}
    if allocated is not None:
        state["allocatedResources"] = allocated
    return state


INFEASIBLE = [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]
DEFERRED = [{"type": "PodResizePending", "status": "True", "reason": "Deferred"}]

CASES = {
    "nothing asked": (_pod(_container()), (0, 0, {})),
    "no containers": (_pod(), (0, 0, {})),
    "containers add up": (
        _pod(_container("a", cpu="1", memory="1Gi"), _container("b", cpu="500m", gpu="2")),
        (1500, GI, {"nvidia.com/gpu": 2}),
    ),
    "limits alone count nothing": (_pod(_container(limits={"cpu": "4"})), (0, 0, {})),
    "halves of a milli round once": (_pod(_container("a", cpu="500u"), _container("b", cpu="500u")), (1, 0, {})),
    "the largest plain init container": (
        _pod(
            _container(cpu="1", memory="3Gi"), init=[_container("i", cpu="2", memory="1Gi"), _container("j", cpu="3")]
        ),
        (3000, 3 * GI, {}),
    ),
    "sidecars add to containers": (
        _pod(_container(cpu="1"), init=[_container("s", always=True, cpu="2")]),
        (3000, 0, {}),
    ),
    "an init container after a sidecar": (
        _pod(_container(cpu="2"), init=[_container("s", always=True, cpu="1"), _container("i", cpu="3")]),
        (4000, 0, {}),
    ),
    "an init container before a sidecar": (
        _pod(_container(cpu="2"), init=[_container("i", cpu="3"), _container("s", always=True, cpu="1")]),
        (3000, 0, {}),
    ),
    "two sidecars around an init container": (
        _pod(
            _container(cpu="1"),
            init=[
                _container("s", always=True, cpu="1"),
                _container("i", cpu="5"),
                _container("t", always=True, cpu="3"),
            ],
        ),
        (6000, 0, {}),
    ),
    "init containers of several resources": (
        _pod(_container(cpu="1", gpu="1"), init=[_container("i", gpu="4"), _container("j", memory="2Gi")]),
        (1000, 2 * GI, {"nvidia.com/gpu": 4}),
    ),
    "overhead on top": (_pod(_container(cpu="1"), overhead={"cpu": "100m", "memory": "64Mi"}), (1100, 64 * 2**20, {})),
    "overhead on the peak of init containers": (
        _pod(_container(cpu="1"), init=[_container("i", cpu="2")], overhead={"cpu": "100m"}),
        (2100, 0, {}),
    ),
    "pod level replaces the sum": (
        _pod(_container(cpu="4", memory="1Gi"), resources={"requests": {"cpu": "1"}}, overhead={"cpu": "100m"}),
        (1100, GI, {}),
    ),
    "pod level limits do nothing": (_pod(_container(cpu="4"), resources={"limits": {"cpu": "1"}}), (4000, 0, {})),
    "pod level takes huge pages": (
        _pod(_container(pages="4Mi"), resources={"requests": {"hugepages-2Mi": "8Mi"}}),
        (0, 0, {"hugepages-2Mi": 8 * 2**20}),
    ),
    "pod level ignores devices": (
        _pod(_container(gpu="1"), resources={"requests": {"nvidia.com/gpu": "8"}}),
        (0, 0, {"nvidia.com/gpu": 1}),
    ),
    "a resize counts the larger of asked and actual": (
        _pod(_container(cpu="1"), status={"containerStatuses": [_state(actual={"cpu": "3"}, allocated={"cpu": "2"})]}),
        (3000, 0, {}),
    ),
    "a resize counts what is asked while it is larger": (
        _pod(_container(cpu="4"), status={"containerStatuses": [_state(actual={"cpu": "3"}, allocated={"cpu": "3"})]}),
        (4000, 0, {}),
    ),
    "an infeasible resize leaves out what is asked": (
        _pod(
            _container(cpu="9"),
            status={
                "conditions": INFEASIBLE,
                "containerStatuses": [_state(actual={"cpu": "3"}, allocated={"cpu": "2"})],
            },
        ),
        (3000, 0, {}),
    ),
    "a deferred resize counts what is asked": (
        _pod(_container(cpu="9"), status={"conditions": DEFERRED, "containerStatuses": [_state(actual={"cpu": "3"})]}),
        (9000, 0, {}),
    ),
    "allocated alone is not looked at": (
        _pod(_container(cpu="1"), status={"containerStatuses": [_state(allocated={"cpu": "2"})]}),
        (1000, 0, {}),
    ),
    "a status of no container": (
        _pod(_container(cpu="1"), status={"containerStatuses": [_state("other", actual={"cpu": "2"})]}),
        (1000, 0, {}),
    ),
    "statuses in another order": (
        _pod(
            _container("b", cpu="1"),
            _container("a", cpu="2"),
            status={"containerStatuses": [_state("a", actual={"cpu": "2"}), _state("b", actual={"cpu": "5"})]},
        ),
        (7000, 0, {}),
    ),
    "a plain init container's status is not looked at": (
        _pod(
            _container(cpu="1"),
            init=[_container("i", cpu="2")],
            status={"initContainerStatuses": [_state("i", actual={"cpu": "9"})]},
        ),
        (2000, 0, {}),
    ),
    "a sidecar's status is": (
        _pod(
            _container(cpu="1"),
            init=[_container("s", always=True, cpu="2")],
            status={"initContainerStatuses": [_state("s", actual={"cpu": "9"})]},
        ),
        (10000, 0, {}),
    ),
    "a pod level resize": (
        _pod(
            _container(cpu="1"),
            resources={"requests": {"cpu": "2"}},
            status={"resources": {"requests": {"cpu": "3"}}, "allocatedResources": {"cpu": "4"}},
        ),
        (4000, 0, {}),
    ),
    "an infeasible pod level resize without a figure": (
        _pod(
            _container(cpu="1"),
            resources={"requests": {"cpu": "2"}},
            status={"conditions": INFEASIBLE, "resources": {"requests": {"memory": "1Gi"}}},
        ),
        (0, 0, {}),
    ),
    "names that the scheduler drops": (
        _pod(
            {
                "name": "c",
                "resources": {"requests": {"foo": "1", "storage": "1", "requests.nvidia.com/gpu": "1", "a b/c": "1"}},
            }
        ),
        (0, 0, {}),
    ),
    "names that it keeps": (
        _pod(
            {
                "name": "c",
                "resources": {
                    "requests": {
                        "example.com/fpga": "1",
                        "hugepages-1Gi": "2",
                        "attachable-volumes-x": "3",
                        "kubernetes.io/x": "4",
                    }
                },
            }
        ),
        (0, 0, {"example.com/fpga": 1, "hugepages-1Gi": 2, "attachable-volumes-x": 3, "kubernetes.io/x": 4}),
    ),
    "memory in thousandths": (_pod(_container(memory="512m")), (0, 1, {})),
    "exponents and decimals": (
        _pod(_container("a", memory="1e9"), _container("b", memory="1.5Gi", cpu="0.1")),
        (100, 10**9 + 3 * GI // 2, {}),
    ),
    "numbers and null": (
        _pod({"name": "c", "resources": {"requests": {"cpu": 2, "memory": 1.5e9, "nvidia.com/gpu": None}}}),
        (2000, 1500000000, {"nvidia.com/gpu": 0}),
    ),
    "nulls wherever Go takes them": (
        {
            "metadata": {"name": "p"},
            "spec": {
                "containers": [{"name": "c", "resources": None}],
                "initContainers": None,
                "overhead": None,
                "resources": None,
            },
            "status": None,
        },
        (0, 0, {}),
    ),
}


@pytest.mark.parametrize(("pod", "expected"), CASES.values(), ids=CASES.keys())
def test_what_a_pod_counts(pod, expected):
    found = effective_requests(pod)

    assert (found.cpu_milli, found.memory, dict(found.scalars)) == expected


def test_from_1_37_on_a_resize_counts_the_largest_of_the_sums():
    pod = _pod(
        _container("a", cpu="3"),
        _container("b", cpu="1"),
        status={
            "containerStatuses": [
                _state("a", actual={"cpu": "1"}, allocated={"cpu": "1"}),
                _state("b", actual={"cpu": "3"}, allocated={"cpu": "3"}),
            ]
        },
    )

    assert effective_requests(pod).cpu_milli == 6000
    assert effective_requests(pod, server_version=(1, 37)).cpu_milli == 4000


def test_from_1_37_on_a_plain_init_containers_status_counts():
    pod = _pod(
        _container(cpu="1"),
        init=[_container("i", cpu="2")],
        status={"initContainerStatuses": [_state("i", actual={"cpu": "9"})]},
    )

    assert effective_requests(pod, server_version=(1, 37)).cpu_milli == 9000


RESIZED = {
    "the pod's own status stands in place of its containers'": (
        _pod(
            _container(cpu="1"),
            status={
                "resources": {"requests": {"cpu": "2"}},
                "allocatedResources": {"cpu": "3"},
                "containerStatuses": [_state(actual={"cpu": "9"}, allocated={"cpu": "9"})],
            },
        ),
        (9000, 3000),
    ),
    "only where it tells both what was allocated and what there is": (
        _pod(
            _container(cpu="1"),
            status={
                "resources": {"requests": {"cpu": "2"}},
                "containerStatuses": [_state(actual={"cpu": "9"}, allocated={"cpu": "9"})],
            },
        ),
        (9000, 9000),
    ),
    "what was allocated counts without a word of what there is": (
        _pod(_container(cpu="1"), status={"containerStatuses": [{"name": "c", "allocatedResources": {"cpu": "4"}}]}),
        (1000, 4000),
    ),
    "what can't be had counts nothing before the kubelet has spoken": (
        _pod(
            _container(cpu="4"),
            status={"conditions": [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]},
        ),
        (4000, 0),
    ),
    "a name that only the pod's status tells": (
        _pod(
            _container(cpu="1", memory="1"),
            resources={"requests": {"memory": "2"}},
            status={"resources": {"requests": {"memory": "2", "cpu": "7"}}},
        ),
        (1000, 7000),
    ),
}


def test_what_was_asked_stays_in_memory_up_to_a_bound(monkeypatch):
    monkeypatch.setattr(requests, "_KEPT", 50_000)

    for number in range(200):
        effective_requests(_pod(_container(**{"example.com/" + "x" * 3000 + str(number): "1"})))
        effective_requests(_pod(_container(cpu="1"), overhead={"example.com/" + "x" * 3000 + str(number): "1"}))

    assert len(requests._plain) < 50_000 / 3000
    assert len(requests._known) < 50_000 / 3000


def test_a_resize_that_can_not_be_had_is_not_taken_for_one_that_can():
    states = [_state("a", actual={"cpu": "1"}), _state("b", actual={"cpu": "1"}, allocated={"cpu": "3"})]
    containers = [_container("a", cpu="1"), _container("b", cpu="1")]

    counted = [
        effective_requests(
            _pod(*containers, status={"containerStatuses": states, "conditions": conditions}), server_version=(1, 37)
        ).cpu_milli
        for conditions in (DEFERRED, INFEASIBLE, DEFERRED)
    ]

    assert counted == [4000, 3000, 4000]


@pytest.mark.parametrize(("pod", "expected"), RESIZED.values(), ids=RESIZED.keys())
def test_a_resize_by_the_rule_up_to_1_36_and_from_1_37_on(pod, expected):
    found = effective_requests(pod).cpu_milli, effective_requests(pod, server_version=(1, 37)).cpu_milli

    assert found == expected


def test_versions_agree_while_nothing_is_resized(vectors):
    for case in vectors("vectors/requests"):
        pod = {**case["pod"], "status": {}}

        assert effective_requests(pod) == effective_requests(pod, server_version=(1, 37))


@pytest.mark.parametrize(
    ("pod", "field"),
    [
        (_pod(_container(cpu="1 Gi")), "spec.containers[0].resources.requests.cpu"),
        (_pod(_container(), init=[_container("i", memory="lots")]), "spec.initContainers[0].resources.requests.memory"),
        (_pod(_container(), overhead={"cpu": "x"}), "spec.overhead.cpu"),
        (_pod(_container(), resources={"requests": {"cpu": ""}}), "spec.resources.requests.cpu"),
        (
            _pod(_container(), status={"containerStatuses": [_state(actual={"cpu": "?"})]}),
            "status of container 'c': resources.requests.cpu",
        ),
        (_pod({"name": "c", "resources": []}), "spec.containers[0].resources"),
        (_pod({"name": "c", "resources": {"requests": {"cpu": []}}}), "spec.containers[0].resources"),
        (_pod({"name": 5}), "spec.containers[0].name"),
        ({"metadata": {"name": "p", "namespace": "ns"}, "spec": []}, "spec"),
    ],
)
def test_what_can_not_be_read_is_named(pod, field):
    with pytest.raises(InvalidObject) as caught:
        effective_requests(pod)

    assert str(caught.value).startswith(f"Pod ns/p can't be read: {field}")


def test_an_amount_beyond_all_measure_stays_a_number_that_the_api_could_hold():
    assert effective_requests(_pod(_container(cpu="1e300", memory="12E"))).cpu_milli == 2**63 - 1
