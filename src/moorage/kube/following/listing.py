"""All objects of one kind, page by page, and the resourceVersion that they are true at.

A list without resourceVersion is consistent, and its pages come from the watch cache; with resourceVersion=0 the server
ignores `limit`. A page is worth some effort: those before it need not be fetched again. While one is decoded, the next
one is on its way already.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

from moorage.errors import InvalidObject
from moorage.kube.client import Client
from moorage.kube.errors import ApiError, Unreachable
from moorage.kube.following.backoff import Backoff
from moorage.kube.following.pages import Garbage, read_page
from moorage.kube.following.sink import Sink, at_any_time, take_page
from moorage.kube.resources import Resource
from moorage.objects import decode_list
from moorage.texts import later

_PAGE_TRIES = 5
# However long a server is away and whatever it says of that, it is asked again so soon: one request for each kind
# burdens nobody.
LONGEST_PAUSE = 2.5
# A list's metadata is at most so long: a token has some hundred characters.
_HEAD = 4096
_TURNS = 5


async def list_all(
    resource: Resource,
    *,
    client: Client,
    sink: Sink,
    within: float,
    may_change: Callable[[], Awaitable[None]] = at_any_time,
) -> str:
    """Pour a whole list into the sink; its resourceVersion. Each page has to be there within so many seconds.

    `may_change` is waited for before each change of what the sink knows.
    """
    sink.begin(resource)
    async with Pages(lambda token: _page(resource, token, client=client, within=within)) as pages:
        token = ""
        while True:
            page = read_page(resource.kind, await pages.get(token))
            await _let_others_go_on()
            await may_change()
            take_page(sink, resource, page)
            revision, token = page.revision, page.token
            if not token:
                break
    if not revision:
        raise Garbage(later("the list of {kind} names no resourceVersion", kind=resource.name))
    await may_change()
    sink.end(resource)
    return revision


async def _let_others_go_on() -> None:
    """Everyone else has a turn, and the next page some more: a request takes these until it is on the wire."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


class Pages:
    """Fetches a list page by page, and the page after the one that was asked for already while that one is in use."""

    def __init__(self, fetch: Callable[[str], Awaitable[bytes]]) -> None:
        self._fetch = fetch
        self._ahead: tuple[str, asyncio.Future[bytes]] | None = None

    async def get(self, token: str) -> bytes:
        """The body of the page that this token leads to; the first one's is empty. Raises what `fetch` raises."""
        if self._ahead is not None and self._ahead[0] == token:
            body = await self._ahead[1]
            self._ahead = None
        else:
            await self.close()
            body = await self._fetch(token)
        if following := next_token(body):
            self._ahead = following, asyncio.ensure_future(self._fetch(following))
        await _let_others_go_on()
        return body

    async def close(self) -> None:
        """Whatever was asked for ahead is not wanted."""
        if self._ahead is not None:
            ahead, self._ahead = self._ahead[1], None
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def next_token(body: bytes) -> str:
    """What leads to the next page, as far as it can be told without reading this one; "" where it can't.

    API servers write a list's metadata before its items (`ListMeta` precedes `Items` in every List of k8s.io/api).
    """
    head, items, _ = body[:_HEAD].partition(b'"items":[')
    if not items:
        return ""
    try:
        return decode_list(dict, head + b'"items":[]}')[0].continue_ or ""
    except InvalidObject:
        return ""


async def newest_revision(resource: Resource, *, client: Client, within: float) -> str:
    """The resourceVersion that the server is at, for the price of one object."""
    return read_page(resource.kind, await client.get(resource.path, resource.params(limit="1"), within=within)).revision


def asked_to_wait(error: Exception) -> float:
    """Seconds that the server wants us to wait, whatever it wrote, as far as we heed it."""
    wait = (error.retry_after or 0.0) if isinstance(error, ApiError) else 0.0
    return min(wait, LONGEST_PAUSE) if wait > 0 else 0.0


async def _page(resource: Resource, token: str, *, client: Client, within: float) -> bytes:
    params = resource.params(limit=str(resource.page))
    if token:
        params["continue"] = token
    pace = Backoff()
    while True:
        try:
            return await client.get(resource.path, params, within=within, probe=resource.params(limit="1"))
        except (Unreachable, ApiError) as error:
            passing = isinstance(error, Unreachable) or error.status == 429 or error.status >= 500
            if not token or not passing or pace.failures >= _PAGE_TRIES:
                raise
            await asyncio.sleep(max(pace.next(), asked_to_wait(error)))
