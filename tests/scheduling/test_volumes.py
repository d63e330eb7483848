"""Plugins that look at claims and volumes."""

from __future__ import annotations

import pytest

from moorage import Cluster

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
BETA_ZONE = "failure-domain.beta.kubernetes.io/zone"
DRIVER = "csi.example.com"


def claim(
    name: str = "home",
    *,
    volume=None,
    bound=True,
    storage_class="slow",
    phase=None,
    size="10Gi",
    modes=("ReadWriteOnce",),
    meta=None,
    annotations=None,
    **spec,
) -> dict:
    marks = {"pv.kubernetes.io/bind-completed": "yes"} if volume and bound else {}
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "annotations": {**marks, **(annotations or {})},
            **(meta or {}),
        },
        "spec": {
            "accessModes": list(modes),
            "storageClassName": storage_class,
            "volumeName": volume,
            "resources": {"requests": {"storage": size}},
            **spec,
        },
        "status": {"phase": phase or ("Bound" if volume else "Pending")},
    }


def volume(
    name: str = "pv",
    *,
    storage_class="slow",
    phase="Available",
    size="10Gi",
    modes=("ReadWriteOnce",),
    on=None,
    labels=None,
    handle=None,
    meta=None,
    **spec,
) -> dict:
    affinity = (
        {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": HOST, "operator": "In", "values": [on]}]}]}}
        if on
        else None
    )
    return {
        "metadata": {"name": name, "labels": labels or {}, **(meta or {})},
        "spec": {
            "storageClassName": storage_class,
            "capacity": {"storage": size},
            "accessModes": list(modes),
            "nodeAffinity": affinity,
            "csi": {"driver": DRIVER, "volumeHandle": handle or name},
            **spec,
        },
        "status": {"phase": phase},
    }


def storage_class(name: str = "slow", *, mode="WaitForFirstConsumer", provisioner=DRIVER, **more) -> dict:
    return {"metadata": {"name": name}, "provisioner": provisioner, "volumeBindingMode": mode, **more}


STATIC = storage_class(provisioner="kubernetes.io/no-provisioner")


@pytest.fixture
def two_nodes(a_node):
    nodes = [a_node("n1", labels={ZONE: "z1"}), a_node("n2", labels={ZONE: "z2"})]

    def make(*, claims=(), volumes=(), classes=(STATIC,), **others) -> Cluster:
        return Cluster.from_objects(
            nodes=nodes, persistentvolumeclaims=claims, persistentvolumes=volumes, storageclasses=classes, **others
        )

    return make


@pytest.mark.parametrize(
    ("claims", "volumes", "classes", "plugin", "reason"),
    [
        ([], [], [], "VolumeRestrictions", 'persistentvolumeclaim "home" not found'),
        (
            [claim(phase="Lost", volume="gone")],
            [],
            [],
            "VolumeBinding",
            'persistentvolumeclaim "home" bound to non-existent persistentvolume "gone"',
        ),
        (
            [claim(meta={"deletionTimestamp": "2026-01-01T00:00:00Z"})],
            [],
            [STATIC],
            "VolumeBinding",
            'persistentvolumeclaim "home" is being deleted',
        ),
        (
            [claim()],
            [],
            [storage_class(mode="Immediate")],
            "VolumeBinding",
            "pod has unbound immediate PersistentVolumeClaims",
        ),
        ([claim()], [], [], "VolumeBinding", "pod has unbound immediate PersistentVolumeClaims"),
        ([claim(storage_class="")], [], [], "VolumeBinding", "pod has unbound immediate PersistentVolumeClaims"),
        (
            [claim(volume="pv", bound=False)],
            [volume()],
            [STATIC],
            "VolumeBinding",
            "pod has unbound immediate PersistentVolumeClaims",
        ),
        ([claim(volume="pv")], [], [STATIC], "VolumeZone", 'persistentvolume "pv" not found'),
    ],
)
def test_some_claims_keep_the_pod_from_every_node_at_once(two_nodes, a_pod, claims, volumes, classes, plugin, reason):
    verdict = two_nodes(claims=claims, volumes=volumes, classes=classes).fit(a_pod(claims=["home"]))

    assert (verdict.prefilter.plugin, verdict.prefilter.reasons) == (plugin, (reason,))
    assert verdict.prefilter.unresolvable


def test_a_bound_volume_ties_the_pod_to_the_nodes_that_reach_it(two_nodes, a_pod):
    cluster = two_nodes(claims=[claim(volume="pv")], volumes=[volume(on="n2", phase="Bound")])

    verdict = cluster.fit(a_pod(claims=["home"]))

    assert verdict.fitting == ["n2"]
    assert verdict.nodes["n1"].reasons == ("node(s) didn't match PersistentVolume's node affinity",)


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"size": "9Gi"}, False),
        ({"size": "11Gi"}, True),
        ({"modes": ("ReadOnlyMany",)}, False),
        ({"modes": ("ReadOnlyMany", "ReadWriteOnce")}, True),
        ({"storage_class": "other"}, False),
        ({"phase": "Released"}, False),
        ({"volumeMode": "Block"}, False),
        ({"volumeMode": "Filesystem"}, True),
        ({"volumeAttributesClassName": "fast"}, False),
        ({"meta": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, False),
        ({"claimRef": {"name": "home", "namespace": "default"}}, True),
        ({"claimRef": {"name": "home", "namespace": "default"}, "phase": "Released"}, True),
        ({"claimRef": {"name": "home", "namespace": "default", "uid": "uid-home"}}, True),
        ({"claimRef": {"name": "home", "namespace": "default", "uid": "another"}}, False),
        ({"claimRef": {"name": "other", "namespace": "default"}}, False),
        ({"on": "n2"}, False),
        ({"meta": {"annotations": {"volume.beta.kubernetes.io/storage-class": "slow"}}, "storage_class": "x"}, True),
    ],
)
def test_a_claim_that_waits_takes_a_free_volume_that_matches(two_nodes, a_pod, change, fits):
    cluster = two_nodes(claims=[claim()], volumes=[volume(**change)])

    assert cluster.fit(a_pod(claims=["home"])).nodes["n1"].fits is fits


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ({"matchLabels": {"tier": "gold"}}, True),
        ({"matchLabels": {"tier": "tin"}}, False),
        ({}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["gold"]}]}, False),
    ],
)
def test_a_claim_may_select_volumes_by_label(two_nodes, a_pod, selector, fits):
    cluster = two_nodes(claims=[claim(selector=selector)], volumes=[volume(labels={"tier": "gold"})])

    assert cluster.fit(a_pod(claims=["home"])).nodes["n1"].fits is fits


