"""The two streams of changes: the one of all readers, and the one of those who may see who holds what.

Each encodes a message once for all that read it. The second one begins with its first reader.
"""

import asyncio

from moorage.cluster.live import LiveCluster
from moorage.service.http.auth import Person
from moorage.service.streams.stream import Broadcast


class Streams:
    def __init__(self, live: LiveCluster, *, replay_bytes: int, most: int, everybody_sees_names: bool) -> None:
        self.most = most
        self._everybody_sees_names = everybody_sees_names
        self.plain = Broadcast(live, replay_bytes=replay_bytes)
        self.named = Broadcast(live, replay_bytes=replay_bytes, names=True)
        self._wanted = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.plain.run())
            await self._wanted.wait()
            group.create_task(self.named.run())

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
