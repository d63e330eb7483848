"""A container as a local process: its own session, its output kept, and nothing of it left when it is stopped.

Notebook kernels and terminals leave the process group of the server that starts them. So every process carries a mark
in its environment, and what still carries it when the container has ended is killed by that. On Linux a process also
gets SIGTERM when the simulator itself dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from moorage.simulator.controllers.logbook import Logbook

MARK = "MOORAGE_SIMULATED_CONTAINER"
_PR_SET_PDEATHSIG = 1


class Process:
    """One running command; `start` raises OSError when it can't be started."""

    def __init__(self, mark: str, process: asyncio.subprocess.Process, log: Logbook) -> None:
        self._mark = mark
        self._process = process
        self._log = log
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls, command: Sequence[str], *, env: Mapping[str, str], folder: Path, log: Logbook, mark: str
    ) -> Process:
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**env, MARK: mark},
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent(),
        )
        return cls(mark, process, log)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> int:
        """The exit code, as the kubelet reports it: 128 + the number of the signal that ended it."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    async def stop(self, grace_seconds: float) -> None:
        """SIGTERM, after the grace SIGKILL, then everything that it has left behind."""
        self._signal(signal.SIGTERM if grace_seconds > 0 else signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), grace_seconds or 5)
        await self.sweep()

    async def sweep(self) -> None:
        """End what carries this container's mark; the process itself has ended, or has had its time."""
        self._signal(signal.SIGKILL)
        kill_marked(self._mark)
        await self._process.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._reading), 1)
        self._reading.cancel()
        self._log.close()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    async def _read(self) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # a line without an end, longer than the buffer: the buffer has been dropped
                self._log.append(b"(a line that is too long was left out)\n")
                continue
            if not line:
                return
            self._log.append(line)


def kill_marked(mark: str) -> int:
    """SIGKILL to every process whose environment carries this mark; how many there were. It needs /proc to look."""
    wanted = f"{MARK}={mark}".encode()
    killed = 0
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (place / "environ").read_bytes().split(b"\0"):
                os.kill(int(place.name), signal.SIGKILL)
                killed += 1
    return killed


def _die_with_parent() -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask
