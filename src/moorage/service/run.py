"""`moorage serve`: the application under uvicorn, until it is told to stop."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from types import FrameType

import uvicorn

from moorage.errors import MoorageError
from moorage.service import logs
from moorage.service.app import create_app
from moorage.service.http.wire import WithWire
from moorage.service.settings import Settings
from moorage.service.state.parts import Parts, running

log = logging.getLogger(__name__)

# Streams end at once when they are told; this is for a request that hangs.
GRACE_SECONDS = 2


class CannotListen(MoorageError):
    """The address is taken or not ours."""


class Server(uvicorn.Server):
    """uvicorn, with streams that end when it is told to stop, so that the others behind them are closed in order."""

    def __init__(self, parts: Parts, *, signals: bool) -> None:
        self._parts = parts
        self._signals = signals
        super().__init__(
            uvicorn.Config(
                WithWire(create_app(parts.settings, parts=parts)),
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
                timeout_keep_alive=75,
                ws="none",
                lifespan="on",
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Our own, since uvicorn raises the signal again at the end and so cuts off the rest of our own end."""
        if not self._signals:
            yield
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        with self._parts.metrics.odd_requests.counted():
            await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 (uvicorn's signature)
        log.info("ending", extra={"event": "ending", "signal": signal.Signals(sig).name})
        self.stop()

    def stop(self) -> None:
        self._parts.streams.end()
        self.should_exit = True


def run(settings: Settings) -> None:
    logs.configure(settings)
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    with contextlib.closing(bound(settings)) as listener:
        async with running(settings, alone=True) as parts:
            log.info("listening", extra={"event": "listening", "address": address(listener)})
            server = Server(parts, signals=True)
            # What is there by now stays until the end. Looking through it again in every full garbage collection would
            # hold the event loop for some 60 ms each time.
            gc.freeze()
            await server.serve(sockets=[listener])


@contextlib.asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[str, Parts]]:
    """The same within a program that goes on: its URL and its parts while the block lasts."""
    with contextlib.closing(bound(settings)) as listener:
        async with running(settings, alone=True) as parts:
            server = Server(parts, signals=False)
            task = asyncio.create_task(server.serve(sockets=[listener]))
            while not server.started and not task.done():  # noqa: ASYNC110 (uvicorn tells only by its flag)
                await asyncio.sleep(0.005)
            try:
                yield f"http://{address(listener)}", parts
            finally:
                server.stop()
                await task


def bound(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Named as TCP, since asyncio switches Nagle's delay off only on sockets that say so.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as exc:
        listener.close()
        raise CannotListen(
            f"can't listen on {settings.host}, port {settings.port}: {exc.strerror}",
            hint="choose another address with --host and --port",
        ) from exc
    return listener


def address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
