"""The wire between the service and the API server: a TCP proxy that a storm can break in all the ways of networks."""

import asyncio
import contextlib
import random

KINDS = ("drop", "freeze", "black_hole", "hang", "half_open", "drip", "slow", "flaky")
# In these nothing comes through at all.
TOTAL = ("drop", "freeze", "black_hole", "hang")


class Wire:
    """Listens on `port`. `breaks(kind)` until `mends()`; what a break does to a connection may outlast it."""

    def __init__(self, target_port, *, chance=None):
        self.target_port = target_port
        self.port = 0
        self._chance = chance or random.Random(0)
        self._kind = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._open = set()
        self._server = None

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self._cut()
        while self._open:
            await asyncio.sleep(0.01)

    def breaks(self, kind):
        assert kind in KINDS
        self.mends()
        self._kind = kind
        if kind in ("drop", "black_hole"):
            self._cut()
        elif kind in ("hang", "half_open"):
            for connection in self._open:
                connection.silent = True
        elif kind == "freeze":
            self._flowing.clear()

    def mends(self):
        self._kind = None
        self._flowing.set()

    def _cut(self):
        for connection in self._open:
            connection.cut()

    async def _accept(self, reader, writer):
        if self._kind == "drop":
            writer.transport.abort()
            return
        connection = _Connection(writer, silent=self._kind in ("black_hole", "hang"))
        self._open.add(connection)
        try:
            if connection.silent:
                await reader.read()
                return
            there_reader, connection.there = await asyncio.open_connection("127.0.0.1", self.target_port)
            await asyncio.gather(
                self._carry(connection, reader, connection.there, home=False),
                self._carry(connection, there_reader, writer, home=True),
            )
        except OSError:
            pass
        finally:
            connection.cut()
            self._open.discard(connection)

    async def _carry(self, connection, reader, writer, *, home):
        while data := await reader.read(2**16):
            await self._flowing.wait()
            if self._kind == "flaky" and self._chance.random() < 0.3:
                connection.cut()
                return
            if self._kind == "slow":
                await asyncio.sleep(self._chance.uniform(0.3, 1.2))
            while home and self._kind == "drip" and data:
                first, data = data[:40], data[40:]
                await self._pass(connection, writer, first)
                await asyncio.sleep(0.1)
            await self._pass(connection, writer, data)
        if not connection.silent:
            connection.cut()

    async def _pass(self, connection, writer, data):
        # Swallowed, as by a firewall that has forgotten the connection.
        if not connection.silent:
            writer.write(data)
            await writer.drain()


class _Connection:
    def __init__(self, here, *, silent):
        self.here, self.silent = here, silent
        self.there = None

    def cut(self):
        for writer in (self.here, self.there):
            if writer is not None:
                with contextlib.suppress(RuntimeError):
                    writer.transport.abort()
