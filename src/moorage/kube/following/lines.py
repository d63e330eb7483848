"""Lines out of chunks. A watch event can be megabytes long, so nothing is copied twice while its end has not come."""


class Lines:
    """Collects chunks; gives back each line once it is whole."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    @property
    def rest(self) -> bytes:
        """What has come since the last line ended."""
        return b"".join(self._parts)

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that end in this chunk."""
        if b"\n" not in chunk:
            self._parts.append(chunk)
            return []
        self._parts.append(chunk)
        lines = b"".join(self._parts).split(b"\n")
        rest = lines.pop()
        self._parts = [rest] if rest else []
        return lines
