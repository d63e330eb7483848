"""A simulated cluster that never rests, the wire, the service behind it as a process of its own, and who looks at it."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiohttp

from moorage.simulator import Simulator, builders
from storms.truth import History, shown
from storms.wire import Wire

SERVED = Path(__file__).with_name("served.py")
SAMPLE_EVERY = 0.1
# What may be wrong for so long without being called stale, and how long it may take to be live again.
LONGEST = 5.0
# The cluster changes several times a second.
_KEEPS_UP = 1.0
# A signal takes its time.
_SETTING = 2.0


@dataclass(frozen=True)
class Sample:
    at: float
    stale: bool
    wrong: tuple[str, ...]  # nodes whose numbers are not those of the last five seconds
    behind: bool  # whether some are not even those of the last second
    age: float
    # Seconds since the last change, by the clock of the service's machine; None while that is being set.
    unchanged: float | None


def rights_gone(log):
    """Kinds whose right the log tells to be missing more or less often than to be back."""
    told = Counter()
    for line in log:
        told[line.get("resource")] += {"right_missing": 1, "right_granted": -1}.get(line.get("event"), 0)
    return sorted(kind for kind, balance in told.items() if balance)


class Station:
    def __init__(self):
        self.samples = []
        self.log = []
        self.process = None
        self.history = None
        self._set_by, self._set_at = 0, float("-inf")

    async def __aenter__(self):
        async with contextlib.AsyncExitStack() as stack:
            self.simulator = await stack.enter_async_context(Simulator(bookmark_seconds=5))
            for number in range(5):
                self.simulator.add(builders.node(f"n{number}", cpu="16", memory="64Gi", gpu=4))
            self.history = History(self.simulator)
            self.wire = await stack.enter_async_context(Wire(self.simulator.port))
            await self._serve()
            stack.push_async_callback(self._end)
            self.session = await stack.enter_async_context(aiohttp.ClientSession(self.url))
            await self._until_ready()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *error):
        await self._stack.__aexit__(*error)

    async def _serve(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("MOORAGE_", "KUBE"))}
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(SERVED), "serve", "--port", str(port)),
            *("--api-server", f"http://127.0.0.1:{self.wire.port}"),
            stderr=asyncio.subprocess.PIPE,
            env=clean,
        )
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        async for line in self.process.stderr:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.log.append({"level": "ERROR", "message": line.decode(errors="replace").rstrip()})

    async def _end(self):
        if self.process.returncode is None:
            self.process.terminate()
        try:
            async with asyncio.timeout(10):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        await self._reading

    async def _until_ready(self):
        async with asyncio.timeout(90):
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    if (sample := await self.look()) and not sample.stale:
                        return
                await asyncio.sleep(0.1)

    # --- looking ------------------------------------------------------------------------------------------------

    async def look(self):
        """One answer of the service, held against the truth; None before there is a picture."""
        asked = time.monotonic()
        async with self.session.get("/api/v1/cluster/resources", timeout=aiohttp.ClientTimeout(5)) as answer:
            if answer.status != 200:
                return None
            nodes = shown(await answer.json())
        headers = answer.headers
        return Sample(
            at=asked,
            stale=headers["Moorage-Stale"] == "true",
            wrong=tuple(self.history.wrong(nodes, asked=asked, within=LONGEST)),
            behind=bool(self.history.wrong(nodes, asked=asked, within=_KEEPS_UP)),
            age=float(headers["Moorage-Age-Seconds"]),
            unchanged=self._ago(headers["Moorage-Taken-At"]),
        )

    def _ago(self, moment):
        if time.monotonic() - self._set_at < _SETTING:
            return None
        return time.time() + self._set_by - datetime.fromisoformat(moment).timestamp()

    def set_clock(self, which):
        """The clock of the service's machine is set an hour forwards, or two hours back."""
        number, by = {"forwards": (signal.SIGUSR1, 3600), "back": (signal.SIGUSR2, -7200)}[which]
        self._set_by, self._set_at = self._set_by + by, time.monotonic()
        self.process.send_signal(number)

    async def watch(self):
        """Look ten times a second, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                self.samples.append(await self.look())
            await asyncio.sleep(SAMPLE_EVERY)

    async def live(self, *, within):
        """Seconds until an answer is called live and is right; None where that takes too long."""
        started, sample = time.monotonic(), None
        while (passed := time.monotonic() - started) < within:
            with contextlib.suppress(TimeoutError):
                sample = await self.look()
            if sample is not None and not sample.stale and not sample.behind:
                return passed
            await asyncio.sleep(0.02)
        return None

    async def granted(self, *, since, within):
        """Until the log, from line `since` on, has told of each right that was gone that it is back."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while rights_gone(self.log[since:]):
                    await asyncio.sleep(0.05)

    async def metrics(self):
        async with self.session.get("/metrics") as answer:
            text = await answer.text()
        return {name: float(value) for name, value in re.findall(r"^(\w+) ([0-9.e+-]+)$", text, re.MULTILINE)}

    # --- life in the cluster ------------------------------------------------------------------------------------

    async def live_on(self, chance):
        """Pods come, end and go; nodes are cordoned, grow and vanish. For ever."""
        number = 0
        while True:
            number += 1
            self._happen(chance, f"p{number}")
            self.history.note()
            await asyncio.sleep(chance.uniform(0.05, 0.4))

    def _happen(self, chance, name):
        simulator = self.simulator
        pods = [pod["metadata"]["name"] for pod in simulator.list("pods")]
        nodes = [node["metadata"]["name"] for node in simulator.list("nodes")]
        what = chance.random()
        if what < 0.45 or not pods:
            asks = {"cpu": f"{chance.randint(1, 30) * 100}m", "memory": f"{chance.randint(1, 40) * 100}Mi"}
            simulator.add(builders.pod(name, on=chance.choice(nodes), gpu=chance.choice((None, None, 1)), **asks))
        elif what < 0.75 or len(pods) > 60:
            simulator.delete("pods", "default", chance.choice(pods))
        elif what < 0.85:
            simulator.patch("pods", "default", chance.choice(pods), {"status": {"phase": "Succeeded"}})
        elif what < 0.95:
            allocatable = {"cpu": str(chance.randint(8, 64)), "memory": f"{chance.randint(32, 256)}Gi"}
            simulator.patch("nodes", None, chance.choice(nodes), {"status": {"allocatable": allocatable}})
        elif len(nodes) > 4:
            simulator.delete("nodes", None, chance.choice(nodes))
        else:
            simulator.add(builders.node(f"m{name}", cpu="32", memory="128Gi", gpu=8))
