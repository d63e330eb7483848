"""One ConfigMap for several replicas: two processes on one simulated cluster."""

import asyncio
import contextlib
import json

import httpx2
import pytest
from pydantic import ValidationError

from moorage.service.settings import Settings

CONFIG = "/api/v1/jupyterhub/config"
NAME = "moorage/moorage-state"
KEY = "form-defaults.json"
EMPTY = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "moorage-state", "namespace": "moorage"}}


class Replica:
    """One service, as a client of it sees it."""

    def __init__(self, client):
        self._client = client

    async def put(self, **values):
        return await self._client.put(CONFIG, json=values)

    async def now(self):
        return (await self._client.get(CONFIG)).json()

    async def tells(self, holds=lambda _: True, **values):
        """Its answer, as soon as it has these values and is as wanted."""
        async with asyncio.timeout(20):
            while True:
                answer = await self.now()
                if answer.items() >= values.items() and holds(answer):
                    return answer
                await asyncio.sleep(0.01)


@pytest.fixture
def shared(simulator, node):
    simulator.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "moorage"}}, EMPTY, node("n1"))


@pytest.fixture
async def replicas(start, shared):
    """`await replicas(2)` starts so many processes, which share a ConfigMap that is there."""
    async with contextlib.AsyncExitStack() as stack:

        async def some(number=2, **env):
            processes = [await start(MOORAGE_STATE_CONFIGMAP=NAME, **env) for _ in range(number)]
            await asyncio.gather(*(process.ready() for process in processes))
            clients = [httpx2.AsyncClient(base_url=process.url, timeout=30) for process in processes]
            return [Replica(await stack.enter_async_context(client)) for client in clients]

        yield some


@pytest.fixture
def replica(serve, simulator, shared):
    """`await replica(**settings)` is one more on the same ConfigMap, in this process."""

    async def one(**settings):
        service = await serve(api_server=simulator.url, state_configmap=NAME, **settings)
        await service.ready()
        return Replica(service.client)

    return one


def kept(simulator):
    return json.loads(simulator.get("ConfigMap", "moorage", "moorage-state")["data"][KEY])


async def test_what_is_put_on_one_is_told_by_all_and_after_a_restart(replicas, simulator) -> None:
    one, other = await replicas()

    answer = (await one.put(default_cpu="6", default_gpu=2)).json()

    assert (answer["default_cpu"], answer["warnings"]) == ("6", [])
    assert await one.now() == answer
    assert await other.tells(default_cpu="6") == answer
    (later,) = await replicas(1)
    assert await later.now() == answer


async def test_changes_at_the_same_time_undo_each_other_nowhere(replicas, simulator) -> None:
    one, other = await replicas()

    async def change(replica, field, values):
        for value in values:
            assert (await replica.put(**{field: value})).status_code == 200

    await asyncio.gather(
        change(one, "default_cpu", [str(number) for number in range(1, 16)]),
        change(one, "default_gpu", range(1, 16)),
        change(other, "default_memory", [f"{number}Gi" for number in range(1, 16)]),
        change(other, "default_image", [f"image:{number}" for number in range(1, 16)]),
    )

    wanted = {"default_cpu": "15", "default_gpu": 15, "default_memory": "15Gi", "default_image": "image:15"}
    assert kept(simulator).items() >= wanted.items()
    assert await one.tells(**wanted) == await other.tells(**wanted)


async def test_without_the_configmap_the_settings_hold_everywhere_and_a_change_makes_it_anew(
    replicas, simulator
) -> None:
    one, other = await replicas(MOORAGE_DEFAULT_CPU="3")
    await one.put(default_cpu="6", default_gpu=1)
    await other.tells(default_cpu="6")

    simulator.delete("ConfigMap", "moorage", "moorage-state")

    await one.tells(default_cpu="3", default_gpu=0)
    await other.tells(default_cpu="3", default_gpu=0)
    assert (await other.put(default_gpu=4)).status_code == 200
    await one.tells(default_cpu="3", default_gpu=4)
    assert kept(simulator)["default_gpu"] == 4


