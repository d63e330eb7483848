"""The way that people have: a change at the API server, through the service and a real hub, on a thousand open pages.

Twenty pages of each of fifty people, since a person's streams are bounded. API server, service, hub and pages are processes of their own. The pages
are connections of the hub itself: what its proxy adds is a matter of the proxy.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import hub as hub_bench  # noqa: E402
import service  # noqa: E402
from moorage.simulator import Simulator, builders  # noqa: E402

PEOPLE = 50
LIMIT = 250
CONFIG = """
c.JupyterHub.log_level = "WARN"
c.JupyterHub.db_url = "sqlite://"
"""


class Reader(service.Reader):
    """One page of the hub, which tells nodes in the form's own words."""

    def text(self, message: bytes) -> bytes:
        return message

    def stamp(self, node: dict) -> int:
        return node["memory"]["allocatable"]


async def measure() -> float:
    folder = Path(tempfile.mkdtemp(prefix="moorage-bench-"))
    with service.cluster(service.STREAM_NODES) as (api, order), service.serving(api) as port:
        await asyncio.to_thread(service.wait_for, port, service.STREAM_NODES)
        # Where the hub would start servers; nobody starts one here.
        async with Simulator() as servers:
            servers.add(builders.namespace("jupyter"))
            kubeconfig = servers.kubeconfig(folder / "kubeconfig")
            hub = hub_bench.rig.Hub(
                folder, service_url=f"http://127.0.0.1:{port}", kubeconfig=kubeconfig, config=CONFIG
            )
            await hub.start()
            try:
                requests = [await request(hub, f"page-{number}") for number in range(PEOPLE)]
                p99, _, _ = await service.watch(
                    hub.hub_port, order, requests=requests * (service.PAGES // PEOPLE), reader=Reader
                )
            finally:
                await hub.stop()
    return p99


async def request(hub: hub_bench.rig.Hub, name: str) -> bytes:
    """What this person's browser sends to follow the stream."""
    person = await hub.log_in(name)
    try:
        token = await person.token()
        cookies = "; ".join(f"{cookie.key}={cookie.value}" for cookie in person.http.cookie_jar)
    finally:
        await person.close()
    head = f"GET /hub/moorage/stream?_xsrf={token} HTTP/1.1\r\nHost: 127.0.0.1:{hub.port}\r\nCookie: {cookies}\r\n\r\n"
    return head.encode()


def main() -> list[dict]:
    p99 = asyncio.run(measure())
    return [{"id": "page.p99_ms", "value": p99, "unit": "ms", "limit": LIMIT, "holds": p99 <= LIMIT, "against": None}]


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))
