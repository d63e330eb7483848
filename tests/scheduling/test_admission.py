"""What the API server would make of a new pod."""

from __future__ import annotations

import copy

import pytest

from moorage import Cluster, effective_requests
from moorage.errors import InvalidObject
from moorage.objects import LimitRange, PriorityClass, ResourceQuota, RuntimeClass, decode
from moorage.scheduling.admission import admit

GI = 2**30


def _pod(*, requests=None, limits=None, **spec) -> dict:
    resources = {key: value for key, value in (("requests", requests), ("limits", limits)) if value is not None}
    return {
        "metadata": {"name": "p", "namespace": "hub"},
        "spec": {"containers": [{"name": "notebook", "resources": resources}], **spec},
    }


def _range(**item) -> LimitRange:
    return decode(
        LimitRange,
        {"metadata": {"name": "bounds", "namespace": "hub"}, "spec": {"limits": [{"type": "Container", **item}]}},
    )


def _quota(hard: dict, *, used: dict | None = None, name="quota", **spec) -> ResourceQuota:
    status = {"hard": hard, "used": dict.fromkeys(hard, "0") | (used or {})}
    return decode(
        ResourceQuota,
        {"metadata": {"name": name, "namespace": "hub"}, "spec": {"hard": hard, **spec}, "status": status},
    )


def _resources(pod: dict) -> dict:
    return pod["spec"]["containers"][0]["resources"]


# --- defaults ---------------------------------------------------------------------------------------------------


def test_a_request_that_is_missing_where_a_limit_stands_is_the_limit():
    pod = admit(_pod(requests={"cpu": "1"}, limits={"cpu": "2", "memory": "4Gi"})).pod

    assert _resources(pod)["requests"] == {"cpu": "1", "memory": "4Gi"}


def test_the_pod_that_is_given_stays_as_it_is():
    given = _pod(limits={"cpu": "2"})
    before = copy.deepcopy(given)

    admit(given, limitranges=[_range(default={"memory": "1Gi"})])

    assert given == before


def test_init_containers_are_defaulted_too():
    pod = admit(_pod(initContainers=[{"name": "i", "resources": {"limits": {"cpu": "3"}}}])).pod

    assert effective_requests(pod).cpu_milli == 3000


def test_pod_level_limits_bring_the_containers_sum_as_pod_level_requests():
    pod = admit(_pod(requests={"cpu": "1"}, resources={"limits": {"cpu": "4", "memory": "8Gi"}})).pod

    assert pod["spec"]["resources"]["requests"] == {"cpu": "1", "memory": "8Gi"}


def test_huge_pages_that_containers_may_use_are_the_pods_too():
    pod = _pod(limits={"cpu": "1", "hugepages-2Mi": "4Mi"}, resources={"requests": {"cpu": "2"}})

    resources = admit(pod).pod["spec"]["resources"]

    assert resources["limits"] == {"hugepages-2Mi": "4Mi"}
    assert resources["requests"] == {"cpu": "2", "hugepages-2Mi": "4Mi"}


def test_what_a_limit_range_adds_to_containers_counts_for_the_pod_too():
    pod = _pod(resources={"limits": {"memory": "9Gi"}})

    admitted = admit(pod, limitranges=[_range(default={"cpu": "1500m"})])

    assert admitted.pod["spec"]["resources"]["requests"] == {"memory": "9Gi", "cpu": "1500m"}


def test_pod_level_requests_without_limits_are_left_alone():
    pod = admit(_pod(requests={"memory": "1Gi"}, resources={"requests": {"cpu": "4"}})).pod

    assert pod["spec"]["resources"] == {"requests": {"cpu": "4"}}


def test_amounts_are_stored_in_thousandths_rounded_up():
    pod = admit(_pod(requests={"cpu": "500u", "memory": "1.5Gi"})).pod

    assert _resources(pod)["requests"] == {"cpu": "1m", "memory": "1.5Gi"}


def test_ports_of_a_pod_on_the_hosts_network_are_host_ports():
    pod = _pod(hostNetwork=True)
    pod["spec"]["containers"][0]["ports"] = [{"containerPort": 80}]

    assert admit(pod).pod["spec"]["containers"][0]["ports"] == [
        {"containerPort": 80, "hostPort": 80, "protocol": "TCP"}
    ]


