"""Readiness probes: an HTTP answer below 400, or a connection that opens."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

Json = dict[str, Any]


async def passes(probe: Json, container: Json, address: str) -> bool:
    """Whether the probe succeeds now; probes of other kinds always do."""
    request = probe.get("httpGet") or probe.get("tcpSocket")
    if not request:
        return True
    seconds = float(probe.get("timeoutSeconds") or 1)
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(request.get("host") or address, _port(request, container))
            try:
                return "httpGet" not in probe or await _answers(reader, writer, str(request.get("path") or "/"))
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError, ValueError):
        return False


async def _answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> bool:
    writer.write(f"GET {path} HTTP/1.0\r\nHost: pod\r\nUser-Agent: kube-probe/1.36\r\n\r\n".encode())
    words = (await reader.readline()).split()
    return len(words) > 1 and words[1].isdigit() and 200 <= int(words[1]) < 400


def _port(request: Json, container: Json) -> int:
    port = request.get("port")
    named = {held.get("name"): held.get("containerPort") for held in container.get("ports") or ()}
    return int(named.get(port, port) or 0)
