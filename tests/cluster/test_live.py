"""A followed cluster, seen through its snapshots and changes, over real HTTP."""

import asyncio
import json
import logging

import pytest

from moorage.kube.resources import FOLLOWED
from moorage.objects import NodePool

EXAMPLE_CARDS = [
    {
        "index": 0,
        "model": "NVIDIA GeForce RTX 4090",
        "memory_total": "24576 MiB",
        "memory_used": "0 MiB",
        "memory_free": "24576 MiB",
        "utilization": 0,
        "available": True,
    }
]


async def test_a_node_reads_as_the_interface_promises(simulator, start, node, pod):
    simulator.add(
        node("vilanova1", cpu="16", memory="64Gi", gpu=1),
        pod("a", on="vilanova1", cpu="4", memory="8Gi"),
        pod("b", on="vilanova1", cpu="500m", memory="2Gi"),
    )

    watching = await start(gpu_details=lambda _node: EXAMPLE_CARDS)

    (shown,) = json.loads(watching.live.snapshot.array())
    promised = {
        "name": "vilanova1",
        "capacity": {"cpu": 16, "memory": "64Gi", "gpu": 1},
        "allocated": {"cpu": 4.5, "memory": "10Gi", "gpu": 0},
        "available": {"cpu": 11.5, "memory": "54Gi", "gpu": 1},
        "gpu_details": EXAMPLE_CARDS,
    }
    for key, value in promised.items():
        assert ({k: shown[key][k] for k in value} if isinstance(value, dict) else shown[key]) == value
    assert isinstance(shown["capacity"]["cpu"], int)
    assert shown["hostname_label"] == "vilanova1"


async def test_a_change_is_seen(simulator, start, node, pod):
    simulator.add(node("n1", cpu="4"))
    watching = await start()

    simulator.add(pod("p", on="n1", cpu="3"))

    await watching.until(lambda w: w.nodes["n1"]["available"]["cpu"] == 1)


async def test_changes_that_come_together_are_one_revision(simulator, start, node, pod):
    simulator.add(node("n1", cpu="64"), node("n2", cpu="64"))
    watching = await start()
    before = watching.live.snapshot.revision

    for number in range(20):
        simulator.add(pod(f"p{number}", on=f"n{1 + number % 2}", cpu="1"))
    await watching.until(lambda w: w.nodes["n1"]["allocated"]["cpu"] == 10 and w.nodes["n2"]["allocated"]["cpu"] == 10)

    assert watching.live.snapshot.revision <= before + 2


async def test_a_heartbeat_that_changes_nothing_makes_no_revision(simulator, start, node):
    simulator.add(node("n1"), node("n2"))
    watching = await start()
    before = watching.live.snapshot.revision
    events = watching.live.counters["events"]

    simulator.patch(
        "nodes",
        None,
        "n1",
        {
            "status": {
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "True",
                        "reason": "KubeletReady",
                        "message": "the simulator's kubelet is posting ready status",
                        "lastHeartbeatTime": "2026-01-01T00:00:00Z",
                    }
                ]
            }
        },
    )
    await watching.until(lambda w: w.live.counters["events"] > events)
    simulator.patch("nodes", None, "n2", {"spec": {"unschedulable": True}})
    await watching.until(lambda w: w.nodes["n2"]["cordoned"])

    assert watching.live.snapshot.revision == before + 1


async def test_a_follower_is_told_what_changed_and_what_is_gone(simulator, start, node, pod):
    simulator.add(node("n1", cpu="4"), node("n2"))
    watching = await start()
    changes = watching.live.changes()
    first = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)

    simulator.add(pod("p", on="n1", cpu="3"))
    simulator.delete("nodes", None, "n2")

    change = await asyncio.wait_for(first, 2)
    if not change.removed:
        change = await asyncio.wait_for(anext(changes), 2)
    assert change.removed == ["n2"]
    assert change.revision == watching.live.snapshot.revision
    assert not change.status.stale
    await changes.aclose()


