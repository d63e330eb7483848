"""Reading objects: lenient with what is not ours, exact about what is wrong."""

from __future__ import annotations

import json

import pytest

from moorage.errors import InvalidObject
from moorage.objects import Node, Pod, Unreadable, decode, decode_list


def _page(*items, **meta) -> bytes:
    return json.dumps({"kind": "PodList", "metadata": {"resourceVersion": "7", **meta}, "items": list(items)}).encode()


def test_a_list_is_read_at_once():
    meta, pods, unreadable = decode_list(
        Pod, _page({"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}, **{"continue": "more"})
    )

    assert (meta.resource_version, meta.continue_) == ("7", "more")
    assert [pod.metadata.name for pod in pods] == ["a", "b"]
    assert unreadable == []


def test_one_bad_item_of_a_list_hides_no_other():
    bad = {"metadata": {"name": "bad", "namespace": "ns", "uid": "u"}, "spec": {"nodeName": "n1", "containers": {}}}

    _, pods, unreadable = decode_list(Pod, _page({"metadata": {"name": "a"}}, bad, 5, {"metadata": {"name": "b"}}))

    assert [pod.metadata.name for pod in pods] == ["a", "b"]
    assert str(unreadable[0]) == "Pod ns/bad can't be read: spec.containers: expected `array | null`, got `object`"
    assert (unreadable[0].identity.uid, unreadable[0].identity.node_name) == ("u", "n1")
    assert len(unreadable) == 2


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"items": 5}', b"\xff"])
def test_a_list_that_is_none_is_an_error(data):
    with pytest.raises(InvalidObject, match="a list of Pod objects can't be read"):
        decode_list(Pod, data)


def test_unknown_fields_and_nulls_are_no_matter():
    node = decode(
        Node, {"metadata": {"name": "n", "labels": None, "managedFields": [{}]}, "spec": None, "future": {"x": 1}}
    )

    assert node.metadata.name == "n"


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (
            {"metadata": {"name": "n"}, "spec": {"taints": [{"key": 3}]}},
            "Node n can't be read: spec.taints[0].key: expected `str`, got `int`",
        ),
        ({"metadata": {"name": "\ud800"}}, r"Node \\ud800 can't be read"),
        ([], "Node can't be read: Expected `object`, got `array`"),
        (object(), "Node can't be read"),
    ],
)
def test_what_is_wrong_is_told_with_the_object_and_the_field(item, said):
    with pytest.raises(Unreadable) as caught:
        decode(Node, item)

    assert str(caught.value).replace("\\", "\\\\").startswith(said) or str(caught.value).startswith(said)


def test_a_very_long_name_does_not_fill_the_page():
    with pytest.raises(Unreadable) as caught:
        decode(Node, {"metadata": {"name": "x" * 10_000}, "spec": 5})

    assert len(str(caught.value)) < 500