def test_two_claims_never_take_the_same_volume(two_nodes, a_pod):
    claims = [claim("home"), claim("data")]

    one = two_nodes(claims=claims, volumes=[volume("a")]).fit(a_pod(claims=["home", "data"]))
    two = two_nodes(claims=claims, volumes=[volume("a"), volume("b")]).fit(a_pod(claims=["home", "data"]))

    assert not one.fits
    assert two.fits


def test_the_smaller_claim_takes_the_smaller_volume(two_nodes, a_pod):
    claims = [claim("large", size="20Gi"), claim("small", size="5Gi")]
    volumes = [volume("big", size="20Gi"), volume("little", size="5Gi")]

    assert two_nodes(claims=claims, volumes=volumes).fit(a_pod(claims=["large", "small"])).fits


def test_a_volume_promised_to_the_claim_ties_it_even_if_others_are_free(two_nodes, a_pod):
    promised = volume("mine", on="n2", claimRef={"name": "home", "namespace": "default"})

    verdict = two_nodes(claims=[claim()], volumes=[promised, volume("free")]).fit(a_pod(claims=["home"]))

    assert verdict.nodes["n2"].fits


@pytest.mark.parametrize(
    ("change", "fitting"),
    [
        ({}, ["n1", "n2"]),
        ({"provisioner": "kubernetes.io/no-provisioner"}, []),
        ({"provisioner": ""}, []),
        ({"allowedTopologies": [{"matchLabelExpressions": [{"key": ZONE, "values": ["z2", "z3"]}]}]}, ["n2"]),
        ({"allowedTopologies": [{"matchLabelExpressions": [{"key": "absent", "values": [""]}]}]}, []),
        ({"allowedTopologies": [{}]}, []),
        ({"allowedTopologies": []}, ["n1", "n2"]),
    ],
)
def test_a_volume_is_made_where_its_class_allows_it(two_nodes, a_pod, change, fitting):
    verdict = two_nodes(claims=[claim()], classes=[storage_class(**change)]).fit(a_pod(claims=["home"]))

    assert verdict.fitting == fitting


