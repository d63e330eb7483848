"""Claims that are created with the pod: the verdict is that of the moment when the scheduler sees the pod."""

from __future__ import annotations

import pytest

from moorage import Cluster
from moorage.errors import InvalidObject
from moorage.scheduling.claims.attaching import attached_elsewhere

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
DEFAULT = "storageclass.kubernetes.io/is-default-class"
NO_PROVISIONER = "kubernetes.io/no-provisioner"


def new_claim(name="home", *, size="10Gi", **spec):
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec},
    }


def a_class(name="usual", *, waits=True, default=True, provisioner="disk.example", made="2026-01-01T00:00:00Z", **more):
    return {
        "metadata": {"name": name, "creationTimestamp": made, "annotations": {DEFAULT: "true"} if default else {}},
        "provisioner": provisioner,
        "volumeBindingMode": "WaitForFirstConsumer" if waits else "Immediate",
        **more,
    }


def a_volume(name, *, on=None, size="10Gi", kind="usual", modes=("ReadWriteOnce",), labels=None, **spec):
    terms = [{"matchExpressions": [{"key": HOST, "operator": "In", "values": [on]}]}]
    affinity = {"required": {"nodeSelectorTerms": terms}} if on else None
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {
            "storageClassName": kind,
            "capacity": {"storage": size},
            "accessModes": list(modes),
            "nodeAffinity": affinity,
            **spec,
        },
        "status": {"phase": "Available"},
    }


@pytest.fixture
def two_nodes(a_node):
    def make(**others) -> Cluster:
        nodes = [a_node("n1", labels={ZONE: "z1"}), a_node("n2", labels={ZONE: "z2"})]
        return Cluster.from_objects(nodes=nodes, **others)

    return make


@pytest.fixture
def home(a_pod):
    return a_pod(claims=["home"])


def topologies(*zones):
    return [{"matchLabelExpressions": [{"key": ZONE, "values": list(zones)}]}]


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize(("change", "fitting"), [({}, ["n1", "n2"]), ({"allowedTopologies": topologies("z2")}, ["n2"])])
def test_a_new_claim_is_judged_as_its_class_will_have_it(two_nodes, home, waits, change, fitting):
    cluster = two_nodes(storageclasses=[a_class(waits=waits, **change)])

    verdict = cluster.fit(home, claims=[new_claim()])

    assert verdict.fitting == fitting


def test_the_cluster_itself_never_hears_of_it(two_nodes, home):
    cluster = two_nodes(
        storageclasses=[a_class(waits=False, provisioner=NO_PROVISIONER)], persistentvolumes=[a_volume("pv", on="n2")]
    )

    first = cluster.fit(home, claims=[new_claim()])
    again = cluster.fit(home, claims=[new_claim()])

    assert first == again
    assert cluster.fit(home).prefilter.reasons == ('persistentvolumeclaim "home" not found',)


def test_a_claim_that_is_there_already_wins(two_nodes, home):
    there = new_claim(storageClassName="usual", volumeName="pv")
    there["metadata"] |= {"namespace": "default", "annotations": {"pv.kubernetes.io/bind-completed": "yes"}}
    cluster = two_nodes(
        storageclasses=[a_class()], persistentvolumeclaims=[there], persistentvolumes=[a_volume("pv", on="n2")]
    )

    verdict = cluster.fit(home, claims=[new_claim()])

    assert verdict.fitting == ["n2"]


def test_a_claim_of_another_namespace_is_another_claim(two_nodes, a_pod):
    there = new_claim(storageClassName="usual", volumeName="gone")
    there["metadata"] |= {"namespace": "default"}
    cluster = two_nodes(storageclasses=[a_class()], persistentvolumeclaims=[there])

    verdict = cluster.fit(a_pod(namespace="theirs", claims=["home"]), claims=[new_claim()])

    assert verdict.fitting == ["n1", "n2"]


@pytest.mark.parametrize(
    "classes",
    [
        [a_class("old", allowedTopologies=topologies("z1")), a_class("new", made="2026-02-01T00:00:00Z")],
        [a_class("b", allowedTopologies=topologies("z1")), a_class("a")],
        [a_class("b", allowedTopologies=topologies("z1"), default=False), a_class("c")],
    ],
    ids=["the newest", "the first by name", "the marked one"],
)
def test_a_claim_without_a_class_gets_the_default_one(two_nodes, home, classes):
    verdict = two_nodes(storageclasses=classes).fit(home, claims=[new_claim()])

    assert verdict.fitting == ["n1", "n2"]


@pytest.mark.parametrize(
    ("classes", "claim", "reason"),
    [
        ([], {}, "no persistent volumes available for this claim and no storage class is set"),
        ([a_class()], {"storageClassName": ""}, "no persistent volumes available for this claim and no storage class is set"),
        ([], {"storageClassName": "gone"}, 'storageclass.storage.k8s.io "gone" not found'),
        (
            [a_class(waits=False, provisioner=NO_PROVISIONER)],
            {},
            "no volume plugin matched name: kubernetes.io/no-provisioner",
        ),
        ([a_class()], {"volumeName": "gone"}, 'volume "gone" is not available for the claim'),
    ],
)  # fmt: skip
def test_a_claim_that_nothing_will_ever_bind_says_why(two_nodes, home, classes, claim, reason):
    verdict = two_nodes(storageclasses=classes).fit(home, claims=[new_claim(**claim)])

    assert (verdict.prefilter.plugin, verdict.prefilter.reasons) == ("VolumeBinding", (reason,))


