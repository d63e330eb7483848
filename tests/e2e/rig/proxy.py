"""A wire that can be cut: a TCP proxy in a thread, whose connections can fall silent, end, or hang from the start."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator


class Wire:
    """Between `port` (here) and the target. Bytes pass untouched, so TLS does too."""

    def __init__(self, target_port: int, *, target_host: str = "127.0.0.1") -> None:
        self.target = (target_host, target_port)
        self.port = 0
        self._hangs = self._refuses = False
        self._open: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)

    def start(self) -> "Wire":
        self._thread.start()
        assert self._listening.wait(10)
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    # -- mishaps; each is called from a test's thread ----------------------------------------------------------------

    def silence_open_connections(self) -> None:
        """Half-open: nobody hears that they are dead. New connections work."""
        self._do(self._silence)

    def hang(self) -> None:
        """As above, and new connections are accepted but carry nothing."""
        self._do(self._hang)

    def cut(self) -> None:
        """Every connection ends, and no new one comes through."""
        self._do(self._cut)

    def mend(self) -> None:
        """New connections work; the silent ones stay silent."""
        self._do(self._mend)

    def _do(self, change: object) -> None:
        async def call() -> None:
            change()  # type: ignore[operator]

        asyncio.run_coroutine_threadsafe(call(), self._loop).result(10)

    def _silence(self) -> None:
        for connection in self._open:
            connection.silent = True

    def _hang(self) -> None:
        self._silence()
        self._hangs = True

    def _cut(self) -> None:
        self._refuses = True
        for connection in list(self._open):
            connection.close()

    def _mend(self) -> None:
        self._hangs = self._refuses = False

    # -- carrying ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        server.close()
        self._cut()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        # A transport closes its socket a turn of the loop after it is told to.
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.transport.abort()
            return
        connection = _Connection(writer, silent=self._hangs)
        self._open.add(connection)
        try:
            there_reader, connection.there = await asyncio.open_connection(*self.target)
            await asyncio.gather(connection.carry(reader, connection.there), connection.carry(there_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(connection)
            connection.close()


class _Connection:
    def __init__(self, here: asyncio.StreamWriter, *, silent: bool) -> None:
        self.here, self.silent = here, silent
        self.there: asyncio.StreamWriter | None = None

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if self.silent:
                # Swallowed, as by a firewall that has forgotten the connection.
                continue
            writer.write(data)
            await writer.drain()
        if not self.silent:
            self.close()

    def close(self) -> None:
        for writer in (self.here, self.there):
            if writer is not None:
                writer.transport.abort()


@contextlib.contextmanager
def wire(target_port: int) -> Iterator[Wire]:
    made = Wire(target_port).start()
    try:
        yield made
    finally:
        made.stop()
