"""What the simulated nodes have that pods run on: addresses, devices, images, folders, and the output of containers."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from moorage.simulator.controllers.addresses import Addresses
from moorage.simulator.controllers.devices import Devices
from moorage.simulator.store.resources import NODES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime

    from moorage.simulator.controllers.logbook import Logbook
    from moorage.simulator.store.reading import Reader


class Hosts:
    """All of them together, since they share one machine."""

    def __init__(
        self,
        objects: Reader,
        *,
        has_image: Callable[[str], bool] | None = None,
        folder: Path | None = None,
        processes: bool = True,
    ) -> None:
        """Pods run as local processes unless `processes` is off, or their uid is in `without_process`."""
        self.has_image = has_image or (lambda _: True)
        self.addresses = Addresses()
        self.devices = Devices()
        self.processes = processes
        self.without_process: set[str] = set()
        self._objects = objects
        self._given = folder
        self._folder: Path | None = None
        self._logs: dict[str, dict[str, Logbook]] = {}
        self._addresses: dict[str, str] = {}

    @property
    def folder(self) -> Path:
        """Where the homes of the pods lie; a temporary folder is made when the first pod needs it."""
        if self._folder is None:
            self._folder = self._given or Path(tempfile.mkdtemp(prefix="moorage-simulator-"))
            self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    def clear(self) -> None:
        """Remove the temporary folder."""
        if self._given is None and self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None

    def address(self, node: str) -> str:
        """The node's InternalIP where it has one, and otherwise a loopback address of its own."""
        if node not in self._addresses:
            body = self._objects.find(NODES, None, node) or {}
            given = [a for a in (body.get("status") or {}).get("addresses") or () if a.get("type") == "InternalIP"]
            self._addresses[node] = given[0]["address"] if given else self.addresses.take()
        return self._addresses[node]

    # Output of containers, for pods/log

    def log(self, uid: str, container: str, book: Logbook) -> None:
        self._logs.setdefault(uid, {})[container] = book

    def lines(self, uid: str, container: str) -> Sequence[tuple[datetime, bytes]]:
        book = self._logs.get(uid, {}).get(container)
        return book.lines() if book else ()

    async def follow(self, uid: str, container: str, start: int) -> AsyncIterator[tuple[datetime, bytes]]:
        book = self._logs.get(uid, {}).get(container)
        if book is not None:
            async for line in book.follow(start):
                yield line
