"""Lines of a watch, read one by one."""

import json

import pytest

from moorage.kube.errors import ApiError, Gone
from moorage.kube.following.events import Events
from moorage.kube.following.pages import Garbage
from moorage.objects import CountedPod, Unreadable

EVENTS = Events(CountedPod)


def line(event, /, **body):
    return json.dumps({"type": event, "object": body}).encode()


def test_an_event_tells_its_object_and_the_revision_to_go_on_from():
    event = EVENTS.read(line("ADDED", metadata={"name": "p", "resourceVersion": "7"}, spec={"nodeName": "n"}))

    assert (event.type, event.item.metadata.name, event.item.spec.node_name, event.revision) == ("ADDED", "p", "n", "7")


def test_a_bookmark_tells_the_revision():
    event = EVENTS.read(line("BOOKMARK", kind="Pod", metadata={"resourceVersion": "9", "creationTimestamp": None}))

    assert (event.type, event.revision) == ("BOOKMARK", "9")


@pytest.mark.parametrize(("code", "kind"), [(410, Gone), (500, ApiError), (None, ApiError)])
def test_an_error_inside_the_stream_is_the_error_of_its_code(code, kind):
    with pytest.raises(kind, match="too old"):
        EVENTS.read(line("ERROR", kind="Status", status="Failure", message="too old", code=code))


@pytest.mark.parametrize("body", [{"spec": {"containers": 7}}, {"spec": {"nodeName": ["n"]}}])
def test_an_object_that_cannot_be_read_keeps_its_name_and_the_revision(body):
    event = EVENTS.read(line("MODIFIED", metadata={"name": "p", "uid": "u", "resourceVersion": "8"}, **body))

    assert isinstance(event.item, Unreadable)
    assert (event.item.identity.uid, event.revision) == ("u", "8")


def test_even_the_metadata_may_be_unreadable():
    event = EVENTS.read(line("MODIFIED", metadata={"name": "p", "annotations": 7, "resourceVersion": "8"}))

    assert isinstance(event.item, Unreadable)
    assert event.revision == "8"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"type":"ADDED"}',
        b'{"type":7,"object":{}}',
    ],
)
def test_what_is_no_event_is_garbage(text):
    with pytest.raises(Garbage):
        EVENTS.read(text)


def test_an_unknown_type_is_told_as_it_is():
    assert EVENTS.read(line("NOVELTY", metadata={"resourceVersion": "3"})).type == "NOVELTY"