async def test_a_slow_follower_gets_the_newest_word_on_each_node_once(simulator, start, node, pod):
    simulator.add(node("n1", cpu="64"))
    watching = await start()
    changes = watching.live.changes()
    first = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    simulator.add(pod("p0", on="n1", cpu="1"))
    await asyncio.wait_for(first, 2)

    for number in range(1, 5):
        simulator.add(pod(f"p{number}", on="n1", cpu="1"))
        await watching.until(lambda w, n=number: w.nodes["n1"]["allocated"]["cpu"] == n + 1)
    change = await asyncio.wait_for(anext(changes), 2)

    assert json.loads(change.changed["n1"])["allocated"]["cpu"] == 5
    assert change.revision == watching.live.snapshot.revision
    await changes.aclose()


@pytest.mark.parametrize(
    ("how", "cordoned", "ready"), [({"unschedulable": True}, True, True), ({"ready": False}, False, False)]
)
async def test_a_node_that_takes_no_pods_has_nothing_available(simulator, start, node, pod, how, cordoned, ready):
    simulator.add(node("n1", cpu="4", gpu=2, **how), pod("p", on="n1", cpu="1"))

    watching = await start()

    shown = watching.nodes["n1"]
    assert (shown["available"]["cpu"], shown["available"]["memory"], shown["available"]["gpu"]) == (0, "0Gi", 0)
    assert shown["free"]["cpu"] == 3
    assert (shown["cordoned"], shown["ready"], shown["schedulable"]) == (cordoned, ready, False)


async def test_free_may_be_negative_and_available_never_is(simulator, start, node, pod):
    simulator.add(node("n1", cpu="2", memory="1Gi"), pod("p", on="n1", cpu="3", memory="2Gi"))

    watching = await start()

    shown = watching.nodes["n1"]
    assert (shown["free"]["cpu"], shown["free"]["memory"]) == (-1, "-1Gi")
    assert (shown["available"]["cpu"], shown["available"]["memory"]) == (0, "0Gi")


async def test_a_terminating_pod_keeps_its_room_until_it_is_gone(simulator, start, node, pod):
    simulator.add(node("n1", cpu="4"), pod("p", on="n1", cpu="3"))
    watching = await start()

    simulator.delete("pods", "default", "p", grace_seconds=3600)
    simulator.add(pod("q", on="n1", cpu="500m"))
    await watching.until(lambda w: w.nodes["n1"]["allocated"]["cpu"] == 3.5)
    simulator.delete("pods", "default", "p")

    await watching.until(lambda w: w.nodes["n1"]["allocated"]["cpu"] == 0.5)


async def test_a_nominated_pod_is_shown_apart_and_not_available(simulator, start, node, pod):
    waiting = pod("p", cpu="3")
    waiting["status"]["nominatedNodeName"] = "n1"
    simulator.add(node("n1", cpu="4"), waiting)

    watching = await start()

    shown = watching.nodes["n1"]
    assert (shown["allocated"]["cpu"], shown["nominated"]["cpu"]) == (0, 3)
    assert (shown["free"]["cpu"], shown["available"]["cpu"]) == (4, 1)


async def test_one_unreadable_pod_is_counted_on_its_node_and_hides_nothing(simulator, start, node, pod):
    simulator.add(
        node("n1", cpu="4"),
        pod("good", on="n1", cpu="1"),
        pod("garbage", on="n1", requests={"cpu": "many"}),
        pod("other", on="n1", cpu="1"),
    )
    watching = await start()
    assert watching.nodes["n1"]["allocated"]["cpu"] == 2
    assert watching.nodes["n1"]["unreadable_pods"] == 1
    assert watching.live.counters["unreadable"] == 1

    simulator.delete("pods", "default", "garbage")

    await watching.until(lambda w: w.nodes["n1"]["unreadable_pods"] == 0)


async def test_an_unreadable_node_hides_no_other(simulator, start, node):
    simulator.add(node("bad", cpu="some"), node("n1"))

    watching = await start()

    assert set(watching.nodes) == {"n1"}
    assert watching.live.counters["unreadable"] == 1


async def test_a_pod_before_its_node_counts_when_the_node_comes(simulator, start, node, pod):
    simulator.add(pod("p", on="late", cpu="1"))
    watching = await start()
    assert watching.nodes == {}

    simulator.add(node("late", cpu="4"))

    await watching.until(lambda w: w.nodes.get("late", {}).get("allocated", {}).get("cpu") == 1)


