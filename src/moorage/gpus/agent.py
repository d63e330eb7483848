"""The optional agent on a GPU node: `nvidia-smi` behind one HTTP GET, read-only; and, where it is given the kubelet's
folder for pod resources, which container has which device. Without that it needs nothing but the standard library.

It runs `nvidia-smi` at most once at a time. A call that hangs (a broken driver leaves it in a state where it can't
even be killed) is waited for, and no second one is started before it has ended; meanwhile the last answer is served
with its age.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moorage.errors import MissingPackage
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("moorage.gpus.agent")

_LARGEST = 4 << 20


class Driver:
    """The newest words of the driver."""

    def __init__(self, command: str = "nvidia-smi", *, meminfo: Path = Path("/proc/meminfo")) -> None:
        self._command = command
        self._meminfo = meminfo
        self._lock = threading.Lock()
        self._running_since: float | None = None
        self._taken_at: float | None = None
        self._answer: dict[str, Any] = {}

    def refresh(self) -> bool:
        """Ask the driver in this thread, unless it is being asked already."""
        with self._lock:
            if self._running_since is not None:
                return False
            self._running_since = time.monotonic()
        try:
            xml, code = self._run("-q", "-x")
            listed, _ = self._run("-L")
            answer = {"xml": xml, "list": listed, "exit_code": code}
        finally:
            with self._lock:
                self._running_since = None
        with self._lock:
            self._answer, self._taken_at = answer, time.monotonic()
        return True

    def answer(self) -> dict[str, Any]:
        """What is known now."""
        now = time.monotonic()
        with self._lock:
            told = dict(self._answer)
            told["age_seconds"] = None if self._taken_at is None else round(now - self._taken_at, 3)
            running = self._running_since
            told["running_seconds"] = None if running is None else round(now - running, 3)
        return told | self._memory()

    def _run(self, *arguments: str) -> tuple[str, int]:
        try:
            # No time limit: a kill does not end a hung nvidia-smi, and its end says that the driver answers again.
            done = subprocess.run(  # noqa: S603 # the command is the operator's own argument
                [self._command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
            )
        except OSError as error:
            return f"{self._command}: {error.strerror or error}: no such file or directory", 127
        return done.stdout[:_LARGEST].decode("utf-8", errors="replace"), done.returncode

    def _memory(self) -> dict[str, int | None]:
        found: dict[str, int] = {}
        try:
            lines = self._meminfo.read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            lines = []
        for line in lines:
            name, _, rest = line.partition(":")
            amount = rest.strip().partition(" ")[0]
            if amount.isascii() and amount.isdigit():
                found[name] = int(amount)
        return {"memory_total_kib": found.get("MemTotal"), "memory_available_kib": found.get("MemAvailable")}


class Devices:
    """The kubelet's newest word on which container has which device."""

    def __init__(self, folder: Path) -> None:
        # Only here, since most agents are not given the folder: what speaks the kubelet's protocol takes 30 MB.
        from moorage.gpus import podresources

        self._ask = podresources.holdings
        self._no_answer = podresources.NotAnswered
        self._folder = folder
        self._taken_at: float | None = None
        self._told: dict[str, Any] = {"holdings": None, "holdings_problem": later("the kubelet has not been asked yet")}

    def refresh(self) -> None:
        """Ask the kubelet; what it said before stands beside the reason why it says nothing now."""
        try:
            self._told = {"holdings": self._ask(self._folder), "holdings_problem": None}
            self._taken_at = time.monotonic()
        except self._no_answer as error:
            if self._told["holdings_problem"] != str(error):
                log.warning("%s", error)
            self._told = {**self._told, "holdings_problem": str(error)}

    def answer(self) -> dict[str, Any]:
        """What is known now."""
        age = None if self._taken_at is None else round(time.monotonic() - self._taken_at, 3)
        return {**self._told, "holdings_age_seconds": age}


def serve(driver: Driver, *, host: str, port: int, devices: Devices | None = None) -> ThreadingHTTPServer:
    """A server that answers `/v1/cards` and `/livez`; the caller lets it run."""

    class Handler(BaseHTTPRequestHandler):
        server_version = "moorage-gpu-agent"
        sys_version = ""
        timeout = 10

        def do_GET(self) -> None:
            if self.path == "/livez":
                self._send(200, {"ok": True})
            elif self.path == "/v1/cards":
                self._send(200, driver.answer() | (devices.answer() if devices is not None else {}))
            else:
                self._send(404, {"error": {"code": "not_found", "message": "only /v1/cards and /livez are here"}})

        def _send(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            log.debug(format, *args)

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    return server


def main(arguments: list[str] | None = None) -> None:
    """Run the agent until it is ended."""
    parser = argparse.ArgumentParser(
        prog="python -m moorage.gpus.agent", description="Report what this node's GPUs are doing."
    )
    everywhere = "0.0.0.0"  # noqa: S104 # the service asks from another node
    parser.add_argument("--host", default=everywhere, help="address to listen on (default: all)")
    parser.add_argument("--port", type=int, default=9837, help="port to listen on (default: 9837)")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between queries to the driver (default: 10)")
    parser.add_argument("--nvidia-smi", default="nvidia-smi", help="command to run (default: nvidia-smi)")
    parser.add_argument(
        "--pod-resources",
        type=Path,
        metavar="FOLDER",
        help="also report which container holds which device: the kubelet's folder, usually"
        " /var/lib/kubelet/pod-resources; needs root and `pip install moorage[agent]`",
    )
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    # The first process of a container gets no default handler for SIGTERM.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    driver = Driver(chosen.nvidia_smi)
    try:
        devices = Devices(chosen.pod_resources) if chosen.pod_resources else None
    except ModuleNotFoundError as exc:
        package = (exc.name or "grpc").partition(".")[0]
        sys.exit(str(MissingPackage("--pod-resources", package=package, extra="agent")))
    server = serve(driver, host=chosen.host, port=chosen.port, devices=devices)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    log.info("listening on port %s", server.server_port)
    every = max(1.0, chosen.every)
    if devices is not None:
        # Beside the driver's thread, which a broken driver can hold for ever.
        threading.Thread(target=_again_and_again, args=(devices.refresh, every), daemon=True).start()
    try:
        _again_and_again(driver.refresh, every)
    except KeyboardInterrupt:
        server.shutdown()
    finally:
        server.server_close()


def _again_and_again(refresh: Callable[[], object], every: float) -> None:
    while True:
        refresh()
        time.sleep(every)


if __name__ == "__main__":
    main()