def test_unwell_nodes_are_tolerated_for_a_while_as_the_server_adds_it(a_node):
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}
    cluster = Cluster.from_objects(nodes=[a_node(taints=[taint])])

    assert not cluster.fit(_pod()).fits
    assert cluster.fit(admit(_pod()).pod).fits


def test_a_toleration_of_ones_own_is_not_doubled():
    own = [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}]

    tolerations = admit(_pod(tolerations=own)).pod["spec"]["tolerations"]

    assert [toleration["key"] for toleration in tolerations] == [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ]
    assert tolerations[0]["tolerationSeconds"] == 5


def test_label_keys_of_affinity_become_part_of_the_selector():
    term = {
        "topologyKey": "h",
        "labelSelector": {"matchLabels": {"app": "x"}},
        "matchLabelKeys": ["rev"],
        "mismatchLabelKeys": ["team", "absent"],
    }
    pod = _pod(affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}})
    pod["metadata"]["labels"] = {"rev": "1", "team": "a"}

    stored = admit(pod).pod["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0]

    assert stored["labelSelector"]["matchExpressions"] == [
        {"key": "rev", "operator": "In", "values": ["1"]},
        {"key": "team", "operator": "NotIn", "values": ["a"]},
    ]


# --- LimitRange -------------------------------------------------------------------------------------------------


def test_a_limit_range_fills_in_what_is_not_said():
    held = _range(default={"cpu": "2", "memory": "2Gi"}, defaultRequest={"cpu": "100m"})

    silent = _resources(admit(_pod(), limitranges=[held]).pod)
    spoken = _resources(admit(_pod(limits={"cpu": "8"}), limitranges=[held]).pod)

    assert silent == {"requests": {"cpu": "100m", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}}
    assert spoken["requests"]["cpu"] == "8"


@pytest.mark.parametrize(
    ("item", "pod", "message"),
    [
        (
            {"min": {"cpu": "1"}},
            _pod(requests={"cpu": "500m"}),
            "minimum cpu usage per Container is 1, but request is 500m",
        ),
        (
            {"max": {"memory": "8Gi"}},
            _pod(limits={"memory": "16Gi"}),
            "maximum memory usage per Container is 8Gi, but limit is 16Gi",
        ),
        (
            {"max": {"cpu": "2"}},
            _pod(requests={"cpu": "3"}, limits={"cpu": "2"}),
            "maximum cpu usage per Container is 2, but request is 3",
        ),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            _pod(requests={"cpu": "1"}, limits={"cpu": "3"}),
            "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
        ),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            _pod(),
            "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0",
        ),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            _pod(requests={"cpu": "1"}),
            "cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0",
        ),
        (
            {"type": "Pod", "max": {"cpu": "1"}},
            _pod(requests={"cpu": "1"}),
            "maximum cpu usage per Pod is 1.  No limit is specified",
        ),
        ({"type": "Pod", "min": {"cpu": "1"}}, _pod(), "minimum cpu usage per Pod is 1.  No request is specified"),
        (
            {"type": "Pod", "max": {"cpu": "1"}},
            _pod(limits={"cpu": "2"}),
            "maximum cpu usage per Pod is 1, but limit is 2",
        ),
    ],
)
def test_a_bound_that_is_broken_is_told_in_the_servers_words(item, pod, message):
    refusals = admit(pod, limitranges=[_range(**item)]).refusals

    assert [refusal.message for refusal in refusals] == [message]
    assert refusals[0].text.startswith("This namespace")


@pytest.mark.parametrize(
    ("memory", "told"),
    [("1500M", "1500M"), ("3Gi", "3Gi"), ("4G", "4G"), ("2.5Gi", "2560Mi"), ("2684354561", "2684354561")],
)
def test_sums_are_written_with_the_suffix_that_fits(memory, told):
    held = _range(type="Pod", max={"memory": "1Gi"})

    [refusal] = admit(_pod(limits={"memory": memory}), limitranges=[held]).refusals

    assert refusal.message.endswith(f"but limit is {told}")