async def test_the_picture_stays_and_is_called_stale_while_the_server_is_away(simulator, start, node, pod, caplog):
    simulator.add(node("n1", cpu="4"))
    with caplog.at_level(logging.INFO, logger="moorage"):
        watching = await start()
        port = simulator.port

        await simulator.stop()
        await watching.until(lambda w: w.live.status.stale, within=4)
        assert set(watching.nodes) == {"n1"}
        assert watching.live.status.since is not None
        simulator.add(pod("p", on="n1", cpu="1"))
        await simulator.start(port)
        await watching.until(lambda w: not w.live.status.stale and w.nodes["n1"]["allocated"]["cpu"] == 1)

    told = [record.event for record in caplog.records if hasattr(record, "event")]
    assert told == ["connected", "stale", "resynced"]


async def test_garbage_in_all_watches_again_and_again_is_one_line_of_the_log(simulator, start, node, caplog):
    simulator.add(node("n1", cpu="4"))
    with caplog.at_level(logging.WARNING, logger="moorage"):
        watching = await start()

        simulator.faults.garbage(verb="watch", times=20)
        await watching.until(lambda w: w.live.counters["garbled"] >= 20, within=10)

    assert len([record for record in caplog.records if record.event == "garbled"]) == 1


async def test_after_a_black_hole_the_picture_is_live_within_five_seconds(simulator, start, node, pod):
    simulator.add(node("n1", cpu="4"))
    watching = await start()
    simulator.faults.half_open()
    simulator.faults.drop(new_requests=False)
    await watching.until(lambda w: w.live.status.stale)
    await asyncio.sleep(3.5)

    simulator.faults.clear()
    simulator.add(pod("p", on="n1", cpu="1"))

    await watching.until(lambda w: not w.live.status.stale and w.nodes["n1"]["allocated"]["cpu"] == 1, within=5)


async def test_an_old_picture_of_devices_is_an_old_picture_of_nodes(simulator, start, node):
    simulator.add(node("n1", cpu="4"))
    watching = await start()

    fault = simulator.faults.half_open(path="/apis/resource.k8s.io/v1/resourceclaims")

    await watching.until(lambda w: w.live.status.stale)
    simulator.faults.remove(fault)
    await watching.until(lambda w: not w.live.status.stale)


async def test_a_picture_is_live_again_only_when_it_has_what_was_missed(simulator, start, node, pod):
    simulator.add(node("n1", cpu="4"))
    watching = await start(coalesce=0.5)
    port = simulator.port
    await simulator.stop()
    await watching.until(lambda w: w.live.status.stale)

    simulator.add(pod("p", on="n1", cpu="1"))
    await simulator.start(port)

    await watching.until(lambda w: not w.live.status.stale)
    assert watching.nodes["n1"]["allocated"]["cpu"] == 1


async def test_status_changes_are_told_without_a_revision(simulator, start, node):
    simulator.add(node("n1"))
    watching = await start()
    before = watching.live.snapshot.revision
    changes = watching.live.changes()
    first = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)

    await simulator.stop()
    change = await asyncio.wait_for(first, 5)
    while not change.status.stale:
        change = await asyncio.wait_for(anext(changes), 5)

    assert (change.revision, change.changed) == (before, {})
    await changes.aclose()


async def test_a_missing_optional_right_degrades_and_names_itself(simulator, start, node, caplog):
    simulator.add(node("n1"))
    simulator.faults.revoke_right("persistentvolumes")

    with caplog.at_level(logging.INFO, logger="moorage"):
        watching = await start()
        await watching.until(lambda w: w.live.status.missing_rights)

    assert not watching.live.status.stale
    assert watching.live.status.missing_rights == [
        "not allowed to list persistentvolumes cluster-wide: grant list and watch on persistentvolumes"
    ]
    assert [r.event for r in caplog.records if getattr(r, "event", "") == "right_missing"] == ["right_missing"]


