"""Devices of Dynamic Resource Allocation: claims, and plain names behind which a device class stands."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from moorage import Cluster
from moorage.cluster.answers.held import Held, held_by
from moorage.objects import DeviceClass, Namespace, ResourceClaim, ResourceClaimTemplate, ResourceSlice, decode
from moorage.scheduling.alternatives.advice import advise
from moorage.scheduling.devices import offers
from moorage.scheduling.devices.cel import matches
from moorage.scheduling.devices.counts import Count, count
from moorage.scheduling.devices.patience import Patience
from moorage.scheduling.devices.pools import pools_of
from moorage.scheduling.devices.reach import is_local
from moorage.scheduling.devices.wanted import claim_for_names
from moorage.scheduling.filters import dynamicresources
from moorage.scheduling.fit import Trial, fitting
from moorage.scheduling.verdict import Shortage

DRIVER = "gpu.example.com"
PLUGIN = "DynamicResources"
NONE_LEFT = "cannot allocate all claims"


def device(name: str, *, memory: str = "80Gi", **attributes: Any) -> dict:
    known = {"type": "gpu", **attributes}
    kinds = {str: "string", int: "int", bool: "bool"}
    return {
        "name": name,
        "attributes": {key: {kinds[type(value)]: value} for key, value in known.items()},
        "capacity": {"memory": {"value": memory}},
    }


def devices_of(node: str, *found: dict, generation: int = 1, count: int = 1, part: int = 0, **where: Any) -> dict:
    """A slice of a pool that has the node's name."""
    return {
        "metadata": {"name": f"{node}-{generation}-{part}"},
        "spec": {
            "driver": DRIVER,
            "pool": {"name": node, "generation": generation, "resourceSliceCount": count},
            "devices": list(found),
            **(where or {"nodeName": node}),
        },
    }


def device_class(name: str = "gpu", *expressions: str, resource: str | None = None) -> dict:
    selectors = [{"cel": {"expression": one}} for one in expressions or (f"device.driver == '{DRIVER}'",)]
    return {
        "metadata": {"name": name},
        "spec": {"selectors": selectors, **({"extendedResourceName": resource} if resource else {})},
    }


def request(name: str = "r", **asked: Any) -> dict:
    return {"name": name, "exactly": {"deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 1, **asked}}


def where(*expressions: str) -> list[dict]:
    return [{"cel": {"expression": one}} for one in expressions]


def claim(name: str = "mine", *requests: dict, takes: tuple[str, ...] = (), on: str | None = None, **more: Any) -> dict:
    """A claim; `takes` names devices of the pool `on` that it has been given."""
    body: dict[str, Any] = {
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"},
        "spec": {"devices": {"requests": list(requests) or [request()], **more}},
    }
    if on is not None:
        given = [{"request": "r", "driver": DRIVER, "pool": on, "device": one} for one in takes]
        here = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [on]}]}
        body["status"] = {
            "allocation": {"devices": {"results": given}, "nodeSelector": {"nodeSelectorTerms": [here]}},
        }
    return body


MINE = {"resourceClaims": [{"name": "card", "resourceClaimName": "mine"}]}
TWO_CARDS = (device("d0", model="a100", index=0), device("d1", model="t4", index=1, memory="16Gi"))


@pytest.fixture
def a_cluster(a_node):
    """`a_cluster(claims, slices=…, classes=…)`: two nodes, the first of which has two cards."""

    def make(*claims: dict, slices=None, classes=None, pods=(), nodes=None, **more: Any) -> Cluster:
        return Cluster.from_objects(
            nodes=nodes or [a_node("n1"), a_node("n2")],
            pods=pods,
            resourceslices=[devices_of("n1", *TWO_CARDS)] if slices is None else slices,
            resourceclaims=claims,
            deviceclasses=[device_class()] if classes is None else classes,
            **more,
        )

    return make


def refusals(verdict) -> dict[str, tuple[str | None, tuple[str, ...]]]:
    return {name: (node.plugin, node.reasons) for name, node in verdict.nodes.items() if not node.fits}


def test_a_claim_is_met_where_a_device_is_free(a_cluster, a_pod):
    verdict = a_cluster(claim()).fit(a_pod("ask", spec=MINE))

    assert verdict.fitting == ["n1"]
    assert refusals(verdict) == {"n2": (PLUGIN, (NONE_LEFT,))}
    assert verdict.nodes["n2"].unresolvable
    assert verdict.undecided == ()


