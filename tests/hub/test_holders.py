"""Who holds a card, at a real hub on the real service: the bytes that each person gets."""

import asyncio
import json

import aiohttp
import pytest
import pytest_asyncio

from moorage.hub.view.holders import Sight, held, sight_of
from moorage.simulator import Simulator, builders

TOKEN = "h" * 32
IN_THE_HUBS_LOOP = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(load, tmp_path_factory):
    """A hub whose service tells it names; ada's server “lab” holds the only card."""
    rig = load("moorage_test_rig")
    folder = tmp_path_factory.mktemp("holders")
    async with Simulator(scheduler=True, kubelet=True) as cluster:
        cluster.add(
            builders.namespace("jupyter"),
            builders.node("atlas", cpu="16", memory="64Gi", gpu=1),
            builders.node("borg", cpu="8", memory="32Gi"),
        )
        tokens = folder / "tokens"
        tokens.write_text(f"hub:reader+holders:{TOKEN}\n")
        kubeconfig = cluster.kubeconfig(folder / "kubeconfig")
        config = f"c.MoorageSpawner.service_token = {TOKEN!r}"
        async with (
            rig.Service(folder, kubeconfig=kubeconfig, MOORAGE_TOKEN_FILE=str(tokens)) as service,
            rig.Hub(folder, service_url=service.url, kubeconfig=kubeconfig, config=config) as hub,
        ):
            people = {name: await hub.log_in(name) for name in ("ada", "bob", "boss")}
            await people["ada"].submit("/hub/spawn/ada/lab", node="atlas", cpu="2", memory="1Gi", gpu="1", image="")
            await rig.until(lambda: _runs(hub), what=hub.tail)
            yield hub, people
            await hub.api("DELETE", "/users/ada/servers/lab")
            for person in people.values():
                await person.close()


async def _runs(hub):
    _, user = await hub.api("GET", "/users/ada?include_stopped_servers")
    return user["servers"].get("lab", {}).get("ready")


async def stream(hub, person, enough):
    """What the page gets until it has this."""
    return await follow(person.http, f"{hub.url}/hub/moorage/stream?_xsrf={await person.token()}", enough)


async def follow(http, address, enough):
    got = b""
    async with asyncio.timeout(20), http.get(address) as answer:
        assert answer.status == 200
        async for chunk in answer.content.iter_any():
            got += chunk
            if enough in got and got.endswith(b"\n\n"):
                return got
    raise AssertionError(got)


LACKING = {"cpu": "1", "memory": "1Gi", "gpu": "1", "node": "atlas"}


async def fit(hub, person):
    headers = {"X-XSRFToken": await person.token()}
    async with person.http.post(f"{hub.url}/hub/moorage/fit", json=LACKING, headers=headers) as answer:
        return await answer.text()


@IN_THE_HUBS_LOOP
async def test_their_own_server_is_named_to_its_owner(house):
    hub, people = house

    got = await stream(hub, people["ada"], b"your server")

    cards = json.loads(got.split(b"event: cards\ndata: ", 1)[1].split(b"\n\n", 1)[0])
    assert cards["atlas"] == ["Unknown GPU: held by your server “lab”"]
    assert json.loads(await fit(hub, people["ada"]))["held"]["atlas"] == [
        {"own": True, "text": "your server “lab” (1 GPU)"}
    ]


@IN_THE_HUBS_LOOP
async def test_to_another_person_a_card_is_held_and_no_byte_says_by_whom(house):
    hub, people = house

    got = await stream(hub, people["bob"], b"Unknown GPU: held")
    answer = await fit(hub, people["bob"])
    page = await people["bob"].form()

    assert b"ada" not in got
    assert "ada" not in answer
    assert json.loads(answer)["held"] == {}
    assert "held" in page
    assert "ada--lab" not in page


@IN_THE_HUBS_LOOP
async def test_an_administrator_sees_the_pod(house):
    hub, people = house

    got = await stream(hub, people["boss"], b"Unknown GPU: held")
    answer = json.loads(await fit(hub, people["boss"]))

    assert b"held by jupyter/jupyter-ada--lab" in got
    assert [line["own"] for line in answer["held"]["atlas"]] == [False]
    assert "jupyter/jupyter-ada--lab" in answer["held"]["atlas"][0]["text"]


@IN_THE_HUBS_LOOP
async def test_a_token_of_an_administrator_sees_no_names(house):
    hub, _ = house
    _, made = await hub.api("POST", "/users/boss/tokens", {"expires_in": 600})
    headers = {"Authorization": f"token {made['token']}"}

    async with aiohttp.ClientSession(headers=headers) as http:
        got = await follow(http, f"{hub.url}/hub/moorage/stream", b"Unknown GPU: held")
        async with http.post(f"{hub.url}/hub/moorage/fit", json=LACKING) as answer:
            told = await answer.json()

    assert b"ada" not in got
    assert told["held"] == {}


@IN_THE_HUBS_LOOP
async def test_the_page_of_a_person_who_is_deleted_gets_nothing_more(house):
    hub, _ = house
    person = await hub.log_in("leaving")
    address = f"{hub.url}/hub/moorage/stream?_xsrf={await person.token()}"

    async with asyncio.timeout(10), person.http.get(address) as answer:
        await answer.content.readany()
        await hub.api("DELETE", "/users/leaving")
        await answer.content.read()  # ends

    async with person.http.get(address, allow_redirects=False) as again:
        assert again.status == 302
    await person.close()


class User:
    admin = True

    def __init__(self):
        self.spawners = {}


@pytest.mark.parametrize(
    ("policy", "sees"),
    [
        ("admins", True),
        ("own", False),
        ("all", True),
        (lambda user: user.admin, True),
        (lambda _: "yes", False),
        (lambda _: 1 / 0, False),
    ],
)
def test_the_administrator_decides_who_sees_names(policy, sees):
    assert Sight(User(), policy).names is sees


def test_the_administrator_is_asked_again(monkeypatch):
    monkeypatch.setattr("moorage.hub.view.holders._ASKED_AGAIN", 0)
    user = User()
    sight = Sight(user, "admins")
    before = sight.names

    user.admin = False

    assert (before, sight.names) == (True, False)


def test_a_service_of_the_hub_sees_nothing():
    sight = sight_of(object(), "all")

    assert (sight.names, sight.own()) == (False, {})


def test_nonsense_about_who_holds_room_is_left_out():
    one = {"resource": "memory", "amount": 1 << 30, "namespace": "lab", "pod": "ada"}

    told = held({"a": [one, None, {"amount": "1"}, {**one, "amount": True}], "b": 7, "c": []}, Sight(User(), "all"))

    assert told == {"a": [{"own": False, "text": "lab/ada (1 GiB)"}]}
