"""An administrator's plain function, called so that it can't hold the hub.

JupyterHub calls such functions on its event loop, and they read what belongs to the loop: a person's groups come from
the hub's database session, which is one thread's at a time. So the loop waits for the function's thread for a moment,
in which nearly all are done. One that takes longer waits for something else (a directory, a file share); the loop goes
on without it.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import Counter
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_MOMENT = 0.05
# Threads of one option that still wait for something; a thread can't be ended.
_MOST = 16
_unfinished: Counter[str] = Counter()
_lock = threading.Lock()


class TooMany(Exception):
    """Earlier calls have not come back yet."""


async def call(function: Callable[..., Any], *args: Any, name: str) -> Any:
    """What the function returns or raises. Raises `TooMany` where it hangs already."""
    with _lock:
        if _unfinished[name] >= _MOST:
            raise TooMany(f"{_MOST} earlier calls have not come back yet")
        _unfinished[name] += 1
    answer: Future[Any] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            answer.set_result(context.run(function, *args))
        except BaseException as error:  # SystemExit, too, is the function's and not the thread's
            answer.set_exception(error)
        with _lock:
            _unfinished[name] -= 1

    # Not of a pool: the hub's end would wait for it.
    threading.Thread(target=run, name=f"moorage {name}", daemon=True).start()
    try:
        return answer.result(_MOMENT)
    except TimeoutError:
        if answer.done():
            raise
    later = asyncio.wrap_future(answer)
    later.add_done_callback(lambda done: done.cancelled() or done.exception())  # also where nobody waits any longer
    return await asyncio.shield(later)
