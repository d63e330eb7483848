"""What is remembered of machines, over restarts too where there is a file or a ConfigMap for it."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from moorage.files import replace_file
from moorage.kube.kept import Kept, NotWritten

log = logging.getLogger(__name__)

T = TypeVar("T")

KEY = "machines.json"
# An API server takes a ConfigMap of 1 MiB.
_LARGEST = 300_000


class Notes:
    """Lists of values under names, the newest last, in one JSON text: of a file, which is read at the start, or of a
    ConfigMap, which other replicas write, too. What can't be read there is not remembered.
    """

    def __init__(self, file: Path | None = None, *, shared: Kept | None = None) -> None:
        self._file = file
        self._shared = shared
        self._read: dict[str, msgspec.Raw] = {}
        self._values: dict[str, list[Any]] = {}
        self._written = b""
        self._said = ""
        self._listeners: list[Callable[[], None]] = []
        if shared is not None:
            shared.listen(self._heard)
        if file is None:
            return
        try:
            self._take(file.read_bytes())
        except FileNotFoundError:
            return
        except OSError as exc:
            self._tell("what was remembered of machines can't be read", str(exc))

    def listen(self, listener: Callable[[], None]) -> None:
        """Call it once there is more to remember: from the start, or from another replica."""
        self._listeners.append(listener)

    def of(self, name: str, kind: type[T]) -> list[T]:
        """What was noted under this name before; entries that can't be read are left out."""
        try:
            entries = msgspec.json.decode(self._read.get(name, b"[]"), type=list[msgspec.Raw])
        except msgspec.MsgspecError:
            return []
        found = []
        for entry in entries:
            try:
                found.append(msgspec.json.decode(entry, type=kind))
            except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
                self._tell("an entry of what was remembered of machines can't be read", str(exc))
        return found

    def put(self, name: str, values: list[Any]) -> None:
        """Note these from now on."""
        self._values[name] = values

    async def keep(self) -> None:
        """Write it anew if it would be another one."""
        if self._file is None and (self._shared is None or not self._shared.known):
            return  # there is nothing to write to, or nobody knows yet what would be overwritten
        data = self._encoded()
        if data == self._written:
            return
        try:
            if self._file is not None:
                await asyncio.to_thread(replace_file, self._file, data)
            elif self._shared is not None:
                data = (await self._shared.change(KEY, lambda _: self._encoded().decode())).encode()
        except NotWritten as exc:
            self._tell("what is seen of machines can't be written", exc.message)
        except OSError as exc:
            self._tell("what is seen of machines can't be written", exc.strerror or type(exc).__name__)
        else:
            self._written, self._said = data, ""

    def _encoded(self) -> bytes:
        newest = {name: _newest(values) for name, values in self._values.items()}
        return msgspec.json.format(msgspec.json.encode({**self._read, **newest}), indent=1) + b"\n"

    def _heard(self) -> None:
        """Another replica has written, or somebody has taken it away."""
        text = self._shared.data.get(KEY) if self._shared is not None else None
        if text is None:
            self._written = b""
        elif text.encode() != self._written:
            self._take(text.encode())

    def _take(self, data: bytes) -> None:
        try:
            self._read = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            self._tell("what was remembered of machines can't be read", str(exc))
            return
        for listener in self._listeners:
            listener()

    def _tell(self, what: str, reason: str) -> None:
        if self._said != reason:
            self._said = reason
            at = str(self._file) if self._shared is None else self._shared.name
            log.warning(what, extra={"event": "machines_notes", "file": at, "reason": reason})


def _newest(values: list[Any]) -> list[msgspec.Raw]:
    """The last of the list, as many as there is room for."""
    found: list[msgspec.Raw] = []
    size = 0
    for value in reversed(values):
        entry = msgspec.json.encode(value)
        size += len(entry)
        if size > _LARGEST:
            break
        found.append(msgspec.Raw(entry))
    return found[::-1]
