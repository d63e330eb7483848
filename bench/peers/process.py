"""One run of a program: how long it took, and the most memory that it held."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PATIENCE = 180
LOOK = 0.004


@dataclass(frozen=True)
class Run:
    """`cpu` is the processor time of the program, in seconds like `seconds`, its wall time."""

    seconds: float
    cpu: float
    peak_mb: float
    output: str


def peak_mb(pid: int) -> float:
    """The most that this process has held so far, by the kernel's own mark; 0 once it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def cpu(pid: int) -> float:
    """The processor time that this process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(command: Sequence[str | Path], *, env: Mapping[str, str]) -> Run:
    """Raises where it fails or takes too long. The mark is read until the program ends: what the kernel tells of an
    ended child also counts what its parent held before.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        used = _children()
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=dict(env))
        peak = 0.0
        try:
            while started.poll() is None:
                peak = max(peak, peak_mb(started.pid))
                if time.perf_counter() - began > PATIENCE:
                    raise TimeoutError(f"{Path(command[0]).name} took longer than {PATIENCE} s")
                time.sleep(LOOK)
            seconds = time.perf_counter() - began
        finally:
            started.kill()
            started.wait()
        out.seek(0)
        err.seek(0)
        output, complaint = out.read().decode(errors="replace"), err.read().decode(errors="replace")
    if started.returncode:
        raise RuntimeError(f"{Path(command[0]).name} ended with {started.returncode}: {complaint[-2000:]}")
    return Run(seconds, _children() - used, peak, output)


def _children() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime
