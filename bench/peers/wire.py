"""A wire that counts: what a tool gets from the API server, byte by byte as it is sent, encrypted and compressed where the tool asks for that."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Wire:
    """A TCP proxy on a port of 127.0.0.1, in a thread of its own."""

    def __init__(self, target_port: int) -> None:
        self.came = 0
        self.port = 0
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)

    def start(self) -> None:
        self._thread.start()
        if not self._listening.wait(10):
            raise TimeoutError("the wire does not listen")

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there = await asyncio.open_connection("127.0.0.1", self._target_port)
        try:
            await asyncio.gather(self._carry(reader, there), self._carry(there_reader, writer, counts=True))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for each in (writer, there):
                each.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counts: bool = False) -> None:
        while data := await reader.read(1 << 18):
            if counts:
                self.came += len(data)
            writer.write(data)
            await writer.drain()
        writer.transport.abort()


@contextlib.contextmanager
def wire(target_port: int) -> Iterator[Wire]:
    made = Wire(target_port)
    made.start()
    try:
        yield made
    finally:
        made.stop()