def test_what_other_claims_hold_is_not_free_and_admin_access_holds_nothing(a_cluster, a_pod):
    both = claim("theirs", takes=("d0", "d1"), on="n1")
    watching = claim("admin", takes=("d0", "d1"), on="n1")
    for one in watching["status"]["allocation"]["devices"]["results"]:
        one["adminAccess"] = True

    assert a_cluster(claim(), both).fit(a_pod("ask", spec=MINE)).fitting == []
    assert a_cluster(claim(), watching).fit(a_pod("ask", spec=MINE)).fitting == ["n1"]


def test_a_claim_that_goes_gives_its_device_back(a_cluster, a_pod):
    cluster = a_cluster(claim(), claim("theirs", takes=("d0", "d1"), on="n1"))

    touched = cluster.remove_object(ResourceClaim, "default", "theirs")

    assert set(touched) == {"n1"}
    assert cluster.fit(a_pod("ask", spec=MINE)).fitting == ["n1"]


def test_an_answer_that_is_remembered_holds_until_a_claim_or_slice_changes(a_cluster, a_pod):
    cluster, ask = a_cluster(claim()), a_pod("ask", spec=MINE)
    both = decode(ResourceClaim, claim("theirs", takes=("d0", "d1"), on="n1"))
    more = decode(ResourceSlice, devices_of("n1", *TWO_CARDS, device("d2"), generation=2))
    answers = []

    for change in (
        lambda: cluster.set_object(both),
        lambda: cluster.set_object(more),
        lambda: cluster.remove_object(ResourceSlice, None, more.metadata.name),
        lambda: cluster.remove_object(ResourceClaim, "default", "theirs"),
    ):
        answers.append([cluster.fit(ask).fitting, cluster.fit(ask).fitting])
        change()

    assert answers == [[["n1"]] * 2, [[]] * 2, [["n1"]] * 2, [[]] * 2]
    assert cluster.fit(ask).fitting == ["n1"]


def test_a_claim_that_has_been_met_binds_the_pod_to_its_devices(a_cluster, a_pod):
    verdict = a_cluster(claim(takes=("d0",), on="n1")).fit(a_pod("ask", spec=MINE))

    assert verdict.fitting == ["n1"]
    assert refusals(verdict) == {"n2": (PLUGIN, ("resourceclaim not available on the node",))}


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({}, 'could not find ResourceClaim "default/mine"'),
        ({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, 'resourceclaim "mine" is being deleted'),
        ({"request": {"deviceClassName": "gone"}}, "request r: device class gone does not exist"),
        ({"request": None}, "resource claim default/mine, request r: unknown request type"),
    ],
)
def test_a_claim_that_can_not_be_met_anywhere_is_refused_at_once(a_cluster, a_pod, broken, reason):
    mine = claim()
    mine["metadata"] |= broken.get("metadata", {})
    if "request" in broken:
        mine["spec"]["devices"]["requests"] = [request(**broken["request"]) if broken["request"] else {"name": "r"}]

    verdict = a_cluster(*([mine] if broken else [])).fit(a_pod("ask", spec=MINE))

    assert (verdict.prefilter.plugin, verdict.prefilter.reasons) == (PLUGIN, (reason,))
    assert verdict.prefilter.unresolvable


FROM_TEMPLATE = {"resourceClaims": [{"name": "card", "resourceClaimTemplateName": "a-card"}]}


def test_a_claim_of_a_template_must_have_been_made_and_be_the_pods_own(a_cluster, a_pod):
    made = {"resourceClaimStatuses": [{"name": "card", "resourceClaimName": "mine"}]}
    own = claim()
    own["metadata"]["ownerReferences"] = [{"kind": "Pod", "name": "ask", "uid": "uid-default-ask", "controller": True}]

    waiting = a_cluster().fit(a_pod("ask", spec=FROM_TEMPLATE))
    stranger = a_cluster(claim()).fit(a_pod("ask", spec=FROM_TEMPLATE, status=made))
    met = a_cluster(own).fit(a_pod("ask", spec=FROM_TEMPLATE, status=made))

    assert waiting.prefilter.reasons == ('pod "default/ask": ResourceClaim not created yet',)
    assert stranger.prefilter.reasons == (
        "ResourceClaim default/mine was not created for Pod default/ask (Pod is not owner)",
    )
    assert met.fitting == ["n1"]


