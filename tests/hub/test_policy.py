"""Who may have what: options that are functions of the spawner, and what a person's groups change."""

import asyncio
import contextlib
import html
import re

import aiohttp
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONFIG = """
# A refusal is the answer however busy the machine is.
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 60}
import asyncio, sys

async def most_memory(spawner):
    name = spawner.user.name
    if name == "raiser":
        raise RuntimeError("the directory is away")
    if name == "leaver":
        sys.exit(1)
    if name == "hanger":
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass
    if name == "babbler":
        return "plenty"
    return "32Gi" if spawner.user.admin else "8Gi"

async def overrides(spawner):
    if spawner.user.name == "overridden":
        raise RuntimeError("no such group")
    return {
        "10-lab": {"groups": ["lab"], "spawner_override": {"cpu_max": "6", "images": lambda spawner: []}},
        "20-lab": {"groups": ["lab", "field"], "spawner_override": {"gpu_max": 0}},
    }

def most_cpu(spawner):
    while spawner.user.name == "plodder" and not (folder / "goes-on").exists():
        time.sleep(0.01)
    return "2"

c.MoorageSpawner.cpu_max = most_cpu
c.MoorageSpawner.memory_max = most_memory
c.Spawner.group_overrides = overrides
c.JupyterHub.load_groups = {
    "lab": {"users": ["member", "former"]},
    "told": {"users": ["told"], "properties": {"moorage": {"cpu_max": 3, "memory_max": "4Gi"}}},
    "mistold": {"users": ["mistold"], "properties": {"moorage": {"cpus_max": 3}}},
}
"""
NOTHING = "What you may have can't be determined right now"


@pytest.fixture
def limits(cluster, load):
    async def limits(name):
        pod = await load("moorage_test_rig").until(lambda: load("moorage_test_pods").pod_of(cluster, name))
        return pod["spec"]["containers"][0]["resources"]["limits"]

    return limits


def helps(page):
    return dict(re.findall(r'id="moorage-(cpu|memory|gpu)-help">([^<]*)<', page))


async def verdict(person, **fields):
    headers = {"X-XSRFToken": await person.token()}
    body = {"user": person.name, "server": "", **fields}
    async with person.http.post(f"{person.hub.url}/hub/moorage/fit", json=body, headers=headers) as answer:
        assert answer.status == 200
        return await answer.json()


async def test_a_function_of_the_spawner_says_what_may_be_had_plain_or_async(own_hub):
    person = await own_hub.log_in("anybody")

    assert helps(await person.form())["cpu"] == "0.1 to 2"
    assert helps(await person.form())["memory"] == "128 MiB to 8 GiB"
    assert (await verdict(person, cpu="1", memory="9Gi"))["refusal"].startswith("9 GiB memory is too much.")
    status, answer = await own_hub.api("POST", "/users/anybody/server", {"moorage": 1, "cpu": "3"})
    assert (status, answer["message"]) == (400, "3 CPU is too much. The maximum is 2.")
    await person.close()


async def test_it_is_asked_for_the_person_whose_server_it_is(own_hub):
    boss = await own_hub.log_in("boss")

    assert helps(await boss.form())["memory"] == "128 MiB to 32 GiB"
    await own_hub.api("POST", "/users/ward")
    status, answer = await own_hub.api("POST", "/users/ward/server", {"moorage": 1, "memory": "9Gi"})
    assert (status, answer["message"]) == (400, "9 GiB memory is too much. The maximum is 8 GiB.")
    await boss.close()


@pytest.mark.parametrize("name", ["raiser", "leaver", "hanger", "babbler", "overridden", "mistold"])
async def test_where_it_can_not_be_told_nothing_is_offered_and_nothing_counts_as_a_failure(own_hub, name):
    person = await own_hub.log_in(name)

    page = html.unescape(await person.form())
    judged = await verdict(person, cpu="1", memory="1Gi")
    posted, refusal = await person.submit(node="", cpu="1", memory="1Gi", gpu="0")
    by_rest = await own_hub.api("POST", f"/users/{name}/server", {"moorage": 1, "cpu": "1"})
    without_options = await own_hub.api("POST", f"/users/{name}/server")

    assert NOTHING in page
    assert "moorage-cpu" not in page
    assert NOTHING in judged["refusal"]
    assert NOTHING in html.unescape(refusal), posted
    for status, answer in (by_rest, without_options):
        assert status == 400, answer
        assert NOTHING in answer["message"]
    assert await own_hub.failures() == 0
    assert own_hub.log.read_text().count(f"Nothing is offered to {name}") == 1
    await person.close()


