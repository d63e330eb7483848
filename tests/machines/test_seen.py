"""Nodes that were seen, and what the next machine of their pool looks like by that."""

import json

import pytest

from moorage import Cluster
from moorage.gpus.labels.promises import Promises
from moorage.machines.autoscaler import machines_of
from moorage.machines.groups import Group
from moorage.machines.notes import Notes
from moorage.machines.picture import joined
from moorage.machines.seen import Seen
from moorage.objects import Node, Pod, decode
from moorage.scheduling.accounting.podinfo import digest
from moorage.scheduling.alternatives.machines import as_node
from moorage.simulator import builders

AT = 1795842600.0
READY = "2026-11-28T05:10:00Z"
LONG_AGO = "2026-11-01T00:00:00Z"
GPU = {
    "eks.amazonaws.com/nodegroup": "gpu",
    "node.kubernetes.io/instance-type": "g5.xlarge",
    "nvidia.com/gpu.present": "true",
}


class World:
    """A cluster that a test changes, and what was seen of it."""

    def __init__(self, notes=None):
        self.cluster = Cluster()
        self.cluster.promised = Promises()
        self.now = AT
        self.changes = 0
        self.seen = Seen(lambda: self.cluster, notes=notes, changed=self._count, now=lambda: self.now)

    def _count(self):
        self.changes += 1

    def put(self, name, *, created=LONG_AGO, zone="a", labels=GPU, **how):
        body = builders.node(name, labels={"topology.kubernetes.io/zone": zone, **labels}, **how)
        body["metadata"]["creationTimestamp"] = created
        body["status"]["conditions"][0]["lastTransitionTime"] = created
        self.cluster.set_node(decode(Node, json.dumps(body).encode()))
        self.seen.look()

    def gone(self, name):
        self.cluster.remove_node(name)
        self.seen.look()

    @property
    def kinds(self):
        return {m.kind: m for m in self.seen.machines() if m.state != "on_its_way"}

    @property
    def coming(self):
        return [m for m in self.seen.machines() if m.state == "on_its_way"]


@pytest.fixture
def world():
    return World()


def test_a_kind_outlives_its_last_node(world):
    world.put("n1", cpu="4", memory="16Gi", gpu=1)
    world.gone("n1")

    machine = world.kinds["g5.xlarge"]

    assert (machine.pool, machine.source, machine.label) == ("gpu", "seen", ("eks.amazonaws.com/nodegroup", "gpu"))
    assert (machine.gpu_count, as_node(machine).allocatable.cpu_milli) == (1, 4000)


def test_what_is_one_nodes_own_is_not_the_next_ones(world):
    world.put("n1", zone="a", labels={**GPU, "serial": "1", "team": "ml"}, gpu=1)
    world.put("n2", zone="b", labels={**GPU, "serial": "2", "team": "ml"}, gpu=1)

    machine = world.kinds["g5.xlarge"]

    assert machine.zones == ("a", "b")
    labels = machine.node.metadata.labels
    assert labels["team"] == "ml"
    assert "serial" not in labels
    assert "kubernetes.io/hostname" not in labels


def test_a_sick_card_is_not_handed_down(world):
    world.put("n1", gpu=4, allocatable={"nvidia.com/gpu": 3})

    assert world.kinds["g5.xlarge"].gpu_count == 4


def test_taints_that_pass_are_not_the_next_ones(world):
    taints = [
        {"key": "gpu", "value": "only", "effect": "NoSchedule"},
        {"key": "DeletionCandidateOfClusterAutoscaler", "value": "1", "effect": "PreferNoSchedule"},
    ]
    world.put("n1", gpu=1, taints=taints)

    assert [taint.key for taint in world.kinds["g5.xlarge"].node.spec.taints] == ["gpu"]


@pytest.mark.parametrize("how", [{"ready": False}, {}])
def test_a_node_that_was_never_ready_with_its_cards_shows_no_kind(world, how):
    world.put("n1", created=READY, **how)

    assert world.kinds == {}


def test_a_node_of_no_pool_shows_no_kind(world):
    world.put("n1", labels={"node.kubernetes.io/instance-type": "m5.large"})

    assert world.seen.machines() == ()


def test_a_node_whose_driver_starts_is_a_machine_on_its_way_with_the_cards_of_its_kind(world):
    world.put("n1", gpu=1)
    world.put("n2", created=READY)

    (machine,) = world.coming

    assert (machine.node_name, machine.pool, machine.since, machine.gpu_count) == ("n2", "gpu", AT, 1)
    assert as_node(machine).labels["kubernetes.io/hostname"] == "n2"


UNLABELLED = {key: value for key, value in GPU.items() if not key.startswith("nvidia.com/")}