async def test_a_configmap_that_is_gone_and_may_not_be_made_is_told(replica, simulator) -> None:
    simulator.faults.revoke_right("configmaps", verb="create")
    one = await replica()
    simulator.delete("ConfigMap", "moorage", "moorage-state")
    await one.tells(lambda answer: simulator.get("ConfigMap", "moorage", "moorage-state") is None)

    answer = await one.put(default_gpu=4)

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_kept")
    assert "There is no ConfigMap moorage/moorage-state" in answer.json()["error"]["message"]
    assert "kubectl --namespace moorage create configmap moorage-state" in answer.json()["error"]["hint"]


async def test_without_the_right_to_write_nothing_changes_and_it_is_said(replica, simulator) -> None:
    one, other = await replica(), await replica()
    await one.put(default_gpu=1)
    await other.tells(default_gpu=1)

    fault = simulator.faults.revoke_right("configmaps", verb="patch")
    answer = await other.put(default_gpu=2)

    assert answer.status_code == 503
    assert "may not change the ConfigMap moorage/moorage-state" in answer.json()["error"]["message"]
    assert "optional/state.yaml" in answer.json()["error"]["hint"]
    assert [(await each.now())["default_gpu"] for each in (one, other)] == [1, 1]
    assert any("may not change" in warning for warning in (await other.now())["warnings"])
    simulator.faults.remove(fault)
    assert (await other.put(default_gpu=2)).json()["warnings"] == []
    await one.tells(default_gpu=2)


async def test_without_the_right_to_read_what_was_read_stays_and_it_is_said(replica, simulator) -> None:
    one, other = await replica(), await replica()
    await one.put(default_gpu=1)
    await other.tells(default_gpu=1)

    simulator.faults.revoke_right("configmaps")

    told = await other.tells(lambda answer: answer["warnings"])
    assert told["default_gpu"] == 1
    assert "may not read the ConfigMap moorage/moorage-state" in told["warnings"][0]
    assert (await other.put(default_gpu=2)).status_code == 503
    assert (await other.now())["default_gpu"] == 1


async def test_a_replica_that_never_had_the_right_starts_with_its_settings(replica, simulator) -> None:
    simulator.faults.revoke_right("configmaps")

    one = await replica(default_gpu=2)

    answer = await one.now()
    assert answer["default_gpu"] == 2
    assert "may not read" in answer["warnings"][0]


async def test_what_a_person_breaks_in_it_changes_nothing(replica, simulator, caplog) -> None:
    one = await replica()
    await one.put(default_gpu=1)

    for text in ("{", "[]", json.dumps({"default_cpu": "lots"})):
        simulator.patch("ConfigMap", "moorage", "moorage-state", {"data": {KEY: text, "mine": "stays"}})
        async with asyncio.timeout(20):
            while "form defaults rejected" not in caplog.text:
                await one.now()
                await asyncio.sleep(0.01)
        caplog.clear()
        assert (await one.now())["default_gpu"] == 1

    assert (await one.put(default_cpu="2")).status_code == 200
    assert (kept(simulator)["default_cpu"], kept(simulator)["default_gpu"]) == ("2", 1)
    assert simulator.get("ConfigMap", "moorage", "moorage-state")["data"]["mine"] == "stays"


async def test_a_default_that_can_not_be_is_refused_before_anything_is_written(replica, simulator) -> None:
    one = await replica()

    answer = await one.put(default_cpu="lots")

    assert answer.status_code == 422
    assert KEY not in (simulator.get("ConfigMap", "moorage", "moorage-state").get("data") or {})


@pytest.mark.parametrize("setting", ["state_file", "machines_state_file"])
def test_a_file_beside_it_is_an_error_that_says_what_to_do(setting, tmp_path) -> None:
    with pytest.raises(ValidationError, match=f"MOORAGE_{setting.upper()} are both set: .*unset the other"):
        Settings(state_configmap=NAME, **{setting: tmp_path / "state.json"})


@pytest.mark.parametrize("name", ["state", "a/b/c", "A/b", "/b", "a/"])
def test_a_name_that_is_none_is_an_error(name) -> None:
    with pytest.raises(ValidationError, match="state_configmap"):
        Settings(state_configmap=name)