def test_a_claim_that_chose_its_node_goes_nowhere_else(two_nodes, a_pod):
    chosen = claim(annotations={"volume.kubernetes.io/selected-node": "n2"})

    verdict = two_nodes(claims=[chosen], classes=[storage_class()]).fit(a_pod(claims=["home"]))

    assert verdict.fitting == ["n2"]
    assert verdict.nodes["n1"].reasons == ("node(s) didn't find available persistent volumes to bind",)


@pytest.mark.parametrize(
    ("capacity", "fits"),
    [
        ({"capacity": "10Gi"}, True),
        ({"capacity": "9Gi"}, False),
        ({"capacity": "99Gi", "maximumVolumeSize": "5Gi"}, False),
        ({}, False),
    ],
)
def test_a_driver_that_tells_its_capacity_must_have_some_left(two_nodes, a_pod, capacity, fits):
    driver = {"metadata": {"name": DRIVER}, "spec": {"storageCapacity": True}}
    told = {
        "metadata": {"name": "c", "namespace": "kube-system"},
        "storageClassName": "slow",
        "nodeTopology": {"matchLabels": {ZONE: "z1"}},
        **capacity,
    }
    cluster = two_nodes(claims=[claim()], classes=[storage_class()], csidrivers=[driver], csistoragecapacities=[told])

    verdict = cluster.fit(a_pod(claims=["home"]))

    assert verdict.nodes["n1"].fits is fits
    assert verdict.nodes["n2"].reasons == ("node(s) did not have enough free storage",)


EPHEMERAL = {"volumes": [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}}]}


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ([], 'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-scratch"'),
        ([claim("p-scratch")], "PVC default/p-scratch was not created for pod default/p (pod is not owner)"),
        (
            [
                claim(
                    "p-scratch", meta={"ownerReferences": [{"kind": "Pod", "uid": "uid-default-p", "controller": True}]}
                )
            ],
            None,
        ),
    ],
)
def test_an_ephemeral_volume_waits_for_a_claim_of_its_own(two_nodes, a_pod, claims, reason):
    verdict = two_nodes(claims=claims, classes=[storage_class()]).fit(a_pod(spec=EPHEMERAL))

    assert verdict.prefilter is None if reason is None else verdict.prefilter.reasons == (reason,)
    assert verdict.fits is (reason is None)


@pytest.mark.parametrize(
    ("label", "value", "fitting"),
    [
        (ZONE, "z1", ["n1", "nowhere"]),
        (ZONE, "z2__z1", ["n1", "n2", "nowhere"]),
        (ZONE, "z3", ["nowhere"]),
        (ZONE, "z1__", ["n1", "n2", "nowhere"]),
        (BETA_ZONE, "z2", ["n2", "nowhere"]),
        ("topology.kubernetes.io/region", "r", ["nowhere"]),
        ("other", "z3", ["n1", "n2", "nowhere"]),
    ],
)
def test_a_volumes_zone_labels_must_name_the_nodes_zone(a_node, a_pod, label, value, fitting):
    nodes = [a_node("n1", labels={ZONE: "z1"}), a_node("n2", labels={ZONE: "z2"}), a_node("nowhere")]
    cluster = Cluster.from_objects(
        nodes=nodes,
        persistentvolumeclaims=[claim(volume="pv")],
        persistentvolumes=[volume(labels={label: value}, phase="Bound")],
    )

    verdict = cluster.fit(a_pod(claims=["home"]))

    assert verdict.fitting == fitting


