"""All objects of one kind, page by page, and the resourceVersion that they are true at.

A list without resourceVersion is consistent, and its pages come from the watch cache; with resourceVersion=0 the server
ignores `limit`. A page is worth some effort: those before it need not be fetched again.
"""

import asyncio

from moorage.kube.backoff import Backoff
from moorage.kube.client import Client
from moorage.kube.errors import ApiError, Unreachable
from moorage.kube.pages import Garbage, read_page
from moorage.kube.resources import Resource
from moorage.kube.sink import Sink, take_page

_PAGE_TRIES = 5
# However long a server is away and whatever it says of that, it is asked again so soon: one request for each kind
# burdens nobody.
LONGEST_PAUSE = 4.0


async def list_all(resource: Resource, *, client: Client, sink: Sink, within: float) -> str:
    """Pour a whole list into the sink; its resourceVersion. Each page has to be there within so many seconds."""
    sink.begin(resource)
    token = ""
    while True:
        body = await _page(resource, token, client=client, within=within)
        revision, token = take_page(sink, resource, body)
        if not token:
            break
        # Between pages everyone else has a turn.
        await asyncio.sleep(0)
    if not revision:
        raise Garbage(f"the list of {resource.name} names no resourceVersion")
    sink.end(resource)
    return revision


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
