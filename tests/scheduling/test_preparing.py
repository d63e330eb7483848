"""Nodes that are being added, starting, or about to be removed, and what is said of them."""

import pytest

from moorage import Cluster
from moorage.gpus.labels.promises import Promises, promise
from moorage.objects import Taint
from moorage.scheduling.preparing import PATIENCE, kind_of, lacks, preparing
from moorage.scheduling.verdict import Shortage
from moorage.scheduling.words.sentences import sentence

READY = "2026-11-28T05:10:00Z"
AT = 1795842600.0
GFD = {"nvidia.com/gpu.present": "true"}


def state(a_node, *, now=AT + 60, ready=READY, created=None, slices=(), deleted=None, **node):
    body = a_node("n1", **node)
    body["metadata"] |= {"creationTimestamp": created, "deletionTimestamp": deleted}
    body["status"]["conditions"] = [{"type": "Ready", "status": "True", "lastTransitionTime": ready}]
    cluster = Cluster.from_objects(nodes=[body], resourceslices=slices)
    cluster.promised = Promises()
    return preparing(cluster, cluster.nodes["n1"], now=now)


def taint(key, value=None, effect="NoSchedule"):
    return {"key": key, "value": value, "effect": effect}


@pytest.mark.parametrize(
    "labels",
    [
        {"nvidia.com/gpu.present": "true"},
        {"nvidia.com/gpu.product": "NVIDIA-A10G"},
        {"nvidia.com/gpu.count": "4"},
        {"cloud.google.com/gke-accelerator": "nvidia-l4"},
        {"karpenter.k8s.aws/instance-gpu-name": "a10g", "karpenter.k8s.aws/instance-gpu-count": "1"},
        {"karpenter.azure.com/sku-gpu-name": "A100", "karpenter.azure.com/sku-gpu-manufacturer": "nvidia"},
        {"k8s.amazonaws.com/accelerator": "nvidia-tesla-v100"},
        {"kubernetes.azure.com/accelerator": "nvidia"},
        {"amd.com/gpu.product-name": "AMD_Instinct_MI300X"},
    ],
)
def test_a_ready_node_without_the_cards_that_its_labels_promise_is_starting_its_driver(a_node, labels):
    found = state(a_node, labels=labels)

    assert found is not None
    assert (found.reason, found.text, found.since, found.overdue) == ("devices", "GPU driver is starting", AT, False)


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"nvidia.com/gpu.present": "false"},
        {"nvidia.com/gpu.count": "0"},
        {"kubernetes.azure.com/accelerator": "xilinx"},
        {"feature.node.kubernetes.io/pci-10de.present": "true"},
        {**GFD, "nvidia.com/gpu.deploy.device-plugin": "false"},
    ],
)
def test_other_labels_promise_nothing(a_node, labels):
    assert state(a_node, labels=labels) is None


@pytest.mark.parametrize(
    "offers", ["nvidia.com/gpu", "nvidia.com/mig-1g.5gb", "nvidia.com/GA102GL_A10", "aliyun.com/gpu-mem"]
)
def test_a_node_that_offers_cards_under_whatever_name_is_ready(a_node, offers):
    assert state(a_node, labels=GFD, **{offers: "1"}) is None


def test_a_node_whose_driver_tells_devices_to_claim_is_ready(a_node):
    slices = [
        {
            "metadata": {"name": "s1"},
            "spec": {
                "driver": "gpu.nvidia.com",
                "nodeName": "n1",
                "pool": {"name": "n1", "generation": 1, "resourceSliceCount": 1},
                "devices": [{"name": "gpu-0"}],
            },
        }
    ]

    assert state(a_node, labels=GFD, slices=slices) is None


def test_a_node_that_is_labelled_by_mistake_is_not_starting_for_ever(a_node):
    found = state(a_node, labels=GFD, now=AT + PATIENCE + 1)

    assert found.overdue
    assert found.text == "labelled as having a GPU, but no device plugin reports one, ready since 2026-11-28 05:10 UTC"
    assert not found.is_over_soon


def test_a_node_that_does_not_tell_since_when_is_not_believed(a_node):
    assert state(a_node, labels=GFD, ready=None).overdue


