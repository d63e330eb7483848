"""What the running service answers with the hub's token: version, currency, cards and images.

It is asked at the address of `--server`, and without one only from inside the cluster: elsewhere its name may lead
anywhere, and the hub's token must not.
"""

import os
import re
from dataclasses import dataclass, field

import aiohttp
import msgspec

from moorage import clock
from moorage.cli.doctor import apart
from moorage.cli.doctor.findings import Unknown
from moorage.cli.doctor.reading import Json
from moorage.cli.doctor.settings import IN_CLUSTER

_WITHIN = aiohttp.ClientTimeout(total=15, connect=3)
_BUILD = re.compile(r'^moorage_build_info\{version="([^"]+)"\}', re.MULTILINE)

_IMAGES = tuple(f"Moorage-Images-{told}" for told in ("Source", "Age-Seconds", "Reason"))


@dataclass(frozen=True, slots=True)
class Live:
    """`status` is None where nobody was asked, and `reason` says why, or 0 where nothing answered, and `reason` how.
    `nodes` are as `/api/v1/cluster/resources` tells them, `images` the headers of the catalogue.
    """

    url: str = ""
    status: int | None = None
    reason: str = "not asked"
    version: str = ""
    stale: bool = False
    # Seconds that its clock is behind this machine's; None where it sends no time.
    behind: float | None = None
    nodes: list[Json] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)


async def ask_service(url: str | None, usual: str, token: str | Unknown | None) -> Live:
    """Ask at this address, or from inside the cluster at the usual one."""
    if url is None and not os.environ.get(IN_CLUSTER):
        return Live(reason="its address is known in the cluster alone")
    at = (url or usual).rstrip("/")
    shown = token if isinstance(token, str) else os.environ.get("MOORAGE_SERVICE_TOKEN", "")
    headers = {"Authorization": f"Bearer {shown.strip()}"} if shown.strip() else {}
    try:
        async with aiohttp.ClientSession(headers=headers, timeout=_WITHIN) as session:
            return await _answers(session, at)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return Live(at, 0, str(error) or type(error).__name__)


async def _answers(session: aiohttp.ClientSession, at: str) -> Live:
    before = clock.now()
    async with session.get(f"{at}/api/v1/cluster/resources", allow_redirects=False) as answer:
        behind = apart.behind(answer.headers.get("Date"), before=before, after=clock.now())
        if answer.status != 200:
            return Live(at, answer.status, await _why(answer))
        stale = answer.headers.get("Moorage-Stale") == "true"
        nodes = msgspec.json.decode(await answer.read(), type=list[Json])
    async with session.get(f"{at}/api/v1/images/jupyter", allow_redirects=False) as answer:
        images = {name: value for name in _IMAGES if (value := answer.headers.get(name)) is not None}
    async with session.get(f"{at}/metrics", allow_redirects=False) as answer:
        found = _BUILD.search(await answer.text()) if answer.status == 200 else None
    return Live(at, 200, "", found[1] if found else "", stale, behind, nodes, images)


async def _why(answer: aiohttp.ClientResponse) -> str:
    try:
        error = msgspec.json.decode(await answer.content.read(65536), type=dict[str, Json])["error"]
        return f"{error['message']}"
    except (msgspec.MsgspecError, KeyError):
        return f"HTTP {answer.status}"