@pytest.mark.parametrize("revoked", [False, True])
async def test_an_add_on_that_is_not_there_or_not_granted_makes_no_difference(simulator, start, node, caplog, revoked):
    simulator.add(node("n1"))
    if revoked:
        simulator.add({"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "gpus"}})
        simulator.faults.revoke_right("nodepools")
        simulator.faults.revoke_right("nodeclaims")

    with caplog.at_level(logging.INFO, logger="moorage"):
        watching = await start()
        await watching.until(lambda w: all(h.listed for h in w.live.status.feeds.values()))

    assert set(watching.live.status.feeds) == {kind.name for kind in FOLLOWED}
    assert watching.live.status.missing_rights == []
    assert [r.getMessage() for r in caplog.records if r.levelno > logging.INFO] == []


async def test_the_first_picture_has_the_pools_of_machines(simulator, start, node):
    simulator.add(node("n1"), {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "gpus"}})

    watching = await start()

    assert [pool.metadata.name for pool in watching.live.cluster.all(NodePool)] == ["gpus"]


@pytest.mark.parametrize("kind", ["persistentvolumeclaims", "resourceslices", "resourceclaims", "deviceclasses"])
async def test_an_optional_right_that_is_taken_away_is_named_and_makes_no_picture_stale(simulator, start, node, kind):
    simulator.add(node("n1"))
    watching = await start()
    await watching.until(lambda w: all(h.listed for h in w.live.status.feeds.values()))

    simulator.faults.revoke_right(kind)
    await watching.until(lambda w: w.live.status.missing_rights, within=8)

    assert not watching.live.status.stale


async def test_a_missing_required_right_is_the_reason_why_nothing_is_ready(simulator, start, node):
    simulator.add(node("n1"))
    fault = simulator.faults.revoke_right("pods")
    watching = await start(ready=False)
    await watching.until(lambda w: w.live.status.reason and "grant list and watch on pods" in w.live.status.reason)
    assert not watching.live.ready
    assert watching.live.snapshot is None

    simulator.faults.remove(fault)

    await watching.until(lambda w: w.live.ready and not w.live.status.stale)


async def test_a_relist_takes_away_what_went_meanwhile(simulator, start, node, pod):
    simulator.add(node("n1", cpu="8"), node("n2"), pod("a", on="n1", cpu="1"), pod("b", on="n1", cpu="1"))
    watching = await start()
    port = simulator.port

    await simulator.stop()
    simulator.delete("pods", "default", "a")
    simulator.delete("nodes", None, "n2")
    simulator.add(pod("c", on="n1", cpu="2"))
    simulator.compact()
    await simulator.start(port)

    await watching.until(lambda w: set(w.nodes) == {"n1"} and w.nodes["n1"]["allocated"]["cpu"] == 3, within=8)


async def test_facts_from_elsewhere_make_a_revision(simulator, start, node):
    simulator.add(node("n1"), node("n2"))
    cards = []
    watching = await start(gpu_details=lambda _node: list(cards))
    before = watching.live.snapshot.revision

    cards.append({"index": 0, "model": "A"})
    watching.live.touch(["n1"])

    await watching.until(lambda w: w.nodes["n1"]["gpu_details"] == [{"index": 0, "model": "A"}])
    assert watching.live.snapshot.revision == before + 1


async def test_a_source_of_cards_that_fails_hides_no_node_and_leaves_unknown_cards(simulator, start, node, pod, caplog):
    simulator.add(node("n1", gpu=2), node("n2"), pod("p", on="n1", gpu=1))

    def details(info):
        if info.name == "n1":
            raise ValueError("sick")
        return []

    watching = await start(gpu_details=details)

    cards = watching.nodes["n1"]["gpu_details"]
    assert [(card["model"], card["utilization"], card["available"]) for card in cards] == [
        ("Unknown GPU", None, True),
        ("Unknown GPU", None, False),
    ]
    assert set(watching.nodes) == {"n1", "n2"}
    assert [r.node for r in caplog.records if getattr(r, "event", "") == "cards_failed"] == ["n1"]


async def test_the_servers_version_is_known(simulator, start, node):
    simulator.add(node("n1"))

    watching = await start()

    assert watching.live.cluster.server_version == (1, 36)


async def test_the_ledger_is_recounted(simulator, start, node, pod, caplog):
    simulator.add(node("n1"), pod("p", on="n1", cpu="1"))
    watching = await start(recount_every=0.02)
    await watching.until(lambda w: w.live.counters["recounts"] > 0)
    assert watching.live.counters["ledger_drift"] == 0

    watching.live.cluster.nodes["n1"].requested.cpu_milli += 1

    await watching.until(lambda w: w.live.counters["ledger_drift"] == 1)
    assert [r.message for r in caplog.records if r.levelno >= logging.ERROR] == ["the ledger has drifted"]


def notebook(pod, claim):
    body = pod("p", cpu="1")
    body["spec"]["volumes"] = [{"name": "home", "persistentVolumeClaim": {"claimName": claim}}]
    return body


async def test_without_the_right_to_read_claims_a_verdict_says_so_and_refuses_nothing_for_them(
    simulator, start, node, pod
):
    simulator.add(node("n1"))
    simulator.faults.revoke_right("persistentvolumeclaims")
    watching = await start()
    await watching.until(lambda w: all(h.listed or h.missing_right for h in w.live.status.feeds.values()))

    verdict = watching.live.cluster.fit(notebook(pod, "claim-ada"))

    assert verdict.prefilter is None
    assert verdict.nodes["n1"].fits
    assert verdict.undecided == ("The pod's volumes were not fully checked: persistentvolumeclaims can't be read.",)


async def test_with_the_right_to_read_claims_a_claim_that_is_missing_is_refused(simulator, start, node, pod):
    simulator.add(node("n1"))
    watching = await start()
    await watching.until(lambda w: all(h.listed for h in w.live.status.feeds.values()))

    verdict = watching.live.cluster.fit(notebook(pod, "claim-ada"))

    assert verdict.prefilter.reasons == ('persistentvolumeclaim "claim-ada" not found',)
    assert verdict.undecided == ()


async def test_a_verdict_says_that_it_rests_on_what_may_not_be_read_any_more(simulator, start, node, pod):
    simulator.add(node("n1"))
    watching = await start()
    await watching.until(lambda w: all(h.listed for h in w.live.status.feeds.values()))

    fault = simulator.faults.revoke_right("persistentvolumeclaims")
    await watching.until(lambda w: w.live.status.missing_rights, within=8)
    told = watching.live.cluster.fit(notebook(pod, "claim-ada")).undecided
    plain = watching.live.cluster.fit(pod("p", cpu="1")).undecided
    simulator.faults.remove(fault)
    simulator.add({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "other"}})
    await watching.until(lambda w: not w.live.status.missing_rights, within=8)

    assert [sentence.partition(" as of ")[0] for sentence in told] == ["Uses persistentvolumeclaims"]
    assert told[0].endswith(" UTC: the right to read them was taken away since.")
    assert plain == ()
    assert watching.live.cluster.fit(notebook(pod, "claim-ada")).undecided == ()


