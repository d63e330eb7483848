"""`moorage serve`: the application under uvicorn, until it is told to stop."""

import asyncio
import contextlib
import logging
import socket

import uvicorn

from moorage.errors import MoorageError
from moorage.service import logs
from moorage.service.app import create_app
from moorage.service.settings import Settings

log = logging.getLogger(__name__)


class CannotListen(MoorageError):
    """The address is taken or not ours."""


def run(settings: Settings) -> None:
    logs.configure(settings)
    with contextlib.closing(_bound(settings)) as listener:
        server = Server(settings)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(server.serve(sockets=[listener]))
        if not server.started:
            raise server.failure or MoorageError("the service did not start", hint="its log says why")


class Server(uvicorn.Server):
    """uvicorn, with streams that end when it is told to stop, and a start that tells what stopped it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.failure: MoorageError | None = None
        super().__init__(
            uvicorn.Config(
                create_app(settings),
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                # Streams never end by themselves: they are cut after this long.
                timeout_graceful_shutdown=1,
                timeout_keep_alive=75,
                ws="none",
                lifespan="on",
            )
        )


def _bound(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as exc:
        listener.close()
        raise CannotListen(
            f"can't listen on {settings.host} port {settings.port}: {exc.strerror}",
            hint="choose another with --host and --port",
        ) from exc
    listener.set_inheritable(True)
    log.info("listening", extra={"address": settings.host, "port": listener.getsockname()[1]})
    return listener