def test_a_pod_that_is_still_planned_is_measured_by_the_template(a_cluster, a_pod):
    planned = a_pod("ask", spec=FROM_TEMPLATE)
    del planned["metadata"]["uid"]
    wants_both = {
        "metadata": {"name": "a-card", "namespace": "default"},
        "spec": {"spec": {"devices": {"requests": [request(count=2)]}}},
    }

    verdict = a_cluster(resourceclaimtemplates=[wants_both]).fit(planned)
    taken = a_cluster(claim("theirs", takes=("d0",), on="n1"), resourceclaimtemplates=[wants_both]).fit(planned)

    assert verdict.fitting == ["n1"]
    assert taken.fitting == []


def test_requests_that_compete_are_matched_and_not_served_first_come_first_served(a_cluster, a_pod):
    any_card, the_a100 = (
        request("any"),
        request("big", selectors=where(f"device.attributes['{DRIVER}'].model == 'a100'")),
    )

    met = a_cluster(claim("mine", any_card, the_a100)).fit(a_pod("ask", spec=MINE))
    both = a_cluster(claim("mine", the_a100, {**the_a100, "name": "other"})).fit(a_pod("ask", spec=MINE))

    assert met.fitting == ["n1"]
    assert both.fitting == []


def test_all_devices_of_a_kind_are_all_or_nothing(a_cluster, a_pod):
    everything = claim("mine", request(allocationMode="All", count=None))

    assert a_cluster(everything).fit(a_pod("ask", spec=MINE)).fitting == ["n1"]
    held = a_cluster(everything, claim("theirs", takes=("d0",), on="n1"))
    assert held.fit(a_pod("ask", spec=MINE)).fitting == []


def test_of_several_ways_one_is_enough(a_cluster, a_pod):
    ways = [
        {"name": "best", "deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 3},
        {"name": "next", "deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 2},
    ]

    verdict = a_cluster(claim("mine", {"name": "r", "firstAvailable": ways})).fit(a_pod("ask", spec=MINE))

    assert verdict.fitting == ["n1"]


def test_devices_that_are_tied_together_have_the_attribute_in_common(a_cluster, a_pod):
    tied = claim("mine", request(count=2), constraints=[{"matchAttribute": f"{DRIVER}/model"}])
    alike = [devices_of("n1", *TWO_CARDS, device("d2", model="t4", index=2))]

    assert a_cluster(tied).fit(a_pod("ask", spec=MINE)).fitting == []
    assert a_cluster(tied, slices=alike).fit(a_pod("ask", spec=MINE)).fitting == ["n1"]


def test_a_tainted_device_is_for_those_who_tolerate_it(a_cluster, a_pod):
    sick = device("d0") | {"taints": [{"key": "sick", "effect": "NoSchedule"}]}
    brave = request(tolerations=[{"key": "sick", "operator": "Exists"}])

    assert a_cluster(claim(), slices=[devices_of("n1", sick)]).fit(a_pod("ask", spec=MINE)).fitting == []
    tolerant = a_cluster(claim("mine", brave), slices=[devices_of("n1", sick)])
    assert tolerant.fit(a_pod("ask", spec=MINE)).fitting == ["n1"]


# --- pools ----------------------------------------------------------------------------------------------------------


def test_only_the_newest_generation_of_a_pool_counts_and_only_when_it_is_whole(a_cluster, a_pod):
    old, new = devices_of("n1", device("d0")), devices_of("n1", generation=2)
    half = devices_of("n1", device("d0"), count=2)

    assert a_cluster(claim(), slices=[old, new]).fit(a_pod("ask", spec=MINE)).fitting == []
    assert a_cluster(claim(), slices=[half]).fit(a_pod("ask", spec=MINE)).fitting == []
    whole = a_cluster(claim(), slices=[half, devices_of("n1", device("d1"), count=2, part=1)])
    assert whole.fit(a_pod("ask", spec=MINE)).fitting == ["n1"]


def test_a_pool_that_contradicts_itself_gives_nothing(a_cluster, a_pod):
    twice = [devices_of("n1", device("d0"), device("d0"))]

    verdict = a_cluster(claim(), slices=twice).fit(a_pod("ask", spec=MINE))

    assert refusals(verdict)["n1"] == (PLUGIN, ("invalid resource pools were encountered",))


ON_N2 = {
    "nodeSelectorTerms": [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["n2"]}]}]
}


