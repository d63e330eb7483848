"""What the hub is configured to give stays the default and the most, on a hub as Zero to JupyterHub makes it."""

import re

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")

CAPS = """
c.KubeSpawner.cpu_limit = 2
c.KubeSpawner.mem_limit = "4G"
c.KubeSpawner.extra_resource_limits = {"nvidia.com/gpu": "1", "example.com/licence": "1"}
c.KubeSpawner.extra_resource_guarantees = {"nvidia.com/gpu": "1", "example.com/licence": "1"}
c.Spawner.group_overrides = {"10-large": {"groups": ["large"], "spawner_override": {"cpu_limit": 6.0, "mem_limit": "24G"}}}
c.JupyterHub.load_groups = {"large": {"users": ["largest", "larger"]}}
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 3}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def capped(load, tmp_path_factory):
    async with load("moorage_test_z2jh").standing(load, tmp_path_factory.mktemp("caps"), more=CAPS) as made:
        _, cluster = made
        for name in ("user-1", "user-2"):
            cluster.patch(
                "nodes",
                None,
                name,
                {"status": {key: {"example.com/licence": "9"} for key in ("capacity", "allocatable")}},
            )
        yield made


async def limits(capped, load, name):
    hub, cluster = capped
    pod = await load("moorage_test_rig").until(lambda: load("moorage_test_pods").pod_of(cluster, name), what=hub.tail)
    return pod["spec"]["containers"][0]["resources"]["limits"]


def shown(page):
    """The fields' values, or what is said in those that are empty, and what stands below them."""
    values = dict(re.findall(r'id="moorage-(cpu|memory|gpu)"[^>]*?value="([^"]*)"', page, re.DOTALL))
    empty = re.findall(r'id="moorage-(cpu|memory)"[^>]*?placeholder="([^"]*)"', page, re.DOTALL)
    values |= {name: words for name, words in empty if not values[name]}
    return values, re.findall(r'id="moorage-(?:cpu|memory|gpu)-help">([^<]*)<', page)


async def test_the_form_begins_with_what_is_configured_and_shows_it_as_the_most(capped):
    hub, _ = capped
    person = await hub.log_in("looks")

    page = await person.form()

    assert shown(page) == (
        {"cpu": "2 CPU guaranteed", "memory": "1 GiB guaranteed, up to 4 GiB", "gpu": "1"},
        ["2 CPU guaranteed. 0.1 to 2", "1 GiB guaranteed, up to 4 GiB. 128 MiB to 4 GiB", "0 to 1"],
    )
    await person.close()


async def test_a_start_without_a_choice_gets_what_is_configured(capped, load):
    hub, _ = capped
    await hub.api("POST", "/users/plain")

    status, answer = await hub.api("POST", "/users/plain/server")

    assert status in (201, 202), answer
    expected = {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": "1", "example.com/licence": "1"}
    assert await limits(capped, load, "plain") == expected
    await hub.api("DELETE", "/users/plain/server")


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"cpu": "3"}, "3 CPU is too much. This hub's limit is 2."),
        ({"memory": "5Gi"}, "5 GiB memory is too much. This hub's limit is 4 GiB."),
        ({"gpu": 2}, "2 GPU is too many. This hub's limit is 1."),
    ],
)
async def test_more_than_that_is_refused_as_the_hubs_limit(capped, choice, words):
    hub, _ = capped
    person = await hub.log_in("greedy")

    by_rest = await hub.api("POST", "/users/greedy/server", {"moorage": 1, **choice})
    _, page = await person.submit(**{name: str(value) for name, value in choice.items()})

    assert (by_rest[0], by_rest[1]["message"]) == (400, words)
    assert words.replace("'", "&#39;") in page
    assert await hub.failures() == 0
    await person.close()


async def test_less_than_that_can_be_had(capped, load):
    hub, _ = capped
    await hub.api("POST", "/users/modest")

    status, answer = await hub.api(
        "POST", "/users/modest/server", {"moorage": 1, "cpu": "1", "memory": "1Gi", "gpu": 0}
    )

    assert status in (201, 202), answer
    assert await limits(capped, load, "modest") == {"cpu": "1", "memory": "1Gi", "example.com/licence": "1"}


async def test_the_limits_of_a_persons_groups_count_on_the_form_in_the_verdict_and_at_the_start(capped, load):
    hub, _ = capped
    person = await hub.log_in("larger")

    values, bounds = shown(await person.form())
    headers = {"X-XSRFToken": await person.token()}
    body = {"user": "larger", "server": "", "cpu": "7", "memory": "8Gi", "gpu": "0"}
    async with person.http.post(f"{hub.url}/hub/moorage/fit", json=body, headers=headers) as answer:
        verdict = await answer.json()
    status, where = await person.submit(cpu="5", memory="20Gi", gpu="0")

    assert (values["cpu"], bounds[0]) == ("6 CPU guaranteed", "6 CPU guaranteed. 0.1 to 6")
    assert verdict["refusal"] == "7 CPU is too much. Your group large may have up to 6."
    assert verdict["would_work"] == [{"text": "6 CPU", "use": {"cpu": "6"}}]
    assert status == 302, where
    assert await limits(capped, load, "larger") == {"cpu": "5", "memory": "20Gi", "example.com/licence": "1"}
    await person.close()