@pytest.mark.parametrize(
    ("volumes", "fitting"),
    [
        ([a_volume("small", on="n1", size="9Gi"), a_volume("large", on="n2")], ["n2"]),
        ([a_volume("a", on="n1", size="20Gi"), a_volume("b", on="n2", size="11Gi")], ["n2"]),
        ([a_volume("a", on="n1", modes=["ReadWriteOnce", "ReadWriteMany"]), a_volume("b", on="n2", size="99Gi")], ["n2"]),
        ([a_volume("a", on="n1"), a_volume("b", on="n2", claimRef={"name": "home", "namespace": "default"})], ["n2"]),
        ([a_volume("a", on="n1"), a_volume("b", on="n2")], ["n1", "n2"]),
        ([a_volume("a", on="n1"), a_volume("b")], ["n1", "n2"]),
        ([a_volume("a", labels={ZONE: "z2"})], ["n2"]),
        ([a_volume("a", on="n1", modes=["ReadOnlyMany"]), a_volume("b", on="n2", kind="other")], []),
    ],
    ids=["too small", "smallest", "fewest modes", "promised", "either", "either, or anywhere", "zone", "none"],
)  # fmt: skip
@pytest.mark.parametrize("known", [True, False], ids=["class", "no such class"])
def test_a_claim_that_does_not_wait_takes_the_volume_that_the_controller_would(
    two_nodes, home, known, volumes, fitting
):
    classes = [a_class(waits=False, provisioner=NO_PROVISIONER)] if known else []
    cluster = two_nodes(storageclasses=classes, persistentvolumes=volumes)

    verdict = cluster.fit(home, claims=[new_claim(storageClassName="usual")])

    assert verdict.fitting == fitting


def test_two_claims_never_take_the_same_volume(two_nodes, a_pod):
    cluster = two_nodes(
        storageclasses=[a_class(waits=False, provisioner=NO_PROVISIONER)],
        persistentvolumes=[a_volume("a", on="n1"), a_volume("b", on="n2", size="20Gi")],
    )

    verdict = cluster.fit(a_pod(claims=["one", "two"]), claims=[new_claim("one"), new_claim("two")])

    assert verdict.fitting == []


@pytest.mark.parametrize("waits", [True, False])
def test_a_volume_that_will_be_made_counts_against_what_a_node_can_attach(two_nodes, home, waits):
    drivers = [{"name": "disk.example", "nodeID": "n1", "allocatable": {"count": 0}}]
    cluster = two_nodes(
        storageclasses=[a_class(waits=waits)], csinodes=[{"metadata": {"name": "n1"}, "spec": {"drivers": drivers}}]
    )

    verdict = cluster.fit(home, claims=[new_claim()])

    assert verdict.fitting == ["n2"]


def test_the_size_limit_of_a_class_that_waits_is_told(two_nodes, home):
    driver = {"metadata": {"name": "disk.example"}, "spec": {"storageCapacity": True}}
    told = {
        "metadata": {"name": "c", "namespace": "kube-system"},
        "storageClassName": "usual",
        "nodeTopology": {"matchLabels": {ZONE: "z2"}},
        "maximumVolumeSize": "10Gi",
    }
    cluster = two_nodes(storageclasses=[a_class()], csidrivers=[driver], csistoragecapacities=[told])

    assert cluster.fit(home, claims=[new_claim()]).fitting == ["n2"]
    assert cluster.fit(home, claims=[new_claim(size="11Gi")]).fitting == []


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ({"kind": "Pod", "metadata": {"name": "home"}}, "another kind"),
        ({"metadata": {}}, "needs a name"),
        ({"metadata": {"name": "home"}, "spec": {"accessModes": "ReadWriteOnce"}}, "accessModes"),
        (new_claim(size="much"), "storage"),
    ],
)
def test_a_claim_that_can_not_be_read_is_named(two_nodes, home, claim, words):
    with pytest.raises(InvalidObject, match=words):
        two_nodes(storageclasses=[a_class()]).fit(home, claims=[claim])


@pytest.fixture
def in_use(two_nodes, a_pod):
    """A cluster where another pod on n1 has the volume of the claim."""

    def make(*, modes=("ReadWriteOnce",), attached="n1", used=True):
        there = new_claim(storageClassName="usual", volumeName="pv")
        there["metadata"] |= {"namespace": "default", "annotations": {"pv.kubernetes.io/bind-completed": "yes"}}
        attachment = {
            "metadata": {"name": "a"},
            "spec": {"attacher": "disk.example", "nodeName": attached, "source": {"persistentVolumeName": "pv"}},
        }
        return two_nodes(
            storageclasses=[a_class()],
            persistentvolumeclaims=[there],
            persistentvolumes=[a_volume("pv", modes=modes)],
            volumeattachments=[attachment],
            pods=[a_pod("other", on="n1", claims=["home"])] if used else [],
        )

    return make


@pytest.mark.parametrize(
    ("change", "ask", "told"),
    [
        ({}, {}, True),
        ({}, {"nodeSelector": {HOST: "n1"}}, False),
        ({}, {"nodeSelector": {HOST: "n2"}}, True),
        ({}, {"nodeSelector": {HOST: "n3"}}, False),
        ({"modes": ["ReadWriteMany"]}, {}, False),
        ({"used": False}, {}, False),
        ({"attached": "n2"}, {}, False),
    ],
    ids=["anywhere", "there", "elsewhere", "nowhere", "shared", "left behind", "not attached"],
)
def test_a_volume_that_another_node_holds_is_told_where_the_pod_would_wait_for_it(in_use, a_pod, change, ask, told):
    cluster, pod = in_use(**change), a_pod(claims=["home"], spec=ask)

    found = attached_elsewhere(cluster, pod, cluster.fit(pod))

    assert bool(found) is told
    assert not told or found[0].startswith("The volume of the storage claim home is in use on n1.")
