"""The service as its clients see it: how long the cluster takes to read, and how soon a change is on a thousand open pages.

API server, service and client are processes of their own, as in real life. The peer answers the same array from the same nodes, encoded anew for
each request, as an application does that keeps dicts.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import http.client
import json
import resource
import socket
import statistics
import struct
import subprocess
import sys
import time
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIZES = {10: 300, 5000: 60}
PAGES, RATE, SECONDS, WARM = 1000, 1000, 6, 1.5
# Changes go round these nodes, so that each message carries most of them; with ten times as many, messages grow to 6 KB.
STREAM_NODES = 20
# Of every other node's card, as the label of its vendor has it.
MODELS = ("NVIDIA-A100-SXM4-80GB", "NVIDIA-H100-80GB-HBM3", "NVIDIA-L40S", "Tesla-T4")
# As a browser asks.
REQUEST = b"GET /api/v1/cluster/stream HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n"
# Between the clock of the stamps and the kernel's.
CLOCKS_APART = time.time_ns() - time.monotonic_ns()
LIMITS = {"resources.p50_ms.10": 1, "resources.p50_ms.5000": 10, "stream.p99_ms": 150}


def main() -> list[dict]:
    rows = []
    for nodes, requests in SIZES.items():
        with cluster(nodes) as (api, _), serving(api) as port:
            wait_for(port, nodes)
            ours = p50(port, requests=requests)
            body = body_of(port)
        with naive(body) as peer_port:
            peer = p50(peer_port, requests=max(5, requests // 6))
        against = {"name": "encoded for each request", "value": peer}
        rows.append(row(f"resources.p50_ms.{nodes}", ours, "ms", against=against))
    with cluster(STREAM_NODES) as (api, order), serving(api) as port:
        wait_for(port, STREAM_NODES)
        p99, read, events = asyncio.run(watch(port, order))
    # With the time that the one process needs which reads for all pages.
    return [
        *rows,
        row("stream.p99_ms", p99, "ms"),
        row("stream.read_p99_ms", read, "ms"),
        row("stream.events", events, ""),
    ]


def row(name: str, value: float, unit: str, *, against: dict | None = None) -> dict:
    limit = LIMITS.get(name)
    holds = None if limit is None else value <= limit
    return {"id": name, "value": value, "unit": unit, "limit": limit, "holds": holds, "against": against}


# --- the processes ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def process(*command: str, **options) -> Iterator[subprocess.Popen]:
    started = subprocess.Popen(
        [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options
    )
    try:
        yield started
    finally:
        started.terminate()
        started.wait(10)


@contextlib.contextmanager
def cluster(nodes: int):
    with process(__file__, "cluster", str(nodes)) as started:
        yield started.stdout.readline().strip(), started


@contextlib.contextmanager
def serving(api: str):
    port = free_port()
    command = ("-m", "moorage.cli", "serve", "--port", str(port), "--api-server", api, "--log-level", "warning")
    with process(*command) as started:
        yield port
        assert started.poll() is None, "the service ended"


@contextlib.contextmanager
def naive(body: bytes):
    port = free_port()
    with process(__file__, "naive", str(port)) as started:
        started.stdin.write(json.dumps({"body": body.decode()}) + "\n")
        started.stdin.flush()
        started.stdout.readline()
        until_open(port)
        yield port


def size(number: int) -> dict:
    """What a node has: every other one a card, of one model or another."""
    labels = {"nvidia.com/gpu.product": MODELS[number // 2 % len(MODELS)], "nvidia.com/gpu.count": "1"}
    return {"cpu": "64", "memory": "256Gi", "gpu": number % 2, "labels": labels if number % 2 else None}


def run_cluster(count: int) -> None:
    """A simulated API server; on a line of its input it changes nodes at the rate that the line names.

    Each change makes a node's memory the time of the change, which so reaches every page as a number.
    """
    from moorage.simulator import Simulator, node

    async def go() -> None:
        async with Simulator() as simulator:
            simulator.add(*(node(f"node-{n:05}", **size(n)) for n in range(count)))
            print(simulator.url, flush=True)
            loop = asyncio.get_running_loop()
            line = await loop.run_in_executor(None, sys.stdin.readline)
            if not line:
                await asyncio.Event().wait()
            rate, seconds = json.loads(line)
            started, made = time.monotonic(), 0
            while (passed := time.monotonic() - started) < seconds:
                while made < passed * rate:
                    change = {"status": {"allocatable": {"memory": str(time.monotonic_ns())}}}
                    simulator.patch("nodes", None, f"node-{made % count:05}", change)
                    made += 1
                await asyncio.sleep(0.005)
            print(made, flush=True)
            await asyncio.Event().wait()

    asyncio.run(go())


def run_naive(port: int) -> None:
    import uvicorn
    from fastapi import FastAPI, Response

    nodes = json.loads(json.loads(sys.stdin.readline())["body"])
    app = FastAPI()

    @app.get("/api/v1/cluster/resources")
    async def resources() -> Response:
        return Response(json.dumps(nodes), media_type="application/json")

    print("ready", flush=True)
    uvicorn.run(app, port=port, log_level="error", access_log=False)


# --- reading ------------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until_open(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError("nobody listens")


def body_of(port: int) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/api/v1/cluster/resources")
    return connection.getresponse().read()


def wait_for(port: int, nodes: int) -> None:
    until_open(port)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(ValueError):
            if len(json.loads(body_of(port))) == nodes:
                return
        time.sleep(0.2)
    raise TimeoutError("the service did not read the cluster")


def p50(port: int, *, requests: int) -> float:
    """Median of a whole GET over one connection, in milliseconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    found = []
    for _ in range(requests):
        started = time.perf_counter()
        connection.request("GET", "/api/v1/cluster/resources")
        connection.getresponse().read()
        found.append((time.perf_counter() - started) * 1000)
    return statistics.median(found)


