"""What the hub tells Prometheus, on its own `/metrics`."""

import re

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHOICE = {"moorage": 1, "cpu": "1", "memory": "1Gi"}


async def told(hub) -> dict[str, float]:
    text = await hub.text("/../metrics")
    return {name: float(value) for name, value in re.findall(r"^(moorage_\S+) (\S+)$", text, re.MULTILINE)}


async def test_starts_are_counted_by_how_they_end_and_verdicts_by_what_they_say(hub, person, load):
    until = load("moorage_test_rig").until
    placed, refused = 'moorage_hub_starts_total{outcome="placed"}', 'moorage_hub_starts_total{outcome="refused"}'
    fits, no = (f'moorage_hub_verdicts_total{{outcome="{word}"}}' for word in ("fits", "refused"))
    before = await told(hub)

    status, _ = await hub.api("POST", f"/users/{person.name}/server", {**CHOICE, "cpu": "9000"})
    assert status == 400
    headers = {"X-XSRFToken": await person.token()}
    for cpu in ("1", "9000"):
        async with person.http.post(f"{hub.url}/hub/moorage/fit", json={"cpu": cpu}, headers=headers) as answer:
            assert answer.status == 200
    await hub.api("POST", f"/users/{person.name}/server", CHOICE)

    async def counted() -> bool:
        return (await told(hub)).get(placed, 0) > before.get(placed, 0)

    await until(counted, what=hub.tail)
    after = await told(hub)
    assert after[refused] == before.get(refused, 0) + 1
    assert (after[fits], after[no]) == (before.get(fits, 0) + 1, before.get(no, 0) + 1)
    assert after["moorage_hub_verdict_seconds_count"] == before.get("moorage_hub_verdict_seconds_count", 0) + 2
    assert after["moorage_hub_live"] == 1


async def test_what_has_not_happened_yet_is_counted_as_0(hub):
    series = await told(hub)

    assert {f'moorage_hub_starts_total{{outcome="{word}"}}' for word in ("refused", "no_place", "failed")} <= set(
        series
    )