async def test_a_kind_that_the_server_does_not_serve_is_known_to_be_empty(simulator, start, node):
    simulator.add(node("n1"))
    simulator.faults.server_error(404, path="*/csistoragecapacities")

    watching = await start()
    await watching.until(lambda w: not w.live.cluster.unknown_kinds)

    assert "does not serve" in watching.live.status.feeds["csistoragecapacities"].reason
    assert not watching.live.status.stale


async def test_a_server_without_devices_has_none_and_that_is_told(simulator, start, node, pod):
    simulator.add(node("n1", gpu=1))
    simulator.faults.server_error(404, path="/apis/resource.k8s.io/*")

    watching = await start()
    await watching.until(lambda w: not w.live.cluster.unknown_kinds)
    verdict = watching.live.cluster.fit(pod("ask", gpu=1))

    assert watching.live.status.feeds["resourceslices"].reason == "this API server does not serve resourceslices"
    assert not watching.live.status.stale
    assert (verdict.fitting, verdict.undecided) == (["n1"], ())


async def test_without_the_right_to_read_devices_a_card_that_no_node_offers_is_said_to_be_uncertain(
    simulator, start, node, pod
):
    simulator.add(node("n1"))
    for kind in ("resourceslices", "resourceclaims", "resourceclaimtemplates", "deviceclasses"):
        simulator.faults.revoke_right(kind)
    watching = await start()
    await watching.until(lambda w: all(h.listed or h.missing_right for h in w.live.status.feeds.values()))

    verdict = watching.live.cluster.fit(pod("ask", gpu=1))

    assert verdict.undecided == ("nvidia.com/gpu may come from a device class, but deviceclasses can't be read.",)


CARDS = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "ResourceSlice",
    "metadata": {"name": "cards"},
    "spec": {
        "driver": "gpu.nvidia.com",
        "nodeName": "n1",
        "pool": {"name": "n1", "generation": 1, "resourceSliceCount": 1},
        "devices": [
            {"name": "gpu-0"},
            {"name": "gpu-1"},
            {"name": "gpu-2", "taints": [{"key": "sick", "effect": "NoExecute"}]},
        ],
    },
}
CLASS = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "DeviceClass",
    "metadata": {"name": "gpu"},
    "spec": {
        "selectors": [{"cel": {"expression": "device.driver == 'gpu.nvidia.com'"}}],
        "extendedResourceName": "nvidia.com/gpu",
    },
}


