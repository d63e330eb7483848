"""Whatever JSON comes, a verdict or an error of our own that names the object and the field; never anything else."""

from __future__ import annotations

import contextlib
import copy
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moorage import Cluster, effective_requests
from moorage.errors import InvalidObject
from moorage.scheduling.admission import admit
from moorage.scheduling.alternatives.advice import advise
from moorage.scheduling.devicenames import counts_by_name

HOST = "kubernetes.io/hostname"
TERM = {
    "labelSelector": {
        "matchLabels": {"app": "x"},
        "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}],
    },
    "topologyKey": HOST,
    "namespaces": ["x"],
    "namespaceSelector": {"matchLabels": {"t": "a"}},
    "matchLabelKeys": ["app"],
}
POD: dict[str, Any] = {
    "metadata": {"name": "p", "namespace": "ns", "uid": "u", "labels": {"app": "x"}, "deletionTimestamp": None},
    "spec": {
        "containers": [
            {
                "name": "c",
                "resources": {"requests": {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": 1}, "limits": {"cpu": "2"}},
                "ports": [{"hostPort": 80, "protocol": "TCP", "hostIP": "10.0.0.1"}],
            }
        ],
        "initContainers": [{"name": "i", "restartPolicy": "Always", "resources": {"requests": {"cpu": "100m"}}}],
        "overhead": {"cpu": "10m"},
        "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "3"}},
        "nodeName": None,
        "nodeSelector": {"pool": "gpu"},
        "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {
                            "matchExpressions": [{"key": "cores", "operator": "Gt", "values": ["3"]}],
                            "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}],
                        }
                    ]
                }
            },
            "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]},
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": HOST,
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"app": "x"}},
                "minDomains": 2,
            }
        ],
        "volumes": [
            {"name": "v", "persistentVolumeClaim": {"claimName": "home"}},
            {"name": "e", "ephemeral": {}},
            {"name": "r", "rbd": {"monitors": ["m"], "image": "i"}},
        ],
        "schedulingGates": [],
        "priority": 5,
    },
    "status": {
        "phase": "Running",
        "nominatedNodeName": "n1",
        "conditions": [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}],
        "containerStatuses": [
            {
                "name": "c",
                "resources": {"requests": {"cpu": "2"}},
                "allocatedResources": {"cpu": "1"},
                "allocatedResourcesStatus": [{"name": "nvidia.com/gpu", "resources": [{"resourceID": "GPU-1"}]}],
            }
        ],
        "resources": {"requests": {"cpu": "1"}},
        "allocatedResources": {"cpu": "1"},
    },
}
NODE: dict[str, Any] = {
    "metadata": {"name": "n1", "labels": {"pool": "gpu", "cores": "16", HOST: "n1"}, "annotations": {}},
    "spec": {"unschedulable": False, "taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]},
    "status": {
        "allocatable": {"cpu": "8", "memory": "8Gi", "pods": "10", "nvidia.com/gpu": "1"},
        "capacity": {"cpu": "8"},
        "conditions": [{"type": "Ready", "status": "True"}],
        "images": [{"names": ["a"], "sizeBytes": 1}],
    },
}
CLAIM: dict[str, Any] = {
    "metadata": {"name": "home", "namespace": "ns", "annotations": {}},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "slow",
        "resources": {"requests": {"storage": "1Gi"}},
        "selector": {"matchLabels": {"a": "b"}},
    },
    "status": {"phase": "Pending"},
}
VOLUME: dict[str, Any] = {
    "metadata": {"name": "pv", "labels": {"a": "b", "topology.kubernetes.io/zone": "z"}},
    "spec": {
        "capacity": {"storage": "2Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "slow",
        "claimRef": {"name": "home", "namespace": "ns"},
        "nodeAffinity": {
            "required": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": HOST, "operator": "In", "values": ["n1"]}]}]
            }
        },
        "csi": {"driver": "d", "volumeHandle": "h"},
    },
    "status": {"phase": "Available"},
}
CLASS: dict[str, Any] = {
    "metadata": {"name": "slow"},
    "provisioner": "d",
    "volumeBindingMode": "WaitForFirstConsumer",
    "allowedTopologies": [{"matchLabelExpressions": [{"key": "z", "values": ["1"]}]}],
}
CSI_NODE: dict[str, Any] = {
    "metadata": {"name": "n1"},
    "spec": {"drivers": [{"name": "d", "allocatable": {"count": 1}}]},
}
NAMESPACE: dict[str, Any] = {"metadata": {"name": "ns", "labels": {"t": "a"}}}
REQUEST: dict[str, Any] = {
    "deviceClassName": "gpu",
    "allocationMode": "ExactCount",
    "count": 1,
    "selectors": [{"cel": {"expression": "device.attributes['d'].a == 'b'"}}],
    "tolerations": [{"key": "sick", "operator": "Exists"}],
}
DEVICES: dict[str, Any] = {
    "requests": [{"name": "r", "exactly": REQUEST}, {"name": "s", "firstAvailable": [{"name": "t", **REQUEST}]}],
    "constraints": [{"requests": ["r"], "matchAttribute": "d/a"}],
}
DEVICE_CLAIM: dict[str, Any] = {
    "metadata": {"name": "card", "namespace": "ns"},
    "spec": {"devices": DEVICES},
    "status": {"reservedFor": [{"resource": "pods", "name": "p"}]},
}
TAKEN_CLAIM: dict[str, Any] = {
    "metadata": {"name": "taken", "namespace": "ns", "ownerReferences": [{"kind": "Pod", "uid": "u"}]},
    "spec": {"devices": DEVICES},
    "status": {
        "allocation": {
            "devices": {
                "results": [{"driver": "d", "pool": "n1", "device": "gone", "shareID": "1", "adminAccess": False}]
            },
            "nodeSelector": {"nodeSelectorTerms": [{"matchExpressions": [{"key": HOST, "operator": "Exists"}]}]},
        }
    },
}
SLICE: dict[str, Any] = {
    "metadata": {"name": "n1"},
    "spec": {
        "driver": "d",
        "nodeName": "n1",
        "pool": {"name": "n1", "generation": 1, "resourceSliceCount": 2},
        "devices": [
            {
                "name": name,
                "attributes": {"a": {"string": "b"}, "v": {"version": "1.0.0"}},
                "capacity": {"memory": {"value": "1Gi"}},
                "taints": [{"key": "sick", "effect": "NoSchedule" if name < "y" else "None"}],
                "consumesCounters": [{"counterSet": "c", "counters": {"n": {"value": "1"}}}],
            }
            for name in "wxyz"
        ],
    },
}
COUNTERS: dict[str, Any] = {
    "metadata": {"name": "n1-counters"},
    "spec": {**SLICE["spec"], "devices": None, "sharedCounters": [{"name": "c", "counters": {"n": {"value": "4"}}}]},
}
DEVICE_CLASS: dict[str, Any] = {
    "metadata": {"name": "gpu", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "spec": {
        "selectors": [{"cel": {"expression": "device.capacity['d'].memory.compareTo(quantity('1')) > 0"}}],
        "extendedResourceName": "example.com/card",
    },
}
CLAIMING: dict[str, Any] = {
    **POD,
    "spec": {
        "containers": [{"name": "c", "resources": {"requests": {"example.com/card": "1"}}}],
        "tolerations": [{"operator": "Exists"}],
        "resourceClaims": [{"name": "a", "resourceClaimName": "card"}, {"name": "b", "resourceClaimTemplateName": "t"}],
    },
    "status": {"resourceClaimStatuses": [{"name": "b", "resourceClaimName": "taken"}]},
}
for _taken in (DEVICE_CLAIM, TAKEN_CLAIM):
    _taken["metadata"]["ownerReferences"] = [{"kind": "Pod", "name": "p", "uid": "u", "controller": True}]
DRA = {
    "nodes": [NODE],
    "resourceslices": [SLICE, COUNTERS],
    "resourceclaims": [DEVICE_CLAIM, TAKEN_CLAIM],
    "deviceclasses": [DEVICE_CLASS],
}
KINDS = {
    "nodes": NODE,
    "pods": POD,
    "persistentvolumeclaims": CLAIM,
    "persistentvolumes": VOLUME,
    "storageclasses": CLASS,
    "csinodes": CSI_NODE,
    "namespaces": NAMESPACE,
}

TEXT = st.text(max_size=12) | st.sampled_from(
    ["1e999999", "9Ei", "-1", "1Gi", "0.1n", ".", "In", "Gt", "node-1", "\x00", "a b"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)
QUIET = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def _paths(item: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    inner = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
    for key, value in inner:
        found += _paths(value, (*at, key))
    return found


@st.composite
def spoilt(draw: Any, template: dict[str, Any]) -> dict[str, Any]:
    """An object of the right shape with one or two of its values replaced by anything."""
    item = copy.deepcopy(template)
    for _ in range(draw(st.integers(1, 2))):
        *way, last = draw(st.sampled_from(_paths(item)))
        target = item
        for key in way:
            target = target[key]
        target[last] = draw(ANYTHING)
    return item


@QUIET
@given(pod=spoilt(POD))
def test_effective_requests_are_amounts_or_an_error_that_names_the_pod(pod):
    try:
        found = effective_requests(pod)
    except InvalidObject as error:
        assert str(error).startswith("Pod")
        assert error.identity.kind == "Pod"
    else:
        assert isinstance(found.cpu_milli, int)


@QUIET
@given(pod=spoilt(POD))
def test_a_verdict_is_given_or_the_ask_is_named_as_unreadable(pod):
    others = {kind: [item] for kind, item in KINDS.items() if kind != "pods"}
    cluster = Cluster.from_objects(**others, pods=[{**POD, "spec": {**POD["spec"], "nodeName": "n1"}}])

    try:
        verdict = cluster.fit(pod)
        advise(cluster, pod, verdict)
    except InvalidObject as error:
        assert str(error).startswith("Pod")
    else:
        assert verdict.prefilter is not None or set(verdict.nodes) == {"n1"}


@QUIET
@given(data=st.data(), kind=st.sampled_from(sorted(KINDS)))
def test_no_object_of_a_cluster_keeps_a_verdict_from_being_given(data, kind):
    objects = {name: [item] for name, item in KINDS.items() if name != "pods"}
    objects["pods"] = [
        {**POD, "metadata": {**POD["metadata"], "uid": "other"}, "spec": {**POD["spec"], "nodeName": "n1"}}
    ]
    objects[kind] = [*objects[kind], data.draw(spoilt(KINDS[kind]))]

    cluster = Cluster.from_objects(**objects)
    verdict = cluster.fit(POD)

    assert verdict.prefilter is not None or verdict.nodes
    for error in cluster.unreadable:
        assert isinstance(error, InvalidObject)


@QUIET
@given(data=st.data(), kind=st.sampled_from(sorted(DRA)))
def test_no_object_about_devices_keeps_a_verdict_from_being_given(data, kind):
    objects = {name: list(items) for name, items in DRA.items()}
    objects[kind].append(data.draw(spoilt(data.draw(st.sampled_from(DRA[kind])))))
    if kind != "nodes" and data.draw(st.booleans()):
        del objects[kind][0]

    cluster = Cluster.from_objects(**objects)
    verdict = cluster.fit(CLAIMING)
    advise(cluster, CLAIMING, verdict)

    assert verdict.prefilter is not None or set(verdict.nodes) == set(cluster.nodes)
    assert all(
        found is None or found.free is None or found.free >= 0
        for found in counts_by_name(cluster, cluster.nodes["n1"]).values()
    )


@QUIET
@given(pod=spoilt(CLAIMING))
def test_a_pod_that_claims_devices_gets_a_verdict_or_is_named_as_unreadable(pod):
    cluster = Cluster.from_objects(**DRA)

    try:
        verdict = cluster.fit(pod)
        advise(cluster, pod, verdict)
    except InvalidObject as error:
        assert str(error).startswith("Pod")
    else:
        assert verdict.prefilter is not None or set(verdict.nodes) == {"n1"}


@QUIET
@given(pod=spoilt(POD))
def test_admission_answers_or_names_the_pod(pod):
    try:
        admitted = admit(pod)
    except InvalidObject as error:
        assert str(error).startswith("Pod")
    else:
        assert isinstance(admitted.pod["spec"], dict)


@QUIET
@given(item=ANYTHING)
def test_anything_at_all_may_be_asked_about(item):
    for call in (effective_requests, Cluster().fit, admit):
        try:
            call(item)
        except InvalidObject as error:
            assert "Pod" in str(error)


@pytest.mark.parametrize("text", ["", " 1", "1 ", "1Kii", "0x1", "١", "1e", "nan", "1_000", "--1", "1,5"])
def test_no_garbage_quantity_is_taken_for_an_amount(text):
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": text}}}]}}

    with pytest.raises(InvalidObject, match=r"Pod p can't be read: spec\.containers\[0\]\.resources\.requests\.cpu"):
        effective_requests(pod)


def _bulky(number: int) -> dict[str, Any]:
    long = f"{number}-" + "x" * 300_000
    term = {"topologyKey": HOST, "labelSelector": {"matchExpressions": [{"key": long, "operator": "Exists"}]}}
    away = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    requests = {"cpu": "1" * 300_000 + str(number), f"hugepages-{long}": "1"}
    spec: dict[str, Any] = {"containers": [{"name": "c", "resources": {"requests": requests}}]}
    spec |= ({}, {"schedulingGates": [{"name": long}]}, {"affinity": away})[number % 3]
    return {"metadata": {"name": "p", "labels": {"a": long}}, "spec": spec}


def test_what_was_asked_does_not_stay_in_memory(a_node):
    cluster = Cluster.from_objects(nodes=[a_node()])

    def ask(number: int) -> None:
        with contextlib.suppress(InvalidObject):
            cluster.fit(_bulky(number))

    for number in range(3):
        ask(number)

    tracemalloc.start()
    for number in range(3, 33):
        ask(number)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept < 3_000_000
