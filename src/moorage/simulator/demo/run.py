"""`moorage simulate`: the simulator alone, until it is told to end.

With `kubeconfig_out` the API is closed: only who has read that file knows the path under which it answers, and pods run
as local processes. Without it the API is open to everybody on this machine, as `kubectl proxy` is, and pods run without
processes: nobody else's command is executed here.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import signal
import sys
from typing import TYPE_CHECKING

from moorage.cluster.dumps import read
from moorage.errors import MoorageError
from moorage.simulator.demo import scenario
from moorage.simulator.demo.traffic import Traffic
from moorage.simulator.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_EARLIER = re.compile(r"server: [\"']?http://127\.0\.0\.1:\d+(/[\w-]{32})[\"']?\s")


def run(*, dumps: Sequence[str] = (), port: int = 0, kubeconfig_out: Path | None = None) -> None:
    """Simulate a cluster on 127.0.0.1 until SIGINT or SIGTERM; the scenario, or the objects of dumps."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(dumps=dumps, port=port, kubeconfig_out=kubeconfig_out))


async def _run(*, dumps: Sequence[str], port: int, kubeconfig_out: Path | None) -> None:
    simulator = Simulator(
        scheduler=True,
        kubelet=True,
        processes=kubeconfig_out is not None,
        has_image=scenario.has_image,
        prefix=_prefix(kubeconfig_out) if kubeconfig_out is not None else "",
    )
    objects, differing = read(dumps) if dumps else (scenario.objects(), [])
    for sentence in (*differing, *simulator.load(objects)):
        print(sentence, file=sys.stderr)  # noqa: T201 (for the person who ran the command)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    try:
        await simulator.start(port)
    except OSError as error:
        raise MoorageError(
            f"port {port} can't be had: {error.strerror}", hint="give another --port, or 0 for a free one"
        ) from error
    traffic = None if dumps else asyncio.create_task(Traffic(simulator).run())
    try:
        how = f"--server {simulator.url}"
        if kubeconfig_out is not None:
            simulator.kubeconfig(kubeconfig_out)
            how = f"--kubeconfig {kubeconfig_out}"
        print(f"The simulated cluster is up. Use it with: kubectl {how} get nodes", flush=True)  # noqa: T201 (as above)
        await stopped.wait()
    finally:
        if traffic is not None:
            traffic.cancel()
        await simulator.stop()


def _prefix(kubeconfig: Path) -> str:
    """A path that nobody guesses; that of an earlier run, so that its kubeconfig stays good after a restart."""
    with contextlib.suppress(OSError):
        if earlier := _EARLIER.search(kubeconfig.read_text()):
            return earlier[1]
    return f"/{secrets.token_urlsafe(24)}"
