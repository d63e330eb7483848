"""Each tool asked the same question a few times: how long it takes, what it gets from the API server, what it holds, what it has wrong."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import answers
import process
import wire
import yaml
from install import VIEW_ALLOCATIONS, Installed

from moorage import __version__
from rig.ports import free_port
from rig.processes import Program, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from fractions import Fraction

    from rig.controlplane import ControlPlane

ENDPOINT = Path(__file__).parent / "endpoint.py"
RESOURCES = "/api/v1/cluster/resources"
MOORAGE = (sys.executable, "-m", "moorage.cli")


@dataclass(frozen=True)
class Taken:
    """What one answer took. The API server's processor time is `server_cpu`."""

    seconds: float
    cpu: float
    server_cpu: float
    came: int
    peak_mb: float


@dataclass(frozen=True)
class Row:
    """Medians of the runs; memory is the highest of them. `wrong` is as in `answers`."""

    tool: str
    version: str
    seconds: float
    cpu: float
    server_cpu: float
    came: int
    peak_mb: float
    wrong: dict[str, set[str] | None]


class Bench:
    """One cluster, with a wire of its own to it for each tool."""

    def __init__(
        self,
        cluster: ControlPlane,
        programs: Installed,
        *,
        folder: Path,
        truth: dict[str, dict[str, Fraction]],
        runs: int,
    ) -> None:
        self.cluster, self.programs, self.folder, self.truth, self.runs = cluster, programs, folder, truth, runs
        self.env = {name: text for name, text in os.environ.items() if name != "KUBECONFIG"} | {
            # kubectl keeps what it learned of the API; everybody begins with none of it.
            "HOME": str(folder),
            "PYTHONPATH": os.pathsep.join(
                filter(None, (str(Path(answers.__file__).parents[2] / "src"), os.environ.get("PYTHONPATH")))
            ),
        }

    @contextlib.contextmanager
    def wired(self) -> Iterator[tuple[wire.Wire, Path]]:
        """A wire, and a kubeconfig that leads through it."""
        with wire.wire(self.cluster.port) as made:
            kubeconfig = self.folder / f"{made.port}.kubeconfig"
            token = yaml.safe_load(self.cluster.kubeconfig.read_text())["users"][0]["user"]["token"]
            self.cluster.write_kubeconfig(kubeconfig, token=token, server=f"https://127.0.0.1:{made.port}")
            yield made, kubeconfig

    def command(
        self, tool: str, version: str, command: Sequence[str | Path], read: Callable[[str], answers.Answer]
    ) -> Row:
        """A program that is started, answers, and ends; KUBECONFIG names the cluster."""
        with self.wired() as (counted, kubeconfig):
            found = []
            for _ in range(self.runs):
                before, served = counted.came, self.server_cpu()
                ran = process.run(command, env={**self.env, "KUBECONFIG": str(kubeconfig)})
                served = self.server_cpu() - served
                found.append(Taken(ran.seconds, ran.cpu, served, counted.came - before, ran.peak_mb))
        return self.row(tool, version, found, read(ran.output))

    def server_cpu(self) -> float:
        return process.cpu(self.cluster.apiserver.pid)

    def row(self, tool: str, version: str, found: list[Taken], answer: answers.Answer) -> Row:
        middle = {
            name: statistics.median(getattr(one, name) for one in found)
            for name in ("seconds", "cpu", "server_cpu", "came")
        }
        print(f"  {tool}: {middle['seconds']:.3f} s", flush=True)
        peak = max(one.peak_mb for one in found)
        return Row(tool, version, **middle, peak_mb=peak, wrong=answers.wrong(answer, self.truth))

    def asked(self, url: str, counted: wire.Wire, pid: int) -> tuple[list[Taken], str]:
        """A service that runs already, asked again and again."""
        found, output = [], ""
        for _ in range(self.runs):
            taking = self.taking(counted, pid)
            output = get(url)
            found.append(taking())
        return found, output

    def taking(self, counted: wire.Wire, pid: int | None = None) -> Callable[[], Taken]:
        """Call what this returns once the answer is there. Without a process it has yet to be started."""
        before, served, used = counted.came, self.server_cpu(), process.cpu(pid) if pid else 0.0
        began = time.perf_counter()

        def taken(pid: int | None = pid) -> Taken:
            seconds = time.perf_counter() - began
            assert pid is not None
            return Taken(
                seconds,
                process.cpu(pid) - used,
                self.server_cpu() - served,
                counted.came - before,
                process.peak_mb(pid),
            )

        return taken


def measured(
    cluster: ControlPlane, programs: Installed, *, folder: Path, truth: dict[str, dict[str, Fraction]], runs: int
) -> Iterator[Row]:
    bench = Bench(cluster, programs, folder=folder, truth=truth, runs=runs)
    yield from moorage(bench)
    if programs.kube_capacity is not None:
        program = programs.kube_capacity
        version = said(program, "version").split()[-1]
        yield bench.command("kube-capacity", version, [program, "-o", "json"], answers.of_kube_capacity)
    if programs.view_allocations is not None:
        name, version = VIEW_ALLOCATIONS
        command = [programs.view_allocations, "-g", "node,resource", "-o", "json"]
        yield bench.command(name, version, command, answers.of_view_allocations)
    version = json.loads(said(programs.kubectl, "version", "--client", "-o", "json"))["clientVersion"]["gitVersion"]
    describe = [programs.kubectl, "describe", "nodes"]
    yield bench.command("`kubectl describe nodes`", version, describe, answers.of_describe)
    yield endpoint(bench)


def moorage(bench: Bench) -> Iterator[Row]:
    def read(output: str) -> answers.Answer:
        return answers.of_moorage(output)

    with bench.wired() as (counted, kubeconfig):
        found = []
        for _ in range(bench.runs):
            taking = bench.taking(counted)
            with served(bench, [*MOORAGE, "serve", "--kubeconfig", kubeconfig], port_by="--port") as (url, pid):
                output = ready(url)
                found.append(taking(pid))
        cold = bench.row("moorage, from the service's start to its first answer", __version__, found, read(output))
        with served(bench, [*MOORAGE, "serve", "--kubeconfig", kubeconfig], port_by="--port") as (url, pid):
            ready(url)
            # The first answer after a change is made then; the others are there already.
            found, output = bench.asked(url + RESOURCES, counted, pid)
            yield bench.row("moorage, its service running", __version__, found, read(output))
            command = [*MOORAGE, "nodes", "--server", url, "-o", "json"]
            yield bench.command("`moorage nodes --server`", __version__, command, read)
    yield cold
    yield bench.command("`moorage nodes` without a service", __version__, [*MOORAGE, "nodes", "-o", "json"], read)


def endpoint(bench: Bench) -> Row:
    python = bench.programs.python
    version = said(python, "-c", "from importlib.metadata import version as of; print(of('kubernetes'))").strip()
    with (
        bench.wired() as (counted, kubeconfig),
        served(bench, [python, ENDPOINT, kubeconfig], port_by=None) as (url, pid),
    ):
        until(lambda: listens(url), within=30, what="the endpoint listens")
        found, output = bench.asked(url, counted, pid)
    tool = "an endpoint with the official Python client, running"
    return bench.row(tool, version, found, answers.of_endpoint(output))


# --- processes ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def served(bench: Bench, command: Sequence[str | Path], *, port_by: str | None) -> Iterator[tuple[str, int]]:
    port = free_port()
    words = [*command, *([port_by] if port_by else []), str(port)]
    program = Program(*words, log=bench.folder / f"{port}.log", env=bench.env).start()
    try:
        yield f"http://127.0.0.1:{port}", program.pid
        program.check()
    finally:
        program.stop()


def ready(url: str) -> str:
    """The first answer that the service gives once it knows the cluster."""

    def ask() -> str | None:
        with contextlib.suppress(OSError):
            get(url + "/readyz")
            return get(url + RESOURCES)
        return None

    return until(ask, within=process.PATIENCE, what="the service knows the cluster", every=0.01)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=process.PATIENCE) as answer:
        return answer.read().decode()


def listens(url: str) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 1):
        return True
    return False


def said(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
