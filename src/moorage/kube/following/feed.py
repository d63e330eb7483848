"""Follow one kind of object: list it page by page, then watch it from there, for ever.

In go answers of the API server, out come calls of a `Sink`: a whole new list, single changes, and how well the feed
does. `follow` is the loop without logic; `Feed.step` makes one list or one watch and says how long to pause, and is
where everything that can go wrong is decided. Nothing ends a feed: failures change its pace and mark what it told
before as stale.

What forces the odd lines:
- A watch that ends is the normal case: it goes on from the last resourceVersion, which every event carries, DELETED and
  BOOKMARK included.
- 410, as a status or as an ERROR event of a 200, means that this resourceVersion is forgotten: list anew. Only then.
- A connection can be dead without anyone having said so. A watch that is silent is therefore replaced, which costs one
  request and no data. A watch on a quiet kind asks for a life shorter than that silence, so that it ends by itself and
  its connection is used again.
- Bookmarks come once a minute, and two seconds before a watch's own end. So now and then a quiet watch lives long
  enough to get one, and the resourceVersion stays younger than the server's memory of some 75 seconds.
- A server restored from a backup counts from an earlier resourceVersion, and a watch from the future is silent for
  ever: after each lost connection one object is listed to compare.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NoReturn

from moorage import clock
from moorage.errors import MoorageError
from moorage.kube.client import Chunks, Client
from moorage.kube.errors import ApiError, Forbidden, Gone, NoConnection, NotFound, Unreachable, cut
from moorage.kube.following.alarm import Alarm
from moorage.kube.following.backoff import Backoff
from moorage.kube.following.events import Events
from moorage.kube.following.lines import Lines
from moorage.kube.following.listing import LONGEST_PAUSE, asked_to_wait, list_all, newest_revision
from moorage.kube.following.pages import Garbage
from moorage.kube.following.sink import Health, Sink, at_any_time, take_page
from moorage.kube.following.standing import Standing
from moorage.kube.resources import Resource
from moorage.objects import Unreadable
from moorage.texts import later

__all__ = ["Feed", "Health", "Sink", "follow", "take_page"]

log = logging.getLogger(__name__)

_PATIENCE, _LONGEST_PATIENCE = 5.0, 30.0
_WATCH_FOR = (300, 600)
_BOOKMARK_EVERY, _BOOKMARK_WATCH_FOR = 30.0, 3
# A watch that lives so long has opened well, whatever it says.
_SETTLED = 0.5
# A right that is missing, or a kind that is not served, may be so for years.
_LONGEST_PAUSE_AT_ODDS = 30.0
# An add-on that is not there may be installed at any time, and nobody waits for it.
_LOOK_AGAIN = (20.0, 30.0)
# A watch that says nothing is replaced so soon after another one has lost its connection.
_DOUBTED = 0.5
# A watch that breaks at the same place so often has something in its way that only a list gets around.
_BROKEN_WATCHES = 3


class Feed:
    """Where one kind stands: the resourceVersion to go on from, how it does, and how patient to be."""

    def __init__(
        self,
        resource: Resource,
        *,
        client: Client,
        sink: Sink,
        now: Callable[[], datetime] = clock.moment,
        troubled: Callable[["Feed", MoorageError], None] = lambda _feed, _error: None,
        may_change: Callable[[], Awaitable[None]] = at_any_time,
    ) -> None:
        self.resource = resource
        self.revision: str | None = None
        self.lists = 0
        self.watches = 0
        self.events = 0
        self._client = client
        self._sink = sink
        self._troubled = troubled
        self._may_change = may_change
        self._standing = Standing(resource, report=lambda health: sink.report(self.resource, health), now=now)
        self._chunks: Chunks | None = None
        self._events = Events(resource.kind)
        self._quiet = self._doubtful = False
        self._broken = 0
        self._bookmarked = float("-inf")
        self._relists = Backoff()
        self._anew = False
        # Versions in a row that the server turned out not to serve.
        self._unserved = 0

    @property
    def health(self) -> Health:
        """How well this feed does."""
        return self._standing.health

    def doubt(self) -> None:
        """Another feed has lost its connection: what is silent here may be dead as well."""
        self._standing.doubt()
        if self._chunks is not None:
            self._chunks.hurry(within=_DOUBTED)

    def end(self) -> None:
        """Nobody follows any more."""
        self._standing.end()

    def list_anew(self) -> None:
        """Read everything again as soon as possible; what is known stays in use until then."""
        self._anew = True

    async def step(self) -> float:
        """One list or one watch. Returns the pause before the next step; raises nothing but cancellation."""
        try:
            if self.revision is not None and self._doubtful:
                await self._compare()
            if self.revision is None or self._anew:
                await self._list()
            else:
                await self._watch()
        except Gone:
            # What is known stays in use, and is called stale only if the list takes long. Once is usual; a server that
            # answers 410 to what it has just told is asked at a slower pace.
            self.revision = None
            again, pause = self._relists.failures > 0, self._relists.next()
            return pause if again else 0.0
        except Forbidden:
            if self.resource.addon:
                return await self._without()
            right = self.resource.missing_right
            return self._failed(right, right=right, longest=_LONGEST_PAUSE_AT_ODDS)
        except NotFound:
            if self._unserved < len(self.resource.older):
                self._unserved += 1
                self.resource = self.resource.in_next_version()
                return 0.0
            self._unserved = 0
            if self.resource.addon:
                return await self._without()
            if not self.resource.required and not self.health.listed:
                # A kind that this server does not serve has no objects, which is all there is to know of it.
                await self._may_change()
                self._sink.begin(self.resource)
                self._sink.end(self.resource)
            why = later("this API server does not serve {kind}", kind=self.resource.name)
            return self._failed(why, longest=_LONGEST_PAUSE_AT_ODDS)
        except ApiError as error:
            why = later("the API server answered {status}: {message}", status=error.status, message=error.message)
            pause = self._failed(why)
            return max(pause, asked_to_wait(error))
        except Unreachable as error:
            self._doubtful = True
            self._troubled(self, error)
            return self._failed(error.message)
        except NoConnection as error:
            return self._failed(error.message)
        except Garbage as error:
            return self._stumbled(error)
        except Exception as error:
            # Nothing may end a feed, a bug of ours included: it is told in full and tried again.
            log.exception("following %s failed", self.resource.name, extra={"resource": self.resource.name})
            return self._failed(cut(f"{type(error).__name__}: {error}"))
        return 0.0

    async def _without(self) -> float:
        """An add-on that is not there, or is nobody's to read: there is none, until a calm look finds one."""
        self.revision = None
        if self.health.listed:
            await self._may_change()
            self._sink.begin(self.resource)
            self._sink.end(self.resource)
        self._standing.absent()
        return random.uniform(*_LOOK_AGAIN)  # noqa: S311 # spreads load

    # --- list ---------------------------------------------------------------------------------------------------

    async def _list(self) -> None:
        self._standing.waits_for = later("the list of {kind} is being read anew", kind=self.resource.name)
        self._anew = False
        self.lists += 1
        self.revision = await list_all(
            self.resource,
            client=self._client,
            sink=self._sink,
            within=2 * self._patience(),
            may_change=self._may_change,
        )
        self._doubtful = self._quiet = False
        self._well()

    async def _compare(self) -> None:
        """After a lost connection: is this still the server whose resourceVersion we know?"""
        theirs = await newest_revision(self.resource, client=self._client, within=self._patience())
        self._doubtful = False
        if self.revision and theirs.isdecimal() and self.revision.isdecimal() and int(theirs) < int(self.revision):
            self.revision = None

    # --- watch --------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        params = self.resource.params(
            watch="true",
            allowWatchBookmarks="true",
            resourceVersion=self.revision or "",
            timeoutSeconds=str(self._life()),
        )
        loop = asyncio.get_running_loop()
        self.watches += 1
        before, lines = self.events, Lines()
        async with self._client.stream(self.resource.path, params, within=self._patience()) as chunks:
            opened = loop.time()
            settled = Alarm(_SETTLED, lambda: None if lines.rest else self._well(at=opened))
            self._chunks = chunks
            try:
                whole = await self._read(chunks, lines)
            finally:
                self._chunks = None
                settled.stop()
        if loop.time() - opened >= _SETTLED:
            self._settled()
            # One that was silent until we gave it up has proven nothing by that.
            if whole:
                self._well()
        elif whole and self.events == before:
            # A watch that ends at once, again and again, must not become a busy loop.
            raise Garbage(later("a watch ended as soon as it began"))

    def _life(self) -> int:
        """Seconds until the server shall end the watch by itself."""
        if not self._quiet:
            return random.randint(*_WATCH_FOR)  # noqa: S311 # spreads load
        life = max(int(self.resource.silence * 0.9), 1)
        now = asyncio.get_running_loop().time()
        if life < _BOOKMARK_WATCH_FOR and now - self._bookmarked > _BOOKMARK_EVERY:
            self._bookmarked = now
            return _BOOKMARK_WATCH_FOR
        return life

    async def _read(self, chunks: Chunks, lines: Lines) -> bool:
        """Take what comes, until the stream ends (True) or is not worth waiting for any longer (False)."""
        begun: float | None = None
        while True:
            try:
                chunk = await chunks.read(within=self.resource.silence)
            except TimeoutError:
                self._quiet = True
                return False
            if self._anew:
                return False
            if not chunk:
                break
            await self._may_change()
            for line in lines.feed(chunk):
                self._take(line)
            if chunk.endswith(b"\n"):
                # A line that came drop by drop has others waiting behind it, and tells of long ago.
                if begun is None or clock.now() - begun < _SETTLED:
                    self._standing.proven()
                begun = None
            elif begun is None or b"\n" in chunk:
                begun = clock.now()
        if lines.rest.strip():
            raise Garbage(later("a watch ended in the middle of a line"))
        return True

    def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        kind, item, revision = self._events.read(line)
        if kind in ("ADDED", "MODIFIED"):
            if isinstance(item, Unreadable):
                self._sink.put_unreadable(self.resource, item)
            else:
                self._sink.put(self.resource, item)
        elif kind == "DELETED":
            self._sink.drop(self.resource, item)
        elif kind == "BOOKMARK":
            self._bookmarked = asyncio.get_running_loop().time()
            self.revision = revision or self.revision
            return
        else:
            log.debug("skipped an event of type %s", cut(kind), extra={"resource": self.resource.name})
        self._progress(revision)

    def _progress(self, revision: str | None) -> None:
        if revision:
            self.revision = revision
        self.events += 1
        self._quiet = False
        if self._broken:
            self._settled()

    # --- how it does --------------------------------------------------------------------------------------------

    def _patience(self) -> float:
        """Seconds for an answer to begin: more after each failure, so that a slow server is reached in the end."""
        return min(_PATIENCE * 2.0 ** min(self._standing.pace.failures, 8), _LONGEST_PATIENCE)

    def _settled(self) -> None:
        """A watch works: whatever was wrong before is over."""
        self._broken = 0
        self._relists.reset()

    def _well(self, *, at: float | None = None) -> None:
        self._unserved = 0
        self._standing.proven(at=at)

    def _failed(self, reason: str, *, right: str | None = None, longest: float = LONGEST_PAUSE) -> float:
        return self._standing.failed(reason, right=right, longest=longest)

    def _stumbled(self, error: Garbage) -> float:
        """A watch broke. It goes on from the last event, unless it keeps breaking at the same place."""
        self._troubled(self, error)
        self._broken += 1
        if self._broken % _BROKEN_WATCHES == 0:
            self.revision = None
        return self._failed(str(error))


async def follow(feed: Feed) -> NoReturn:
    """Step for ever."""
    try:
        while True:  # noqa: ASYNC110 # the pause is between attempts, nothing is polled
            await asyncio.sleep(await feed.step())
    finally:
        feed.end()
