"""`moorage simulate` as a process of its own."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest
import yaml


@pytest.fixture
async def simulate(tmp_path):
    """Start the command; gives the process and the first line that it says."""
    processes = []

    async def start(*words):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "moorage.cli", "simulate", "--port", "0", *words),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        processes.append(process)
        said = await asyncio.wait_for(process.stdout.readline(), 20)
        return process, said.decode()

    yield start
    for process in processes:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.communicate(), 20)


async def nodes_of(url):
    async with aiohttp.ClientSession() as session, session.get(url + "/api/v1/nodes") as answer:
        return [item["metadata"]["name"] for item in (await answer.json())["items"]]


async def test_with_a_kubeconfig_the_api_answers_who_has_read_it(simulate, tmp_path):
    file = tmp_path / "kubeconfig"

    _, said = await simulate("--kubeconfig-out", str(file))

    server = yaml.safe_load(file.read_text())["clusters"][0]["cluster"]["server"]
    assert f"--kubeconfig {file}" in said
    assert len(await nodes_of(server)) == 6
    async with aiohttp.ClientSession() as session, session.get(server.rsplit("/", 1)[0] + "/api/v1/nodes") as answer:
        assert answer.status == 404


async def test_a_restart_keeps_the_path_of_its_kubeconfig(simulate, tmp_path):
    def path(file):
        return yaml.safe_load(file.read_text())["clusters"][0]["cluster"]["server"].rsplit("/", 1)[1]

    file = tmp_path / "kubeconfig"
    process, _ = await simulate("--kubeconfig-out", str(file))
    before = path(file)
    process.kill()
    await process.wait()

    await simulate("--kubeconfig-out", str(file))

    assert path(file) == before


async def test_without_one_the_api_is_open_and_pods_run_without_processes(simulate):
    _, said = await simulate()
    url = said.split("--server ")[1].split()[0]
    container = {"name": "main", "image": "x", "command": ["sh", "-c", "exit 3"]}
    body = {"metadata": {"name": "p"}, "spec": {"containers": [container], "restartPolicy": "Never"}}

    async with aiohttp.ClientSession() as session:
        async with session.post(url + "/api/v1/namespaces/default/pods", json=body) as answer:
            assert answer.status == 201
        path = url + "/api/v1/namespaces/default/pods?watch=1&fieldSelector=metadata.name=p,status.phase!=Pending"
        async with session.get(path) as answer:
            event = json.loads(await asyncio.wait_for(answer.content.readline(), 10))

    assert event["object"]["status"]["phase"] == "Running"


async def test_it_ends_when_it_is_told_to(simulate):
    process, _ = await simulate()

    process.send_signal(signal.SIGTERM)

    assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_it_begins_with_a_dump(simulate, tmp_path, node):
    file = tmp_path / "dump.json"
    file.write_text(json.dumps({"kind": "List", "items": [node("n1"), node("n2")]}))

    _, said = await simulate("--from", str(file))

    assert await nodes_of(said.split("--server ")[1].split()[0]) == ["n1", "n2"]


async def test_no_process_of_a_pod_outlives_a_simulator_that_is_killed(simulate, tmp_path):
    file = tmp_path / "kubeconfig"
    process, _ = await simulate("--kubeconfig-out", str(file))
    server = yaml.safe_load(file.read_text())["clusters"][0]["cluster"]["server"]
    path = server + "/api/v1/namespaces/default/pods"
    container = {"name": "main", "image": "x", "command": ["sh", "-c", "echo $$$$; exec sleep 600"]}
    async with aiohttp.ClientSession() as session:
        await session.post(path, json={"metadata": {"name": "p"}, "spec": {"containers": [container]}})
        async with session.get(path + "?watch=1&fieldSelector=status.phase=Running") as answer:
            await asyncio.wait_for(answer.content.readline(), 10)
        async with session.get(path + "/p/log?follow=true") as answer:
            number = int(await asyncio.wait_for(answer.content.readline(), 10))

    process.kill()
    await process.wait()

    deadline = asyncio.get_running_loop().time() + 5
    while lives(number):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)


def lives(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_several_dumps_are_one_cluster(simulate, tmp_path, node):
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for number, file in enumerate(files):
        file.write_text(json.dumps({"kind": "List", "items": [node(f"n{number}")]}))

    _, said = await simulate(*(word for file in files for word in ("--from", str(file))))

    url = said.split("--server ")[1].split()[0]
    assert await nodes_of(url) == ["n0", "n1"]
