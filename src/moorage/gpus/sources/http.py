"""What can break on the way to a source, in words that name no address: everybody reads them."""

from __future__ import annotations

import aiohttp

from moorage.texts import later

# What a request raises where the other side or the network fails.
BROKEN = (aiohttp.ClientError, OSError, ValueError)


def words(error: Exception, *, deadline: float) -> str:
    """Why there is no answer."""
    if isinstance(error, TimeoutError):
        return later("no answer within {seconds} s", seconds=f"{deadline:g}")
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return later("its certificate is not trusted")
    if isinstance(error, aiohttp.ClientConnectionError) and not isinstance(error, aiohttp.ServerConnectionError):
        return later("it can't be reached")
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerConnectionError | ConnectionError):
        return later("the connection broke")
    if isinstance(error, aiohttp.InvalidURL):
        return later("its address is invalid")
    return later("it does not speak proper HTTP ({error})", error=type(error).__name__)