def test_a_pods_bounds_leave_overhead_out_and_see_init_containers():
    held = _range(type="Pod", max={"cpu": "2"})
    runtime = decode(RuntimeClass, {"metadata": {"name": "kata"}, "overhead": {"podFixed": {"cpu": "1"}}})
    init = [{"name": "i", "resources": {"limits": {"cpu": "3"}}}]

    within = admit(_pod(limits={"cpu": "2"}, runtimeClassName="kata"), limitranges=[held], runtimeclasses=[runtime])
    beyond = admit(_pod(limits={"cpu": "2"}, initContainers=init), limitranges=[held])

    assert within.refusals == ()
    assert beyond.refusals[0].message == "maximum cpu usage per Pod is 2, but limit is 3"


# --- ResourceQuota ----------------------------------------------------------------------------------------------


def test_a_quota_that_would_be_exceeded_is_told_with_all_figures():
    quota = _quota(
        {"requests.cpu": "4", "requests.memory": "8Gi", "pods": "10"},
        used={"requests.cpu": "3", "requests.memory": "1Gi", "pods": "1"},
    )

    refusals = admit(_pod(requests={"cpu": "2", "memory": "1Gi"}), resourcequotas=[quota]).refusals

    assert [refusal.message for refusal in refusals] == [
        "exceeded quota: quota, requested: requests.cpu=2, used: requests.cpu=3, limited: requests.cpu=4"
    ]
    assert refusals[0].text == "This namespace's quota is 4 CPU, with 1 CPU left. Ask for no more than that."


@pytest.mark.parametrize(
    ("hard", "used", "pod", "refused"),
    [
        ({"cpu": "2"}, {}, _pod(requests={"cpu": "2"}), False),
        ({"cpu": "2"}, {}, _pod(requests={"cpu": "2001m"}), True),
        ({"limits.memory": "4Gi"}, {"limits.memory": "3Gi"}, _pod(limits={"memory": "1Gi"}), False),
        ({"limits.memory": "4Gi"}, {"limits.memory": "3Gi"}, _pod(limits={"memory": "2Gi"}), True),
        ({"requests.nvidia.com/gpu": "1"}, {}, _pod(limits={"nvidia.com/gpu": "1"}), False),
        (
            {"requests.nvidia.com/gpu": "1"},
            {"requests.nvidia.com/gpu": "1"},
            _pod(limits={"nvidia.com/gpu": "1"}),
            True,
        ),
        ({"requests.nvidia.com/gpu": "1"}, {"requests.nvidia.com/gpu": "1"}, _pod(), False),
        ({"pods": "1"}, {"pods": "1"}, _pod(), True),
        ({"count/pods": "1"}, {"count/pods": "0"}, _pod(), False),
        ({"hugepages-2Mi": "2Mi"}, {}, _pod(limits={"hugepages-2Mi": "4Mi"}), True),
        ({"requests.ephemeral-storage": "1Gi"}, {}, _pod(requests={"ephemeral-storage": "2Gi"}), True),
        ({"services": "0"}, {}, _pod(), False),
    ],
)
def test_a_quota_counts_what_the_pod_asks(hard, used, pod, refused):
    assert bool(admit(pod, resourcequotas=[_quota(hard, used=used)]).refusals) is refused


def test_what_quotas_have_left_is_told_with_what_the_pod_counts_of_it():
    quota = _quota(
        {"requests.cpu": "4", "limits.memory": "3Gi", "pods": "10", "requests.nvidia.com/gpu": "2", "services": "1"},
        used={"requests.cpu": "2500m", "requests.nvidia.com/gpu": "3"},
    )
    elsewhere = _quota({"pods": "1"}, name="others", scopes=["BestEffort"])
    pod = _pod(requests={"cpu": "500m", "memory": "1Gi"}, limits={"memory": "1Gi"})

    left = admit(pod, resourcequotas=[quota, elsewhere]).left

    assert [(each.name, each.resource, each.left, each.asked, each.hard) for each in left] == [
        ("quota", "limits.memory", 3 << 30, 1 << 30, 3 << 30),
        ("quota", "pods", 10, 1, 10),
        ("quota", "requests.cpu", 1500, 500, 4000),
        ("quota", "requests.nvidia.com/gpu", 0, 0, 2),
    ]


