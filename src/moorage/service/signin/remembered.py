"""What somebody else said of a token, for a few seconds: each request of a page would ask again."""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from moorage.errors import MoorageError
from moorage.service.signin.person import Person

# How long an answer counts. Who is logged out, or loses a right, is out after this.
SECONDS = 5.0
# How long the last answer counts while whoever has to say it is silent: a restart must not close every page.
SILENT_SECONDS = 300.0
_MOST = 10_000


class Silent(MoorageError):
    """Whoever knows the tokens does not answer, so that nobody can be told apart."""


class Remembered:
    """`ask` gives the person of a token, or None where there is none; it raises `Silent`."""

    def __init__(self, ask: Callable[[str], Awaitable[Person | None]]) -> None:
        self._ask = ask
        self._known: OrderedDict[bytes, tuple[float, Person | None]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Person | None]] = {}
        self._silent_until = 0.0

    async def person(self, token: str) -> Person | None:
        key = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        said = self._known.get(key)
        if said is not None and time.monotonic() - said[0] < SECONDS:
            return said[1]
        # Requests that come together wait for one answer.
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._answer(key, token))
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(task)

    async def _answer(self, key: bytes, token: str) -> Person | None:
        now = time.monotonic()
        said = self._known.get(key)
        lasting = said is not None and now - said[0] < SILENT_SECONDS
        if said is not None and lasting and now < self._silent_until:
            return said[1]
        try:
            person = await self._ask(token)
        except Silent:
            self._silent_until = time.monotonic() + SECONDS
            if said is not None and lasting:
                return said[1]
            raise
        self._known[key] = (time.monotonic(), person)
        self._known.move_to_end(key)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return person
