"""`moorage serve` as a process of its own, as it runs in a cluster, and a witness that watches its numbers."""

import contextlib
import json
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from rig.api import Obj
from rig.ports import free_port
from rig.processes import Program, until


class Service:
    def __init__(self, kubeconfig: Path, *, folder: Path, options: tuple[str, ...] = ()) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [
            sys.executable,
            "-m",
            "moorage.cli",
            "serve",
            "--port",
            self.port,
            "--kubeconfig",
            kubeconfig,
            *options,
        ]
        self.program = Program(*map(str, command), log=folder / f"moorage-{self.port}.log")

    def start(self, *, ready: bool = True) -> "Service":
        self.program.start()
        until(self._answers, within=20, what="the service answers")
        if ready:
            until(self.is_ready, within=20, what="the service knows the cluster")
        return self

    def _answers(self) -> bool:
        self.program.check()
        return self.status("/livez") == 200

    def is_ready(self) -> bool:
        self.program.check()
        return self.status("/readyz") == 200

    def request(
        self, path: str, body: Any = None, *, headers: dict[str, str] | None = None, method: str | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        data = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(self.url + path, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, dict(refused.headers), refused.read()

    def status(self, path: str) -> int | None:
        try:
            return self.request(path)[0]
        except OSError:
            return None

    def get(self, path: str) -> Any:
        status, _, body = self.request(path)
        assert status == 200, (status, body)
        return json.loads(body)

    def nodes(self) -> dict[str, Obj]:
        return {node["name"]: node for node in self.get("/api/v1/cluster/resources")}

    def stale(self) -> bool:
        return self.request("/api/v1/cluster/resources")[1].get("moorage-stale") == "true"

    def fit(self, body: Obj) -> Obj:
        status, _, answer = self.request("/api/v1/cluster/fit", body)
        assert status == 200, (status, answer)
        found: Obj = json.loads(answer)
        return found

    def metric(self, name: str) -> float:
        lines = self.request("/metrics")[2].decode().splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))

    def log(self) -> str:
        return self.program.log.read_text()


@contextlib.contextmanager
def service(kubeconfig: Path, *, folder: Path, ready: bool = True, options: tuple[str, ...] = ()) -> Iterator[Service]:
    made = Service(kubeconfig, folder=folder, options=options)
    try:
        yield made.start(ready=ready)
    finally:
        made.program.stop()


class Witness:
    """Looks ten times a second whether the service's picture is true, and remembers the longest time that it was wrong and did not say so."""

    def __init__(self, served: Service, *, true: Callable[[dict[str, Obj]], bool]) -> None:
        self.true = true
        self.longest = 0.0
        self.looks = 0
        self.last_wrong: dict[str, Any] = {}
        self._served = served
        self._since: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)

    def _run(self) -> None:
        while not self._ended.wait(0.1):
            self._look()

    def _look(self) -> None:
        now = time.monotonic()
        try:
            _, headers, body = self._served.request("/api/v1/cluster/resources")
            nodes = {node["name"]: node for node in json.loads(body)}
            honest = {k.lower(): v for k, v in headers.items()}.get("moorage-stale") == "true" or self.true(nodes)
        except (OSError, ValueError, KeyError, TypeError):
            # No number is no wrong number.
            honest, nodes = True, {}
        self.looks += 1
        if honest:
            self._since = None
            return
        self._since = self._since or now
        self.longest = max(self.longest, now - self._since)
        self.last_wrong = {name: node["available"] for name, node in nodes.items()}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(15)
