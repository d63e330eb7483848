"""The cards of a large cluster: every card read anew, one node read anew, and a hundred nodes that hang.

`gpus.refresh_ms` is what 20,000 new readings cost from the sources' facts to the `gpu_details` of all 5,000 nodes; `gpus.first_ms` is the same when
nothing was known before. `gpus.hung_delay_ms` is how much later the other nodes' answers come when a hundred nodes never answer.
"""

import asyncio
import contextlib
import gc
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from moorage.gpus.cards import Cards
from moorage.gpus.facts import CardFact, Holder
from moorage.gpus.sources.base import Known
from moorage.gpus.sources.exporters import Exporter, read_dcgm
from moorage.gpus.sources.pods import FoundPod
from moorage.gpus.sources.sweep import Pace
from moorage.objects import Node, decode
from moorage.scheduling.nodeinfo import NodeInfo
from moorage.scheduling.podinfo import digest

NODES, CARDS, HUNG = 5000, 4, 100
FUZZ = "100000"


def main() -> list[dict[str, Any]]:
    first, refresh, unchanged, one = _merging()
    with_hung, without = asyncio.run(_answers(hung=HUNG)), asyncio.run(_answers(hung=0))
    return [
        row("gpus.first_ms", first, "ms", None),
        row("gpus.refresh_ms", refresh, "ms", 50),
        row("gpus.unchanged_ms", unchanged, "ms", None),
        row("gpus.node_ms", one, "ms", 1),
        row("gpus.hung_delay_ms", max(0.0, with_hung - without), "ms", 500),
        row("gpus.fuzz_failures", _fuzz(), "tests", 0),
    ]


def row(name: str, value: float, unit: str, limit: float | None) -> dict[str, Any]:
    holds = None if limit is None else value <= limit
    return {"id": name, "value": round(value, 3), "unit": unit, "limit": limit, "holds": holds, "against": None}


# --- merging ----------------------------------------------------------------------------------------------------


class Readings:
    """A source whose readings are all new after each `refresh`."""

    name, activity = "prometheus", True

    def __init__(self) -> None:
        self.known: dict[str, Known] = {}
        self.round = 0
        self.holders = [(Holder(namespace="lab", pod=f"p{card}"),) for card in range(CARDS)]

    def refresh(self, now: float) -> None:
        self.round += 1
        for node in range(NODES):
            name = f"node-{node:04d}"
            facts = [self._card(node, card, now) for card in range(CARDS)]
            self.known[name] = Known.after(self.known.get(name), facts)

    def _card(self, node: int, card: int, now: float) -> CardFact:
        held = card < node % (CARDS + 1)
        used = 2000 + (node * 7 + card * 131 + self.round * 97) % 40000 if held else self.round % 7
        return CardFact(
            source="prometheus",
            taken_at=now,
            uuid=f"GPU-{node:08d}-{card}",
            pci=f"00000000:{card + 1:02X}:00.0",
            index=card,
            model="NVIDIA L40S",
            memory_total=46068,
            memory_used=used,
            memory_free=46068 - used,
            utilization=1 + (node + card + self.round) % 99 if held else 0,
            temperature=40,
            xid=0,
            holders=self.holders[card] if held else (),
            counts_all=True,
        )

    def facts(self, node: Any) -> Known:
        return self.known[node.name]

    def problem(self, _node: Any) -> None:
        return None


def _nodes() -> list[NodeInfo]:
    found = []
    labels = {
        "nvidia.com/gpu.product": "NVIDIA-L40S",
        "nvidia.com/gpu.memory": "46068",
        "nvidia.com/gpu.count": str(CARDS),
    }
    for number in range(NODES):
        name = f"node-{number:04d}"
        amounts = {"cpu": "64", "memory": "512Gi", "pods": "110", "nvidia.com/gpu": str(CARDS)}
        body = {"metadata": {"name": name, "labels": labels}, "status": {"capacity": amounts, "allocatable": amounts}}
        info = NodeInfo(name)
        info.set_node(decode(Node, body))
        for pod in range(30):
            info.add(digest(_pod(name, pod, gpus=1 if pod < number % (CARDS + 1) else 0)))
        found.append(info)
    return found


