"""A real hub with a real proxy, as one process tree, between a fake or real service and a simulated cluster."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import signal
import sys
from pathlib import Path
from typing import Any, Self

import aiohttp
import psutil

from rig.ports import free_port

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
# Another environment's Python runs the same tests on another version of JupyterHub.
PYTHON = os.environ.get("MOORAGE_TEST_HUB_PYTHON", sys.executable)


def surroundings() -> dict[str, str]:
    """The environment of a process under test. Where the tests themselves stand on another environment's packages, by
    PYTHONPATH, each process has its own interpreter's instead.
    """
    return {**os.environ, "PYTHONPATH": str(ROOT / "src")}


class Hub:
    """`async with Hub(…) as hub`: `hub.url`; log-ins and REST calls."""

    def __init__(self, folder: Path, *, service_url: str, kubeconfig: Path, config: str = "") -> None:
        self.folder = folder
        self.port, self.hub_port, self.proxy_port = free_port(), free_port(), free_port()
        self.token = secrets.token_hex(16)
        self.log = folder / "hub.log"
        self._env = {
            **surroundings(),
            "KUBECONFIG": str(kubeconfig),
            "MOORAGE_TEST_FOLDER": str(folder),
            "MOORAGE_TEST_SERVICE": service_url,
            "MOORAGE_TEST_PORT": str(self.port),
            "MOORAGE_TEST_HUB_PORT": str(self.hub_port),
            "MOORAGE_TEST_PROXY_PORT": str(self.proxy_port),
            "MOORAGE_TEST_PROXY": str(ROOT / "node_modules" / ".bin" / "configurable-http-proxy"),
            "MOORAGE_TEST_TOKEN": self.token,
            "MOORAGE_TEST_CONFIG": config,
            "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(16),
        }
        self._env.pop("KUBERNETES_SERVICE_HOST", None)
        self.process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it, its proxy and its services at once: nobody looks at how it leaves, and some tests leave it what hangs."""
        if self.process is None or self.process.returncode is not None:
            return
        hub = psutil.Process(self.process.pid)
        for each in (hub, *hub.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        await self.process.wait()

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                PYTHON, "-m", "jupyterhub", "-f", str(HERE / "hub_config.py"),
                env=self._env, cwd=self.folder, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        await until(self._healthy, seconds=180, what=lambda: f"the hub did not start:\n{self.tail()}")

    async def _healthy(self) -> bool:
        assert self.process is not None
        assert self.process.returncode is None, self.tail()
        async with aiohttp.ClientSession() as http:
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(f"{self.url}/hub/health") as answer:
                    return answer.status == 200
        return False

    async def stop(self) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), 15)
        except TimeoutError:
            os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    async def api(
        self, method: str, path: str, body: Any = None, *, data: bytes | None = None, token: str | None = None
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"token {token or self.token}"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.request(method, f"{self.url}/hub/api{path}", json=body if data is None else None, data=data) as answer,
        ):
            text = await answer.text()
            with contextlib.suppress(ValueError):
                return answer.status, __import__("json").loads(text)
            return answer.status, text

    async def text(self, path: str) -> str:
        """A whole answer of the API that is no JSON, such as a stream that ends."""
        headers = {"Authorization": f"token {self.token}"}
        async with aiohttp.ClientSession(headers=headers) as http, http.get(f"{self.url}/hub/api{path}") as answer:
            return await answer.text()

    async def clear(self) -> None:
        """End all servers, so that the next test finds none."""

        async def none_left() -> bool:
            _, users = await self.api("GET", "/users")
            left = [(user["name"], server) for user in users for server in user["servers"]]
            for name, server in left:
                await self.api("DELETE", f"/users/{name}/servers/{server}")
            return not left

        await until(none_left, seconds=60, what=self.tail)

    async def failures(self) -> int:
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/hub/test/failures") as answer:
            return int((await answer.json())["failures"])

    async def log_in(self, name: str) -> Person:
        person = Person(self, name)
        await person.log_in()
        return person


class Person:
    """Somebody's browser, without the browser."""

    def __init__(self, hub: Hub, name: str) -> None:
        self.hub = hub
        self.name = name
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def log_in(self) -> None:
        async with self.http.get(f"{self.hub.url}/hub/login") as answer:
            form = log_in_of(await answer.text(), name=self.name)
        async with self.http.post(f"{self.hub.url}/hub/login", data=form, allow_redirects=False) as answer:
            assert answer.status == 302, await answer.text()

    async def form(self, path: str = "/hub/spawn") -> str:
        async with self.http.get(self.hub.url + path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.text()

    async def submit(self, path: str = "/hub/spawn", **fields: Any) -> tuple[int, str]:
        """Post the form; the status and the page (of the redirect's target, its address)."""
        page = await self.form(path)
        action = re.search(r'action="([^"]+)"', page)
        assert action, page
        address = action[1].replace("&amp;", "&")
        data = aiohttp.FormData()
        for name, value in fields.items():
            data.add_field(name, value)
        data.add_field("sent", "yes", content_type="text/plain")
        async with self.http.post(self.hub.url + address, data=data, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()

    async def token(self) -> str:
        """What keeps other sites from posting in this person's name."""
        found = re.search(r'action="[^"]*_xsrf=([^"&]+)', await self.form())
        assert found
        return found[1]

    async def close(self) -> None:
        await self.http.close()


class Service:
    """`async with Service(…) as service`: `moorage serve` as a process of its own."""

    def __init__(self, folder: Path, *, kubeconfig: Path, images: str = "", **settings: str) -> None:
        self.port = free_port()
        self.log = folder / "service.log"
        self._kubeconfig = kubeconfig
        self._env = {**surroundings(), **settings}
        if images:
            file = folder / "images.yaml"
            file.write_text(images)
            self._env["MOORAGE_IMAGES_FILE"] = str(file)
        self.process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.kill()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def start(self) -> None:
        words = ["serve", "--host", "127.0.0.1", "--port", str(self.port), "--kubeconfig", str(self._kubeconfig)]
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "moorage.cli", *words, env=self._env, stdout=log, stderr=log
            )
        await until(self._ready, seconds=180, what=lambda: self.log.read_text(errors="replace")[-3000:])

    async def _ready(self) -> bool:
        async with aiohttp.ClientSession() as http:
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(f"{self.url}/readyz") as answer:
                    return answer.status == 200
        return False

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


def log_in_of(page: str, *, name: str) -> dict[str, str]:
    """What the page of the log-in posts."""
    found = re.search(r'name="_xsrf"\s+value="([^"]+)"', page)
    assert found, page
    return {"username": name, "password": "", "_xsrf": found[1]}


async def until(check: Any, *, seconds: float = 30, what: Any = None) -> Any:
    """Poll until the check gives something true; its value. So long that it says nothing about how busy the machine is."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        value = check()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(what() if callable(what) else what or "waited in vain")
        await asyncio.sleep(0.05)