def cards_of(node: str) -> dict:
    spec = CARDS["spec"] | {"nodeName": node, "pool": {**CARDS["spec"]["pool"], "name": node}}
    return CARDS | {"metadata": {"name": f"cards-{node}"}, "spec": spec}


def taking(device: str) -> dict:
    given = [{"request": "r", "driver": "gpu.nvidia.com", "pool": "n1", "device": device}]
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": f"takes-{device}", "namespace": "default"},
        "spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "gpu"}}]}},
        "status": {"allocation": {"devices": {"results": given}}},
    }


def cards(shown: dict) -> dict[str, int]:
    blocks = ("capacity", "allocatable", "allocated", "free", "available")
    return {block: shown[block]["extended"].get("nvidia.com/gpu") for block in blocks}


async def test_a_name_that_stands_for_devices_counts_them_and_follows_the_claims(simulator, start, node, pod):
    simulator.add(node("n1"), node("n2"), CLASS, CARDS, pod("user", on="n1", gpu=1))
    watching = await start()
    await watching.until(lambda w: cards(w.nodes["n1"])["available"] == 2)

    simulator.add(taking("gpu-0"))
    await watching.until(lambda w: cards(w.nodes["n1"])["available"] == 1)

    shown = watching.nodes
    assert cards(shown["n1"]) == {"capacity": 3, "allocatable": 2, "allocated": 1, "free": 1, "available": 1}
    assert shown["n1"]["available"]["gpu"] == 1
    assert set(cards(shown["n2"]).values()) == {None}
    simulator.delete("ResourceSlice", "", "cards")
    await watching.until(lambda w: set(cards(w.nodes["n1"]).values()) == {None})
    assert watching.nodes["n1"]["free"]["gpu"] == 0


async def test_devices_that_only_the_scheduler_can_tell_are_unknown_and_not_none(simulator, start, node):
    odd = {**CLASS, "spec": {**CLASS["spec"], "selectors": [{"cel": {"expression": "device.driver.matches('gpu')"}}]}}
    simulator.add(node("n1"), node("n2"), node("shut", unschedulable=True), odd, CARDS, cards_of("shut"))

    watching = await start()
    shown = watching.nodes

    assert shown["n1"]["capacity"]["gpu"] is None
    assert shown["n1"]["available"]["gpu"] is None
    assert "nvidia.com/gpu" in shown["n1"]["capacity"]["extended"]
    (units,) = shown["n1"]["gpu_units"]
    assert (units["capacity"], units["available"]) == (None, None)
    assert units["unknown"].startswith("only the scheduler can tell the devices of the class gpu: ")
    assert shown["n2"]["capacity"]["gpu"] == 0
    assert shown["shut"]["available"]["gpu"] == 0


async def test_the_first_picture_has_the_devices_that_are_listed_last(simulator, start, node):
    simulator.add(node("n1"), CLASS, CARDS)
    simulator.faults.delay(0.4, path="/apis/resource.k8s.io/v1/resourceslices")

    watching = await start()

    assert cards(watching.nodes["n1"])["capacity"] == 3
    assert watching.live.snapshot.revision == 1


async def test_the_first_picture_waits_for_no_kind_that_is_not_to_be_had(simulator, start, node):
    simulator.add(node("n1"))
    simulator.faults.revoke_right("resourceslices")
    simulator.faults.server_error(path="/apis/storage.k8s.io/v1/csinodes")

    watching = await start()

    assert set(watching.nodes) == {"n1"}


async def test_a_class_that_comes_or_goes_changes_nodes_without_devices_too(simulator, start, node, pod):
    simulator.add(node("n1"), node("n2"), CARDS, pod("user", on="n2", gpu=1))
    watching = await start()
    await watching.until(lambda w: cards(w.nodes["n2"])["allocated"] == 1)

    simulator.add(CLASS)
    await watching.until(lambda w: cards(w.nodes["n2"])["allocated"] is None)
    simulator.delete("DeviceClass", "", "gpu")
    await watching.until(lambda w: cards(w.nodes["n2"])["allocated"] == 1)

    assert cards(watching.nodes["n2"])["free"] == -1
