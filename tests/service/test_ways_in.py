"""Kubernetes' tokens, and every way in beside the others: role by endpoint by method by way."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from aiohttp import web

from moorage.service.signin import remembered

FILE = {"reader": "f" * 32, "holders": "g" * 32, "admin": "h" * 32}
KUBERNETES = {"reader": "k-reader", "holders": "k-holders", "admin": "k-admin", "nobody": "k-nobody"}
HUB = {"reader": "u-reader", "holders": "u-holders", "admin": "u-admin", "nobody": "u-nobody"}
SERVICE = "access:services!service=moorage"
USERS = {
    "u-reader": {"name": "ada", "admin": False, "groups": ["lab"], "scopes": [SERVICE]},
    "u-holders": {"name": "grace", "admin": False, "groups": ["leads"], "scopes": [SERVICE]},
    "u-admin": {"name": "root", "admin": True, "groups": [], "scopes": ["access:services"]},
    # A token of somebody's server, which may do all but this.
    "u-nobody": {"name": "eve", "admin": True, "groups": ["leads"], "scopes": ["self", "access:services!service=x"]},
}
READS = [
    "/api/v1/cluster/resources",
    "/api/v1/cluster/machines",
    "/api/v1/cluster/waiting",
    "/api/v1/images/jupyter",
    "/api/v1/jupyterhub/config",
    "/metrics",
]
CONFIG = "/api/v1/jupyterhub/config"


class Hub:
    """JupyterHub's answer to whose a token is; the real one is asked in tests/hub."""

    def __init__(self) -> None:
        self.users = dict(USERS)
        self.asked = 0
        self.status = 200

    async def user(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.status != 200:
            return web.Response(status=self.status)
        user = self.users.get(request.headers["Authorization"].removeprefix("token "))
        return web.json_response(user) if user else web.json_response({"status": 403}, status=403)


@pytest.fixture
async def hub():
    hub = Hub()
    app = web.Application()
    app.router.add_get("/hub/api/user", hub.user)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    hub.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hub/api"
    yield hub
    await runner.cleanup()


@pytest.fixture
async def all_ways(serve, simulator, hub, tmp_path):
    simulator.authorizer.add("own", "system:serviceaccount:moorage:moorage")
    for role, rules in {
        "reader": [(["list"], ["nodes"])],
        "holders": [(["list"], ["nodes", "pods"])],
        "admin": [(["*"], ["*"])],
        "nobody": [(["get"], ["nodes"])],
    }.items():
        simulator.authorizer.add(KUBERNETES[role], role, rules)
    (tmp_path / "own").write_text("own")
    tokens = tmp_path / "tokens"
    tokens.write_text(
        f"a:reader:{FILE['reader']}\nb:reader+holders:{FILE['holders']}\nc:admin+holders:{FILE['admin']}\n"
    )
    service = await serve(
        api_server=simulator.url,
        api_token_file=tmp_path / "own",
        token_file=tokens,
        kubernetes_tokens=True,
        hub_api_url=hub.url,
        hub_api_token="the-service",
        hub_holder_groups=["leads"],
    )
    await service.ready()
    return service


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("way", [FILE, KUBERNETES, HUB], ids=["file", "kubernetes", "hub"])
async def test_each_role_may_the_same_by_each_way(all_ways, way) -> None:
    for role in ("reader", "holders", "admin"):
        headers = bearer(way[role])
        read = {path: (await all_ways.get(path, headers=headers)).status_code for path in READS}
        asked = await all_ways.client.post("/api/v1/cluster/fit", json={"ask": {"cpu": "1"}}, headers=headers)
        changed = await all_ways.client.put(CONFIG, json={"default_gpu": 1}, headers=headers)

        assert set(read.values()) == {200}, (role, read)
        assert asked.status_code == 200, role
        assert changed.status_code == (200 if role == "admin" else 403), role


@pytest.mark.parametrize("token", ["", KUBERNETES["nobody"], HUB["nobody"], "nonsense", "x" * 5000])
async def test_whoever_no_way_knows_is_told_nothing(all_ways, token) -> None:
    headers = bearer(token) if token else {}
    answers = [await all_ways.get(path, headers=headers) for path in READS]
    changed = await all_ways.client.put(CONFIG, json={"default_gpu": 1}, headers=headers)

    assert {answer.status_code for answer in (*answers, changed)} == {401}
    assert "JupyterHub" in answers[0].json()["error"]["hint"]


async def test_names_are_for_those_who_may_see_them(all_ways, simulator) -> None:
    ways = all_ways.parts.ways
    sees = {}
    for way in (FILE, KUBERNETES, HUB):
        for role in ("reader", "holders", "admin"):
            request = httpx2.Request("GET", all_ways.url, headers=bearer(way[role]))
            sees[way[role]] = (await ways.reader(request)).sees_holders

    assert [sees[way["reader"]] for way in (FILE, KUBERNETES, HUB)] == [False] * 3
    assert [sees[way[role]] for way in (FILE, KUBERNETES, HUB) for role in ("holders", "admin")] == [True] * 6


async def test_requests_that_come_together_ask_the_hub_once(all_ways, hub) -> None:
    await asyncio.gather(*(all_ways.get(READS[0], headers=bearer(HUB["reader"])) for _ in range(20)))

    assert hub.asked == 1


async def test_while_the_hub_is_silent_those_who_were_known_stay_and_others_are_told_why(
    all_ways, hub, monkeypatch
) -> None:
    assert (await all_ways.get(READS[0], headers=bearer(HUB["reader"]))).status_code == 200
    monkeypatch.setattr(remembered, "SECONDS", 0.0)
    hub.status = 503

    known = await all_ways.get(READS[0], headers=bearer(HUB["reader"]))
    unknown = await all_ways.get(READS[0], headers=bearer(HUB["admin"]))
    by_file = await all_ways.get(READS[0], headers=bearer(FILE["reader"]))

    assert (known.status_code, unknown.status_code, by_file.status_code) == (200, 503, 200)
    assert unknown.json()["error"]["code"] == "cannot_tell"


async def test_a_stream_ends_once_the_hub_knows_its_token_no_more(all_ways, hub, monkeypatch) -> None:
    monkeypatch.setattr(remembered, "SECONDS", 0.1)
    async with all_ways.stream(**bearer(HUB["reader"])) as events:
        await events.until("snapshot")
        del hub.users[HUB["reader"]]

        with pytest.raises((EOFError, httpx2.RemoteProtocolError)):
            await events.until("never")


async def test_the_oldest_stream_of_one_person_makes_room_and_says_so(all_ways, monkeypatch) -> None:
    monkeypatch.setattr("moorage.service.streams.stream.STREAMS_OF_ONE", 2)
    headers = bearer(HUB["reader"])
    async with all_ways.stream(**headers) as first, all_ways.stream(**headers) as second:
        await first.until("snapshot")
        await second.until("snapshot")
        async with all_ways.stream(**headers) as third, all_ways.stream(**bearer(HUB["admin"])) as other:
            await third.until("snapshot")
            await other.until("snapshot")

            await first.until("crowded")
            assert all_ways.parts.streams.open == 3
