"""Bytes that are no HTTP, and requests to become something else than HTTP: counted, not logged.

Anybody who reaches the port can send them by the thousand, and uvicorn has a line of the log for each.
"""

import contextlib
import logging
from collections.abc import Iterator

_SAID_OF_THEM = (
    "Invalid HTTP request received.",
    "Unsupported upgrade request.",
    "No supported WebSocket library detected.",
)


class OddRequests(logging.Filter):
    """Counts what uvicorn complains of, and keeps it out of the log."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.getMessage().startswith(_SAID_OF_THEM):
            return True
        self.count += 1
        return False

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """While the block lasts."""
        logger = logging.getLogger("uvicorn.error")
        logger.addFilter(self)
        try:
            yield
        finally:
            logger.removeFilter(self)
