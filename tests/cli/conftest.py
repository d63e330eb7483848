"""The command line as a person calls it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Ended:
    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def moorage(tmp_path) -> Callable[..., Any]:
    """`await moorage("nodes", "--from", "-", stdin=…)` runs it as a process of its own."""

    async def run(*arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> Ended:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("MOORAGE_", "KUBE"))}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "moorage.cli",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**clean, "HOME": str(tmp_path), "COLUMNS": "80", **(env or {})},
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate(stdin.encode())
        return Ended(process.returncode or 0, out.decode(), err.decode())

    return run


@pytest.fixture
def dump(node, pod) -> str:
    """What `kubectl get nodes,pods -A -o json` would print."""
    objects = [
        node("big", cpu="16", memory="64Gi"),
        node("gpu", cpu="8", memory="32Gi", gpu=2, labels={"nvidia.com/gpu.product": "Tesla-T4"}),
        node("small", cpu="2", memory="4Gi", unschedulable=True),
        pod("p", on="gpu", cpu="1", memory="1Gi", gpu=1),
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
