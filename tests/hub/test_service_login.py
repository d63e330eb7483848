"""The service as a service of a real JupyterHub: people open its dashboard with the hub's log-in."""

from __future__ import annotations

import asyncio
import sys

import aiohttp
import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONFIG = """
c.JupyterHub.services += [
    {{
        "name": "moorage",
        "url": "http://127.0.0.1:{port}",
        "command": [{python!r}, "-m", "moorage.cli", "serve", "--api-server", {server!r}],
        "environment": {{"PYTHONPATH": {source!r}, "MOORAGE_HUB_HOLDER_GROUPS": "leads"}},
        "oauth_no_confirm": True,
    }}
]
c.JupyterHub.load_groups = {{"guests": {{"users": ["ada"]}}, "leads": {{"users": ["grace"]}}}}
c.JupyterHub.load_roles += [
    {{"name": "sees-moorage", "groups": ["guests", "leads"], "scopes": ["access:services!service=moorage"]}},
]
"""
PAGE = "/services/moorage/"
API = f"{PAGE}api/v1/cluster/"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hub(load, tmp_path_factory, cluster, fake_service):
    rig = load("moorage_test_rig")
    folder = tmp_path_factory.mktemp("login")
    config = CONFIG.format(
        port=rig.free_port(), python=sys.executable, server=cluster.url, source=str(rig.ROOT / "src")
    )
    kubeconfig = cluster.kubeconfig(folder / "kubeconfig")
    async with rig.Hub(folder, service_url=fake_service.url, kubeconfig=kubeconfig, config=config) as hub:
        await rig.until(
            lambda: _answers(f"{hub.url}{PAGE}livez"), seconds=60, what=lambda: f"no service:\n{hub.tail()}"
        )
        yield hub


async def _answers(url: str) -> bool:
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return answer.status == 200


@pytest_asyncio.fixture(loop_scope="session")
async def ada(hub):
    person = await hub.log_in("ada")
    yield person
    await person.close()


async def test_the_page_opens_by_the_hubs_log_in_alone(hub, ada) -> None:
    async with ada.http.get(hub.url + PAGE) as answer:
        page, where = await answer.text(), answer.url.path
    async with ada.http.get(f"{hub.url}{API}resources") as answer:
        nodes = await answer.json()

    assert where == PAGE
    assert 'data-log-in="hub"' in page
    assert "atlas" in {node["name"] for node in nodes}


async def test_whoever_is_not_logged_in_is_sent_to_the_hub_and_told_nothing(hub) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        async with http.get(hub.url + PAGE) as answer:
            where = answer.url.path
        async with http.get(f"{hub.url}{API}resources") as answer:
            status = answer.status

    assert (where, status) == ("/hub/login", 401)


async def test_whoever_may_not_use_the_service_is_refused_by_the_hub(hub) -> None:
    eve = await hub.log_in("eve")
    async with eve.http.get(hub.url + PAGE) as answer:
        status, where = answer.status, answer.url.path
    await eve.close()

    assert (status, where) == (403, "/hub/api/oauth2/authorize")


async def test_a_session_reads_and_changes_nothing_though_it_is_an_administrators(hub) -> None:
    admin = await hub.log_in("boss")
    async with admin.http.get(hub.url + PAGE):
        pass
    async with admin.http.put(f"{hub.url}{PAGE}api/v1/jupyterhub/config", json={"default_gpu": 1}) as answer:
        refused = answer.status, (await answer.json())["error"]["message"]
    await admin.close()
    _, made = await hub.api("POST", "/users/boss/tokens", {})
    headers = {"Authorization": f"token {made['token']}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.put(f"{hub.url}{PAGE}api/v1/jupyterhub/config", json={"default_gpu": 0}) as answer,
    ):
        by_token = answer.status

    assert refused == (403, "A session only reads.")
    assert by_token == 200


@pytest.mark.parametrize("query", ["", "?code=x", "?code=x&state=forged", "?state=%00&code=%ff"])
async def test_a_log_in_that_was_not_begun_here_is_refused(hub, ada, query) -> None:
    async with ada.http.get(f"{hub.url}{PAGE}oauth_callback{query}", allow_redirects=False) as answer:
        status, told = answer.status, await answer.json()

    assert (status, told["error"]["code"]) == (403, "log_in_failed")


async def test_streams_end_and_the_session_is_over_soon_after_the_log_out(hub) -> None:
    grace = await hub.log_in("grace")
    async with grace.http.get(hub.url + PAGE):
        pass
    async with grace.http.get(f"{hub.url}{API}stream") as stream:
        await stream.content.readline()
        # Another tab logs out; this one's cookies stay what they were.
        cookies = {cookie.key: cookie.value for cookie in grace.http.cookie_jar}
        async with grace.http.get(f"{hub.url}/hub/logout"):
            pass
        async with asyncio.timeout(20):
            while await stream.content.readany():
                pass
    async with aiohttp.ClientSession(cookies=cookies) as http, http.get(f"{hub.url}{API}resources") as answer:
        status = answer.status
    await grace.close()

    assert status == 401