# Tell with what is read when the kernel got it (asm-generic/socket.h); 35 is for Linux.
SO_TIMESTAMPNS = 35


class Page:
    """One open page. All pages get the same bytes, so that one of them is decoded and the others note when each message came.

    A message has come when it is in the page's socket, which the kernel tells. A thousand browsers are a thousand machines, each of which reads at once;
    here one process reads for them all, one after the other.
    """

    def __init__(self, request: bytes, arrivals: dict[bytes, list[tuple[int, int]]]) -> None:
        self.request = request
        self.arrivals = arrivals
        self.rest = b""
        self.opened = False
        self.socket = socket.socket()

    async def open(self, port: int) -> None:
        self.socket.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self.socket, ("127.0.0.1", port))
        if sys.platform == "linux":
            self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        await loop.sock_sendall(self.socket, self.request)
        loop.add_reader(self.socket, self.receive)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()

    def receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.take(*self.socket.recvmsg(1 << 18, 64)[:2])

    def take(self, data: bytes, told: list[tuple[int, int, bytes]]) -> None:
        if not data:
            raise ConnectionError("the service closed a stream")
        now = came = time.monotonic_ns()
        for _, kind, value in told:
            if kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = struct.unpack("qq", value)
                came = seconds * 10**9 + nanoseconds - CLOCKS_APART
        self.rest += data
        if not self.opened:
            _, end, self.rest = self.rest.partition(b"\r\n\r\n")
            self.opened = bool(end)
        while (message := self.next_message()) is not None:
            self.arrivals.setdefault(message, []).append((came, now))
            self.read(message)

    def next_message(self) -> bytes | None:
        """Each message is sent as one chunk."""
        line = self.rest.find(b"\r\n")
        if line < 0:
            return None
        size = int(self.rest[:line], 16)
        if len(self.rest) < line + size + 4:
            return None
        message, self.rest = self.rest[line + 2 : line + 2 + size], self.rest[line + size + 4 :]
        return message

    def read(self, message: bytes) -> None:
        pass


class Reader(Page):
    """The page that is decoded: which stamps came with which message."""

    def __init__(
        self, request: bytes, arrivals: dict[bytes, list[tuple[int, int]]], stamps: dict[bytes, list[int]]
    ) -> None:
        super().__init__(request, arrivals)
        self.stamps = stamps
        self.unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    def read(self, message: bytes) -> None:
        text = self.text(message)
        if b"event: nodes" in text:
            nodes = json.loads(text.split(b"data: ", 1)[1])["changed"]
            self.stamps[message] = [self.stamp(node) for node in nodes]

    def text(self, message: bytes) -> bytes:
        return self.unpack.decompress(message)

    def stamp(self, node: dict) -> int:
        return node["allocatable"]["memory_bytes"]


async def watch(
    port: int, order: subprocess.Popen, *, requests: Sequence[bytes] = (REQUEST,) * PAGES, reader: type[Reader] = Reader
) -> tuple[float, float, int]:
    """Open these pages and let the cluster change: the 99th percentile from change to page and to when this process has read it, in milliseconds, and
    how many changes there were.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, PAGES * 2 + 100)), hard))
    loop = asyncio.get_running_loop()
    arrivals: dict[bytes, list[tuple[int, int]]] = {}
    stamps: dict[bytes, list[int]] = {}
    pages = []
    for number, request in enumerate(requests):
        page = Page(request, arrivals) if number else reader(request, arrivals, stamps)
        pages.append(page)
        await page.open(port)
        if number % 50 == 0:
            await asyncio.sleep(0.05)
    async with asyncio.timeout(60):
        while not all(page.opened for page in pages):
            await asyncio.sleep(0.1)
    await asyncio.sleep(1)
    # A pause of the measuring process would count as one of the service.
    gc.collect()
    gc.disable()
    began = time.monotonic_ns()
    order.stdin.write(json.dumps([RATE, SECONDS]) + "\n")
    order.stdin.flush()
    made = int(await loop.run_in_executor(None, order.stdout.readline))
    await asyncio.sleep(1)
    gc.enable()
    for page in pages:
        page.close()
    counted = [
        (stamp, came, read)
        for message, found in stamps.items()
        for stamp in found
        if stamp > began + WARM * 1e9
        for came, read in arrivals[message][::10]
    ]
    late = sorted((came - stamp) / 1e6 for stamp, came, _ in counted)
    late_read = sorted((read - stamp) / 1e6 for stamp, _, read in counted)
    complete = sum(len(arrivals[message]) == len(requests) for message in stamps)
    size = statistics.mean(map(len, stamps))
    print(f"{complete} of {len(stamps)} messages on all pages, {size:.0f} bytes each", file=sys.stderr)
    return late[int(len(late) * 0.99)], late_read[int(len(late) * 0.99)], made


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["cluster", count]:
            run_cluster(int(count))
        case ["naive", port]:
            run_naive(int(port))
        case _:
            for found in main():
                print(found)