@pytest.mark.parametrize(
    ("key", "reason", "text"),
    [
        ("karpenter.sh/unregistered", "being_added", "being added"),
        ("node.cloudprovider.kubernetes.io/uninitialized", "being_added", "being added"),
        ("startup-taint.cluster-autoscaler.kubernetes.io/gpu", "starting", "still starting"),
        ("ignore-taint.cluster-autoscaler.kubernetes.io/gpu", "starting", "still starting"),
        ("node.cilium.io/agent-not-ready", "starting", "still starting"),
        ("ToBeDeletedByClusterAutoscaler", "leaving", "about to be removed"),
        ("karpenter.sh/disrupted", "leaving", "about to be removed"),
    ],
)
def test_a_taint_that_goes_away_by_itself_says_what_is_going_on(a_node, key, reason, text):
    found = state(a_node, taints=[taint(key)], created=READY)

    assert (found.reason, found.text) == (reason, text)


def test_a_candidate_for_deletion_still_takes_pods(a_node):
    candidate = taint("DeletionCandidateOfClusterAutoscaler", effect="PreferNoSchedule")

    assert state(a_node, taints=[candidate]) is None


def test_leaving_counts_before_anything_that_would_come(a_node):
    taints = [taint("karpenter.sh/unregistered"), taint("ToBeDeletedByClusterAutoscaler", str(int(AT)))]

    found = state(a_node, labels=GFD, taints=taints)

    assert (found.reason, found.since) == ("leaving", AT)
    assert state(a_node, deleted=READY).reason == "leaving"


def test_a_startup_taint_that_stays_is_named(a_node):
    found = state(a_node, taints=[taint("node.cilium.io/agent-not-ready")], now=AT + PATIENCE + 1)

    assert found.text == (
        "still starting since 2026-11-28 05:10 UTC: the taint node.cilium.io/agent-not-ready is still there"
    )


def not_ready(a_node, *, created, since, now):
    body = a_node("n1", labels=GFD)
    body["metadata"]["creationTimestamp"] = created
    body["status"]["conditions"] = [{"type": "Ready", "status": "False", "lastTransitionTime": since}]
    cluster = Cluster.from_objects(nodes=[body])
    cluster.promised = Promises()
    return preparing(cluster, cluster.nodes["n1"], now=now)


def test_a_young_node_that_has_not_been_ready_is_being_added(a_node):
    found = not_ready(a_node, created=READY, since="2026-11-28T05:10:02Z", now=AT + 60)

    assert (found.reason, found.text, found.since) == ("being_added", "being added", AT)
    assert not_ready(a_node, created=READY, since=READY, now=AT + PATIENCE + 1) is None


@pytest.mark.parametrize("since", ["2026-11-28T05:14:00Z", None, "soon"])
def test_a_node_that_broke_down_is_not_ready_and_no_more(a_node, since):
    assert not_ready(a_node, created=READY, since=since, now=AT + 300) is None


def test_a_promise_counts_units_where_labels_count_cards():
    assert promise({**GFD, "nvidia.com/gpu.count": "2", "nvidia.com/gpu.replicas": "4"}).count == 8
    assert promise(GFD).count is None


def test_a_shortage_of_what_is_promised_is_told_as_what_it_is(a_node):
    short = Shortage("nvidia.com/gpu", asked=1, free=0, allocatable=0)
    found = state(a_node, labels=GFD)

    said = sentence("NodeResourcesFit", "Insufficient nvidia.com/gpu", shortage=short, preparing=found)

    assert said == "GPU driver is starting (1 asked)"


@pytest.mark.parametrize(("resource", "allocatable"), [("amd.com/gpu", 0), ("memory", 0), ("nvidia.com/gpu", 2)])
def test_what_was_not_promised_is_short_as_ever(a_node, resource, allocatable):
    short = Shortage(resource, asked=4, free=0, allocatable=allocatable)
    found = state(a_node, labels=GFD)

    assert not lacks(found, [short])
    assert "driver" not in sentence("NodeResourcesFit", f"Insufficient {resource}", shortage=short, preparing=found)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("karpenter.sh/unregistered", "Being added: takes pods once it is ready."),
        ("ToBeDeletedByClusterAutoscaler", "About to be removed: takes no new pods."),
        (
            "node.cilium.io/agent-not-ready",
            "Still starting: takes pods once its taint node.cilium.io/agent-not-ready:NoSchedule is gone.",
        ),
        ("dedicated", "Has the taint dedicated:NoSchedule, which the pod does not tolerate."),
    ],
)
def test_a_refusal_by_a_taint_says_whether_it_goes_away(key, said):
    found = Taint(key=key, effect="NoSchedule")

    assert sentence("TaintToleration", "node(s) had untolerated taint(s)", taint=found) == said
    assert (kind_of(found) is None) == (key == "dedicated")