def _pod(node: str, number: int, *, gpus: int) -> dict[str, Any]:
    requests = {"cpu": "1", "memory": "1Gi"} | ({"nvidia.com/gpu": str(gpus)} if gpus else {})
    return {
        "metadata": {"name": f"p{number}", "namespace": "lab", "uid": f"{node}/{number}"},
        "spec": {
            "nodeName": node,
            "containers": [{"name": "c", "resources": {"requests": requests, "limits": requests}}],
        },
        "status": {"phase": "Running"},
    }


def _merging() -> tuple[float, float, float, float]:
    source, now = Readings(), [1000.0]
    cards = Cards([source], clock=lambda: now[0])
    nodes = _nodes()
    gc.collect()
    gc.freeze()

    def view() -> float:
        # Of one core: the machine may be busy with other things.
        started = time.process_time()
        for node in nodes:
            cards.details(node)
        return (time.process_time() - started) * 1000

    source.refresh(now[0])
    first = view()
    rounds = []
    for _ in range(7):
        now[0] += 15
        source.refresh(now[0])
        rounds.append(view())
    unchanged = view()
    one = []
    for number in range(300):
        now[0] += 1
        source.refresh(now[0]) if number == 0 else None
        started = time.perf_counter()
        cards.details(nodes[number])
        one.append((time.perf_counter() - started) * 1000)
    return first, statistics.median(rounds), unchanged, max(sorted(one)[: len(one) * 99 // 100])


# --- nodes that hang --------------------------------------------------------------------------------------------


class _Finder:
    def __init__(self, addresses: dict[str, str]) -> None:
        self._addresses = addresses

    async def find(self, *, within: float = 10.0) -> tuple[dict[str, list[FoundPod]], str | None]:
        del within
        return {
            node: [FoundPod(node=node, namespace="gpu", name=node, uid=node, ip=ip)]
            for node, ip in self._addresses.items()
        }, None


async def _answers(*, hung: int, well: int = 200) -> float:
    """Milliseconds until the last of the nodes that answer has answered, over real HTTP."""
    text = "".join(f'DCGM_FI_DEV_GPU_UTIL{{gpu="{card}",UUID="GPU-{card}"}} 1\n' for card in range(CARDS))

    async def answer(request: web.Request) -> web.Response:
        if request.host.startswith("127.9."):
            await asyncio.Event().wait()
        return web.Response(text=text)

    app = web.Application()
    app.router.add_get("/metrics", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "0.0.0.0" if sys.platform.startswith("linux") else "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    addresses = {f"hung-{number}": f"127.9.{number // 200}.{number % 200 + 1}" for number in range(hung)}
    addresses |= {f"well-{number}": f"127.8.{number // 200}.{number % 200 + 1}" for number in range(well)}
    source = Exporter(
        "dcgm", finder=_Finder(addresses), port=port, path="/metrics", read=read_dcgm, pace=Pace(deadline=4)
    )
    changed: set[str] = set()
    started = time.perf_counter()
    task = asyncio.create_task(source.run(changed.update))
    try:
        async with asyncio.timeout(30):
            while sum(name.startswith("well") for name in changed) < well:
                await asyncio.sleep(0.001)
        return (time.perf_counter() - started) * 1000
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await runner.cleanup()


# --- any bytes --------------------------------------------------------------------------------------------------


def _fuzz() -> float:
    """A hundred thousand texts for each parser; how many of the tests fail."""
    tests = Path(__file__).resolve().parent.parent / "tests" / "gpus" / "test_fuzz.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(tests), "-q", "--no-header", "--timeout", "1100", "-p", "no:warnings"],
        env=os.environ | {"MOORAGE_FUZZ": FUZZ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(done.stdout[-400:], file=sys.stderr)
    if done.returncode == 0:
        return 0
    return float(max(1, done.stdout.count("FAILED")))


if __name__ == "__main__":
    print(msgspec.json.format(msgspec.json.encode(main())).decode())
