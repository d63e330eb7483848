"""A large cluster's first list, one event, and a million events.

`sync.cpu_s` is the work of the first list alone: pages of JSON in, ledger out, in a process of its own. `sync.rss_mb` and `sync.peak_rss_mb` are of
a real `moorage serve` that lists the same cluster over HTTP from another process. All pods are made on the fly, so that nothing here holds 1.4 GB.
"""

import asyncio
import gc
import itertools
import json
import random
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import synthetic  # noqa: E402

from moorage.kube.resources import PODS  # noqa: E402

PAGE = PODS.page
# Peers are measured on a tenth of the pods and scaled, since they would need gigabytes.
SAMPLE = synthetic.PODS // 10
SOAK = 1_000_000
_ITSELF = [sys.executable, str(HERE / "cluster.py")]


def main() -> list[dict[str, Any]]:
    # What else the machine does only ever adds to the processor time of a run, so the least of three is nearest.
    ours = min((_apart(_sync) for _ in range(3)), key=lambda run: run["cpu_s"])
    dicts, models = _apart(_sync_as_dicts), _apart(_sync_as_models)
    served = _serve()
    event, event_peer = _apart(_events)
    drift = _apart(_soak)
    return [
        row("sync.cpu_s", ours["cpu_s"], "s", 2.5, against=("json.loads, dicts kept", dicts["cpu_s"])),
        row("sync.nodes_cpu_s", ours["nodes_cpu_s"], "s", None),
        row("sync.ready_s", served["ready_s"], "s", 8),
        row("sync.served_cpu_s", served["cpu_s"], "s", None),
        row("sync.rss_mb", served["rss_mb"], "MB", 250, against=("json.loads, dicts kept", dicts["rss_mb"])),
        row("sync.peak_rss_mb", served["peak_mb"], "MB", 400),
        row("peer.sync_models_s", ours["cpu_s"], "s", None, against=("models of kubernetes_asyncio", models["cpu_s"])),
        row("event.us", event, "us", 30, against=("json.loads, sums of one node again", event_peer)),
        row("soak.drift", drift["drift"], "nodes", 0),
        row("soak.events_per_s", drift["events_per_s"], "1/s", None),
    ]


def row(
    name: str, value: float, unit: str, limit: float | None, *, against: tuple[str, float] | None = None
) -> dict[str, Any]:
    peer = None if against is None else {"name": against[0], "value": round(against[1], 3)}
    holds = None if limit is None else value <= limit
    return {"id": name, "value": round(value, 3), "unit": unit, "limit": limit, "holds": holds, "against": peer}


