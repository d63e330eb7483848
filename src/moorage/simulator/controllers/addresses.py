"""Loopback addresses for pods and nodes: 127.0.0.0/8 has room for all of them, and nobody else can reach them.

Pods of every simulator on this machine listen on the same ports, so the addresses are drawn at random from 16 million.
"""

from __future__ import annotations

import secrets


class Addresses:
    """Hands out addresses that this simulator hasn't given to anyone else."""

    def __init__(self) -> None:
        self._held: set[str] = set()

    def take(self) -> str:
        while True:
            parts = [1 + secrets.randbelow(254) for _ in range(3)]
            address = "127." + ".".join(map(str, parts))
            if address not in self._held:
                self._held.add(address)
                return address

    def give_back(self, address: str) -> None:
        self._held.discard(address)
