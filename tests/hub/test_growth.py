"""What autoscalers say of a server that waits: their events as they come, replayed, and the sentences for people."""

import asyncio
import time
from datetime import UTC, datetime

import pytest

from moorage.hub.start.heard.growth import growth, is_about_machines, refusal, seconds_among
from moorage.hub.start.progress import told

AT = 1795842600.0
EKS = "eks-gpu-26c2f3a1-0d9e-4d0b-9a53-3f0c9a1b2c3d"
FULL = "pod didn't trigger scale-up: 1 Insufficient nvidia.com/gpu, 3 max node group size reached"
SMALL = (
    "pod didn't trigger scale-up: 2 Insufficient nvidia.com/gpu, 1 node(s) didn't match Pod's node affinity/selector"
)
ADDED = f"pod triggered scale-up: [{{{EKS} 0->1 (max: 3)}}]"
LIMITS = 'Failed to schedule pod, all available instance types exceed limits for nodepool "gpu"'
UNSUITED = (
    'Failed to schedule pod, incompatible with nodepool "cpu", daemonset overhead={"cpu":"150m","pods":"2"}, no '
    'instance type has enough resources; incompatible with nodepool "core", did not tolerate dedicated=core:NoSchedule'
)


def event(reason, message, *, at=0, last=None, component="cluster-autoscaler"):
    first, newest = (
        datetime.fromtimestamp(AT + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for seconds in (at, at if last is None else last)
    )
    return {
        "reason": reason,
        "message": message,
        "source": {"component": component},
        "firstTimestamp": first,
        "lastTimestamp": newest,
    }


def waits(at):
    return event("FailedScheduling", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.", at=at)


def said(*events, at, usual=None):
    now = growth(events)
    return now.words(now=AT + at, usual=usual) if now is not None else None


def test_where_no_autoscaler_speaks_nothing_is_said_of_machines():
    assert said(waits(0), waits(60), at=70) is None


def test_a_machine_that_is_being_added_says_how_long_it_has_been_and_what_is_usual():
    added = event("TriggeredScaleUp", ADDED, at=10)

    assert said(waits(0), added, at=10) == "A new machine is being added."
    assert said(waits(0), added, at=100) == "A new machine is being added (1:30 so far)."
    assert said(waits(0), added, at=100, usual=240) == "A new machine is being added (usually 4 min, 1:30 so far)."


def test_the_scheduler_that_still_finds_no_node_meanwhile_ends_no_hope():
    added = event("TriggeredScaleUp", ADDED, at=10)

    assert said(added, waits(20), waits(50), at=70) == "A new machine is being added (1:00 so far)."


def test_an_autoscaler_that_adds_no_other_machine_meanwhile_ends_no_hope():
    added, not_another = event("TriggeredScaleUp", ADDED, at=10), event("NotTriggerScaleUp", FULL, at=40)

    assert said(added, not_another, at=70).startswith("A new machine is being added")


def test_a_machine_that_takes_longer_than_usual_is_said_to():
    added = event("TriggeredScaleUp", ADDED)

    assert said(added, at=550, usual=240) == (
        "A new machine is being added, which takes longer this time (usually 4 min, 9:10 so far)."
    )


def test_a_machine_that_never_came_is_no_hope_any_more():
    added = event("TriggeredScaleUp", ADDED)

    assert said(added, at=960) == "A new machine was asked for 16 min ago and has not come. The cloud may have none."


def test_once_there_is_a_node_nothing_is_said_of_machines():
    placed = event("Scheduled", "Successfully assigned", at=200, component="default-scheduler")

    assert said(event("TriggeredScaleUp", ADDED), placed, at=210) is None


def test_what_can_not_be_added_now_often_can_soon_and_that_is_said():
    refused = event("NotTriggerScaleUp", FULL, at=10)

    assert said(waits(0), refused, at=20) == (
        "No machine can be added right now: what could be added is at its maximum. "
        "This often passes, and is tried again."
    )


def test_a_refusal_that_lasts_says_so_and_hope_ends_where_time_mends_nothing():
    full, small = (event("NotTriggerScaleUp", message, last=390) for message in (FULL, SMALL))

    assert said(full, at=400) == (
        "No machine could be added for this server for 7 min: what could be added is at its maximum. "
        "It is still tried again."
    )
    assert said(small, at=400) == (
        "No machine could be added for this server for 7 min: none that can be added has enough GPU. "
        "Waiting will hardly help: choose less, or another node."
    )


def test_hope_comes_back_with_a_machine_that_is_added_after_all():
    refused, added = event("NotTriggerScaleUp", FULL), event("TriggeredScaleUp", ADDED, at=90)

    assert said(refused, added, at=120) == "A new machine is being added (0:30 so far)."


def test_a_cloud_that_has_none_ends_what_was_being_added():
    failed = event(
        "FailedScaleUp",
        "Node scale up in zones z-a associated with this pod failed: GCE out of resources. Pod is at risk of not being "
        "scheduled.",
        at=60,
    )

    assert said(event("TriggeredScaleUp", ADDED), failed, at=70) == (
        "No machine can be added right now: the cloud gave none (GCE out of resources). "
        "This often passes, and is tried again."
    )


def nominated(claim, *, at=0):
    return event("Nominated", f"Pod should schedule on: {claim}", at=at, component="karpenter")


def test_karpenter_adds_a_machine_by_a_nomination():
    assert said(nominated("nodeclaim/gpu-x7k2q"), at=90) == "A new machine is being added (1:30 so far)."


def test_a_machine_that_another_one_takes_the_place_of_goes_on_from_the_first():
    assert said(nominated("nodeclaim/gpu-a"), nominated("nodeclaim/gpu-b", at=60), at=90).endswith("(1:30 so far).")


@pytest.mark.parametrize("place", ["node/n1", "nodeclaim/gpu-x7k2q, node/n1"])
def test_a_nomination_for_a_node_that_is_there_adds_none(place):
    assert said(nominated(place), at=10) is None


@pytest.mark.parametrize(
    ("reason", "message", "why", "passes"),
    [
        ("NotTriggerScaleUp", FULL, "what could be added is at its maximum", True),
        ("NotTriggerScaleUp", "pod didn't trigger scale-up: 1 in backoff after failed scale-up", "the cloud gave none a short while ago", True),
        ("NotTriggerScaleUp", SMALL, "none that can be added has enough GPU", False),
        ("NotTriggerScaleUp", "pod didn't trigger scale-up: 1 Insufficient memory, 2 Insufficient cpu", "none that can be added has enough CPU and memory", False),
        ("NotTriggerScaleUp", "pod didn't trigger scale-up: 2 node(s) had untolerated taint(s)", "none that can be added suits this server", False),
        ("NotTriggerScaleUp", "pod didn't trigger scale-up: ", "the autoscaler knows none for this server", False),
        ("NotTriggerScaleUp", "", "the autoscaler knows none for this server", False),
        ("FailedScheduling", LIMITS, "what could be added is at its maximum", True),
        ("FailedScheduling", UNSUITED, "none that can be added has enough", False),
        ("FailedScheduling", "Failed to schedule pod, did not tolerate a=b:NoSchedule", "none that can be added suits this server", False),
    ],
)  # fmt: skip
def test_why_none_is_added_has_plain_words(reason, message, why, passes):
    assert refusal(reason, message) == (why, passes)


@pytest.mark.parametrize("message", ["0/3 nodes are available: 3 Insufficient cpu.", "", "Failed"])
def test_what_the_scheduler_says_is_not_karpenters(message):
    assert not is_about_machines("FailedScheduling", message)


def test_an_event_without_a_moment_is_of_now():
    assert growth([{"reason": "TriggeredScaleUp", "message": ADDED}]).words(now=AT) == "A new machine is being added."
    assert growth([{"reason": "TriggeredScaleUp", "message": ADDED, "lastTimestamp": 7}]) is not None


MACHINES = [
    {"pool": "gpu", "about_seconds": 240},
    {"pool": "gpu-large", "about_seconds": 600},
    {"pool": "gpu-large", "about_seconds": None},
    {"pool": "cpu", "about_seconds": 60},
]


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        (EKS, 240),
        ("gpu-large-x7k2q", 600),
        ("https://compute.example/zones/z/instanceGroups/gke-hub-cpu-c399c5c0-grp", 60),
        ("MachineDeployment/ns/gpu", 240),
        ("other-x7k2q", None),
    ],
)
def test_how_long_it_usually_takes_is_that_of_the_pool(name, seconds):
    assert seconds_among(MACHINES, [name]) == seconds


