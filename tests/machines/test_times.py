"""How long machines took, by what was seen of pods, of machines on their way, and of their nodes."""

import json

import pytest

from moorage import Cluster
from moorage.gpus.labels.promises import Promises
from moorage.machines.notes import Notes
from moorage.machines.times import Times
from moorage.objects import Node, Pod, decode
from moorage.scheduling.alternatives.machines import Machine
from moorage.simulator import builders

LABELS = {"karpenter.sh/nodepool": "gpu", "node.kubernetes.io/instance-type": "g5.xlarge"}
GPU = {"allocatable": {"cpu": "4", "nvidia.com/gpu": "1"}}


class World:
    """A cluster whose clock a test turns, and what was timed in it."""

    def __init__(self, notes=None, *, looks=True):
        self.cluster = Cluster()
        self.cluster.promised = Promises()
        self.coming = []
        self.now = 1000.0
        self.times = Times(lambda: self.cluster, machines=lambda: self.coming, notes=notes, now=lambda: self.now)
        self.node("old", pool="old")
        if looks:
            self.times.look()

    def wait(self, seconds):
        for _ in range(seconds):
            self.now += 1
            self.times.look()

    def node(self, name, *, pool="gpu", **how):
        labels = {**LABELS, "karpenter.sh/nodepool": pool}
        self.cluster.set_node(decode(Node, json.dumps(builders.node(name, labels=labels, **how)).encode()))

    def pod(self, name, *, on=None):
        body = builders.pod(name, on=on)
        body["metadata"]["uid"] = name
        self.cluster.set_pod(decode(Pod, json.dumps(body).encode()))

    def ask(self, **how):
        machine = Machine(**{"pool": "gpu", "source": "karpenter", "state": "on_its_way", "since": 5.0, **how})
        self.coming = [machine]

    def about(self, kind="g5.xlarge", pool="gpu"):
        return self.times.about(Machine(pool=pool, kind=kind, source="karpenter", state="can_be_added"))


@pytest.fixture
def world():
    return World()


def test_nothing_is_known_before_one_was_seen(world):
    world.wait(5)

    assert world.about() is None


def test_a_machine_takes_from_when_it_was_asked_for_until_its_node_is_ready(world):
    world.ask()
    world.wait(60)
    world.ask(node_name="n1")
    world.node("n1", ready=False)
    world.wait(30)
    world.node("n1")
    world.wait(40)

    assert world.about() == 90


def test_a_machine_with_cards_takes_until_they_are_there(world):
    node = decode(Node, json.dumps({"metadata": {"name": ""}, "status": GPU}).encode())
    world.ask(node=node)
    world.wait(60)
    world.ask(node=node, node_name="n1")
    world.node("n1")
    world.wait(30)
    world.coming = []
    world.wait(30)
    world.node("n1", gpu=1)
    world.wait(40)

    assert world.about() == 120


def test_a_machine_that_nobody_told_of_takes_since_a_pod_waited_for_it(world):
    world.pod("ada")
    world.wait(100)
    world.node("n1", ready=False)
    world.wait(50)
    world.node("n1")
    world.wait(3)
    world.pod("ada", on="n1")
    world.wait(30)

    assert world.about() == 150


def test_a_pod_that_waited_for_something_else_before_does_not_count(world):
    world.pod("ada")
    world.wait(600)
    world.ask()
    world.wait(60)
    world.node("n1")
    world.wait(3)
    world.pod("ada", on="n1")
    world.wait(30)

    assert world.about() == 60


def test_a_group_of_cluster_autoscaler_counts_for_the_next_node_of_its_pool(world):
    world.ask(source="cluster-autoscaler")
    world.wait(45)
    world.node("n1", pool="other")
    world.node("n2")
    world.wait(1)
    world.coming = []
    world.wait(30)

    assert world.about() == 45
    assert world.about(pool="other") is None


def test_what_was_under_way_before_is_not_counted():
    world = World(looks=False)
    world.ask()
    world.pod("ada")
    world.node("young", ready=False)
    world.wait(10)
    world.ask(node_name="n1")
    world.node("n1")
    world.node("young")
    world.wait(2)
    world.pod("ada", on="n1")
    world.wait(60)

    assert world.about() is None


def test_a_node_that_came_for_nobody_tells_nothing(world):
    world.node("n1")
    world.wait(60)

    assert world.about() is None


def test_a_node_that_leaves_before_it_is_usable_tells_nothing(world):
    world.ask()
    world.wait(5)
    world.node("n1", ready=False)
    world.wait(5)
    world.cluster.remove_node("n1")
    world.wait(60)

    assert world.about() is None


def one(world, name, seconds):
    world.ask(since=world.now)
    world.wait(seconds)
    world.coming = []
    world.node(name)
    world.wait(100)


def test_it_is_the_median_of_the_newest_and_unlike_kinds_are_told_apart(world):
    for number, seconds in enumerate([60, 70, 500]):
        one(world, f"n{number}", seconds)

    assert world.about() == 70
    assert world.about(kind="unseen") == 70
    assert world.about(kind=None) == 70
    assert world.about(pool="another") is None


def test_only_the_newest_are_remembered(world):
    for number in range(30):
        one(world, f"n{number}", 10)
    for number in range(30, 60):
        one(world, f"n{number}", 50)

    assert world.about() == 50


async def test_times_outlive_a_restart(tmp_path):
    notes = Notes(tmp_path / "machines.json")
    one(World(notes), "n1", 60)
    await notes.keep()

    assert World(Notes(tmp_path / "machines.json")).about() == 60
