"""Why the API server would refuse a pod."""

from __future__ import annotations

import msgspec


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """One refusal: `message` in the API server's words, `text` in plain ones."""

    kind: str
    name: str
    message: str
    text: str
    resource: str | None = None
