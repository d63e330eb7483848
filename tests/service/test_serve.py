"""`moorage serve` as a process."""

import asyncio
import gc
import signal
import socket
import sys

import httpx2
import pytest

from moorage.errors import MoorageError
from moorage.service import run
from moorage.service.managed import managed_by_hub
from moorage.service.settings import Settings
from rig.ports import free_port


async def test_it_ends_at_once_and_well_with_open_pages(start) -> None:
    service = await start()
    await service.ready()
    async with httpx2.AsyncClient() as client, client.stream("GET", f"{service.url}/api/v1/cluster/stream") as page:
        chunks = page.aiter_bytes()
        await anext(chunks)
        began = asyncio.get_running_loop().time()

        status = await service.end()
        rest = [chunk async for chunk in chunks]

    assert status == 0
    assert asyncio.get_running_loop().time() - began < 5
    assert isinstance(rest, list)
    assert not [line for line in service.lines if line["level"] in ("ERROR", "CRITICAL")]


async def test_it_logs_states_and_not_requests(start, simulator, node) -> None:
    service = await start()
    await service.ready()
    async with httpx2.AsyncClient(base_url=service.url) as client:
        for _ in range(20):
            await client.get("/api/v1/cluster/resources")
        quiet = len(service.lines)
        for number in range(20):
            simulator.add(node(f"n{number}"))
        async with asyncio.timeout(10):
            while len((await client.get("/api/v1/cluster/resources")).json()) < 20:
                await asyncio.sleep(0.02)
        assert len(service.lines) == quiet

    port = simulator.port
    await simulator.stop()
    async with asyncio.timeout(10):
        while not service.said("stale"):
            await asyncio.sleep(0.02)
    await simulator.start(port)
    async with asyncio.timeout(20):
        while not service.said("resynced"):
            await asyncio.sleep(0.02)
    await service.end(signal.SIGINT)

    for event in ("listening", "connected", "stale", "resynced", "ending"):
        assert len(service.said(event)) == 1, (event, service.raw)
    for line in service.lines:
        assert {"time", "level", "logger", "message"} <= line.keys()


async def test_bytes_that_are_no_http_are_counted_and_not_logged(start) -> None:
    service = await start()
    await service.ready()
    quiet = len(service.lines)

    for odd in [
        b"\x16\x03\x01\0\xff" * 40,
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    ] * 10:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(service.url.rpartition(":")[2]))
        writer.write(odd)
        async with asyncio.timeout(5):
            await reader.read(1)
        writer.close()

    async with httpx2.AsyncClient(base_url=service.url) as client:
        metrics = (await client.get("/metrics")).text
    assert len(service.lines) == quiet, service.raw
    assert float(metrics.partition("\nmoorage_odd_requests_total ")[2].partition("\n")[0]) >= 30


async def test_a_missing_right_is_logged_once(start, simulator) -> None:
    simulator.faults.revoke_right("persistentvolumes", "list")
    service = await start()
    await service.ready()
    async with asyncio.timeout(10):
        while not service.said("right_missing"):
            await asyncio.sleep(0.02)
    await service.end()

    [line] = service.said("right_missing")
    assert "persistentvolumes" in line["message"]


async def test_settings_come_from_the_environment(start) -> None:
    service = await start(MOORAGE_IMAGES='[{"reference": "q/x:1", "display_name": "X"}]', MOORAGE_DEFAULT_GPU="2")
    await service.ready()

    async with httpx2.AsyncClient(base_url=service.url) as client:
        images = (await client.get("/api/v1/images/jupyter")).json()
        defaults = (await client.get("/api/v1/jupyterhub/config")).json()

    assert [image["display_name"] for image in images] == ["X"]
    assert defaults["default_gpu"] == 2


async def test_a_port_that_is_taken_is_told_in_a_sentence(simulator) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "moorage.cli", "serve", "--port", str(taken.getsockname()[1])),
            *("--api-server", simulator.url),
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await process.communicate()

    assert process.returncode == 2
    assert err.decode().startswith("moorage: can't listen on 127.0.0.1, port")
    assert len(err.decode().splitlines()) == 1


async def test_a_hub_can_run_it_as_its_service(start, tmp_path) -> None:
    (tmp_path / "tokens").write_text(f"hub:reader:{'t' * 32}\n")
    port = free_port()
    service = await start(
        JUPYTERHUB_SERVICE_URL=f"http://127.0.0.1:{port}",
        JUPYTERHUB_SERVICE_PREFIX="/services/moorage/",
        MOORAGE_TOKEN_FILE=str(tmp_path / "tokens"),
    )
    await service.ready()

    async with httpx2.AsyncClient(headers={"Authorization": f"token {'t' * 32}"}) as client:
        shown = await client.get(f"{service.url}/services/moorage/api/v1/cluster/resources")
        plain = await client.get(f"{service.url}/api/v1/cluster/resources")
        page = await client.get(f"{service.url}/services/moorage/")
        script = await client.get(f"{service.url}/services/moorage/dashboard/app.js")

    await service.end()
    assert [answer.status_code for answer in (shown, plain, page, script)] == [200, 200, 200, 200]


def test_what_a_hub_says_gives_way_to_our_own_settings() -> None:
    hub = {"JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:9000", "JUPYTERHUB_SERVICE_PREFIX": "/services/m/"}

    found = managed_by_hub({**hub, "MOORAGE_TOKEN_FILE": "t", "MOORAGE_PORT": "1"})

    assert found == {"host": "127.0.0.1", "root_path": "/services/m"}
    assert managed_by_hub({}) == {}
    with pytest.raises(MoorageError, match="to everybody"):
        managed_by_hub(hub)


async def test_what_was_imported_is_not_looked_through_by_garbage_collections(monkeypatch, simulator) -> None:
    frozen = []

    async def serve(_server, sockets) -> None:
        frozen.append(gc.get_freeze_count())

    monkeypatch.setattr(run.Server, "serve", serve)
    before = gc.get_freeze_count()
    try:
        await run._serve(Settings(port=0, api_server=simulator.url))
    finally:
        gc.unfreeze()

    assert frozen[0] > before
