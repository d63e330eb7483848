"""What is remembered of machines, over restarts too where there is a file for it."""

import asyncio
import logging
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from moorage.files import replace_file

log = logging.getLogger(__name__)

T = TypeVar("T")


class Notes:
    """Values under names, in one JSON file that is read at the start. What can't be read there is not remembered."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._read: dict[str, msgspec.Raw] = {}
        self._values: dict[str, Any] = {}
        self._written = b""
        self._said = ""
        if file is None:
            return
        try:
            self._read = msgspec.json.decode(file.read_bytes(), type=dict[str, msgspec.Raw])
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as exc:
            self._tell("what was remembered of machines can't be read", str(exc))

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
        """Write the file anew if it would be another one."""
        if self._file is None:
            return
        data = msgspec.json.format(msgspec.json.encode({**self._read, **self._values}), indent=1) + b"\n"
        if data == self._written:
            return
        try:
            await asyncio.to_thread(replace_file, self._file, data)
        except OSError as exc:
            self._tell("what is seen of machines can't be written", exc.strerror or type(exc).__name__)
            return
        self._written, self._said = data, ""

    def _tell(self, what: str, reason: str) -> None:
        if self._said != reason:
            self._said = reason
            log.warning(what, extra={"event": "machines_notes", "file": str(self._file), "reason": reason})
