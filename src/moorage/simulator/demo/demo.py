"""The main job on one machine: simulator, service, JupyterHub and its proxy, each a process of its own on 127.0.0.1.

This process only watches over the others: what ends is started again after a pause, as Kubernetes would, so that each
part can be killed while a page is open. When it is told to stop, every process that it or its children started ends
with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import click
import psutil

HOST = "127.0.0.1"
USER = "ada"
# Linux: orphans of the processes below become ours, so that none outlives the demo (prctl(2), PR_SET_CHILD_SUBREAPER).
PR_SET_CHILD_SUBREAPER = 36
# Longer than the page needs to notice, shorter than a person's patience.
PAUSE = 6.0


@dataclass
class Part:
    """One process of the demo: how to start it, and how to tell that it answers."""

    name: str
    command: list[str]
    ready: str
    env: dict[str, str] = field(default_factory=dict)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def proxy_command() -> str:
    """Where JupyterHub's proxy is: on PATH, or in the checkout's node_modules."""
    for folder in [Path.cwd(), *Path(__file__).resolve().parents]:
        candidate = folder / "node_modules" / ".bin" / "configurable-http-proxy"
        if candidate.exists():
            return str(candidate)
    found = shutil.which("configurable-http-proxy")
    if found is None:
        sys.exit(
            "The demo needs JupyterHub's proxy: run `make demo` in a checkout, or with Node.js 20 or newer "
            "`npm install -g configurable-http-proxy`."
        )
    return found


def parts(folder: Path, *, port: int) -> tuple[list[Part], dict[str, str]]:
    """The processes in the order of their start, and what a script needs to use them."""
    simulator, service, hub, proxy_api = (free_port() for _ in range(4))
    password, admin_token, proxy_token = secrets.token_urlsafe(9), secrets.token_hex(24), secrets.token_hex(24)
    here = Path(__file__).parent
    kubeconfig = folder / "kubeconfig"
    moorage = [sys.executable, "-m", "moorage.cli"]
    hub_env = {
        "KUBECONFIG": str(kubeconfig),
        "CONFIGPROXY_AUTH_TOKEN": proxy_token,
        "MOORAGE_DEMO_FOLDER": str(folder),
        "MOORAGE_DEMO_HUB_PORT": str(hub),
        "MOORAGE_DEMO_PORT": str(port),
        "MOORAGE_DEMO_PROXY_API_PORT": str(proxy_api),
        "MOORAGE_DEMO_SERVICE_URL": f"http://{HOST}:{service}",
        "MOORAGE_DEMO_PASSWORD": password,
        "MOORAGE_DEMO_ADMIN_TOKEN": admin_token,
    }
    proxy = [proxy_command(), "--ip", HOST, "--port", str(port), "--api-ip", HOST, "--api-port", str(proxy_api)]
    proxy += ["--default-target", f"http://{HOST}:{hub}", "--error-target", f"http://{HOST}:{hub}/hub/error"]
    all_parts = [
        Part(
            "simulator",
            [*moorage, "simulate", "--port", str(simulator), "--kubeconfig-out", str(kubeconfig)],
            f"http://{HOST}:{simulator}/readyz",
        ),
        Part(
            "service",
            [*moorage, "serve", "--host", HOST, "--port", str(service), "--kubeconfig", str(kubeconfig)],
            f"http://{HOST}:{service}/readyz",
            # Everybody may see who holds what in this made-up cluster; the hub still decides for each person.
            {"MOORAGE_IMAGES_FILE": str(here / "images.yaml"), "MOORAGE_GPU_HOLDERS": "pod"},
        ),
        Part("proxy", proxy, f"http://{HOST}:{port}/_chp_healthz", {"CONFIGPROXY_AUTH_TOKEN": proxy_token}),
        Part(
            "hub",
            [sys.executable, "-m", "jupyterhub", "-f", str(here / "jupyterhub_config.py")],
            f"http://{HOST}:{port}/hub/health",
            hub_env,
        ),
    ]
    info = {
        "hub_url": f"http://{HOST}:{port}",
        "api_url": f"http://{HOST}:{service}",
        "kubeconfig": str(kubeconfig),
        "user": USER,
        "password": password,
        "admin_token": admin_token,
    }
    return all_parts, info


class Demo:
    """The running processes, and what has to be told about them."""

    def __init__(self, folder: Path, *, port: int) -> None:
        self.folder = folder
        self.parts, self.info = parts(folder, port=port)
        self.pids: dict[str, int] = {}

    async def run(self) -> int:
        """Start everything, say where it is, and keep it running until cancelled. Returns the exit status."""
        keepers: list[asyncio.Task[None]] = []
        try:
            # The others read the kubeconfig that the simulator writes; after that, all at once.
            for together in (self.parts[:1], self.parts[1:]):
                started = time.monotonic()
                keepers += (new := [asyncio.create_task(self.keep(part)) for part in together])
                for part, keeper in zip(together, new, strict=True):
                    click.echo(f"  starting {part.name} …", nl=False)
                    if not await self.answers(part, keeper):
                        click.echo(f" it did not start; the end of its log ({self.log(part)}):\n")
                        click.echo("\n".join(self.log(part).read_text(errors="replace").splitlines()[-20:]))
                        return 1
                    click.echo(f" {time.monotonic() - started:.1f} s")
            self.tell()
            await asyncio.gather(*keepers)
            return 0
        finally:
            # A keeper that is ending its process already must not be disturbed by a second cancellation.
            for keeper in keepers:
                if not keeper.cancelling():
                    keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)

    async def keep(self, part: Part) -> None:
        """Run one process, again and again; it ends with the task."""
        environment = {**os.environ, **part.env, "PYTHONUNBUFFERED": "1"}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
        while True:
            with self.log(part).open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    *part.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment,
                    cwd=self.folder,
                    start_new_session=True,
                )
            self.pids[part.name] = process.pid
            self.write_info()
            try:
                status = await process.wait()
            except asyncio.CancelledError:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), 6)
                raise
            click.echo(f"  the {part.name} ended (status {status}); starting it again in {PAUSE:g} s")
            await asyncio.sleep(PAUSE)

    async def answers(self, part: Part, keeper: asyncio.Task[None]) -> bool:
        deadline = time.monotonic() + 60
        first = None
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
            while time.monotonic() < deadline and not keeper.done():
                pid = self.pids.get(part.name)
                first = first or pid
                if pid != first or (pid and not psutil.pid_exists(pid)):
                    return False
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with http.get(part.ready, allow_redirects=False) as answer:
                        if answer.status < 400:
                            return True
                await asyncio.sleep(0.1)
        return False

    def log(self, part: Part) -> Path:
        return self.folder / f"{part.name}.log"

    def write_info(self) -> None:
        text = json.dumps({**self.info, "pids": self.pids}, indent=1) + "\n"
        write_whole(self.folder / "info.json", text)

    def tell(self) -> None:
        info = self.info
        click.echo(
            f"\nThe demo is ready.\n\n  open      {info['hub_url']}\n"
            f"  log in    {info['user']}  /  {info['password']}\n\n"
            f"  service   {info['api_url']} (dashboard; its API is described at /docs)\n"
            f"  kubectl   kubectl --kubeconfig {info['kubeconfig']} get nodes,pods -A\n"
            f"  scripts   {self.folder / 'info.json'}\n\nCtrl-C ends all of it.",
        )


def write_whole(target: Path, text: str) -> None:
    """Put a file for the owner alone in place at once: who looks for it finds all of it, or what was there before."""
    beside = target.with_name(f".{target.name}.new")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600)
    beside.write_text(text)
    beside.replace(target)


def end_everything_below() -> None:
    """End what is left of our descendants: politely, then for good."""
    left = psutil.Process().children(recursive=True)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, left = psutil.wait_procs(left, timeout=5)
    for process in left + psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=2)


async def _until_told(demo: Demo) -> int:
    loop, running = asyncio.get_running_loop(), asyncio.ensure_future(demo.run())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, running.cancel)
    try:
        return await running
    except asyncio.CancelledError:
        click.echo("\nEnded.")
        return 0


def main(*, port: int = 8000, folder: Path | None = None) -> int:
    """Run the demo until SIGINT or SIGTERM; returns the exit status."""
    folder = (folder or Path(".demo")).absolute()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            click.echo(f"Port {port} is taken: choose another one, for example PORT={port + 1} make demo.", err=True)
            return 1
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    status = 1
    try:
        status = asyncio.run(_until_told(Demo(folder, port=port)))
    finally:
        end_everything_below()
        if status == 0:
            shutil.rmtree(folder, ignore_errors=True)
    return status