def test_a_node_without_the_cards_of_its_kind_is_on_its_way_though_no_label_promises_them(world):
    world.put("n1", labels=UNLABELLED, gpu=1)
    world.put("n2", labels=UNLABELLED, created=READY)

    assert [(machine.node_name, machine.gpu_count) for machine in world.coming] == [("n2", 1)]
    assert world.kinds["g5.xlarge"].gpu_count == 1


def test_a_kind_that_has_lost_its_cards_for_good_is_one_without(world):
    world.put("n1", labels=UNLABELLED, gpu=1)
    world.put("n2", labels=UNLABELLED, created=READY)
    world.now += 3600
    world.seen.look()

    assert world.coming == []
    assert world.kinds["g5.xlarge"].gpu_count is None


def test_the_labels_of_a_first_node_may_tell_how_many_cards_it_will_have(world):
    world.put("n1", created=READY, labels={**GPU, "nvidia.com/gpu.count": "2"})

    (machine,) = world.coming
    assert machine.gpu_count == 2


def test_how_many_cards_a_first_node_will_have_may_be_unknown(world):
    world.put("n1", created=READY)

    (machine,) = world.coming
    assert (machine.node, machine.why) == (None, "How many cards it will have is not known.")


def test_a_young_node_that_is_not_ready_is_on_its_way_until_it_is(world):
    world.put("n1", created=READY, gpu=1, ready=False)
    assert [machine.node_name for machine in world.coming] == ["n1"]

    world.put("n1", created=READY, gpu=1)
    assert world.coming == []


