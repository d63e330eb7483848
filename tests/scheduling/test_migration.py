"""Volumes of in-tree kinds, which CSI drivers serve nowadays."""

from __future__ import annotations

import pytest

from moorage import Cluster

ZONE, BETA_ZONE = "topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"
EBS_ZONE, GCE_ZONE = "topology.ebs.csi.aws.com/zone", "topology.gke.io/zone"
EBS = {"awsElasticBlockStore": {"volumeID": "vol-1"}}
GCE = {"gcePersistentDisk": {"pdName": "d"}}
AZURE = {"azureDisk": {"diskName": "d", "diskURI": "u", "kind": "Managed"}}


def _bound(name: str, source: dict, *, labels=None, zone_key=None, zone="z1") -> tuple[dict, dict]:
    affinity = None
    if zone_key:
        term = {"matchExpressions": [{"key": zone_key, "operator": "In", "values": [zone]}]}
        affinity = {"required": {"nodeSelectorTerms": [term]}}
    meta = {"name": name, "namespace": "default", "annotations": {"pv.kubernetes.io/bind-completed": "yes"}}
    claim = {"metadata": meta, "spec": {"volumeName": f"pv-{name}"}, "status": {"phase": "Bound"}}
    spec = {"nodeAffinity": affinity, **source}
    return claim, {"metadata": {"name": f"pv-{name}", "labels": labels or {}}, "spec": spec}


def _csi_node(name: str = "n1", *, replaced: str = "", limits: tuple[str, ...] = ()) -> dict:
    drivers = [{"name": driver, "allocatable": {"count": 1}} for driver in limits]
    annotations = {"storage.alpha.kubernetes.io/migrated-plugins": replaced}
    return {"metadata": {"name": name, "annotations": annotations}, "spec": {"drivers": drivers}}


def _fits(a_node, a_pod, bound, *, node_labels, csi_node=None) -> bool:
    claim, volume = bound
    cluster = Cluster.from_objects(
        nodes=[a_node("n1", labels=node_labels)],
        persistentvolumeclaims=[claim],
        persistentvolumes=[volume],
        csinodes=[csi_node] if csi_node else [],
    )
    return cluster.fit(a_pod("ask", claims=[claim["metadata"]["name"]])).fits


@pytest.mark.parametrize(
    ("source", "volume_zone", "replaced", "node_labels", "fits"),
    [
        pytest.param(EBS, ZONE, "kubernetes.io/aws-ebs", {EBS_ZONE: "z1"}, True, id="the driver's label"),
        pytest.param(EBS, ZONE, "kubernetes.io/aws-ebs", {ZONE: "z1"}, False, id="the driver tells no zone"),
        pytest.param(EBS, BETA_ZONE, "a,kubernetes.io/aws-ebs", {EBS_ZONE: "z1"}, True, id="told by the old label"),
        pytest.param(EBS, ZONE, "kubernetes.io/gce-pd", {EBS_ZONE: "z1"}, False, id="another plugin was replaced"),
        pytest.param(EBS, ZONE, "", {ZONE: "z1"}, True, id="nothing was replaced"),
        pytest.param(GCE, ZONE, "kubernetes.io/gce-pd", {GCE_ZONE: "z1"}, True, id="each driver has its own"),
        pytest.param(
            AZURE, ZONE, "kubernetes.io/azure-disk", {ZONE: "z1"}, True, id="one that reads zones as they are"
        ),
    ],
)
def test_zones_are_read_under_the_drivers_label_where_the_plugin_was_replaced(
    a_node, a_pod, source, volume_zone, replaced, node_labels, fits
):
    bound = _bound("home", source, zone_key=volume_zone)

    assert _fits(a_node, a_pod, bound, node_labels=node_labels, csi_node=_csi_node(replaced=replaced)) is fits


def test_a_volumes_zone_label_counts_where_its_affinity_tells_no_zone(a_node, a_pod):
    bound = _bound("home", EBS, labels={ZONE: "z1"})
    replaced = _csi_node(replaced="kubernetes.io/aws-ebs")

    assert _fits(a_node, a_pod, bound, node_labels={EBS_ZONE: "z1"}, csi_node=replaced)
    assert not _fits(a_node, a_pod, bound, node_labels={EBS_ZONE: "z2"}, csi_node=replaced)
    assert _fits(a_node, a_pod, bound, node_labels={EBS_ZONE: "z2"})


def test_without_a_csi_node_the_affinity_stays_as_it_is(a_node, a_pod):
    bound = _bound("home", EBS, zone_key=ZONE)

    assert _fits(a_node, a_pod, bound, node_labels={ZONE: "z1"})


@pytest.mark.parametrize(
    ("source", "labels", "plugin", "wrong"),
    [
        pytest.param(
            GCE,
            {ZONE: "odd__zones"},
            "kubernetes.io/gce-pd",
            "failed to get region from zones: zone in unexpected format",
            id="zones without a region",
        ),
        pytest.param(
            {"awsElasticBlockStore": {"volumeID": "aws://[::1"}},
            {},
            "kubernetes.io/aws-ebs",
            "failed to translate Kubernetes ID to EBS Volume ID Invalid disk name (aws://[::1)",
            id="an id that is no URL",
        ),
    ],
)
def test_what_the_scheduler_can_not_translate_it_refuses_in_its_words(a_node, a_pod, source, labels, plugin, wrong):
    claim, volume = _bound("home", source, labels=labels)
    cluster = Cluster.from_objects(
        nodes=[a_node()],
        persistentvolumeclaims=[claim],
        persistentvolumes=[volume],
        csinodes=[_csi_node(replaced=plugin, limits=("some.driver",))],
    )

    [reason] = cluster.fit(a_pod("ask", claims=["home"])).nodes["n1"].reasons

    assert reason.startswith(f"could not translate pv: {wrong}")


@pytest.mark.parametrize(
    ("held", "asked", "is_one"),
    [
        pytest.param(("inline", GCE, {}), ("bound", GCE, {}), True, id="a disk of the same name without zone"),
        pytest.param(("inline", GCE, {}), ("bound", GCE, {ZONE: "r-1-a"}), False, id="one of them in a known zone"),
        pytest.param(
            (
                "bound",
                {"csi": {"driver": "pd.csi.storage.gke.io", "volumeHandle": "projects/UNSPECIFIED/zones/z/disks/d"}},
                {},
            ),
            ("bound", GCE, {ZONE: "z"}),
            True,
            id="the driver's own id",
        ),
        pytest.param(
            ("bound", GCE, {ZONE: "r-1-a__r-1-b"}), ("bound", GCE, {ZONE: "r-1-b__r-1-c"}), True, id="one region"
        ),
    ],
)
def test_a_disk_counts_once_for_its_driver_by_the_drivers_id(a_node, a_pod, held, asked, is_one):
    claims, volumes, pods = [], [], []
    for name, (how, source, labels) in (("held", held), ("ask", asked)):
        if how == "inline":
            pods.append(a_pod(name, on="n1", spec={"volumes": [{"name": "d", **source}]}))
            continue
        claim, volume = _bound(name, source, labels=labels)
        claims.append(claim)
        volumes.append(volume)
        pods.append(a_pod(name, on="n1" if name == "held" else None, claims=[name]))
    cluster = Cluster.from_objects(
        nodes=[a_node()],
        pods=pods[:1],
        persistentvolumeclaims=claims,
        persistentvolumes=volumes,
        csinodes=[_csi_node(limits=("pd.csi.storage.gke.io",))],
    )

    assert cluster.fit(pods[1]).fits is is_one
