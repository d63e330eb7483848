"""A scheduler's configuration, from a ConfigMap or a file, decides what is checked for its pods."""

import asyncio
import contextlib
import logging

import pytest
import yaml

from moorage.kube.connect import connect
from moorage.service.settings import Settings
from moorage.service.state.schedulers import Schedulers, Unusable

FIT = "/api/v1/cluster/fit"
NAME = "hub-user-scheduler"
TAINT = [{"key": "lab", "value": "x", "effect": "NoSchedule"}]


def configuration(*off: str, name: str = NAME) -> str:
    switches = {"filter": {"disabled": [{"name": each} for each in off]}}
    profile = {"schedulerName": name, "plugins": switches}
    return yaml.safe_dump({"kind": "KubeSchedulerConfiguration", "profiles": [profile]})


def configmap(text: str, key: str = "config.yaml"):
    metadata = {"name": "user-scheduler", "namespace": "hub"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {key: text}}


async def fit(service, pod):
    asked = pod("ask", cpu="1")
    asked["spec"]["schedulerName"] = NAME
    answer = await service.client.post(FIT, json={"pod": asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def until(check) -> None:
    async with asyncio.timeout(10):
        while not await check():
            await asyncio.sleep(0.02)


async def test_what_a_configmap_switches_off_is_not_checked(serve, simulator, node, pod) -> None:
    simulator.add(node("n1", taints=TAINT), configmap(configuration("TaintToleration")))
    service = await serve(api_server=simulator.url, scheduler_configmaps="hub/user-scheduler")
    await service.ready()

    async def honoured() -> bool:
        return (await fit(service, pod))["fits"]

    await until(honoured)


async def test_what_a_file_switches_off_is_not_checked_from_the_start(serve, simulator, node, pod, tmp_path) -> None:
    file = tmp_path / "scheduler.yaml"
    file.write_text(configuration("NodeResourcesFit", "TaintToleration"))
    simulator.add(node("n1", taints=TAINT))
    service = await serve(api_server=simulator.url, scheduler_config_file=file)
    await service.ready()

    answer = await fit(service, pod)

    assert answer["fits"]
    assert "does not check NodeResourcesFit, but the node does" in answer["undecided"][0]


async def test_without_the_right_to_read_it_the_users_scheduler_is_known_by_its_name(
    serve, simulator, node, pod, caplog
) -> None:
    caplog.set_level(logging.INFO)
    simulator.add(node("n1", taints=TAINT), configmap(configuration("TaintToleration")))
    simulator.faults.revoke_right("configmaps")
    service = await serve(api_server=simulator.url, scheduler_configmaps="hub/user-scheduler")
    await service.ready()

    await until(refused(caplog, "hub/user-scheduler"))
    answer = await fit(service, pod)

    assert (answer["fits"], answer["undecided"]) == (False, [])


@contextlib.asynccontextmanager
async def followed(simulator, told, **sources):
    """Schedulers that look often."""
    client = await connect(server=simulator.url)
    sources = {"file": None, "configmaps": (), **sources}
    task = asyncio.create_task(Schedulers(client, tell=told.append, every=0.02, **sources).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.close()


def refused(caplog, source: str):
    """Whether it was logged that this source can't be read."""

    async def said() -> bool:
        return source in [getattr(record, "source", "") for record in caplog.records]

    return said


async def test_a_configmap_that_changes_or_goes_is_followed(simulator, caplog) -> None:
    told = []
    async with followed(simulator, told, configmaps=["hub/user-scheduler/own.yaml"]):
        simulator.add(configmap(configuration("NodePorts"), key="own.yaml"))
        await until(lambda: asyncio.sleep(0, len(told) == 1))
        simulator.patch("configmaps", "hub", "user-scheduler", {"data": {"own.yaml": configuration("NodeName")}})
        await until(lambda: asyncio.sleep(0, len(told) == 2))
        simulator.patch("configmaps", "hub", "user-scheduler", {"data": {"own.yaml": "kind: Nothing"}})
        await until(refused(caplog, "hub/user-scheduler/own.yaml"))
        simulator.delete("configmaps", "hub", "user-scheduler")
        await until(lambda: asyncio.sleep(0, len(told) == 3))

    assert [NAME in profiles for profiles in told] == [True, True, False]
    assert "NodePorts" not in told[0][NAME].on_nodes
    assert {"NodePorts"} < set(told[1][NAME].on_nodes)


async def test_of_two_configurations_of_one_name_the_file_wins_and_a_broken_one_changes_nothing(
    simulator, tmp_path, caplog
) -> None:
    file, told = tmp_path / "scheduler.yaml", []
    file.write_text(configuration("NodePorts"))
    simulator.add(configmap(configuration("NodeName")))

    async with followed(simulator, told, file=file, configmaps=["hub/gone", "hub/user-scheduler"]):
        file.write_text("[")
        await until(refused(caplog, str(file)))

    assert len(told) == 1
    assert "NodePorts" not in told[0][NAME].on_nodes


@pytest.mark.parametrize("text", ["[", "kind: ConfigMap", "", "kind: KubeSchedulerConfiguration\nprofiles: 3"])
async def test_a_file_that_can_not_be_used_ends_the_start_with_a_sentence(serve, simulator, tmp_path, text) -> None:
    file = tmp_path / "scheduler.yaml"
    file.write_text(text)

    with pytest.raises(Unusable, match=r"the scheduler's configuration .*scheduler\.yaml can't be"):
        await serve(api_server=simulator.url, scheduler_config_file=file)


@pytest.mark.parametrize("name", ["user-scheduler", "hub/", "a/b/c/d"])
def test_a_configmap_is_named_with_its_namespace(name) -> None:
    with pytest.raises(ValueError, match="write namespace/name, such as jupyterhub/user-scheduler"):
        Settings(scheduler_configmaps=name)
