"""Kubernetes' events in words for the person who waits."""

import pytest

from moorage.hub.start.heard.words import ended, plain
from moorage.hub.start.progress import told


async def source(*events):
    for event in events:
        yield event


async def collect(*events):
    return [event async for event in told(source(*events))]


@pytest.mark.parametrize(
    ("reason", "message", "words"),
    [
        ("FailedScheduling", "0/3 nodes are available: 1 Insufficient nvidia.com/gpu, 2 node(s) didn't match Pod's node affinity/selector.", "Waiting: not enough GPU free on the chosen node"),
        ("FailedScheduling", "0/3 nodes are available: 3 Insufficient memory, 1 Insufficient cpu.", "not enough CPU or memory free on any node"),
        ("FailedScheduling", "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.", "No node matches what this server requires"),
        ("Failed", 'Failed to pull image "x/y:1": not found', "image can't be pulled: it may not exist"),
        ("Failed", "Error: ImagePullBackOff", "image can't be pulled"),
        ("BackOff", 'Back-off pulling image "x/y:1"', "image can't be pulled"),
        ("BackOff", "Back-off restarting failed container", "exits right after it starts"),
        ("OOMKilling", "Memory cgroup out of memory", "Choose more memory"),
        ("FailedMount", "MountVolume.SetUp failed", "A volume can't be mounted yet"),
        ("Pulling", 'Pulling image "x/y:1"', "Pulling the image"),
        ("Started", "Container started", "starting"),
    ],
)  # fmt: skip
def test_an_event_has_plain_words(reason, message, words):
    assert words in plain(reason, message)


async def test_upstreams_text_stays_one_click_away_and_is_escaped():
    event = {
        "progress": 30,
        "message": "m",
        "raw_event": {"reason": "FailedMount", "message": "<script>alert(1)</script>"},
    }

    (shown,) = await collect(event)

    assert "<script>" not in shown["html_message"]
    assert "&lt;script&gt;" in shown["html_message"]
    assert shown["progress"] == 30


@pytest.mark.parametrize(
    "event",
    [
        {"message": "plain"},
        {"raw_event": None},
        {"raw_event": {"reason": "Unheard", "message": "of"}, "message": "kept"},
        {"raw_event": {"reason": 5}},
    ],
)
async def test_an_event_that_we_do_not_know_passes_as_it_is(event):
    assert await collect(event) == [event]


def started(**container):
    return {"status": {"containerStatuses": [{"name": "notebook", "state": {}, "lastState": {}, **container}]}}


OUT_OF_MEMORY = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}


@pytest.mark.parametrize("when", ["state", "lastState"])
def test_a_server_that_was_out_of_memory_is_told_what_to_choose(when):
    words, detail = ended(started(**{when: OUT_OF_MEMORY}))

    assert words is not None
    assert "Choose more memory" in words
    assert "OOMKilled" in detail


@pytest.mark.parametrize("pod", [None, {}, {"status": {}}, {"status": {"containerStatuses": None}}, started()])
def test_a_server_that_runs_has_not_ended(pod):
    assert ended(pod) == (None, "")


async def test_an_end_is_told_once_while_somebody_waits():
    looks = iter([True, True, True, False])

    said = [
        event
        async for event in told(
            source(), pod=lambda: started(state=OUT_OF_MEMORY), waiting=lambda: next(looks), every=0
        )
    ]

    assert [event["message"] for event in said] == ["The server ran out of memory and was stopped. Choose more memory."]


async def test_an_end_is_told_beside_the_events_of_a_server_that_never_ran_long_enough():
    event = {"raw_event": {"reason": "BackOff", "message": "Back-off restarting failed container"}}

    said = [event async for event in told(source(event), pod=lambda: started(lastState=OUT_OF_MEMORY))]

    assert ["exits right after it starts" in said[0]["message"], "Choose more memory" in said[1]["message"]] == [
        True,
        True,
    ]


async def test_that_a_start_takes_long_never_replaces_the_reason():
    """As github.com/jupyterhub/kubespawner/issues/936 has it."""
    raw = {"reason": "FailedScheduling", "message": "0/3 nodes are available: 3 Insufficient memory."}
    patience = {"message": "Server launch is taking <longer> than expected."}

    told = await collect({"progress": 30, "message": "m", "raw_event": raw}, patience, dict(patience))

    reason = told[0]["message"]
    assert "memory" in reason
    assert [each["message"] for each in told[1:]] == [f"{reason} {patience['message']}"] * 2
    assert all("memory" in each["html_message"] and "&lt;longer&gt;" in each["html_message"] for each in told[1:])


async def test_that_a_start_takes_long_is_told_as_it_is_where_nothing_was_said_before():
    assert await collect({"message": "Please be patient!"}) == [{"message": "Please be patient!"}]
