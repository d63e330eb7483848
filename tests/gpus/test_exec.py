"""`nvidia-smi` by exec over a real websocket: never a second call while one hangs, and every failure in words."""

from __future__ import annotations

import asyncio

import pytest

from moorage.gpus.sources.exec import Exec
from moorage.gpus.sources.sweep import Pace
from moorage.gpus.view import NodeView

N1 = NodeView(name="n1")
PLUGIN = {"app": "nvidia-device-plugin-daemonset"}
ROW = "0, GPU-aa, 00000000:01:00.0, 24564 MiB, 507 MiB, 23623 MiB, 7 %, [N/A], NVIDIA GeForce RTX 4090\n"


async def once(source) -> list[str]:
    changed: list[str] = []
    await source.sweep(changed.extend)
    await source.settled()
    return changed


@pytest.fixture
async def smi(kube):
    client = kube.client
    source = Exec(client, namespace="gpu", pace=Pace(every=1, deadline=0.5, search_every=0))
    yield source
    await source.close()
    await client.close()


def printing(end_exec, text: str, **how):
    async def run(socket, call) -> None:
        await end_exec(socket, text, **how)

    return run


async def test_the_driver_is_asked_in_the_device_plugins_container(kube, smi, end_exec) -> None:
    pod = kube.add_pod("n1", labels=PLUGIN, container="nvidia-device-plugin")
    pod["spec"]["containers"].insert(0, {"name": "config-manager"})
    kube.running = printing(end_exec, ROW)

    changed = await once(smi)

    assert changed == ["n1"]
    assert [(card.uuid, card.memory_used, card.utilization) for card in smi.facts(N1)] == [("GPU-aa", 507, 7)]
    assert [(call["container"], call["command"][0], call["protocol"]) for call in kube.execs] == [
        ("nvidia-device-plugin", "nvidia-smi", "v5.channel.k8s.io")
    ]


async def test_the_program_is_run_without_a_shell(kube, smi, end_exec) -> None:
    kube.add_pod("n1", labels=PLUGIN)
    kube.running = printing(end_exec, ROW)

    await once(smi)

    assert kube.execs[0]["command"][1].startswith("--query-gpu=index,uuid,pci.bus_id,")
    assert kube.execs[0]["command"][2] == "--format=csv,noheader"


async def test_other_pods_are_used_where_there_is_no_device_plugin(kube, smi, end_exec) -> None:
    kube.add_pod("n1", labels={"app": "nvidia-driver-daemonset"}, container="nvidia-driver-ctr")
    kube.running = printing(end_exec, ROW)

    await once(smi)

    assert kube.execs[0]["container"] == "nvidia-driver-ctr"


async def test_good_rows_count_although_the_tool_failed(kube, smi, end_exec) -> None:
    kube.add_pod("n1", labels=PLUGIN)
    bad = "Unable to determine the device handle for GPU0000:02:00.0: Unknown Error\n"
    kube.running = printing(end_exec, ROW + bad, code=15)

    await once(smi)

    assert [(card.pci, card.lost) for card in smi.facts(N1)] == [
        ("00000000:01:00.0", False),
        ("00000000:02:00.0", True),
    ]


@pytest.mark.parametrize(
    ("stdout", "stderr", "code", "said"),
    [
        (
            "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 550.144\n",
            "",
            18,
            "version mismatch (NVML library version: 550.144)",
        ),
        ("No devices were found\n", "", 6, "No devices were found"),
        ("", 'exec: "nvidia-smi": executable file not found in $PATH', 126, "executable file not found"),
        ("", "", 137, "exit status 137"),
        ("", "", 0, "nvidia-smi said nothing"),
    ],
)
async def test_a_tool_that_fails_says_why(kube, smi, end_exec, stdout, stderr, code, said) -> None:
    kube.add_pod("n1", labels=PLUGIN)
    kube.running = printing(end_exec, stdout, stderr=stderr, code=code)

    await once(smi)

    assert smi.facts(N1) == ()
    assert said in smi.problem(N1)


