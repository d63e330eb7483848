"""Options that are too large are refused on every way to start a server, and nothing of them is kept."""

import json

import pytest

from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.choice.size import LARGEST, refuse_large

IN_THE_HUBS_LOOP = pytest.mark.asyncio(loop_scope="session")
LARGE = "x" * 900_000


async def saved(hub, name):
    """What the hub has kept of this person's servers, as an administrator reads it."""
    _, user = await hub.api("GET", f"/users/{name}?include_stopped_servers")
    return json.dumps(user)


@pytest.mark.parametrize(
    "body",
    [
        {"moorage": 1, "more": LARGE},
        {"moorage": 1, "profiles": {"profile": LARGE}},
        {"profile": LARGE},
        {LARGE: 1},
        ["x"] * 150_000,
        LARGE,
        {"moorage": 1, "more": "é" * 10_000},
    ],
    ids=lambda body: json.dumps(body)[:30],
)
@IN_THE_HUBS_LOOP
async def test_large_options_by_rest_are_a_400_and_are_not_kept(hub, person, body):
    status, answer = await hub.api("POST", f"/users/{person.name}/server", body)

    assert status == 400, answer
    if isinstance(body, dict):  # JupyterHub 6 refuses all else itself
        assert "too large. The maximum is 16 KB" in answer["message"]
    assert len(await saved(hub, person.name)) < LARGEST
    assert await hub.failures() == 0


@IN_THE_HUBS_LOOP
async def test_large_options_of_a_named_server_are_a_400_and_are_not_kept(hub, person):
    status, answer = await hub.api("POST", f"/users/{person.name}/servers/second", {"moorage": 1, "more": LARGE})

    assert status == 400, answer
    assert len(await saved(hub, person.name)) < LARGEST


@pytest.mark.parametrize("who", ["themselves", "an administrator"])
@IN_THE_HUBS_LOOP
async def test_a_large_form_is_refused_on_the_page_and_is_not_kept(hub, person, who):
    poster = person if who == "themselves" else await hub.log_in("boss")
    path = "/hub/spawn" if who == "themselves" else f"/hub/spawn/{person.name}"

    try:
        status, page = await poster.submit(path, node="atlas", image=LARGE)
    finally:
        if poster is not person:
            await poster.close()

    assert status in (200, 400)  # of JupyterHub 5 and 6
    assert "too large. The maximum is 16 KB" in page
    assert len(page) < 1_000_000
    assert len(await saved(hub, person.name)) < LARGEST
    assert await hub.failures() == 0


@IN_THE_HUBS_LOOP
async def test_what_was_too_large_is_not_what_the_next_start_takes(hub, person, cluster, load):
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    await hub.api("POST", f"/users/{person.name}/server", {"moorage": 1, "more": LARGE})

    status, answer = await hub.api("POST", f"/users/{person.name}/server")

    assert status in (201, 202), answer
    assert pods.asked(await until(lambda: pods.pod_of(cluster, person.name)))["limits"]["cpu"] == "1"


def test_the_limit_is_what_is_saved():
    refuse_large("x" * (LARGEST - 2))

    with pytest.raises(Refusal):
        refuse_large("x" * (LARGEST - 1))
