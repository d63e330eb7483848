"""The agent: one `nvidia-smi` at a time, read-only over HTTP, and the service's reading of it."""

from __future__ import annotations

import asyncio
import json
import threading
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from moorage.gpus.agent import Driver, serve
from moorage.gpus.sources import agent_answer, exporters
from moorage.gpus.sources.sweep import NoAnswer, Pace
from moorage.gpus.view import NodeView

XML = """<nvidia_smi_log><gpu id="0000000F:01:00.0"><product_name>NVIDIA GB10</product_name><uuid>GPU-gb</uuid>
<fb_memory_usage><total>N/A</total><used>N/A</used><free>N/A</free></fb_memory_usage><utilization><gpu_util>2 %</gpu_util></utilization></gpu></nvidia_smi_log>"""


@pytest.fixture
def smi(tmp_path):
    """A program that prints like `nvidia-smi`, and can hang."""

    def make(
        xml: str = XML, *, listed: str = "GPU 0: NVIDIA GB10 (UUID: GPU-gb)", code: int = 0, wait_for: str = ""
    ) -> str:
        (tmp_path / "xml").write_text(xml)
        program = tmp_path / "nvidia-smi"
        waiting = f'echo >> {tmp_path}/started; while [ ! -e "{wait_for}" ]; do sleep 0.02; done\n' if wait_for else ""
        program.write_text(
            f'#!/bin/sh\n{waiting}if [ "$1" = -L ]; then echo "{listed}"; else cat {tmp_path}/xml; fi\nexit {code}\n'
        )
        program.chmod(0o755)
        return str(program)

    return make


@pytest.fixture
def meminfo(tmp_path):
    file = tmp_path / "meminfo"
    file.write_text("MemTotal:       125507584 kB\nMemFree:  1 kB\nMemAvailable:   77594624 kB\n")
    return file


@pytest.fixture
def served():
    """Serve a driver on a port of its own."""
    servers = []

    def start(driver: Driver) -> int:
        server = serve(driver, host="127.0.0.1", port=0)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server.server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def fetch(port: int, path: str = "/v1/cards"):
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return json.load(answer)


def test_a_card_that_shares_the_systems_memory_has_what_the_system_has_left(smi, meminfo) -> None:
    driver = Driver(smi(), meminfo=meminfo)
    driver.refresh()

    (card,) = agent_answer.cards(json.dumps(driver.answer()).encode(), now=1000.0)

    assert (card.memory_kind, card.memory_total, card.memory_free, card.utilization) == ("unified", 122566, 75776, 2)
    assert card.pci == "0000000F:01:00.0"


def test_the_answer_goes_over_http_and_nothing_else_does(smi, meminfo, served) -> None:
    driver = Driver(smi(), meminfo=meminfo)
    driver.refresh()
    port = served(driver)

    assert fetch(port)["xml"].startswith("<nvidia_smi_log>")
    assert fetch(port, "/livez") == {"ok": True}
    with pytest.raises(HTTPError, match="404"):
        fetch(port, "/etc/passwd")


async def test_a_hung_driver_gets_no_second_call_and_the_agent_still_answers(
    smi, meminfo, served, tmp_path, until
) -> None:
    driver = Driver(smi(wait_for=str(tmp_path / "go")), meminfo=meminfo)
    port = served(driver)
    first = threading.Thread(target=driver.refresh, daemon=True)
    first.start()
    await until((tmp_path / "started").exists)

    second = driver.refresh()
    answer = await asyncio.to_thread(fetch, port)

    assert second is False
    assert (tmp_path / "started").read_text() == "\n"
    assert (answer["age_seconds"], answer["running_seconds"] is not None) == (None, True)
    with pytest.raises(NoAnswer, match="has not answered yet"):
        agent_answer.cards(json.dumps(answer).encode(), now=0.0)
    (tmp_path / "go").touch()
    await asyncio.to_thread(first.join, 5)


def test_a_node_without_the_program_says_so(meminfo, tmp_path) -> None:
    driver = Driver(str(tmp_path / "missing"), meminfo=meminfo)
    driver.refresh()

    with pytest.raises(NoAnswer, match="no such file"):
        agent_answer.cards(json.dumps(driver.answer()).encode(), now=0.0)


def test_a_driver_that_fails_says_why(smi, meminfo) -> None:
    driver = Driver(smi("Failed to initialize NVML: Unknown Error\n", code=255), meminfo=meminfo)
    driver.refresh()

    with pytest.raises(NoAnswer, match="Failed to initialize NVML: Unknown Error"):
        agent_answer.cards(json.dumps(driver.answer()).encode(), now=0.0)


async def test_the_service_finds_the_agent_by_its_label_and_reads_it(kube, smi, meminfo, served) -> None:
    driver = Driver(smi(), meminfo=meminfo)
    driver.refresh()
    kube.add_pod("n1", labels={"app.kubernetes.io/name": "moorage-gpu-agent"})
    client = kube.client
    source = exporters.agent(client, port=served(driver), pace=Pace(deadline=5))

    await source.sweep(lambda names: None)
    await source.settled()

    assert [(card.uuid, card.source) for card in source.facts(NodeView(name="n1"))] == [("GPU-gb", "agent")]
    await source.close()
    await client.close()


def test_the_command_listens_where_it_is_told(smi, meminfo) -> None:
    import os
    import re
    import subprocess
    import sys

    process = subprocess.Popen(
        [sys.executable, "-m", "moorage.gpus.agent", "--host", "127.0.0.1", "--port", "0", "--nvidia-smi", smi()],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        line = process.stderr.readline()
        port = int(re.search(r"port (\d+)", line)[1])

        assert fetch(port, "/livez") == {"ok": True}
    finally:
        process.terminate()
        process.wait(30)
        process.stderr.close()


def test_the_agent_needs_nothing_beyond_the_standard_library() -> None:
    import subprocess
    import sys

    probe = "import sys, moorage.gpus.agent; print(sorted({n.split('.')[0] for n in sys.modules} & {'aiohttp', 'kubernetes_asyncio', 'fastapi', 'msgspec'}))"

    assert (
        subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