@pytest.mark.parametrize(
    "answer", [None, {}, ["x", {"pool": 7}, {"pool": "gpu"}, {"pool": "gpu", "about_seconds": "4"}]]
)
def test_nonsense_of_the_service_is_no_time(answer):
    assert seconds_among(answer, [EKS]) is None


def just_now(reason, message, *, ago=0):
    moment = datetime.fromtimestamp(time.time() - ago, UTC).isoformat()
    return {"reason": reason, "message": message, "firstTimestamp": moment, "lastTimestamp": moment}


async def waiting_source(*events, end):
    for raw in events:
        yield {"progress": 30, "raw_event": raw}
    await end.wait()


async def test_how_long_a_machine_has_been_coming_is_told_without_any_event():
    end, heard = asyncio.Event(), []
    added = just_now("TriggeredScaleUp", ADDED, ago=90)

    async def usual(names):
        assert names == (EKS,)
        return 240

    async with asyncio.timeout(10):
        async for each in told(waiting_source(added, end=end), all_events=lambda: [added], usual=usual, tick=0.05):
            heard.append(each["message"])
            if len(heard) == 2:
                end.set()

    assert heard[0].startswith("A new machine is being added (usually 4 min, 1:3")
    assert heard[1].startswith("A new machine is being added (usually 4 min, 1:3")
    assert heard[0] != heard[1]


async def test_a_refusal_that_comes_again_is_seen_though_it_is_no_new_event():
    end, heard = asyncio.Event(), []
    refused = just_now("NotTriggerScaleUp", SMALL, ago=299)

    async with asyncio.timeout(10):
        async for each in told(waiting_source(refused, end=end), all_events=lambda: [refused], tick=0.05):
            heard.append(each["message"])
            if len(heard) == 2:
                end.set()

    assert heard[0].startswith("No machine can be added right now")
    assert heard[1].startswith("No machine could be added for this server for 5 min")


async def test_a_service_that_fails_costs_no_word():
    end = asyncio.Event()
    end.set()

    async def usual(_names):
        raise RuntimeError

    source = waiting_source(just_now("TriggeredScaleUp", ADDED), end=end)

    assert [each["message"] async for each in told(source, usual=usual)] == ["A new machine is being added."]


async def test_who_stops_listening_leaves_nothing_behind():
    end, closed = asyncio.Event(), asyncio.Event()

    async def source():
        try:
            async for each in waiting_source(just_now("TriggeredScaleUp", ADDED), end=end):
                yield each
        finally:
            closed.set()

    listening = told(source(), tick=0.05)
    await anext(listening)
    second = asyncio.ensure_future(anext(listening))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    await listening.aclose()

    async with asyncio.timeout(5):
        await closed.wait()