def test_a_node_that_broke_down_is_not_on_its_way(world):
    world.put("n1", gpu=1, ready=False)
    world.put("n2", created=READY, gpu=1, taints=[{"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}])

    assert world.coming == []


def test_a_node_is_not_on_its_way_for_ever(world):
    world.put("n1", created=READY)
    world.now += 3600
    world.seen.look()

    assert world.coming == []


def test_what_runs_on_a_node_already_is_taken_there(world):
    world.put("n1", gpu=1)
    world.put("n2", created=READY)
    world.cluster.set_pod(digest(decode(Pod, json.dumps(builders.pod("agent", on="n2", cpu="500m")).encode())))
    world.seen.look()

    (machine,) = world.coming
    assert as_node(machine).requested.cpu_milli == 500


def test_an_autoscalers_group_looks_like_its_nodes(world):
    world.put("n1", gpu=1)
    group = Group(name="gpu", healthy=True, most=3, target=1, registered=1, ready=1)

    (machine,) = joined([*world.seen.machines(), *machines_of("gpu", [group])])

    assert (machine.source, machine.state, machine.left, machine.kind, machine.gpu_count) == (
        "cluster-autoscaler",
        "can_be_added",
        2,
        "g5.xlarge",
        1,
    )


def test_a_pool_that_nobody_adds_machines_to_is_no_news(world):
    world.put("n1", gpu=1)
    world.gone("n1")

    assert joined(world.seen.machines()) == []


def test_a_pool_whose_nodes_came_and_went_is_known_and_gives_no_hope(world):
    world.put("n1", created="2026-11-28T05:11:00Z", gpu=1)
    world.gone("n1")

    (machine,) = joined(world.seen.machines())

    assert (machine.state, machine.may_come) == ("unknown", False)
    assert machine.why == "Machines of pool gpu come and go; whether one can be added now is not known."


def test_a_pool_that_an_autoscaler_takes_nodes_away_from_may_grow_again(world):
    world.put("n1", gpu=1)
    world.put("n1", gpu=1, taints=[{"key": "ToBeDeletedByClusterAutoscaler", "value": "1", "effect": "NoSchedule"}])

    assert [machine.state for machine in joined(world.seen.machines())] == ["unknown"]


def test_a_node_that_two_sources_call_on_its_way_comes_once(world, a_machine):
    world.put("n1", gpu=1)
    world.put("n2", created=READY)
    claim = a_machine("gpu", source="karpenter", state="on_its_way", shape={}, node_name="n2")

    coming = [machine for machine in joined([*world.seen.machines(), claim]) if machine.state == "on_its_way"]

    assert [machine.source for machine in coming] == ["karpenter"]


async def test_kinds_are_remembered_over_a_restart(tmp_path):
    file = tmp_path / "machines.json"
    before = World(Notes(file))
    before.put("n1", gpu=1, taints=[{"key": "gpu", "effect": "NoSchedule"}])
    await before.seen.keep()

    after = World(Notes(file))

    assert after.kinds == before.kinds
    assert "gpu" in after.seen.pools()


@pytest.mark.parametrize("text", [b"", b"[]", b"\xff", b'{"kinds": 5}', b'{"kinds": [{"pool": 1}, 7, {}]}'])
async def test_a_file_that_can_not_be_read_costs_its_memories_only(tmp_path, text):
    file = tmp_path / "machines.json"
    file.write_bytes(text)
    world = World(Notes(file))

    world.put("n1", gpu=1)
    await world.seen.keep()

    assert list(World(Notes(file)).kinds) == ["g5.xlarge"]


def test_amounts_that_are_garbage_are_not_remembered(tmp_path):
    file = tmp_path / "machines.json"
    kind = {"pool": "gpu", "label": ["a", "b"], "allocatable": {"cpu": "many"}}
    file.write_text(json.dumps({"kinds": [kind]}))

    assert World(Notes(file)).kinds == {}


async def test_a_file_that_can_not_be_written_is_told_once(tmp_path, caplog):
    world = World(Notes(tmp_path / "missing" / "machines.json"))
    world.put("n1", gpu=1)

    await world.seen.keep()
    await world.seen.keep()

    assert [record.message for record in caplog.records] == ["what is seen of machines can't be written"]


def test_a_kind_is_forgotten_a_month_after_its_last_node(world):
    world.put("n1", gpu=1)
    world.put("n2", labels={**GPU, "node.kubernetes.io/instance-type": "g5.2xlarge"}, gpu=1)
    world.now += 40 * 86400
    world.gone("n1")
    world.now += 20 * 86400
    world.seen.look()
    assert set(world.kinds) == {"g5.xlarge", "g5.2xlarge"}

    world.now += 20 * 86400
    world.seen.look()

    assert set(world.kinds) == {"g5.2xlarge"}


def test_no_more_kinds_are_remembered_than_anybody_has(world):
    for number in range(510):
        world.cluster.set_node(
            decode(
                Node,
                json.dumps(
                    builders.node(f"n{number}", labels={**GPU, "eks.amazonaws.com/nodegroup": f"p{number}"}, gpu=1)
                ).encode(),
            )
        )
    world.seen.look()

    assert len(world.seen.machines()) == 500


def test_only_a_change_is_told(world):
    world.put("n1", gpu=1)
    assert world.changes == 1

    world.seen.look()
    assert world.changes == 1


def test_many_nodes_are_looked_at_in_turns(world):
    for number in range(5):
        labels = {**GPU, "node.kubernetes.io/instance-type": f"kind-{number}"}
        world.cluster.set_node(decode(Node, json.dumps(builders.node(f"n{number}", labels=labels, gpu=1)).encode()))

    assert [world.seen.look(most=2) for _ in range(3)] == [False, False, True]
    assert len(world.kinds) == 5


class Shared:
    """A ConfigMap that replicas keep together, without a server."""

    known, name = True, "moorage/state"

    def __init__(self):
        self.data = {}
        self.writes = 0
        self._listeners = []

    def listen(self, listener):
        self._listeners.append(listener)

    async def change(self, key, make):
        text = make(self.data.get(key))
        self.writes += 1
        self.become({**self.data, key: text})
        return text

    def become(self, data):
        self.data = data
        for listener in self._listeners:
            listener()


async def test_replicas_learn_from_each_other_and_then_write_nothing_more():
    shared = Shared()
    one, other = World(Notes(shared=shared)), World(Notes(shared=shared))
    one.put("a", gpu=1)
    await one.seen.keep()
    other.put("b", gpu=4, labels={**GPU, "node.kubernetes.io/instance-type": "g5.12xlarge"})
    other.seen.look()

    for _ in range(3):
        await other.seen.keep()
        await one.seen.keep()
        one.seen.look()
        other.seen.look()
        written = shared.writes

    assert one.kinds.keys() == other.kinds.keys() == {"g5.xlarge", "g5.12xlarge"}
    for _ in range(3):
        one.now = other.now = one.now + 60
        one.put("a", gpu=1)
        await one.seen.keep()
        await other.seen.keep()
    assert shared.writes == written


async def test_what_somebody_took_away_is_written_again():
    shared = Shared()
    world = World(Notes(shared=shared))
    world.put("a", gpu=1)
    await world.seen.keep()

    shared.become({})
    await world.seen.keep()

    assert "g5.xlarge" in shared.data["machines.json"]


async def test_what_is_kept_for_replicas_stays_below_what_an_api_server_takes():
    shared = Shared()
    notes = Notes(shared=shared)
    notes.put("kinds", [{"number": number, "text": "x" * 4000} for number in range(500)])

    await notes.keep()

    text = shared.data["machines.json"]
    assert len(text) < 1_000_000
    assert json.loads(text)["kinds"][-1]["number"] == 499