async def test_what_a_group_has_set_is_gone_with_the_group(own_hub, limits):
    person = await own_hub.log_in("former")

    assert helps(await person.form())["cpu"] == "0.1 to 6"
    status, answer = await own_hub.api("POST", "/users/former/server", {"moorage": 1, "cpu": "5", "memory": "1Gi"})
    assert status in (201, 202), answer
    assert (await limits("former"))["cpu"] == "5"
    await own_hub.api("DELETE", "/users/former/server")
    await own_hub.api("DELETE", "/groups/lab/users", {"users": ["former"]})

    assert helps(await person.form())["cpu"] == "0.1 to 2"
    status, answer = await own_hub.api("POST", "/users/former/server", {"moorage": 1, "cpu": "5", "memory": "1Gi"})
    assert (status, answer["message"]) == (400, "5 CPU is too much. The maximum is 2.")
    status, answer = await own_hub.api("POST", "/users/former/server")
    assert status == 400, "the saved options were the group's"
    await person.close()


async def test_a_function_in_an_override_that_finds_no_image_offers_none(own_hub):
    person = await own_hub.log_in("member")

    page = await person.form()
    status, answer = await own_hub.api("POST", "/users/member/server", {"moorage": 1, "image": "torch"})

    assert "PyTorch" not in page
    assert status == 400
    assert answer["message"].startswith("Image “torch” is not offered by this hub. The only one is ")
    await person.close()


async def test_a_group_may_be_told_what_its_members_may_have_in_its_properties(own_hub):
    person = await own_hub.log_in("told")
    assert helps(await person.form())["cpu"] == "0.1 to 3"

    await own_hub.api("PUT", "/groups/told/properties", {"moorage": '{"cpu_max": "1500m"}'})

    assert helps(await person.form())["cpu"] == "0.1 to 1.5"
    assert helps(await person.form())["memory"] == "128 MiB to 8 GiB"
    status, answer = await own_hub.api("POST", "/users/told/server", {"moorage": 1, "cpu": "2"})
    assert (status, answer["message"]) == (400, "2 CPU is too much. Your group told may have up to 1.5.")
    await person.close()


async def test_the_others_are_served_while_one_hangs(own_hub):
    person = await own_hub.log_in("bystander")
    hanging = asyncio.create_task(own_hub.api("POST", "/users/hanger/server", {"moorage": 1}))

    await person.form()

    assert not hanging.done()
    await hanging
    await person.close()


async def test_the_others_are_served_while_a_plain_function_hangs(own_hub):
    plodder, other = await own_hub.log_in("plodder"), await own_hub.log_in("other")
    try:
        theirs = asyncio.create_task(plodder.form())
        page = await other.form()

        assert NOTHING in html.unescape(await theirs)
        assert NOTHING not in html.unescape(page)
    finally:
        (own_hub.folder / "goes-on").touch()
        await plodder.close()
        await other.close()


@contextlib.asynccontextmanager
async def open_page(person, user):
    """The stream of an open page that is about this user."""
    address = f"{person.hub.url}/hub/moorage/stream?user={user}"
    async with person.http.get(
        address, headers={"X-XSRFToken": await person.token()}, timeout=aiohttp.ClientTimeout(total=60)
    ) as stream:
        yield stream


async def test_an_administrators_page_for_somebody_else_is_told_of_what_changes_for_that_person(own_hub):
    boss, stranger = await own_hub.log_in("boss"), await own_hub.log_in("stranger")
    await own_hub.api("POST", "/users/helped")
    try:
        async with open_page(boss, "helped") as page, open_page(stranger, "helped") as refused:
            await own_hub.api("POST", "/groups/lab/users", {"users": ["helped"]})
            heard = [line async for line in until(page.content, b"event: offer\n")]

            assert heard[-1] == b"event: offer\n"
            assert refused.status == 404
    finally:
        await own_hub.api("DELETE", "/groups/lab/users", {"users": ["helped"]})
        await boss.close()
        await stranger.close()


async def until(lines, last):
    async for line in lines:
        yield line
        if line == last:
            return


async def test_whoever_may_have_no_gpu_is_shown_none(own_hub):
    member, other = await own_hub.log_in("member"), await own_hub.log_in("other")

    pages = [await person.form() for person in (member, other)]

    assert ["1 of 1 GPU" in page or "RTX" in page for page in pages] == [False, True]
    assert ['"gpus": false' in page for page in pages] == [True, False]
    await member.close()
    await other.close()
