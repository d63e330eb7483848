"""From one snapshot to the next."""

import json
from datetime import UTC, datetime

from moorage.cluster.snapshot import Snapshot, following

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = Snapshot(1, "e", NOW, {"b": b'{"n":1}', "d": b'{"n":2}'})


def test_what_reads_the_same_makes_no_revision():
    assert following(FIRST, fresh={"b": b'{"n":1}', "unknown": None}, taken_at=NOW) is None


def test_a_new_node_stands_in_its_place_by_name():
    step = following(FIRST, fresh={"c": b'{"n":3}'}, taken_at=NOW)

    assert list(step.snapshot.nodes) == ["b", "c", "d"]
    assert json.loads(step.snapshot.array()) == [{"n": 1}, {"n": 3}, {"n": 2}]
    assert (step.snapshot.revision, step.changed, step.removed) == (2, {"c": b'{"n":3}'}, [])


def test_the_snapshot_before_stays_as_it_was():
    following(FIRST, fresh={"b": None, "d": b"{}"}, taken_at=NOW)

    assert dict(FIRST.nodes) == {"b": b'{"n":1}', "d": b'{"n":2}'}


def test_the_array_is_joined_once():
    snapshot = Snapshot(1, "e", NOW, {"a": b"{}"})

    assert snapshot.array() is snapshot.array()
