"""When what is lacking has become free at the latest, by the known ends of those who hold it."""

from datetime import UTC, datetime, timedelta

import pytest

from moorage.hub.pages.verdicts.freed import at_the_latest

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(minutes):
    return (NOON + timedelta(minutes=minutes)).isoformat()


def held(*ends, resource="nvidia.com/gpu", amount=1):
    return [
        {"resource": resource, "amount": amount, "namespace": "lab", "pod": f"p{place}", "until": end}
        for place, end in enumerate(ends)
    ]


def short(amount=1, resource="nvidia.com/gpu"):
    return {"reasons": [{"short_by": {"resource": resource, "short_by": amount}}]}


def never(pod):
    return None


@pytest.mark.parametrize(
    ("answer", "minutes"),
    [
        ({"nodes": {"a": short()}, "held_by": {"a": held(at(30), at(10), None)}}, 10),
        ({"nodes": {"a": short(2)}, "held_by": {"a": held(at(30), at(10), None)}}, 30),
        ({"nodes": {"a": short(3)}, "held_by": {"a": held(at(30), at(10), None)}}, None),
        ({"nodes": {"a": {"reasons": [{"short_by": None}]}}, "held_by": {"a": held(at(30))}}, None),
        ({"nodes": {"a": short(), "b": short()}, "held_by": {"a": held(at(30)), "b": held(at(20))}}, 20),
        ({"nodes": {"a": short()}, "held_by": {"a": held("soon", "2026-01-01T12:00:00")}}, None),
        ({"nodes": {"a": short()}, "held_by": {"a": [None, {}, 7]}}, None),
        ({"nodes": None, "held_by": []}, None),
    ],
)
def test_it_is_when_enough_has_been_given_back(answer, minutes):
    found = at_the_latest(answer, culled=never)

    assert (found and found[1]) == (None if minutes is None else NOON + timedelta(minutes=minutes))


def test_two_things_that_are_short_are_free_with_the_later_one():
    both = {"reasons": [*short()["reasons"], *short(500, "cpu")["reasons"]]}
    ones = [*held(at(10)), *held(at(40), resource="cpu", amount=500)]

    assert at_the_latest({"nodes": {"a": both}, "held_by": {"a": ones}}, culled=never) == (
        "a",
        NOON + timedelta(minutes=40),
    )


def test_what_the_hub_itself_stops_sooner_counts():
    answer = {"nodes": {"a": short()}, "held_by": {"a": held(at(30))}}

    found = at_the_latest(answer, culled={"lab/p0": NOON}.get)

    assert found == ("a", NOON)
