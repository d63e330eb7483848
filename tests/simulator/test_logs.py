"""`pods/log` of pods that have run."""

import asyncio

import pytest

from moorage.simulator import Simulator


@pytest.fixture
async def simulator(node):
    async with Simulator(kubelet=True) as running:
        running.add(node("n1"))
        yield running


async def read(http, query=""):
    async with http.session.get(f"{http.base}/api/v1/namespaces/default/pods/p/log{query}") as answer:
        return answer.status, await answer.text()


@pytest.fixture
async def counted(simulator, pod, until):
    words = ["sh", "-c", "for i in 1 2 3; do echo line $i; done"]
    simulator.add(pod("p", on="n1", phase="Pending", command=words, restartPolicy="Never"))
    await until(lambda: simulator.get("pods", "default", "p")["status"]["phase"] == "Succeeded")


async def test_a_log_is_read_whole(counted, http):
    assert await read(http) == (200, "line 1\nline 2\nline 3\n")


async def test_a_log_is_read_from_its_end(counted, http):
    assert await read(http, "?tailLines=1") == (200, "line 3\n")


async def test_a_log_is_cut_after_so_many_bytes(counted, http):
    assert await read(http, "?limitBytes=6") == (200, "line 1")


async def test_lines_can_carry_their_time(counted, http):
    _, text = await read(http, "?timestamps=true&tailLines=1")

    moment, _, line = text.partition(" ")
    assert moment.endswith("Z")
    assert line == "line 3\n"


async def test_a_log_that_has_ended_is_followed_to_its_end(counted, http):
    assert await asyncio.wait_for(read(http, "?follow=true"), 5) == (200, "line 1\nline 2\nline 3\n")


async def test_a_log_is_followed_while_it_grows(simulator, http, pod, until):
    words = ["sh", "-c", "echo first; sleep 0.3; echo second"]
    simulator.add(pod("p", on="n1", phase="Pending", command=words, restartPolicy="Never"))
    await until(lambda: simulator.get("pods", "default", "p")["status"]["phase"] == "Running")

    assert await asyncio.wait_for(read(http, "?follow=true"), 10) == (200, "first\nsecond\n")


async def test_a_pod_that_waits_for_its_image_has_no_log(node, pod, http, until):
    async with Simulator(kubelet=True, has_image=lambda _: False) as simulator:
        simulator.add(node("n1"), pod("p", on="n1", phase="Pending"))
        await until(lambda: simulator.get("pods", "default", "p")["status"].get("containerStatuses"))
        http.base = simulator.url
        await until(
            lambda: "Err" in str(simulator.get("pods", "default", "p")["status"]["containerStatuses"][0]["state"])
        )

        status, text = await read(http)

    assert status == 400
    assert "trying and failing to pull image" in text
