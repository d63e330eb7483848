"""What can break on the way to a source, in words that name no address: everybody reads them."""

from __future__ import annotations

import aiohttp

# What a request raises where the other side or the network fails.
BROKEN = (aiohttp.ClientError, OSError, ValueError)


def words(error: Exception, *, deadline: float) -> str:
    """Why there is no answer."""
    if isinstance(error, TimeoutError):
        return f"no answer within {deadline:g} s"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectionError) and not isinstance(error, aiohttp.ServerConnectionError):
        return "it can't be reached"
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerConnectionError | ConnectionError):
        return "the connection broke"
    if isinstance(error, aiohttp.InvalidURL):
        return "its address is invalid"
    return f"it does not speak proper HTTP ({type(error).__name__})"
