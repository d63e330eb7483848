"""Patches, by the examples of their specifications."""

import pytest

from moorage.simulator.rules.patching import json_patch, merge, strategic
from moorage.simulator.store.status import Refusal


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patches_of_rfc_7386(target, patch, expected):
    assert merge(target, patch) == expected


def test_a_merge_leaves_its_target_alone():
    target = {"a": {"b": [1]}}

    merge(target, {"a": {"b": None, "c": 1}})

    assert target == {"a": {"b": [1]}}


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([{"op": "add", "path": "/list/0", "value": 0}], {"list": [0, 1, 2], "a": {"b": 1}}),
        ([{"op": "add", "path": "/list/-", "value": 3}], {"list": [1, 2, 3], "a": {"b": 1}}),
        ([{"op": "remove", "path": "/a/b"}], {"list": [1, 2], "a": {}}),
        ([{"op": "replace", "path": "/list/1", "value": 9}], {"list": [1, 9], "a": {"b": 1}}),
        ([{"op": "move", "from": "/a/b", "path": "/c"}], {"list": [1, 2], "a": {}, "c": 1}),
        ([{"op": "copy", "from": "/a", "path": "/c"}], {"list": [1, 2], "a": {"b": 1}, "c": {"b": 1}}),
        ([{"op": "add", "path": "/a~1b~0c", "value": 1}], {"list": [1, 2], "a": {"b": 1}, "a/b~c": 1}),
    ],
)
def test_json_patches_of_rfc_6902(operations, expected):
    assert json_patch({"list": [1, 2], "a": {"b": 1}}, operations) == expected


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/nothing"},
        {"op": "replace", "path": "/nothing", "value": 1},
        {"op": "test", "path": "/a", "value": 2},
        {"op": "dance", "path": "/a"},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "path": "/list/9", "value": 1},
        {"path": "/a"},
        "remove",
    ],
)
def test_a_json_patch_that_can_not_be_applied_is_refused(operation):
    with pytest.raises(Refusal) as refusal:
        json_patch({"a": 1, "list": []}, [operation])

    assert refusal.value.code == 422


def test_a_strategic_patch_knows_the_keys_of_lists():
    target = {"env": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}], "args": ["x"]}
    patch = {"env": [{"name": "b", "value": "3"}, {"name": "c", "value": "4"}], "args": ["y"]}

    assert strategic(target, patch) == {
        "env": [{"name": "a", "value": "1"}, {"name": "b", "value": "3"}, {"name": "c", "value": "4"}],
        "args": ["y"],
    }


def test_a_strategic_patch_deletes_from_lists_by_their_key():
    target = {"env": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]}

    assert strategic(target, {"env": [{"$patch": "delete", "name": "a"}]}) == {"env": [{"name": "b", "value": "2"}]}


def test_a_strategic_patch_may_replace():
    target = {"env": [{"name": "a", "value": "1"}], "labels": {"x": "1"}}
    patch = {"env": [{"$patch": "replace"}, {"name": "z"}], "labels": {"$patch": "replace", "y": "2"}}

    assert strategic(target, patch) == {"env": [{"name": "z"}], "labels": {"y": "2"}}