def test_a_quota_on_cpu_wants_every_container_to_say_it():
    pod = _pod(requests={"memory": "1Gi"}, initContainers=[{"name": "init"}])

    refusals = admit(pod, resourcequotas=[_quota({"cpu": "4", "limits.memory": "4Gi"})]).refusals

    assert (
        refusals[0].message
        == "failed quota: quota: must specify cpu for: init,notebook; limits.memory for: init,notebook"
    )


@pytest.mark.parametrize(
    ("resources", "said"),
    [({"requests": {"cpu": "1"}}, True), ({"requests": {}}, False), ({"limits": {"example.com/x": "1"}}, False)],
)
def test_amounts_of_the_pod_say_it_for_all_its_containers(resources, said):
    refusals = admit(_pod(resources=resources), resourcequotas=[_quota({"cpu": "4"})]).refusals

    assert (refusals == ()) is said


def test_a_limit_range_can_say_it_for_them():
    held = _range(default={"cpu": "1"})

    assert admit(_pod(), limitranges=[held], resourcequotas=[_quota({"cpu": "4"})]).refusals == ()


def test_a_quota_that_is_told_but_not_counted_yet_refuses():
    told = {"hard": {"pods": "1", "services": "3"}}
    quota = decode(
        ResourceQuota, {"metadata": {"name": "new"}, "spec": told, "status": {**told, "used": {"services": "0"}}}
    )

    assert admit(_pod(), resourcequotas=[quota]).refusals[0].message == "status unknown for quota: new, resources: pods"


def test_a_quota_that_the_controller_has_not_seen_yet_holds_nobody_back():
    quota = decode(ResourceQuota, {"metadata": {"name": "new"}, "spec": {"hard": {"pods": "0"}}})

    assert admit(_pod(), resourcequotas=[quota]).refusals == ()


@pytest.mark.parametrize(
    ("scope", "pod", "covered"),
    [
        ({"scopes": ["BestEffort"]}, _pod(), True),
        ({"scopes": ["BestEffort"]}, _pod(requests={"cpu": "1"}), False),
        ({"scopes": ["BestEffort"]}, _pod(requests={"nvidia.com/gpu": "1"}), True),
        ({"scopes": ["NotBestEffort"]}, _pod(limits={"memory": "1Gi"}), True),
        ({"scopes": ["NotBestEffort"]}, _pod(), False),
        ({"scopes": ["Terminating"]}, _pod(activeDeadlineSeconds=60), True),
        ({"scopes": ["Terminating"]}, _pod(), False),
        ({"scopes": ["NotTerminating"]}, _pod(), True),
        ({"scopes": ["NotTerminating", "BestEffort"]}, _pod(activeDeadlineSeconds=60), False),
        ({"scopes": ["PriorityClass"]}, _pod(), False),
        ({"scopes": ["PriorityClass"]}, _pod(priorityClassName="high"), True),
        (
            {
                "scopeSelector": {
                    "matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]
                }
            },
            _pod(priorityClassName="high"),
            True,
        ),
        (
            {
                "scopeSelector": {
                    "matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["low"]}]
                }
            },
            _pod(priorityClassName="high"),
            False,
        ),
        (
            {
                "scopeSelector": {
                    "matchExpressions": [{"scopeName": "PriorityClass", "operator": "NotIn", "values": ["low"]}]
                }
            },
            _pod(),
            True,
        ),
        (
            {"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "DoesNotExist"}]}},
            _pod(),
            True,
        ),
        (
            {"scopeSelector": {"matchExpressions": [{"scopeName": "CrossNamespacePodAffinity", "operator": "Exists"}]}},
            _pod(),
            False,
        ),
        (
            {"scopes": ["CrossNamespacePodAffinity"]},
            _pod(
                affinity={
                    "podAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "h", "namespaces": ["x"]}]
                    }
                }
            ),
            True,
        ),
        ({"scopes": ["SomethingNew"]}, _pod(), False),
    ],
)
def test_a_quotas_scopes_say_which_pods_it_speaks_of(scope, pod, covered):
    quota = _quota({"pods": "1"}, used={"pods": "1"}, **scope)

    assert bool(admit(pod, resourcequotas=[quota]).refusals) is covered


# --- classes ----------------------------------------------------------------------------------------------------

