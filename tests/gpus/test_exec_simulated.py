"""Exec through a whole API server: the simulator's websocket, a real program, and the rights of one namespace."""

from __future__ import annotations

import asyncio

import pytest

from moorage.gpus.sources.exec import Exec
from moorage.gpus.sources.sweep import Pace
from moorage.gpus.view import NodeView
from moorage.kube.client import Client, Endpoint
from moorage.kube.credentials import Token
from moorage.simulator.api.authorization import Rule

N1 = NodeView(name="n1")
RIGHTS = [Rule(("list",), ("pods",), ("gpu-operator",)), Rule(("get", "create"), ("pods/exec",), ("gpu-operator",))]


@pytest.fixture
def program(tmp_path):
    """A `nvidia-smi` that prints the fields that it is asked for, in their order."""
    path = tmp_path / "nvidia-smi"

    def write(body: str) -> str:
        path.write_text("#!/bin/sh\n" + body)
        path.chmod(0o755)
        return str(tmp_path)

    return write


PRINT = """for word in "$@"; do case "$word" in --query-gpu=*) fields=${word#--query-gpu=};; esac; done
line=""
for field in $(echo "$fields" | tr , ' '); do
  case $field in
    index) value=0;; uuid) value=GPU-real;; pci.bus_id) value=00000000:01:00.0;; memory.total) value="24564 MiB";; memory.used) value="$USED MiB";;
    memory.free) value="4000 MiB";; utilization.gpu) value="3 %";; name) value="NVIDIA GeForce RTX 4090";; *) value="[N/A]";;
  esac
  line="$line${line:+, }$value"
done
echo "$line"
echo noise >&2
"""


def plugin(folder: str, *, used: str = "20000"):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "nvidia-device-plugin-x",
            "namespace": "gpu-operator",
            "labels": {"app": "nvidia-device-plugin-daemonset"},
        },
        "spec": {
            "nodeName": "n1",
            "containers": [
                {"name": "config-manager", "image": "i"},
                {
                    "name": "nvidia-device-plugin",
                    "image": "i",
                    "env": [{"name": "PATH", "value": folder + ":/usr/bin:/bin"}, {"name": "USED", "value": used}],
                },
            ],
        },
        "status": {
            "phase": "Running",
            "containerStatuses": [{"name": "nvidia-device-plugin", "ready": True, "containerID": "containerd://1"}],
        },
    }


@pytest.fixture
async def asked():
    """A source that has asked the simulator's nodes once."""
    opened = []

    async def ask(simulator, *, token: str | None = None, deadline: float = 5.0) -> Exec:
        client = Client(Endpoint(simulator.url, credentials=Token(token)) if token else Endpoint(simulator.url))
        source = Exec(client, namespace="gpu-operator", pace=Pace(every=0, deadline=deadline, search_every=0))
        opened.extend([source, client])
        await source.sweep(lambda names: None)
        await source.settled()
        return source

    yield ask
    for one in opened:
        await asyncio.wait_for(one.close(), 5)


async def test_the_whole_way_from_program_to_card(simulator, asked, node, program) -> None:
    simulator.add(node("n1"), plugin(program(PRINT)))

    source = await asked(simulator)

    assert source.problem(N1) is None
    assert [(card.uuid, card.memory_used, card.utilization) for card in source.facts(N1)] == [("GPU-real", 20000, 3)]


async def test_a_program_that_fails_tells_its_code_and_words(simulator, asked, node, program) -> None:
    simulator.add(node("n1"), plugin(program("echo 'No devices were found'; exit 6\n")))

    source = await asked(simulator)

    assert "No devices were found" in source.problem(N1)


async def test_a_container_without_the_program_says_so(simulator, asked, node, tmp_path) -> None:
    simulator.add(node("n1"), plugin(str(tmp_path)))

    source = await asked(simulator)

    assert "executable file not found" in source.problem(N1)


async def test_a_role_of_one_namespace_is_enough(simulator, asked, node, program) -> None:
    simulator.add(node("n1"), plugin(program(PRINT)))
    simulator.authorizer.add("secret", "moorage", RIGHTS)

    source = await asked(simulator, token="secret")

    assert source.facts(N1)


@pytest.mark.parametrize("verbs", [("get",), ("create",)])
async def test_both_verbs_are_needed(simulator, asked, node, program, verbs) -> None:
    simulator.add(node("n1"), plugin(program(PRINT)))
    simulator.authorizer.add("secret", "moorage", [RIGHTS[0], Rule(verbs, ("pods/exec",), ("gpu-operator",))])

    source = await asked(simulator, token="secret")

    assert "grant get and create on pods/exec there" in source.problem(N1)


async def test_without_the_right_to_list_pods_there_the_namespace_is_named(simulator, asked, node, program) -> None:
    simulator.add(node("n1"), plugin(program(PRINT)))
    simulator.authorizer.add("secret", "moorage", [])

    source = await asked(simulator, token="secret")

    assert source.problem(N1) == "not allowed to list pods in namespace gpu-operator"


async def test_a_program_that_hangs_is_started_once(simulator, asked, node, program, tmp_path) -> None:
    simulator.add(node("n1"), plugin(program(f"echo >> {tmp_path}/started\nsleep 600\n")))

    source = await asked(simulator, deadline=0.5)
    await source.sweep(lambda names: None)
    await source.settled()

    assert (tmp_path / "started").read_text() == "\n"
    assert "waiting for it to end" in source.problem(N1)
