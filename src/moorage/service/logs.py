"""One structured line for each change of state, on standard error; none for a request or an event."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

from moorage.service.settings import Settings


def configure(settings: Settings) -> None:
    handler = logging.StreamHandler(sys.stderr)
    if settings.log_format == "json":
        handler.setFormatter(
            JsonFormatter(
                "%(asctime)s %(levelname)s %(name)s %(message)s",
                rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
                datefmt="%Y-%m-%dT%H:%M:%S%z",
            )
        )
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(_without_dropped_readers)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(max(logging.WARNING, root.level))
    logging.getLogger("uvicorn.access").disabled = True


def _without_dropped_readers(record: logging.LogRecord) -> bool:
    """Uvicorn complains of each stream that we end because its reader is too slow; we have said so ourselves."""
    return record.getMessage() != "ASGI callable returned without completing response."
