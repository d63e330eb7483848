"""What a node says of itself while its cards are still to come."""

import json
from datetime import timedelta

import pytest

from moorage import Cluster, clock
from moorage.cluster.answers.fit_json import encoded, judge
from moorage.cluster.node_json import NodeJson
from moorage.gpus.cards import Cards
from moorage.gpus.labels.promises import Promises
from moorage.simulator import builders

LABELS = {"nvidia.com/gpu.present": "true", "nvidia.com/gpu.product": "NVIDIA-A10G", "nvidia.com/gpu.count": "1"}


def ready_for(seconds, **node):
    body = builders.node("n1", labels=LABELS, **node)
    since = clock.moment() - timedelta(seconds=seconds)
    body["status"]["conditions"][0]["lastTransitionTime"] = f"{since:%Y-%m-%dT%H:%M:%SZ}"
    return body


def cluster_of(*nodes):
    cluster = Cluster.from_objects(nodes=nodes)
    cluster.promised = Promises()
    return cluster


def shown(cluster):
    cards = Cards()
    return json.loads(NodeJson(cluster, gpu_details=cards.details, gpu_more=cards.more).of("n1"))


def test_how_many_cards_there_will_be_is_unknown_and_not_none():
    node = shown(cluster_of(ready_for(30)))

    assert (node["preparing"]["reason"], node["preparing"]["overdue"]) == ("devices", False)
    assert [node[block]["gpu"] for block in ("capacity", "allocatable", "free", "available", "allocated")] == [
        None,
        None,
        None,
        0,
        0,
    ]
    assert [(card["state_text"], card["notes"]) for card in node["gpu_details"]] == [("GPU driver is starting", [])]


def test_cards_that_have_not_come_for_long_are_said_not_to_be_offered():
    node = shown(cluster_of(ready_for(3600)))

    assert node["preparing"]["overdue"]
    assert node["gpu_details"][0]["state_text"] == "not offered: no working driver or device plugin"


def test_a_node_with_its_cards_is_not_prepared():
    node = shown(cluster_of(ready_for(30, gpu=1)))

    assert node["preparing"] is None
    assert node["capacity"]["gpu"] == 1


def test_a_taint_says_whether_it_passes():
    passing = {"key": "karpenter.sh/unregistered", "effect": "NoExecute"}
    lasting = {"key": "dedicated", "value": "ml", "effect": "NoSchedule"}

    node = shown(cluster_of(builders.node("n1", taints=[passing, lasting])))

    assert [taint["passes"] for taint in node["taints"]] == [True, False]
    assert node["preparing"]["text"] == "being added"


@pytest.mark.parametrize(
    ("seconds", "text"), [(30, "GPU driver is starting (1 asked)"), (3600, "labelled as having a GPU, but no device")]
)
def test_a_fit_says_that_the_cards_are_to_come_and_the_verdict_stays(seconds, text):
    judged = judge(cluster_of(ready_for(seconds)), builders.pod("p", gpu=1), revision=1)

    answer = json.loads(encoded(judged))
    verdict = answer["nodes"]["n1"]

    assert (answer["fits"], verdict["plugin"], verdict["unresolvable"]) == (False, "NodeResourcesFit", True)
    assert verdict["reasons"][0]["message"] == "Insufficient nvidia.com/gpu"
    assert verdict["reasons"][0]["text"].startswith(text)


async def test_an_open_stream_is_told_when_a_node_takes_too_long(simulator, start, monkeypatch):
    monkeypatch.setattr("moorage.cluster.live._LOOK_AGAIN_EVERY", 0.02)
    simulator.add(ready_for(15 * 60 - 1))
    watching = await start(ready=False)
    watching.live.cluster.promised = Promises()
    await watching.until(lambda seen: seen.nodes and seen.nodes["n1"]["preparing"])

    await watching.until(lambda seen: seen.nodes["n1"]["preparing"]["overdue"])

    assert "no device plugin reports one" in watching.nodes["n1"]["preparing"]["text"]