@pytest.mark.parametrize(
    ("held", "modes", "fits"),
    [
        ({"on": "n2"}, ("ReadWriteOncePod",), False),
        ({"on": "n2", "deleted": True}, ("ReadWriteOncePod",), False),
        ({"on": "n2", "phase": "Succeeded"}, ("ReadWriteOncePod",), True),
        ({"on": "n2", "namespace": "other"}, ("ReadWriteOncePod",), True),
        ({"on": "unknown"}, ("ReadWriteOncePod",), True),
        ({}, ("ReadWriteOncePod",), True),
        ({"on": "n2"}, ("ReadWriteOnce",), True),
    ],
)
def test_a_claim_for_one_pod_at_a_time_is_taken_while_another_pod_has_it(two_nodes, a_pod, held, modes, fits):
    cluster = two_nodes(
        claims=[claim(volume="pv", modes=modes)],
        volumes=[volume(phase="Bound", modes=modes)],
        pods=None,
    )
    from moorage.scheduling.accounting.podinfo import digest

    cluster.set_pod(digest(a_pod("held", claims=["home"], **held)))

    verdict = cluster.fit(a_pod("ask", claims=["home"]))

    assert verdict.nodes["n1"].fits is fits


@pytest.mark.parametrize(
    ("mine", "theirs", "fits"),
    [
        ({"gcePersistentDisk": {"pdName": "d"}}, {"gcePersistentDisk": {"pdName": "d"}}, False),
        (
            {"gcePersistentDisk": {"pdName": "d", "readOnly": True}},
            {"gcePersistentDisk": {"pdName": "d", "readOnly": True}},
            True,
        ),
        ({"gcePersistentDisk": {"pdName": "d", "readOnly": True}}, {"gcePersistentDisk": {"pdName": "d"}}, False),
        ({"awsElasticBlockStore": {"volumeID": "d"}}, {"awsElasticBlockStore": {"volumeID": "d"}}, False),
        ({"awsElasticBlockStore": {"volumeID": "d"}}, {"awsElasticBlockStore": {"volumeID": "e"}}, True),
        ({"iscsi": {"iqn": "d"}}, {"iscsi": {"iqn": "d"}}, False),
        ({"iscsi": {"iqn": "d", "readOnly": True}}, {"iscsi": {"iqn": "d", "readOnly": True}}, True),
        (
            {"rbd": {"monitors": ["a", "b"], "image": "i"}},
            {"rbd": {"monitors": ["b"], "image": "i", "pool": "rbd"}},
            False,
        ),
        ({"rbd": {"monitors": ["a"], "image": "i"}}, {"rbd": {"monitors": ["b"], "image": "i"}}, True),
        ({"rbd": {"monitors": ["a"], "image": "i"}}, {"rbd": {"monitors": ["a"], "image": "j"}}, True),
        ({"emptyDir": {}}, {"emptyDir": {}}, True),
    ],
)
def test_one_node_does_not_mount_a_disk_twice(a_node, a_pod, mine, theirs, fits):
    held = a_pod("held", on="n1", spec={"volumes": [{"name": "d", **theirs}]})
    cluster = Cluster.from_objects(nodes=[a_node("n1"), a_node("n2")], pods=[held])

    verdict = cluster.fit(a_pod("ask", spec={"volumes": [{"name": "d", **mine}]}))

    assert verdict.nodes["n1"].fits is fits
    assert verdict.nodes["n2"].fits


def _limited(count: int | None, *, node: str = "n1") -> dict:
    allocatable = {} if count is None else {"allocatable": {"count": count}}
    return {
        "metadata": {"name": node},
        "spec": {
            "drivers": [{"name": DRIVER, **allocatable}, {"name": "ebs.csi.aws.com", "allocatable": {"count": 1}}]
        },
    }


