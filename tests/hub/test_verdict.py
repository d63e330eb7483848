"""The service's verdict as the page gets it, whatever the service sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.hub.pages.verdicts.brief import in_brief, only_card

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["fits", "reasons", "text"]), inner),
)
SHORT = {
    "code": "NodeResourcesFit",
    "message": "Insufficient cpu",
    "text": "1 CPU short (2 asked, 1 free)",
    "short_by": None,
}


def test_nodes_with_the_same_answer_share_it():
    refused = {"fits": False, "reasons": [SHORT]}

    brief = in_brief({"fits": True, "nodes": {"a": refused, "b": dict(refused), "c": {"fits": True, "reasons": []}}})

    assert brief["nodes"] == {"a": 0, "b": 0, "c": 1}
    assert brief["kinds"] == [
        {"fits": False, "reasons": [{"text": "1 CPU short (2 asked, 1 free)", "message": "Insufficient cpu"}]},
        {"fits": True},
    ]


def test_a_reason_that_holds_everywhere_is_kept():
    brief = in_brief(
        {"fits": False, "nodes": {}, "prefilter": {"plugin": "VolumeBinding", "reasons": [SHORT, "plain"]}}
    )

    assert [reason["text"] for reason in brief["reasons"]] == ["1 CPU short (2 asked, 1 free)", "plain"]


def test_what_would_hold_the_pod_up_is_told_as_text():
    brief = in_brief({"fits": True, "nodes": {}, "warnings": ["In use on a.", {"text": "b"}, 3, None]})

    assert brief["warnings"] == ["In use on a.", "b"]


def test_the_only_kind_of_card_is_called_gpu():
    text = "no nvidia.com/gpu free (1 asked), 0 nvidia.com/gpu.shared"
    answer = {"fits": False, "nodes": {}, "prefilter": {"reasons": [{**SHORT, "text": text}]}}

    said = [
        in_brief(answer, card=only_card(offered))["reasons"][0]["text"]
        for offered in (["nvidia.com/gpu", "nvidia.com/mig-1g.5gb"], ["nvidia.com/gpu", "amd.com/gpu"])
    ]

    assert said == ["no GPU free (1 asked), 0 nvidia.com/gpu.shared", text]


@given(
    st.fixed_dictionaries(
        {}, optional={"fits": JSON, "refusals": JSON, "nodes": JSON, "prefilter": JSON, "would_work": JSON}
    )
)
def test_nonsense_becomes_no_more_than_unfit(answer):
    brief = in_brief(answer)

    assert set(brief["nodes"].values()) <= set(range(len(brief["kinds"])))


@pytest.mark.parametrize(
    ("node", "more", "can_wait"),
    [
        ({"unresolvable": False}, {}, True),
        ({"unresolvable": True}, {}, False),
        ({}, {}, False),
        ({"unresolvable": False, "image_problem": {"text": "Runs Windows; the image is for Linux."}}, {}, False),
        ({"unresolvable": False}, {"refusals": [{"text": "Over the quota.", "message": "exceeded quota"}]}, False),
    ],
    ids=["full", "tainted", "not told", "another system", "over the quota"],
)
def test_waiting_is_offered_only_where_room_is_what_lacks(node, more, can_wait):
    tainted = {"fits": False, "reasons": ["node(s) had untolerated taint(s)"], "unresolvable": True}
    refused = {"fits": False, "reasons": ["Insufficient cpu"], **node}

    brief = in_brief({"fits": False, "nodes": {"a": tainted, "b": refused}, **more})

    assert brief["can_wait"] is can_wait


def test_what_the_api_server_would_refuse_is_told():
    quota = {"kind": "ResourceQuota", "text": "Over the quota.", "message": "exceeded quota"}

    brief = in_brief({"fits": False, "refusals": [quota], "nodes": {"a": {"fits": True, "reasons": []}}})

    assert brief["refused"] == [{"text": "Over the quota.", "message": "exceeded quota"}]


@pytest.mark.parametrize(
    ("evict", "room"),
    [
        (None, {}),
        ({"count": 2, "placeholders": 2, "longest_grace_seconds": 30}, {"room": "at_once"}),
        ({"count": 2, "placeholders": 1, "longest_grace_seconds": 0}, {"room": "at_once"}),
        ({"count": 2, "placeholders": 1, "longest_grace_seconds": 30}, {"room": "later"}),
    ],
)
def test_of_a_node_that_refuses_it_is_told_whether_an_eviction_would_make_room(evict, room):
    short = {"fits": False, "reasons": [{"text": "1 CPU short.", "message": "Insufficient cpu"}], "evict": evict}

    brief = in_brief({"fits": False, "nodes": {"a": short}})

    assert brief["kinds"] == [
        {"fits": False, "reasons": [{"text": "1 CPU short.", "message": "Insufficient cpu"}], **room}
    ]


def test_whether_the_image_is_there_and_a_driver_that_is_too_old_are_part_of_a_nodes_kind():
    there, away = {"fits": True, "image_present": True}, {"fits": True, "image_present": False}
    old = {"fits": True, "driver_problem": "The driver is too old."}
    nodes = {"a": there, "b": away, "c": dict(there), "d": old, "e": {"fits": True, "image_present": "yes"}}

    brief = in_brief({"fits": True, "nodes": nodes, "image_bytes": 5})

    assert brief["image_bytes"] == 5
    assert {name: brief["kinds"][place] for name, place in brief["nodes"].items()} == {
        "a": {"fits": True, "here": True},
        "b": {"fits": True, "here": False},
        "c": {"fits": True, "here": True},
        "d": {"fits": True, "driver": "The driver is too old."},
        "e": {"fits": True},
    }