KATA = decode(
    RuntimeClass,
    {
        "metadata": {"name": "kata"},
        "overhead": {"podFixed": {"cpu": "250m", "memory": "160Mi"}},
        "scheduling": {"nodeSelector": {"kata": "yes"}, "tolerations": [{"key": "kata", "operator": "Exists"}]},
    },
)


def test_a_runtime_class_brings_overhead_nodes_and_tolerations():
    admitted = admit(
        _pod(requests={"cpu": "1"}, runtimeClassName="kata", nodeSelector={"pool": "a"}), runtimeclasses=[KATA]
    )

    assert admitted.refusals == ()
    assert effective_requests(admitted.pod).cpu_milli == 1250
    assert admitted.pod["spec"]["nodeSelector"] == {"pool": "a", "kata": "yes"}
    assert {"key": "kata", "operator": "Exists"} in admitted.pod["spec"]["tolerations"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"runtimeClassName": "gone"}, 'pod rejected: RuntimeClass "gone" not found'),
        (
            {"overhead": {"cpu": "1"}},
            "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
        ),
        (
            {"runtimeClassName": "kata", "overhead": {"cpu": "1"}},
            "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        ),
        (
            {"runtimeClassName": "kata", "nodeSelector": {"kata": "no"}},
            "conflict: runtimeClass.scheduling.nodeSelector[kata] = yes; pod.spec.nodeSelector[kata] = no",
        ),
    ],
)
def test_a_runtime_class_that_does_not_match_refuses(spec, message):
    assert [refusal.message for refusal in admit(_pod(**spec), runtimeclasses=[KATA]).refusals] == [message]


def test_an_overhead_that_says_the_same_in_other_letters_is_the_classs_own():
    pod = _pod(runtimeClassName="kata", overhead={"cpu": "0.25", "memory": "163840Ki"})

    assert admit(pod, runtimeclasses=[KATA]).refusals == ()


def test_an_overhead_of_ones_own_is_refused_where_the_class_has_none():
    pod = _pod(runtimeClassName="plain", overhead={"cpu": "1"})
    [refusal] = admit(pod, runtimeclasses=[decode(RuntimeClass, {"metadata": {"name": "plain"}})]).refusals

    assert refusal.message == "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"


def test_a_limit_range_notes_what_it_filled_in():
    held = _range(default={"memory": "1Gi", "cpu": "1"}, defaultRequest={"cpu": "500m"})
    pod = _pod(requests={"cpu": "1"}, initContainers=[{"name": "i"}])

    note = admit(pod, limitranges=[held]).pod["metadata"]["annotations"]["kubernetes.io/limit-ranger"]

    assert note == (
        "LimitRanger plugin set: memory request for container notebook; cpu, memory limit for container notebook; "
        "cpu, memory request for init container i; cpu, memory limit for init container i"
    )


def _priority(name: str, value: int, *, default=False) -> PriorityClass:
    return decode(PriorityClass, {"metadata": {"name": name}, "value": value, "globalDefault": default})


@pytest.mark.parametrize(
    ("spec", "classes", "priority"),
    [
        ({"priorityClassName": "high"}, [_priority("high", 100)], 100),
        ({}, [_priority("usual", 7, default=True)], 7),
        ({}, [], 0),
    ],
)
def test_a_priority_class_becomes_a_number(spec, classes, priority):
    assert admit(_pod(**spec), priorityclasses=classes).pod["spec"]["priority"] == priority


def test_a_priority_class_that_does_not_exist_refuses():
    refusals = admit(_pod(priorityClassName="none"), priorityclasses=[]).refusals

    assert refusals[0].message == "no PriorityClass with name none was found"


def test_a_priority_of_ones_own_refuses():
    refusals = admit(_pod(priority=9), priorityclasses=[]).refusals

    assert refusals[0].message.startswith("the integer value of priority (9) must not be provided in pod spec")


def test_garbage_in_a_limit_range_names_the_limit_range():
    with pytest.raises(
        InvalidObject, match=r"LimitRange hub/bounds can't be read: spec\.limits\.maxLimitRequestRatio\.cpu"
    ):
        admit(_pod(), limitranges=[_range(maxLimitRequestRatio={"cpu": "some"})])