@pytest.mark.parametrize(
    ("handles", "asked", "count", "fits"),
    [
        (["a"], ["new"], 2, True),
        (["a", "b"], ["new"], 2, False),
        (["a", "b"], ["new"], None, True),
        (["same", "same"], ["new"], 2, True),
        (["a", "new"], ["new"], 2, True),
        ([], ["x", "y"], 1, False),
        ([], ["x"], 0, False),
    ],
)
def test_a_driver_attaches_only_so_many_different_volumes(a_node, a_pod, handles, asked, count, fits):
    names = [f"held-{i}" for i in range(len(handles))] + [f"new-{i}" for i in range(len(asked))]
    claims = [claim(name, volume=f"pv-{name}") for name in names]
    volumes = [
        volume(f"pv-{name}", handle=handle, phase="Bound")
        for name, handle in zip(names, [*handles, *asked], strict=True)
    ]
    pods = [a_pod(name, on="n1", claims=[name]) for name in names[: len(handles)]]
    cluster = Cluster.from_objects(
        nodes=[a_node()],
        pods=pods,
        persistentvolumeclaims=claims,
        persistentvolumes=volumes,
        csinodes=[_limited(count)],
    )

    verdict = cluster.fit(a_pod("ask", claims=names[len(handles) :]))

    assert verdict.fits is fits
    assert fits or verdict.nodes["n1"].reasons == ("node(s) exceed max volume count",)


def test_unbound_claims_and_attachments_count_too(a_node, a_pod):
    claims = [claim("unbound"), claim("ask", volume="pv-ask")]
    volumes = [volume("pv-ask", phase="Bound"), volume("attached", phase="Bound")]
    attachment = {
        "metadata": {"name": "va"},
        "spec": {"attacher": DRIVER, "nodeName": "n1", "source": {"persistentVolumeName": "attached"}},
    }
    common = {
        "nodes": [a_node()],
        "persistentvolumeclaims": claims,
        "persistentvolumes": volumes,
        "storageclasses": [storage_class()],
    }
    held = [a_pod("held", on="n1", claims=["unbound"])]

    def fits(*, pods=(), attachments=(), count=1) -> bool:
        cluster = Cluster.from_objects(**common, pods=pods, volumeattachments=attachments, csinodes=[_limited(count)])
        return cluster.fit(a_pod("ask", claims=["ask"])).fits

    assert fits()
    assert not fits(pods=held)
    assert not fits(attachments=[attachment])
    assert not fits(pods=held, attachments=[attachment], count=2)
    assert fits(pods=held, attachments=[attachment], count=3)


@pytest.mark.parametrize("has_csi_node", [True, False])
def test_a_disk_of_an_in_tree_kind_counts_for_the_driver_that_took_over(a_node, a_pod, has_csi_node):
    def disk(name: str) -> dict:
        return {"volumes": [{"name": "d", "awsElasticBlockStore": {"volumeID": name}}]}

    held = a_pod("held", on="n1", spec=disk("aws://z/vol-1"))
    csi_nodes = [_limited(9)] if has_csi_node else []
    cluster = Cluster.from_objects(nodes=[a_node()], pods=[held], csinodes=csi_nodes)

    assert cluster.fit(a_pod("ask", spec=disk("vol-2"))).fits is not has_csi_node
    assert cluster.fit(a_pod("ask", spec=disk("vol-1"))).fits


def test_a_volume_that_is_attached_but_not_mounted_counts_beside_the_ask_for_it(a_node, a_pod):
    attachment = {
        "metadata": {"name": "va"},
        "spec": {"attacher": DRIVER, "nodeName": "n1", "source": {"persistentVolumeName": "pv"}},
    }
    common = {
        "nodes": [a_node()],
        "persistentvolumeclaims": [claim(volume="pv")],
        "persistentvolumes": [volume(phase="Bound")],
        "volumeattachments": [attachment],
    }

    def fits(count: int) -> bool:
        return Cluster.from_objects(**common, csinodes=[_limited(count)]).fit(a_pod("ask", claims=["home"])).fits

    assert not fits(1)
    assert fits(2)
