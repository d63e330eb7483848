"""Registries over real HTTP."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote

import pytest
from aiohttp import web

USER, PASSWORD = "robot$lab+moorage", "s3cret"
PROJECT = "lab"


def artifact(number: int, *tags: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "IMAGE",
        "digest": f"sha256:{number:064x}",
        "size": 1000 + number,
        "push_time": f"2026-11-{1 + number % 28:02}T10:00:00.000Z",
        "tags": [{"name": tag, "push_time": f"2026-11-{1 + number % 28:02}T10:00:00.000Z"} for tag in tags] or None,
        "extra_attrs": {
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Labels": {
                    "org.opencontainers.image.title": "Data science",
                    "org.opencontainers.image.description": "Python,\n with  everything",
                }
            },
        },
        **more,
    }


class HarborStub:
    """Just enough of Harbor's API v2.0, with the faults that a test wants."""

    def __init__(self) -> None:
        self.repositories: dict[str, list[Any]] = {}
        self.children: dict[str, Any] = {}
        self.listed: list[Any] = []
        self.down: int | None = None
        self.broken: set[str] = set()
        self.links = True
        self.totals = True
        self.requests: list[str] = []
        self.most_at_once = 0
        self._now = 0
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/{rest:.*}", self._answer)
        self.runner = web.AppRunner(app)
        self.url = ""

    async def start(self) -> None:
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(request.raw_path)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            if self.down is not None:
                return web.Response(status=self.down, text="<html>down</html>")
            wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            if request.headers.get("Authorization") != wanted:
                return web.json_response({"errors": [{"code": "UNAUTHORIZED"}]}, status=401)
            return await handler(request)
        finally:
            self._now -= 1

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.raw_path.partition("?")[0]
        prefix = f"/api/v2.0/projects/{PROJECT}/repositories"
        if path == prefix:
            return self._page(request, [{"name": f"{PROJECT}/{name}"} for name in self.repositories] + self.listed)
        name, _, rest = path.removeprefix(f"{prefix}/").partition("/")
        repository = unquote(unquote(name))
        if unquote(name) == repository and "/" in repository:
            return web.Response(status=404)  # as Harbor does with a slash that was encoded once
        if repository in self.broken:
            return web.Response(status=500)
        if repository not in self.repositories:
            return web.Response(status=404)
        if rest == "artifacts":
            return self._page(request, self.repositories[repository])
        digest = unquote(rest.removeprefix("artifacts/"))
        return web.json_response(self.children[digest]) if digest in self.children else web.Response(status=404)

    def _page(self, request: web.Request, entries: list[Any]) -> web.Response:
        page, size = int(request.query["page"]), int(request.query["page_size"])
        assert size <= 100
        found = entries[(page - 1) * size : page * size]
        headers = {}
        if self.totals:
            headers["X-Total-Count"] = str(len(entries))
        if self.links and page * size < len(entries):
            path = request.raw_path.replace(f"page={page}&", f"page={page + 1}&")
            headers["Link"] = f'<{path}>; rel="next"'
        return web.json_response(found, headers=headers)


@pytest.fixture
async def harbor():
    stub = HarborStub()
    stub.repositories["datascience"] = [artifact(number, f"v{number:03}") for number in range(250)]
    stub.repositories["deep/learning"] = [
        {
            "type": "IMAGE",
            "digest": "sha256:" + "e" * 64,
            "size": 10,
            "push_time": "2026-11-20T10:00:00.000Z",
            "tags": [{"name": "cuda12", "push_time": "2026-11-20T10:00:00.000Z"}],
            "extra_attrs": None,
            "references": [
                {"child_digest": "sha256:" + "b" * 64, "platform": {"architecture": "arm64", "os": "linux"}},
                {"child_digest": "sha256:" + "a" * 64, "platform": {"architecture": "amd64", "os": "linux"}},
                {"child_digest": "sha256:" + "c" * 64, "platform": {"architecture": "unknown", "os": "unknown"}},
            ],
        }
    ]
    stub.children["sha256:" + "a" * 64] = artifact(7)
    stub.repositories["mixed"] = [
        artifact(1, "good"),
        None,
        {"digest": 5, "tags": "nonsense"},
        {"tags": [{"nome": "x"}]},
        artifact(2),
        artifact(3, "chart", type="CHART"),
        {"digest": "sha256:" + "d" * 64, "tags": [{"name": "bare"}]},
    ]
    await stub.start()
    yield stub
    await stub.runner.cleanup()
