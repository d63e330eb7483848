"""Ports for the programs that tests start: each is given away once, to one of all the runs on this machine."""

import contextlib
import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

FOLDER = Path(tempfile.gettempdir()) / f"moorage-ports-{os.getuid()}"
# Files whose locks are the promise: they last as long as this process, also where a program is started again.
_given: list[IO[str]] = []


def free_port() -> int:
    """A port that nobody listens on, at any address, and that no other run of tests takes before its program does.

    It lies below the range from which the kernel takes the ports of outgoing connections.
    """
    FOLDER.mkdir(exist_ok=True)
    while True:
        port = random.randrange(10_000, 32_000)
        file = (FOLDER / str(port)).open("w")
        with contextlib.suppress(OSError), socket.socket() as probe:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            probe.bind(("", port))
            _given.append(file)
            return port
        file.close()


def free_ports(count: int) -> list[int]:
    return [free_port() for _ in range(count)]
