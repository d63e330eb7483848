"""The cards of a large cluster: every card read anew, one node read anew, and a hundred nodes that hang.

`gpus.refresh_ms` is what 20,000 new readings cost from the sources' facts to the `gpu_details` of all 5,000 nodes; `gpus.first_ms` is the same when
nothing was known before. `gpus.hung_delay_ms` is how much later the other nodes' answers come when a hundred nodes never answer.
"""

import asyncio
import contextlib
import gc
import json
import random
import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from aiohttp import web

from moorage.gpus.cards import Cards
from moorage.gpus.facts import CardFact, Holder
from moorage.gpus.sources import agent_answer, hami, smi
from moorage.gpus.sources.base import Known
from moorage.gpus.sources.exporters import Exporter, read_amd, read_dcgm
from moorage.gpus.sources.metrics import dcgm_cards
from moorage.gpus.sources.pods import FoundPod
from moorage.gpus.sources.series import parse_vector
from moorage.gpus.sources.smi_xml import parse_xml
from moorage.gpus.sources.sweep import NoAnswer, Pace
from moorage.objects import Node, decode
from moorage.scheduling.accounting.nodeinfo import NodeInfo
from moorage.scheduling.accounting.podinfo import digest

NODES, CARDS, HUNG = 5000, 4, 100
TEXTS = 100_000


def main() -> list[dict[str, Any]]:
    first, refresh, unchanged, one = _merging()
    with_hung, without = asyncio.run(_answers(hung=HUNG)), asyncio.run(_answers(hung=0))
    return [
        row("gpus.first_ms", first, "ms", None),
        row("gpus.refresh_ms", refresh, "ms", 50),
        row("gpus.unchanged_ms", unchanged, "ms", None),
        row("gpus.node_ms", one, "ms", 1),
        row("gpus.hung_delay_ms", max(0.0, with_hung - without), "ms", 500),
        row("gpus.fuzz_failures", _fuzz(), "texts", 0),
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
        started = time.process_time()
        cards.details(nodes[number])
        one.append((time.process_time() - started) * 1000)
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
    addresses = {f"hung-{number}": f"127.9.{number // 200}.{number % 200 + 1}" for number in range(hung)}
    addresses |= {f"well-{number}": f"127.8.{number // 200}.{number % 200 + 1}" for number in range(well)}
    port = 0
    for address in addresses.values():
        await web.TCPSite(runner, address, port).start()
        port = runner.addresses[0][1]
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

_PIECES = (
    *(
        "0",
        "1",
        "GPU-aa",
        "00000000:01:00.0",
        "24564 MiB",
        "7 %",
        "NVIDIA GB10",
        ", ",
        ",",
        "\n",
        "\r",
        "\0",
        "Enabled",
    ),
    *("[N/A]", "N/A", "[Not Supported]", "[Unknown Error]", "[Insufficient Permissions]", "[GPU is lost]", "ERR!"),
    *("index, uuid", "Unable to determine the device handle for GPU0000:02:00.0: ", "GPU 0: x (UUID: GPU-aa)\n"),
    *(
        "  MIG 1g.5gb Device 0: (UUID: MIG-1)\n",
        "<nvidia_smi_log>",
        "<gpu id='00000000:01:00.0'>",
        "<uuid>GPU-aa</uuid>",
    ),
    *("</gpu>", "<fb_memory_usage><used>", "</used></fb_memory_usage>", "&a;", "<![CDATA[", "</nvidia_smi_log>"),
    *('DCGM_FI_DEV_FB_USED{UUID="GPU-aa",gpu="0"} ', 'gpu_used_vram{gpu_uuid="a"} ', "NaN", "9223372036854775794"),
    *("1e400", '"', "{", "}", "\\", "[", ":", ";", '{"status":"success","data":{"resultType":"vector","result":['),
    *(
        '{"metric":{"__name__":"DCGM_FI_DEV_GPU_UTIL","UUID":"GPU-aa"},"value":[1,"',
        '"]}',
        "]}}",
        ",true:",
        "GPU-a,10,",
    ),
)
_SAMPLES = (
    (
        "0, GPU-aa, 00000000:01:00.0, 24564 MiB, 507 MiB, 23623 MiB, 7 %, [N/A], NVIDIA GeForce RTX 4090\n"
        "1, GPU-bb, 00000000:02:00.0, [N/A], [N/A], [N/A], 2 %, [N/A], NVIDIA GB10\n"
    ),
    "GPU 0: NVIDIA H100 (UUID: GPU-aa)\n  MIG 3g.40gb     Device  0: (UUID: MIG-1)\n",
    (
        "<nvidia_smi_log><gpu id='00000000:01:00.0'><product_name>Tesla T4</product_name><uuid>GPU-aa</uuid><fb_memory_usage>"
        "<total>15360 MiB</total><used>12 MiB</used><free>14913 MiB</free></fb_memory_usage><utilization><gpu_util>3 %</gpu_util>"
        "</utilization></gpu></nvidia_smi_log>"
    ),
    (
        'DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-aa",modelName="Tesla T4",pod="p",namespace="n"} 507\n'
        'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-aa",GPU_I_ID="7"} 12\n'
    ),
    'gpu_used_vram{gpu_id="0",gpu_uuid="17ff"} 285\ngpu_gfx_activity{gpu_id="0",gpu_uuid="17ff"} 12\n',
    (
        '{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"DCGM_FI_DEV_FB_USED","UUID":"GPU-aa"},'
        '"value":[1.5,"507"]}]}}'
    ),
    "GPU-aa,10,24576,100,NVIDIA-Tesla T4,0,true:",
    '[{"id":"GPU-bb","index":1,"count":4,"devmem":15360,"type":"NVIDIA-Tesla T4","health":true}]',
)
_FIGURES = ("memory_total", "memory_used", "memory_free", "utilization", "temperature")


def _fuzz() -> float:
    """How many of a hundred thousand texts make a parser raise or tell a number that was not there."""
    chance = random.Random(7)
    failures = 0
    for _ in range(TEXTS):
        body = _any_bytes(chance)
        text = body.decode("utf-8", errors="replace")
        numbers = {int(number) for number in re.findall(r"[0-9]+", text) if len(number) < 20}
        for name, parse in _PARSERS.items():
            try:
                cards = parse(body, text)
                wrong = any(
                    value is not None and (value < 0 or (name not in _COMPUTED and value not in numbers))
                    for card in cards
                    for value in (getattr(card, field) for field in _FIGURES)
                )
            except Exception as error:
                print(f"{name} raised {error!r} on {body!r}", file=sys.stderr)
                wrong = True
            if wrong:
                print(f"{name} misread {body!r}", file=sys.stderr)
            failures += wrong
    return float(failures)


def _any_bytes(chance: random.Random) -> bytes:
    """Noise, pieces of real output in any order, or real output with some bytes lost, doubled or changed."""
    kind = chance.random()
    if kind < 0.25:
        return chance.randbytes(chance.randrange(120))
    if kind < 0.5:
        return "".join(chance.choices(_PIECES, k=chance.randrange(25))).encode()
    body = bytearray(chance.choice(_SAMPLES).encode())
    for _ in range(chance.randrange(4)):
        start = chance.randrange(len(body) + 1)
        end = min(len(body), start + chance.randrange(12))
        body[start:end] = chance.choice(
            (b"", body[start:end] * 2, chance.randbytes(2), chance.choice(_PIECES).encode())
        )
    return bytes(body)


def _agent(body: bytes, text: str) -> list[CardFact]:
    del body
    with contextlib.suppress(NoAnswer):
        return agent_answer.cards(json.dumps({"age_seconds": 1, "xml": text, "list": text}).encode(), now=0.0)
    return []


# What is a sum, a rounded figure or a share is not written anywhere.
_COMPUTED = ("dcgm", "amd", "prometheus", "agent")
_PARSERS: dict[str, Callable[[bytes, str], Sequence[CardFact]]] = {
    "csv": lambda _, text: smi.parse_csv(text).cards,
    "list": lambda _, text: smi.parse_list(text).cards,
    "xml": lambda _, text: parse_xml(text).cards,
    "hami": lambda _, text: hami.parse(text),
    "dcgm": lambda body, _: read_dcgm(body, 0.0),
    "amd": lambda body, _: read_amd(body, 0.0),
    "prometheus": lambda body, _: dcgm_cards(parse_vector(body)[0]),
    "agent": _agent,
}


if __name__ == "__main__":
    print(msgspec.json.format(msgspec.json.encode(main())).decode())
