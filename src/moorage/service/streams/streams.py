"""The two streams of changes: the one of all readers, and the one of those who may see who holds what.

Each encodes a message once for all that read it. The second one begins with its first reader. Of the machines that may
come both tell the same.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from moorage.cluster.live import LiveCluster
from moorage.scheduling.alternatives.machines import Machine
from moorage.service.signin.person import Person
from moorage.service.streams.stream import Broadcast

log = logging.getLogger(__name__)

# What is known of machines is put together from several sources, of which none tells when it changes.
MACHINES_SECONDS = 0.25


class Streams:
    """`machines` tells those that may come, and `as_json` what a message says of them."""

    def __init__(
        self,
        live: LiveCluster,
        *,
        replay_bytes: int,
        most: int,
        everybody_sees_names: bool,
        machines: Callable[[], Sequence[Machine]],
        as_json: Callable[[Sequence[Machine]], bytes],
    ) -> None:
        self.most = most
        self._everybody_sees_names = everybody_sees_names
        self._live = live
        self._machines = machines
        self._as_json = as_json
        self.plain = Broadcast(live, replay_bytes=replay_bytes)
        self.named = Broadcast(live, replay_bytes=replay_bytes, names=True)
        self._wanted = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.plain.run())
            group.create_task(self._follow_machines())
            await self._wanted.wait()
            group.create_task(self.named.run())

    async def _follow_machines(self) -> None:
        told: Sequence[Machine] | None = None
        while True:
            await asyncio.sleep(MACHINES_SECONDS)
            if not self._live.ready:
                continue
            try:
                if (now := self._machines()) != told:
                    told, data = now, self._as_json(now)
                    for each in self._both:
                        await each.tell_machines(data)
            except Exception:  # nodes are told whatever is the matter with machines
                log.exception("machines can't be told")

    async def of(self, person: Person) -> Broadcast:
        """The stream that this person reads, once it misses nothing."""
        if self._everybody_sees_names or not person.sees_holders:
            return self.plain
        self._wanted.set()
        await self.named.listening.wait()
        return self.named

    @property
    def open(self) -> int:
        return sum(len(each.readers) for each in self._both)

    @property
    def messages(self) -> int:
        return sum(each.messages for each in self._both)

    @property
    def dropped(self) -> int:
        return sum(each.dropped for each in self._both)

    def end(self) -> None:
        """Let every reader go at once; a browser comes back by itself."""
        for each in self._both:
            each.end()

    @property
    def _both(self) -> tuple[Broadcast, Broadcast]:
        return self.plain, self.named