@pytest.mark.parametrize(
    ("place", "of_device", "fitting"),
    [
        ({"allNodes": True}, {}, ["n1", "n2"]),
        ({"nodeSelector": ON_N2}, {}, ["n2"]),
        ({"perDeviceNodeSelection": True}, {"nodeName": "n2"}, ["n2"]),
        ({"perDeviceNodeSelection": True}, {"nodeSelector": ON_N2}, ["n2"]),
        ({"perDeviceNodeSelection": True}, {"allNodes": True}, ["n1", "n2"]),
        ({"somethingNew": True}, {}, []),
    ],
)
def test_devices_are_where_their_slice_or_they_themselves_say(a_cluster, a_pod, place, of_device, fitting):
    slices = [devices_of("pool", device("d0") | of_device, **place)]

    assert a_cluster(claim(), slices=slices).fit(a_pod("ask", spec=MINE)).fitting == fitting


def test_the_first_betas_shapes_are_read(a_cluster, a_pod):
    flat = claim("mine", {"name": "r", "deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 1})
    nested = {"name": "d0", "basic": {key: value for key, value in device("d0").items() if key != "name"}}

    verdict = a_cluster(flat, slices=[devices_of("n1", nested)]).fit(a_pod("ask", spec=MINE))

    assert verdict.fitting == ["n1"]


# --- plain names ----------------------------------------------------------------------------------------------------

NAMED = [device_class(resource="nvidia.com/gpu")]


def test_a_plain_request_is_met_by_devices_where_no_plugin_offers_them(a_cluster, a_pod):
    verdict = a_cluster(classes=NAMED).fit(a_pod("ask", gpu=2))

    assert verdict.fitting == ["n1"]
    assert refusals(verdict) == {"n2": (PLUGIN, (NONE_LEFT,))}
    assert refusals(a_cluster(classes=NAMED).fit(a_pod("ask", gpu=3)))["n1"] == (PLUGIN, (NONE_LEFT,))


def test_by_how_much_devices_behind_a_name_are_short_is_told(a_cluster, a_pod):
    cluster = a_cluster(claim("theirs", takes=("d0",), on="n1"), classes=NAMED)

    verdict = cluster.fit(a_pod("ask", gpu=2))

    assert verdict.nodes["n1"].details == (Shortage("nvidia.com/gpu", 2, 1, 2),)
    assert verdict.nodes["n2"].details == (Shortage("nvidia.com/gpu", 2, 0, 0),)


def test_what_would_work_counts_the_devices_behind_a_name(a_cluster, a_pod):
    cluster = a_cluster(claim("theirs", takes=("d0",), on="n1"), classes=NAMED)
    greedy = a_pod("ask", cpu="1", gpu=4)

    advice = advise(cluster, greedy, cluster.fit(greedy))

    assert advice.largest["nvidia.com/gpu"].amount == 1
    assert advice.sentences == ("The most that fits now, on n1: 1 CPU, 1 GPU.",)


@pytest.mark.parametrize(("asked", "told"), [(2, [Held("nvidia.com/gpu", 1, "default", "notebook")]), (3, None)])
def test_who_holds_devices_behind_a_name_is_told_where_they_would_be_enough(a_cluster, a_pod, asked, told):
    theirs = claim("theirs", takes=("d0",), on="n1")
    theirs["status"]["reservedFor"] = [{"resource": "pods", "name": "notebook", "uid": "1"}]
    cluster = a_cluster(theirs, classes=NAMED, pods=[a_pod("cpu-only", on="n1", cpu="1")])
    verdict = cluster.fit(a_pod("ask", gpu=asked))

    assert held_by(cluster, verdict, policy="pod").get("n1") == told
    assert held_by(cluster, verdict, policy="hidden") == {}
    of_namespaces = held_by(cluster, verdict, policy="namespace").get("n1")
    assert [(one.namespace, one.pod, one.amount) for one in of_namespaces or ()] == [("default", None, 1)] * bool(told)


def test_the_implicit_name_of_a_class_is_a_name_too(a_cluster, a_pod):
    ask = a_pod("ask")
    ask["spec"]["containers"][0]["resources"]["requests"]["deviceclass.resource.kubernetes.io/gpu"] = "1"

    assert a_cluster().fit(ask).fitting == ["n1"]


def test_where_a_plugin_offers_the_name_its_units_decide(a_cluster, a_node, a_pod):
    nodes = [a_node("n1"), a_node("n2", gpu=1)]

    verdict = a_cluster(classes=NAMED, nodes=nodes, pods=[a_pod("p", on="n2", gpu=1)]).fit(a_pod("ask", gpu=1))

    assert verdict.fitting == ["n1"]
    assert refusals(verdict) == {"n2": ("NodeResourcesFit", ("Insufficient nvidia.com/gpu",))}


def test_an_older_scheduler_leaves_plain_names_to_plugins_and_claims_undecided(a_cluster, a_pod):
    old = a_cluster(claim(), classes=NAMED, server_version=(1, 35))

    assert refusals(old.fit(a_pod("ask", gpu=1)))["n1"] == ("NodeResourcesFit", ("Insufficient nvidia.com/gpu",))
    assert old.fit(a_pod("ask", gpu=1)).undecided == ()
    assert len(old.fit(a_pod("ask", spec=MINE)).undecided) == 1


def test_what_runs_before_takes_over_the_devices_of_what_comes_after(a_cluster, a_pod):
    def needing(count: int, **more: Any) -> dict:
        return {"name": f"i{count}", "resources": {"requests": {"nvidia.com/gpu": str(count)}}, **more}

    passing = a_pod("ask", gpu=1, spec={})
    passing["spec"]["initContainers"] = [needing(2)]
    lasting = a_pod("ask", gpu=1, spec={})
    lasting["spec"]["initContainers"] = [needing(2, restartPolicy="Always")]

    assert a_cluster(classes=NAMED).fit(passing).fitting == ["n1"]
    assert a_cluster(classes=NAMED).fit(lasting).fitting == []


def test_a_claim_that_an_earlier_attempt_left_is_removed_first(a_cluster, a_pod):
    left = claim("ask-extended-resources")
    left["metadata"] |= {
        "annotations": {"resource.kubernetes.io/extended-resource-claim": "true"},
        "ownerReferences": [{"kind": "Pod", "name": "ask", "uid": "uid-default-ask", "controller": True}],
    }

    verdict = a_cluster(left, classes=NAMED).fit(a_pod("ask", gpu=1))

    assert refusals(verdict)["n1"] == (PLUGIN, ("cannot schedule extended resource claim",))


# --- what is left to the scheduler ----------------------------------------------------------------------------------


def _sharing(**more: Any) -> list[dict]:
    return [devices_of("n1", device("d0") | more)]


UNDECIDED = {
    "an expression": (claim("mine", request(selectors=where("device.attributes['x'].y.matches('a.*')"))), None),
    "another language": (claim("mine", request(selectors=[{}])), None),
    "an attribute that is missing": (
        claim("mine", request(selectors=where(f"device.attributes['{DRIVER}'].no == 1"))),
        None,
    ),
    "admin access": (claim("mine", request(adminAccess=True)), None),
    "a part of a device": (claim("mine", request(capacity={"requests": {"memory": "1Gi"}})), None),
    "another tie": (claim(constraints=[{"distinctAttribute": "a/b"}]), None),
    "all of a pool that is being updated": (
        claim("mine", request(allocationMode="All")),
        [devices_of("n1", device("d0"), count=2)],
    ),
    "a device for many": (claim(), _sharing(allowMultipleAllocations=True)),
    "too many": (claim("mine", request(count=33)), None),
}


@pytest.mark.parametrize("what", UNDECIDED)
def test_what_only_the_scheduler_can_tell_refuses_nothing_and_is_said(a_cluster, a_pod, what):
    mine, slices = UNDECIDED[what]

    verdict = a_cluster(mine, slices=slices).fit(a_pod("ask", spec=MINE))

    assert verdict.nodes["n1"].fits
    assert len(verdict.undecided) == 1
    assert verdict.undecided[0].endswith(".")


def test_a_device_that_is_shared_leaves_no_doubt_where_another_is_free_for_sure(a_cluster, a_pod):
    slices = [devices_of("n1", device("d0") | {"allowMultipleAllocations": True}, device("d1"))]

    verdict = a_cluster(claim(), slices=slices).fit(a_pod("ask", spec=MINE))

    assert (verdict.fitting, verdict.undecided) == (["n1"], ())


@pytest.mark.parametrize("kind", [ResourceSlice, ResourceClaim, DeviceClass])
def test_without_a_kind_of_object_devices_are_not_checked_and_that_is_said(a_cluster, a_pod, kind):
    cluster = a_cluster(claim())
    cluster.unknown_kinds = frozenset({kind})

    verdict = cluster.fit(a_pod("ask", spec=MINE))

    assert verdict.fitting == ["n1", "n2"]
    assert kind.PLURAL in verdict.undecided[0]


def test_a_name_that_may_have_a_class_is_said_to_be_uncertain_where_classes_can_not_be_read(a_cluster, a_pod):
    cluster = a_cluster()
    cluster.unknown_kinds = frozenset({DeviceClass, Namespace, ResourceClaimTemplate})

    verdict = cluster.fit(a_pod("ask", gpu=1))

    assert verdict.fitting == []
    assert "nvidia.com/gpu may come from a device class" in verdict.undecided[0]
    assert cluster.fit(a_pod("ask", cpu=1)).undecided == ()


def test_a_slice_that_can_not_be_read_is_told_and_not_taken_for_no_devices(a_cluster, a_pod):
    verdict = a_cluster(claim(), slices=[{**devices_of("n1"), "spec": "?"}]).fit(a_pod("ask", spec=MINE))

    assert verdict.fitting == ["n1", "n2"]
    assert "resourceslices" in verdict.undecided[0]


# --- counters -------------------------------------------------------------------------------------------------------


def _partitioned() -> list[dict]:
    """A card of four parts, as a whole and in halves."""

    def using(name: str, parts: int) -> dict:
        return device(name) | {
            "consumesCounters": [{"counterSet": "card", "counters": {"parts": {"value": str(parts)}}}]
        }

    shared = devices_of("n1", count=2, part=1)
    shared["spec"]["sharedCounters"] = [{"name": "card", "counters": {"parts": {"value": "4"}}}]
    return [devices_of("n1", using("whole", 4), using("half-0", 2), using("half-1", 2), count=2), shared]


@pytest.mark.parametrize(
    ("asked", "held", "fits"),
    [
        (1, (), True),
        (2, (), True),
        (3, (), False),
        (1, ("half-0",), True),
        (2, ("half-0",), False),
        (1, ("whole",), False),
    ],
)
def test_devices_that_share_counters_are_given_as_far_as_these_last(a_cluster, a_pod, asked, held, fits):
    theirs = [claim("theirs", takes=held, on="n1")] if held else []

    verdict = a_cluster(claim("mine", request(count=asked)), *theirs, slices=_partitioned()).fit(
        a_pod("ask", spec=MINE)
    )

    assert verdict.nodes["n1"].fits is fits
    assert verdict.undecided == ()


def test_more_combinations_than_are_tried_are_left_to_the_scheduler(a_cluster, a_pod):
    slices = _partitioned()
    few = {"consumesCounters": [{"counterSet": "card", "counters": {"parts": {"value": "300m"}}}]}
    slices[0]["spec"]["devices"] = [device(f"d{number}") | few for number in range(30)]

    verdict = a_cluster(claim("mine", request(count=14)), slices=slices).fit(a_pod("ask", spec=MINE))

    assert "more ways than are tried here" in verdict.undecided[0]


def test_nodes_that_reach_the_same_devices_share_what_is_known_of_them(a_cluster, a_node, a_pod):
    nodes = [a_node(f"n{number}") for number in range(5)]
    cluster = a_cluster(claim(), nodes=nodes, slices=[devices_of("net", *TWO_CARDS, allNodes=True)])
    cluster.fit(a_pod("ask", spec=MINE))

    ways = [pools_of(cluster.devices, name, info.labels) for name, info in cluster.nodes.items()]

    assert all(found == ways[0] for found in ways)
    assert len({id(offer) for pools in ways for pool in pools for offer in pool.offers}) == 2


def test_counters_of_other_nodes_are_no_pools_of_a_node_unless_they_are_broken(a_cluster):
    theirs = _partitioned()
    cluster = a_cluster(claim(), slices=[*theirs, devices_of("n2", device("d0"))])

    assert [pool.name for pool in pools_of(cluster.devices, "n2", {})] == ["n2"]
    cluster.remove_object(ResourceSlice, None, "n1-1-0")
    assert [(pool.name, pool.is_complete) for pool in pools_of(cluster.devices, "n2", {})] == [
        ("n2", True),
        ("n1", False),
    ]


# --- what takes too long --------------------------------------------------------------------------------------------


def test_no_expression_keeps_others_waiting(a_cluster, a_node, a_pod, monkeypatch):
    nodes = [a_node(f"n{number}") for number in range(20)]
    slices = [devices_of(f"n{number}", *TWO_CARDS) for number in range(20)]
    long = " && ".join(["device.driver in [" + ",".join(f"'d{n}'" for n in range(400)) + ", 'gpu.example.com']"] * 3)
    selectors = where(*(f"{long} && device.driver != '{number}'" for number in range(32)))
    cluster = a_cluster(claim("mine", request(selectors=selectors)), nodes=nodes, slices=slices)
    monkeypatch.setattr(dynamicresources, "Patience", lambda: Patience(looks=50_000))

    verdict = cluster.fit(a_pod("ask", spec=MINE))

    assert len(verdict.fitting) == 20
    assert "there is more to look through than is looked at here" in verdict.undecided[0]


def test_what_a_pod_asks_by_name_is_read_once_for_all_nodes(a_cluster, a_node, a_pod, monkeypatch):
    many = a_pod("ask", gpu=33)
    cluster = a_cluster(classes=NAMED, nodes=[a_node(f"n{number}") for number in range(20)])
    read = []
    monkeypatch.setattr(dynamicresources, "claim_for_names", lambda *args: read.append(args) or claim_for_names(*args))

    verdict = cluster.fit(many)

    assert (len(read), len(verdict.fitting), len(verdict.undecided)) == (1, 20, 1)


@pytest.mark.parametrize(("requests", "constraints"), [(10_000, 0), (1, 10_000)], ids=["of requests", "of constraints"])
def test_a_claim_larger_than_any_api_server_accepts_is_not_followed(a_cluster, a_pod, requests, constraints):
    many = claim(
        "mine",
        *(request(f"r{number}", allocationMode="All", count=None) for number in range(requests)),
        constraints=[{"matchAttribute": f"{DRIVER}/model"}] * constraints,
    )

    verdict = a_cluster(many).fit(a_pod("ask", spec=MINE))

    assert verdict.fitting == ["n1", "n2"]
    assert "more than 32 requests or constraints" in verdict.undecided[0]


# --- devices that are given in parts -------------------------------------------------------------------------------


def in_parts(name: str, *, usual: str | None = "10Gi", memory: str = "80Gi") -> dict:
    """A device of which each claim takes a part, by default so much."""
    policy = {"requestPolicy": {"default": usual}} if usual else {}
    whole = device(name, memory=memory)
    return whole | {"allowMultipleAllocations": True, "capacity": {"memory": {"value": memory, **policy}}}


def part_of(name: str, amount: str | None, *, on: str = "n1", number: int = 0) -> dict:
    """A claim that holds so much of a device's memory."""
    made = claim(f"part-{number}-of-{name}", takes=(name,), on=on)
    share: dict[str, Any] = {"shareID": f"share-{number}"}
    if amount is not None:
        share["consumedCapacity"] = {"memory": amount}
    made["status"]["allocation"]["devices"]["results"][0] |= share
    return made


@pytest.mark.parametrize(
    ("offered", "held", "counted"),
    [
        (in_parts("d0"), [], Count(1, 1, 1)),
        (in_parts("d0"), ["40Gi"], Count(1, 1, 1)),
        (in_parts("d0"), ["40Gi", "30Gi"], Count(1, 1, 1)),
        (in_parts("d0"), ["40Gi", "30Gi", "1Mi"], Count(1, 1, 0)),
        (in_parts("d0", usual=None), ["1Gi"], Count(1, 1, 0)),
        (in_parts("d0", usual=None), [], Count(1, 1, 1)),
        (in_parts("d0", usual="0"), ["80Gi"], Count(1, 1, 1)),
    ],
)
def test_a_device_given_in_parts_counts_while_a_plain_request_finds_room_in_it(a_cluster, offered, held, counted):
    claims = [part_of("d0", amount, number=number) for number, amount in enumerate(held)]
    cluster = a_cluster(*claims, slices=[devices_of("n1", offered)])

    found = count(cluster.devices.class_named("gpu"), pools_of(cluster.devices, "n1", {}), cluster.devices)

    assert found == counted


@pytest.mark.parametrize("amount", [None, "much"])
def test_a_part_of_unknown_size_leaves_unknown_what_is_left(a_cluster, amount):
    cluster = a_cluster(part_of("d0", amount), slices=[devices_of("n1", in_parts("d0"), device("d1"))])

    found = count(cluster.devices.class_named("gpu"), pools_of(cluster.devices, "n1", {}), cluster.devices)

    assert (found.there, found.usable, found.free) == (2, 2, None)
    assert found.unknown.startswith("how many are left is not known: ")


def test_a_class_whose_selector_is_not_understood_has_no_count_and_says_why(a_cluster):
    odd = device_class("gpu", "device.attributes['x'].y.matches('a.*')")
    cluster = a_cluster(classes=[odd])

    found = count(cluster.devices.class_named("gpu"), pools_of(cluster.devices, "n1", {}), cluster.devices)

    assert (found.there, found.usable, found.free) == (None, None, None)
    assert found.unknown.startswith("only the scheduler can tell the devices of the class gpu: ")


SELECTS = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "rack", "operator": "In", "values": ["r1"]}]}]}
ONE_HOST = {
    "nodeSelectorTerms": [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["n1"]}]}]
}
TWO_HOSTS = {
    "nodeSelectorTerms": [
        {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [name]}]}
        for name in ("n1", "n2")
    ]
}
ONE_NAME = {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}]}


