"""One API server for the contract tests: the simulator, or the real one that `MOORAGE_CONTRACT_KUBECONFIG` names.

The tests use HTTP alone and a namespace of their own each, so they can run on a cluster that others use as well. They expect no kubelet, and put up
with a scheduler and controllers. Compaction needs to know how: the simulator is asked over HTTP, etcd by `MOORAGE_CONTRACT_ETCD` (its client URL).
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from moorage.kube.connect import connect
from moorage.simulator import Simulator

KUBECONFIG = os.environ.get("MOORAGE_CONTRACT_KUBECONFIG")
ETCD = os.environ.get("MOORAGE_CONTRACT_ETCD")
PATCHES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}


@dataclass
class Answer:
    status: int
    headers: Any
    body: Any

    @property
    def names(self) -> list[str]:
        return [item["metadata"]["name"] for item in self.body["items"]]

    @property
    def revision(self) -> str:
        return self.body["metadata"]["resourceVersion"]


class Stream:
    """An open watch."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.status = answer.status

    async def next(self, within: float = 5) -> dict[str, Any] | None:
        """The next event; None at the end of the stream."""
        line = await asyncio.wait_for(self._answer.content.readline(), within)
        return json.loads(line) if line else None

    async def rest(self, within: float = 10) -> list[dict[str, Any]]:
        """Every event up to the end."""
        found = []
        async with asyncio.timeout(within):
            while (event := await self.next(within)) is not None:
                found.append(event)
        return found


class Api:
    """HTTP to one API server, and nothing on top."""

    def __init__(self, session: aiohttp.ClientSession, base: str, headers: dict[str, str], tls: Any) -> None:
        self._session = session
        self._base = base
        self._headers = headers
        self._tls = tls

    async def call(
        self, method: str, path: str, *, body: Any = None, headers: dict[str, str] | None = None, **query: str
    ) -> Answer:
        shown = {**self._headers, **(headers or {})}
        data = None if body is None else json.dumps(body)
        if data is not None:
            shown.setdefault("Content-Type", "application/json")
        async with self._session.request(
            method, self._base + path, params=query, data=data, headers=shown, ssl=self._tls
        ) as answer:
            raw = await answer.read()
            try:
                content = json.loads(raw)
            except ValueError:
                content = raw.decode(errors="replace")
            return Answer(answer.status, answer.headers, content)

    async def get(self, path: str, **query: Any) -> Answer:
        return await self.call(
            "GET",
            path,
            **{name: str(value) for name, value in query.items() if name != "headers"},
            headers=query.get("headers"),
        )

    async def post(self, path: str, body: Any, **query: str) -> Answer:
        return await self.call("POST", path, body=body, **query)

    async def put(self, path: str, body: Any, **query: str) -> Answer:
        return await self.call("PUT", path, body=body, **query)

    async def patch(self, path: str, body: Any, *, how: str = "merge", **query: str) -> Answer:
        return await self.call("PATCH", path, body=body, headers={"Content-Type": PATCHES.get(how, how)}, **query)

    async def delete(self, path: str, body: Any = None, **query: str) -> Answer:
        return await self.call("DELETE", path, body=body, **query)

    @asynccontextmanager
    async def watch(self, path: str, **query: Any):
        params = {"watch": "1", **{name: str(value) for name, value in query.items()}}
        async with self._session.get(self._base + path, params=params, headers=self._headers, ssl=self._tls) as answer:
            yield Stream(answer)


class Server:
    """Where the server is, and what only its operator can do."""

    def __init__(self, api: Api, kubeconfig: Path, simulator: Simulator | None) -> None:
        self.api = api
        self.kubeconfig = kubeconfig
        self.simulator = simulator

    async def compact(self) -> None:
        """Forget the history up to now, so that older revisions are gone."""
        if self.simulator is not None:
            answer = await self.api.post("/simulator/compact", {})
            assert answer.status == 200
            return
        if ETCD is None:
            pytest.fail("set MOORAGE_CONTRACT_ETCD to the client URL of the cluster's etcd: this test compacts it")
        newest = await self.api.get("/api/v1/namespaces", limit=1)
        async with aiohttp.ClientSession() as session:
            body = {"revision": newest.revision, "physical": True}
            async with session.post(f"{ETCD}/v3/kv/compaction", json=body) as answer:
                assert answer.status == 200, await answer.text()


@pytest.fixture
async def server(tmp_path):
    """The API server under test."""
    simulator = None
    kubeconfig = tmp_path / "kubeconfig"
    if KUBECONFIG:
        kubeconfig = Path(KUBECONFIG)
    else:
        simulator = await Simulator().start()
        simulator.kubeconfig(kubeconfig)
    client = await connect(kubeconfig=kubeconfig)
    authorization = await client.endpoint.credentials.authorization()
    headers = {"Accept": "application/json"} | ({"Authorization": authorization} if authorization else {})
    async with aiohttp.ClientSession(auto_decompress=True) as session:
        yield Server(Api(session, client.endpoint.server, headers, client.endpoint.tls or True), kubeconfig, simulator)
    await client.close()
    if simulator is not None:
        await simulator.stop()


@pytest.fixture
def api(server):
    return server.api


@pytest.fixture
async def namespace(api):
    """A namespace of this test's own, in which pods may be created."""
    name = f"contract-{secrets.token_hex(4)}"
    made = await api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    assert made.status == 201, made.body
    account = {"metadata": {"name": "default"}}
    answer = await api.post(f"/api/v1/namespaces/{name}/serviceaccounts", account)
    assert answer.status in (201, 409)
    yield name
    await api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def pods(namespace):
    """The path of this test's pods."""
    return f"/api/v1/namespaces/{namespace}/pods"


@pytest.fixture
def maps(namespace):
    """The path of this test's config maps."""
    return f"/api/v1/namespaces/{namespace}/configmaps"


@pytest.fixture
def a_pod():
    """A pod that no scheduler looks at: `a_pod("p", labels={…}, nodeName="n")`."""

    def make(name: str, *, labels=None, resources=None, **spec):
        container = {"name": "main", "image": "registry.example/app:1", "resources": resources or {}}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels or {}},
            "spec": {"schedulerName": "nobody", "containers": [container], **spec},
        }

    return make


@pytest.fixture
def fill(api, pods, a_pod):
    """Create pods p0, p1, … with the label `n`."""

    async def create(count: int, **how):
        for number in range(count):
            answer = await api.post(pods, a_pod(f"p{number}", labels={"n": str(number)}, **how))
            assert answer.status == 201, answer.body

    return create


class Events:
    """Events of this test. The real server keeps no cache of them, so what etcd has compacted is gone for them at once."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.path = f"/api/v1/namespaces/{namespace}/events"
        self._api = api
        self._about = {"kind": "Namespace", "name": namespace, "namespace": namespace}

    async def fill(self, count: int, *, start: int = 0) -> None:
        """Create e0, e1, …"""
        for number in range(start, start + count):
            event = {
                "metadata": {"name": f"e{number}"},
                "involvedObject": self._about,
                "reason": "Told",
                "type": "Normal",
            }
            answer = await self._api.post(self.path, event)
            assert answer.status == 201, answer.body


@pytest.fixture
def events(api, namespace):
    return Events(api, namespace)