async def test_a_driver_too_old_for_a_field_is_asked_without_it(kube, smi, end_exec) -> None:
    async def run(socket, call) -> None:
        if "mig.mode.current" in call["command"][1]:
            await end_exec(socket, 'Field "mig.mode.current" is not a valid field to query.\n', code=2)
        else:
            await end_exec(
                socket, "0, GPU-aa, 00000000:01:00.0, 11178 MiB, 0 MiB, 11178 MiB, 0 %, GeForce GTX 1080 Ti\n"
            )

    kube.add_pod("n1", labels=PLUGIN)
    kube.running = run

    await once(smi)

    assert [(card.model, card.memory_total) for card in smi.facts(N1)] == [("GeForce GTX 1080 Ti", 11178)]


async def test_slices_are_named_by_a_second_call(kube, smi, end_exec) -> None:
    async def run(socket, call) -> None:
        if call["command"][1] == "-L":
            await end_exec(socket, "GPU 0: A100 (UUID: GPU-aa)\n  MIG 1g.5gb Device 0: (UUID: MIG-7)\n")
        else:
            await end_exec(socket, ROW.replace("7 %, [N/A]", "[N/A], Enabled"))

    kube.add_pod("n1", labels=PLUGIN)
    kube.running = run

    await once(smi)

    assert [(part.profile, part.uuid) for part in smi.facts(N1)[0].parts] == [("1g.5gb", "MIG-7")]


async def test_a_hung_call_gets_no_second_one_until_it_has_ended(kube, smi, end_exec, until) -> None:
    go_on = asyncio.Event()

    async def run(socket, call) -> None:
        await go_on.wait()
        await end_exec(socket, ROW)

    kube.add_pod("n1", labels=PLUGIN)
    kube.running = run
    smi.pace = Pace(every=0, deadline=0.2, search_every=0)

    for _ in range(4):
        await once(smi)
    assert len(kube.execs) == 1
    assert "nvidia-smi hangs" in smi.problem(N1)

    go_on.set()
    await until(lambda: not smi._hanging)
    smi.places["n1"].rests_until = 0
    await once(smi)
    assert len(kube.execs) == 2
    assert smi.problem(N1) is None


async def test_a_call_that_hung_when_the_connection_broke_is_not_repeated_in_that_container(kube, smi, until) -> None:
    async def run(socket, call) -> None:
        await asyncio.sleep(0.4)
        socket._req.transport.close()

    pod = kube.add_pod("n1", labels=PLUGIN)
    kube.running = run
    smi.pace = Pace(every=0, deadline=0.2, search_every=0)
    await once(smi)
    await until(lambda: not smi._hanging)

    smi.places["n1"].rests_until = 0
    await once(smi)
    assert len(kube.execs) == 1
    assert "waiting for its container to restart" in smi.problem(N1)

    pod["status"]["containerStatuses"][0]["containerID"] = "containerd://2"
    smi.places["n1"].rests_until = 0
    await once(smi)
    assert len(kube.execs) == 2


async def test_a_connection_lost_at_once_rests_the_node_for_minutes(kube, smi) -> None:
    async def run(socket, call) -> None:
        socket._req.transport.close()

    kube.add_pod("n1", labels=PLUGIN)
    kube.running = run

    await once(smi)
    await once(smi)

    assert len(kube.execs) == 1
    assert "the connection was lost" in smi.problem(N1)
    assert smi._resting["n1"] > smi.clock() + 500


async def test_the_missing_right_is_named(kube, smi) -> None:
    kube.add_pod("n1", labels=PLUGIN)
    kube.forbid_exec = True

    await once(smi)

    assert "not allowed to exec in namespace gpu: grant get and create on pods/exec there" in smi.problem(N1)


async def test_pods_of_other_namespaces_are_left_alone(kube, smi) -> None:
    kube.add_pod("n1", labels=PLUGIN)["metadata"]["namespace"] = "other"

    await once(smi)

    assert kube.execs == []


async def test_a_hung_node_delays_no_other(kube, smi, end_exec, hang) -> None:
    async def run(socket, call) -> None:
        if call["pod"] == "pod-0":
            await hang(socket, call)
        else:
            await end_exec(socket, ROW)

    for number in range(5):
        kube.add_pod(f"n{number}", labels=PLUGIN)
    kube.running = run
    changed: list[str] = []

    await smi.sweep(changed.extend)
    async with asyncio.timeout(0.4):
        while len(changed) < 4:
            await asyncio.sleep(0.01)

    assert sorted(changed) == ["n1", "n2", "n3", "n4"]