@pytest.mark.parametrize(
    ("where", "local"),
    [
        ({"nodeName": "n1"}, True),
        ({"allNodes": True}, False),
        ({"nodeSelector": SELECTS}, False),
        ({"nodeSelector": ONE_HOST}, True),
        ({"nodeSelector": ONE_NAME}, True),
        ({"nodeSelector": TWO_HOSTS}, False),
        ({"nodeSelector": {"nodeSelectorTerms": []}}, False),
    ],
)
@pytest.mark.parametrize("by_device", [False, True], ids=["by slice", "by device"])
def test_a_device_is_a_nodes_own_where_it_names_one_node(where, local, by_device):
    spec = {"devices": [device("d0") | where], "perDeviceNodeSelection": True} if by_device else where
    body = {"metadata": {"name": "s"}, "spec": {"driver": DRIVER, "devices": [device("d0")], **spec}}
    item = decode(ResourceSlice, body)

    assert is_local(item.spec, item.spec.devices[0].body) == local


def looks_by_step(cluster, pod, monkeypatch) -> Counter[int]:
    """How many devices each step of a verdict looks at."""
    looks, step = Counter(), 0

    def counted(*given: Any) -> bool:
        looks[step] += 1
        return matches(*given)

    monkeypatch.setattr(offers, "matches", counted)
    for _ in fitting(cluster, Trial(cluster, pod)):
        step += 1
    return looks


@pytest.mark.parametrize(("wanted", "looked_at"), [("mig", 12), ("gpu", 4)])
def test_devices_that_all_nodes_reach_are_looked_at_slice_by_slice(a_cluster, a_pod, monkeypatch, wanted, looked_at):
    fabric = [
        devices_of("fabric", *[device(f"{part}-{n}") for n in range(4)], part=part, count=3, allNodes=True)
        for part in range(3)
    ]
    classes = [device_class("gpu", f"device.attributes['{DRIVER}'].type == '{wanted}'")]
    cluster = a_cluster(claim(), slices=fabric, classes=classes)

    looks = looks_by_step(cluster, a_pod("ask", spec=MINE), monkeypatch)

    assert max(looks.values()) == 4
    assert looks.total() == looked_at
