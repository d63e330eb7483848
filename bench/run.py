"""Runs every benchmark of this folder and writes bench/results.json and a table.

Each benchmark is a module with `main() -> list[dict]`, run in a process of its own so that memory and caches of one don't colour the next.
Name modules on the command line to run only those.

In every row `value` is ours and `against` is what people use instead, on the same task. Its `ratio` is computed here, and so always tells how many times
our cost the peer's is (where the value is a rate, the cost is its inverse): 12 means that ours is twelve times cheaper, less than 1 that the peer is.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
MODULES = ["fit", "cluster", "service", "turns", "page", "form", "hub", "gpus"]
RUN_ONE = "import json, sys, runpy; rows = runpy.run_path(sys.argv[1])['main'](); print('\\n' + json.dumps(rows))"


def rows_of(module: str) -> list[dict]:
    started = time.monotonic()
    print(f"{module} …", end=" ", flush=True)
    done = subprocess.run(
        [sys.executable, "-c", RUN_ONE, str(HERE / f"{module}.py")],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=1200,
    )
    print(f"{time.monotonic() - started:.0f} s")
    if done.returncode:
        return [{"id": f"{module}.failed", "value": None, "unit": "", "limit": None, "holds": False, "against": None}]
    rows = json.loads(done.stdout.strip().splitlines()[-1])
    for row in rows:
        if row["against"] is not None:
            row["against"]["ratio"] = ratio(row["value"], row["against"]["value"], unit=row["unit"])
    return rows


def ratio(ours: float, theirs: float, *, unit: str) -> float | None:
    """How many times our cost the peer's is; of a rate, the cost is its inverse."""
    cost, peer = (theirs, ours) if unit.endswith("/s") else (ours, theirs)
    return round(peer / cost, 3) if cost else None


def machine() -> dict:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(pages * size / 2**30),
        "system": platform.system(),
    }


def show(rows: list[dict]) -> None:
    print(f"\n{'id':<32} {'value':>12} {'unit':<6} {'limit':>8}  {'holds':<6} against (peer's cost ÷ ours)")
    for row in rows:
        value = "—" if row["value"] is None else f"{row['value']:,.3f}".rstrip("0").rstrip(".")
        limit = "" if row.get("limit") is None else f"{row['limit']:g}"
        holds = {True: "yes", False: "NO", None: ""}[row.get("holds")]
        peer = row.get("against")
        times = "" if peer is None or peer["ratio"] is None else f" ({peer['ratio']:.3g}×)"
        against = f"{peer['name']}: {peer['value']:,.3f}{times}" if peer else ""
        print(f"{row['id']:<32} {value:>12} {row.get('unit') or '':<6} {limit:>8}  {holds:<6} {against}")


def main() -> int:
    wanted = sys.argv[1:] or MODULES
    rows = [row for module in wanted for row in rows_of(module)]
    packages = ["moorage", "msgspec", "aiohttp", "fastapi", "uvicorn", "jupyterhub", "jupyterhub-kubespawner"]
    versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
    (HERE / "results.json").write_text(
        json.dumps({"versions": versions, "machine": machine(), "results": rows}, indent=1) + "\n"
    )
    show(rows)
    return 0 if all(row.get("holds") is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