def _apart(part: Any) -> Any:
    """Run one part in a fresh process, so that memory and caches of one measurement do not colour the next."""
    done = subprocess.run([*_ITSELF, part.__name__], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def _memory(pid: int | str = "self") -> tuple[float, float]:
    """Resident now and at most, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return tuple(int(re.search(rf"{name}:\s+(\d+)", status)[1]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[index, return-value]


# --- the first list ---------------------------------------------------------------------------------------------


def _sync() -> dict[str, float]:
    from moorage.cluster.store import Store
    from moorage.kube.following.pages import read_page
    from moorage.kube.following.sink import take_page
    from moorage.kube.resources import NODES

    store, spent = Store(), {}
    for resource, make, count, kind in (
        (NODES, synthetic.node, synthetic.NODES, "Node"),
        (PODS, synthetic.pod, synthetic.PODS, "Pod"),
    ):
        store.begin(resource)
        cpu = 0.0
        # Several pages are made before the clock starts, since making them leaves the processor's caches full of that.
        for bodies in _batches(synthetic.pages(make, count, size=PAGE, kind=kind), 40):
            started = time.process_time()
            for body in bodies:
                take_page(store, resource, read_page(resource.kind, body))
            cpu += time.process_time() - started
        started = time.process_time()
        store.end(resource)
        spent[resource.name] = cpu + time.process_time() - started
    assert len(store.cluster.pods) == synthetic.PODS
    return {"cpu_s": sum(spent.values()), "nodes_cpu_s": spent["nodes"]}


def _batches(pages: Iterator[bytes], size: int) -> Iterator[list[bytes]]:
    while batch := list(itertools.islice(pages, size)):
        yield batch


def _sync_as_dicts() -> dict[str, float]:
    """What most people would write: `json.loads`, and the dicts kept by name."""
    before, cpu, kept = _memory()[0], 0.0, {}
    for body in synthetic.pages(synthetic.pod, SAMPLE, size=PAGE, kind="Pod"):
        started = time.process_time()
        for item in json.loads(body)["items"]:
            kept[item["metadata"]["namespace"], item["metadata"]["name"]] = item
        cpu += time.process_time() - started
    return {"cpu_s": cpu * 10, "rss_mb": before + (_memory()[0] - before) * 10}


def _sync_as_models() -> dict[str, float]:
    """The models of kubernetes_asyncio, on a hundredth of the pods."""
    from kubernetes_asyncio.client import ApiClient, Configuration

    class Answer:
        data = ""

    async def read() -> float:
        client, cpu = ApiClient(Configuration()), 0.0
        for body in synthetic.pages(synthetic.pod, synthetic.PODS // 100, size=PAGE, kind="Pod"):
            answer = Answer()
            answer.data = body.decode()
            started = time.process_time()
            client.deserialize(answer, "V1PodList")
            cpu += time.process_time() - started
        await client.close()
        return cpu * 100

    return {"cpu_s": asyncio.run(read())}


# --- the service ------------------------------------------------------------------------------------------------


def _serve() -> dict[str, float]:
    """A real `moorage serve` beside an API server that holds the synthetic cluster."""
    server = subprocess.Popen([*_ITSELF, "_api_server"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    own, theirs = _free_port(), int(server.stdout.readline())
    command = [sys.executable, "-m", "moorage.cli", "serve", f"--port={own}", f"--api-server=http://127.0.0.1:{theirs}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        started = time.monotonic()
        while not _answers(f"http://127.0.0.1:{own}/readyz"):
            if process.poll() is not None or time.monotonic() - started > 600:
                raise RuntimeError("moorage serve did not become ready")
            time.sleep(0.2)
        ready = time.monotonic() - started
        with urllib.request.urlopen(f"http://127.0.0.1:{own}/api/v1/cluster/resources") as answer:
            assert len(json.load(answer)) == synthetic.NODES
        rss, peak = _memory(process.pid)
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return {"ready_s": ready, "rss_mb": rss, "peak_mb": peak, "cpu_s": (int(fields[11]) + int(fields[12])) / 100}
    finally:
        process.terminate()
        process.wait()
        server.terminate()
        server.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def _free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _api_server() -> None:
    """Lists of the synthetic cluster in gzipped pages, and watches that are silent until their time is over.

    Every page is made before the port is told: what is measured is the service, and a real API server is not slower for being asked by it.
    """
    from aiohttp import web

    from moorage.kube.resources import NODES

    kept = {"nodes": _packed_pages("node", synthetic.NODES, "Node", NODES.page)}
    kept["pods"] = _packed_pages("pod", synthetic.PODS, "Pod", PAGE)

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/version":
            return web.json_response({"major": "1", "minor": "36"})
        if request.query.get("watch"):
            response = web.StreamResponse()
            await response.prepare(request)
            await asyncio.sleep(float(request.query.get("timeoutSeconds", "60")))
            return response
        pages = kept.get(request.path.rsplit("/", 1)[1])
        if pages is None:
            return web.json_response({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": []})
        body = pages[int(request.query.get("continue") or "0")]
        return web.Response(body=body, content_type="application/json", headers={"Content-Encoding": "gzip"})

    async def serve() -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(serve())


def _packed_pages(make: str, count: int, kind: str, size: int) -> dict[int, bytes]:
    """The pages of a list by the token that asks for them, made on all cores."""
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor() as workers:
        starts = range(0, count, size)
        parts = [workers.submit(_packed_page, make, start, min(start + size, count), count, kind) for start in starts]
        return {start: part.result() for start, part in zip(starts, parts, strict=True)}


def _packed_page(make: str, start: int, end: int, count: int, kind: str) -> bytes:
    import gzip

    token = str(end) if end < count else ""
    return gzip.compress(synthetic.page(getattr(synthetic, make), start, end, token=token, kind=kind), 1)


# --- events -----------------------------------------------------------------------------------------------------


def _events() -> tuple[float, float]:
    """One watch line, bytes to ledger, in a store of 5,000 nodes and 150,000 pods: half change nothing that counts."""
    from moorage.cluster.store import Store
    from moorage.kube.following.feed import Feed
    from moorage.kube.following.lines import Lines
    from moorage.kube.following.pages import read_page
    from moorage.kube.following.sink import take_page
    from moorage.kube.resources import NODES

    store = Store()
    for resource, make, count, kind in (
        (NODES, synthetic.node, synthetic.NODES, "Node"),
        (PODS, synthetic.pod, synthetic.PODS, "Pod"),
    ):
        store.begin(resource)
        for body in synthetic.pages(make, count, size=PAGE, kind=kind):
            take_page(store, resource, read_page(resource.kind, body))
        store.end(resource)
    feed = Feed(PODS, client=None, sink=store)  # type: ignore[arg-type]
    chance = random.Random(7)
    batches = [b"".join(_line(chance) for _ in range(20)) for _ in range(500)]
    lines, spent = Lines(), []
    for batch in batches:
        started = time.process_time()
        for line in lines.feed(batch):
            feed._take(line)
        spent.append((time.process_time() - started) / 20)
    return 1e6 * sum(spent) / len(spent), _event_peer(batches[:50])


def _line(chance: random.Random) -> bytes:
    number = chance.randrange(synthetic.PODS)
    pod = synthetic.pod(number)
    kind = chance.choice(["MODIFIED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED", "ADDED"])
    if kind == "MODIFIED" and chance.random() < 0.3:
        resources = {
            "requests": {"cpu": f"{chance.randrange(1, 40) * 50}m", "memory": f"{chance.randrange(1, 64) * 128}Mi"}
        }
        pod["spec"]["containers"][0]["resources"] = pod["status"]["containerStatuses"][0]["resources"] = resources
        pod["status"]["containerStatuses"][0]["allocatedResources"] = resources["requests"]
    return b'{"type":"%s","object":%s}\n' % (kind.encode(), synthetic.encoded(pod))


def _event_peer(batches: list[bytes]) -> float:
    """The same with `json.loads`, a dict of pods by node, and that node's sum again: 30 pods a node."""
    by_node: dict[str, dict[str, Any]] = {}
    for number in range(0, synthetic.PODS, 50):
        pod = synthetic.pod(number)
        by_node.setdefault(pod["spec"]["nodeName"], {})[pod["metadata"]["uid"]] = pod
    from decimal import Decimal

    def cores(text: str) -> Decimal:
        return Decimal(text[:-1]) / 1000 if text.endswith("m") else Decimal(text)

    count, started = 0, time.process_time()
    for line in b"".join(batches).splitlines():
        event = json.loads(line)
        pod = event["object"]
        pods = by_node.setdefault(pod["spec"]["nodeName"], {})
        pods[pod["metadata"]["uid"]] = pod
        sum(cores(c["resources"]["requests"]["cpu"]) for other in pods.values() for c in other["spec"]["containers"])
        count += 1
    return 1e6 * (time.process_time() - started) / count


# --- soak -------------------------------------------------------------------------------------------------------


def _soak() -> dict[str, float]:
    """A million random events in any order a watch and its relists can bring them, and then a count from scratch."""
    from moorage import Cluster
    from moorage.cluster.ledger import drift
    from moorage.cluster.store import Store
    from moorage.kube.following.feed import Feed
    from moorage.kube.following.pages import read_page
    from moorage.kube.following.sink import take_page
    from moorage.kube.resources import NODES

    chance = random.Random(2026)
    store = Store()
    feeds = {resource.name: Feed(resource, client=None, sink=store) for resource in (NODES, PODS)}  # type: ignore[arg-type]
    truth: dict[str, dict[str, dict[str, Any]]] = {"nodes": {}, "pods": {}}
    for resource in (NODES, PODS):
        store.begin(resource)
        store.end(resource)
    started = time.monotonic()
    done = 0
    while done < SOAK:
        kind = "nodes" if chance.random() < 0.02 else "pods"
        held = truth[kind]
        number = chance.randrange(200 if kind == "nodes" else 4000)
        item = _small_node(number) if kind == "nodes" else _small_pod(number, chance)
        uid = item["metadata"]["uid"]
        action = chance.random()
        if action < 0.25 and uid in held:
            line, item = "DELETED", held.pop(uid)
        elif kind == "pods" and action < 0.3 and uid in held:
            # It ends: the selector turns this into a deletion that carries the new state.
            line = "DELETED"
            item["status"]["phase"] = "Succeeded"
            held.pop(uid)
        else:
            line = "MODIFIED" if uid in held else "ADDED"
            held[uid] = item
        text = b'{"type":"%s","object":%s}' % (line.encode(), synthetic.encoded(item))
        for _ in range(2 if chance.random() < 0.05 else 1):
            feeds[kind]._take(text)
            done += 1
        if chance.random() < 0.0001:
            resource = PODS if kind == "pods" else NODES
            body = b'{"metadata":{"resourceVersion":"1"},"items":[%s]}' % b",".join(
                map(synthetic.encoded, held.values())
            )
            store.begin(resource)
            take_page(store, resource, read_page(resource.kind, body))
            store.end(resource)
            done += len(held)
    seconds = time.monotonic() - started
    fresh = Cluster.from_objects(nodes=truth["nodes"].values(), pods=truth["pods"].values())
    kept = store.cluster
    wrong = set(kept.nodes) ^ set(fresh.nodes)
    wrong |= {n for n in kept.nodes.keys() & fresh.nodes.keys() if kept.nodes[n].requested != fresh.nodes[n].requested}
    wrong |= {n for n, info in kept.nodes.items() if drift(info)}
    gc.collect()
    return {"drift": float(len(wrong)), "events_per_s": done / seconds}


def _small_node(number: int) -> dict[str, Any]:
    amounts = {"cpu": "64", "memory": "256Gi", "pods": "110", "nvidia.com/gpu": "8"}
    return {
        "metadata": {"name": f"n{number}", "uid": f"nu{number}"},
        "spec": {},
        "status": {"capacity": amounts, "allocatable": amounts},
    }


def _small_pod(number: int, chance: random.Random) -> dict[str, Any]:
    requests = {"cpu": f"{chance.randrange(1, 4000)}m", "memory": f"{chance.randrange(1, 9000)}Mi"}
    if chance.random() < 0.2:
        requests["nvidia.com/gpu"] = str(chance.randrange(1, 3))
    container: dict[str, Any] = {"name": "c", "resources": {"requests": requests}}
    status: dict[str, Any] = {"phase": "Running"}
    if chance.random() < 0.2:
        allocated = {**requests, "cpu": f"{chance.randrange(1, 4000)}m"}
        status["containerStatuses"] = [
            {"name": "c", "resources": {"requests": allocated}, "allocatedResources": allocated}
        ]
    pod: dict[str, Any] = {
        "metadata": {"name": f"p{number}", "namespace": "default", "uid": f"pu{number}"},
        "spec": {"containers": [container], "priority": chance.choice([0, 100])},
        "status": status,
    }
    if chance.random() < 0.9:
        pod["spec"]["nodeName"] = f"n{number % 230}"
    elif chance.random() < 0.5:
        status["nominatedNodeName"] = f"n{number % 230}"
    if chance.random() < 0.02:
        container["resources"]["requests"]["cpu"] = "garbage"
    return pod


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(globals()[sys.argv[1]]()))
    else:
        for line in main():
            print(line)
