"""Amounts that nobody touches stay as KubeSpawner alone makes them, whatever it is configured to give."""

import asyncio
import re

import pytest
import pytest_asyncio

from moorage import Quantity

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

# By group, so that one hub has them all; each with what stands in the fields of CPU and memory, or is told of them.
CONFIGURED = {
    "nothing": ({}, ("No limit", "No limit")),
    "guarantees": (
        {"cpu_guarantee": 0.5, "mem_guarantee": "1G"},
        ("No limit (0.5 CPU guaranteed)", "No limit (1 GiB guaranteed)"),
    ),
    "limits": ({"cpu_limit": 2.0, "mem_limit": "4G"}, ("2 CPU guaranteed", "4 GiB")),
    "above": (
        {"cpu_limit": 2.0, "cpu_guarantee": 0.5, "mem_limit": "4G", "mem_guarantee": "1G"},
        ("0.5 CPU guaranteed, up to 2", "1 GiB guaranteed, up to 4 GiB"),
    ),
    "equal": (
        {"cpu_limit": 2.0, "cpu_guarantee": 2.0, "mem_limit": "4G", "mem_guarantee": "4G"},
        ("2 CPU guaranteed", "4 GiB"),
    ),
}
_OVERRIDES = {
    name: {"groups": [name], "spawner_override": override} for name, (override, _) in CONFIGURED.items() if override
}
CONFIG = f"""
c.MoorageSpawner.default_cpu = c.MoorageSpawner.default_memory = ""
c.Spawner.group_overrides = {_OVERRIDES!r}
c.JupyterHub.load_groups = {{name: {{"users": [name, f"{{name}}-alone"]}} for name in {[*CONFIGURED]!r}}}
"""
ALONE = 'c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"\n'


async def amounts(cluster, load, name, server=""):
    """What the pod has of each resource as (request, limit), in exact numbers. The API server takes a limit for the request
    where there is none.
    """
    pod = await load("moorage_test_rig").until(lambda: load("moorage_test_pods").pod_of(cluster, name, server))
    has = pod["spec"]["containers"][0]["resources"]
    limits = has.get("limits") or {}
    requests = {**limits, **(has.get("requests") or {})}
    return {
        name: tuple(Quantity.parse(each[name]).milli if name in each else None for each in (requests, limits))
        for name in requests
    }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def alone(tmp_path_factory, cluster, fake_service, load):
    """The amounts of each person's pod on a hub without moorage."""
    folder = tmp_path_factory.mktemp("alone")
    kubeconfig = cluster.kubeconfig(folder / "kubeconfig")
    hub = load("moorage_test_rig").Hub(
        folder, service_url=fake_service.url, kubeconfig=kubeconfig, config=CONFIG + ALONE
    )
    async with hub:
        names = [f"{name}-alone" for name in CONFIGURED]
        await asyncio.gather(*(hub.api("POST", f"/users/{name}/server") for name in names))
        found = {name: await amounts(cluster, load, f"{name}-alone") for name in CONFIGURED}
        await hub.clear()
    return found


def shown(page):
    """The form's fields as the page has them, and the words for those in which nothing stands."""
    fields = dict(re.findall(r'<input[^>]* name="(cpu|memory|gpu)"[^>]*? value="([^"]*)"', page))
    for name, options in re.findall(r'<select[^>]* name="(node|gpu_kind|image)"[^>]*>(.*?)</select>', page, re.DOTALL):
        found = re.search(r'value="([^"]*)"[^>]* selected', options) or re.search(r'value="([^"]*)"', options)
        fields[name] = found[1]
    words = dict(re.findall(r'<input[^>]* name="(cpu|memory)"[^>]*? placeholder="([^"]*)"', page))
    return fields, words


@pytest.mark.parametrize("name", CONFIGURED)
async def test_what_nobody_touches_is_what_kubespawner_alone_gives(own_hub, cluster, load, alone, name):
    person = await own_hub.log_in(name)
    fields, words = shown(await person.form())
    expected = alone[name]

    await own_hub.api("POST", f"/users/{name}/server")
    forms = {"untouched": {}, "gpu": {"gpu": "1"}, "cpu": {"cpu": "1"}}
    posted = [
        await person.submit(f"/hub/spawn/{name}/{server}", **{**fields, **change}) for server, change in forms.items()
    ]
    found = {server: await amounts(cluster, load, name, server) for server in ("", *forms)}

    assert tuple(fields[field] or words[field] for field in ("cpu", "memory")) == CONFIGURED[name][1]
    assert [status for status, _ in posted] == [302, 302, 302], posted
    assert found == {
        "": expected,
        "untouched": expected,
        "gpu": {**expected, "nvidia.com/gpu": (1000, 1000)},
        "cpu": {**expected, "cpu": (500, 1000)},
    }
    await own_hub.clear()
    await person.close()


@pytest.mark.parametrize("name", CONFIGURED)
async def test_the_verdict_is_on_the_pod_that_kubespawner_alone_makes(own_hub, fake_service, alone, name):
    person = await own_hub.log_in(name)
    fields, _ = shown(await person.form())
    headers = {"X-XSRFToken": await person.token()}
    body = {"user": name, "server": "", **fields}

    async with person.http.post(f"{own_hub.url}/hub/moorage/fit", json=body, headers=headers) as answer:
        verdict = await answer.json()

    assert "refusal" not in verdict, verdict
    has = fake_service.asked[-1]["pod"]["spec"]["containers"][0]["resources"]
    requests = {**(has.get("limits") or {}), **(has.get("requests") or {})}
    asked = {name: Quantity.parse(amount).milli for name, amount in requests.items()}
    assert asked == {name: request for name, (request, _) in alone[name].items()}
    await person.close()
