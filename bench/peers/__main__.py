"""`make bench-peers`: what is allocated on each node, asked of moorage and of what people use instead, side by side on one real API server.

500 nodes and 10,000 pods; 25 of the nodes have pods that are easily counted wrong. The table and what each has wrong are printed, and written into
docs/peers.md. Each is asked five times (MOORAGE_PEER_RUNS). It takes some minutes, ends by itself, and leaves nothing behind but the programs in .testbed.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
for folder in (HERE, HERE.parent, ROOT / "tests/e2e"):
    sys.path.insert(0, str(folder))

import answers  # noqa: E402
import awkward  # noqa: E402
import tables  # noqa: E402
from install import Installed, install  # noqa: E402
from load import NODES, PODS, load  # noqa: E402
from tools import measured  # noqa: E402

from rig.controlplane import ControlPlane, control_plane  # noqa: E402

RUNS = int(os.environ.get("MOORAGE_PEER_RUNS", "5"))


def main() -> int:
    # Whoever ends this ends what it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before it was done"))
    programs = install()
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    print(f"Loading {NODES} nodes and {PODS:,} pods …", flush=True)
    with contextlib.ExitStack() as open_:
        folder = Path(open_.enter_context(tempfile.TemporaryDirectory(prefix="moorage-peers-")))
        cluster = open_.enter_context(control_plane(programs.kubectl.parent))
        cases = load(cluster)
        names = {awkward.node_name(number): case.what for number, case in enumerate(cases)}
        truth = true_sums(cluster, programs, list(names))
        rows = list(measured(cluster, programs, folder=folder, truth=truth, runs=RUNS))
        facts = tables.Facts(
            day=datetime.now(UTC).date(),
            kubernetes=str(cluster.admin.call("GET", "/version")["gitVersion"]),
            machine=f"{os.cpu_count()} cores ({platform.machine()})",
            nodes=NODES,
            pods=PODS,
            runs=RUNS,
            busy=busy,
            left_out=programs.left_out,
        )
    text = tables.text(rows, facts=facts, names=names)
    tables.write(ROOT / "docs/peers.md", text)
    print(f"\n{text}\nWritten into docs/peers.md.")
    ours = [row for row in rows if "moorage" in row.tool]
    return 1 if any(nodes for row in ours for nodes in (row.wrong or {}).values()) else 0


def true_sums(cluster: ControlPlane, programs: Installed, nodes: list[str]) -> dict[str, dict]:
    """What the scheduler's own code counts on these nodes, of the pods as the API server keeps them."""
    pods = [pod for pod in cluster.admin.list("Pod", namespace=awkward.NAMESPACE) if counts(pod)]
    asked = "".join(json.dumps({"pod": pod}) + "\n" for pod in pods)
    said = subprocess.run(
        [programs.oracle, "-requests"], input=asked, check=True, capture_output=True, text=True, timeout=120
    ).stdout
    of: dict[str, list] = {node: [] for node in nodes}
    for pod, line in zip(pods, map(json.loads, said.splitlines()), strict=True):
        of[pod["spec"]["nodeName"]].append(line)
    return {node: answers.of_oracle(lines) for node, lines in of.items()}


def counts(pod: dict) -> bool:
    """As the scheduler's informer and its cache choose pods (pkg/scheduler/scheduler.go, eventhandlers.go)."""
    return bool(pod["spec"].get("nodeName")) and pod["status"].get("phase") not in ("Succeeded", "Failed")


if __name__ == "__main__":
    sys.exit(main())
