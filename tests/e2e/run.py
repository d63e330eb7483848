"""Everything that needs a real cluster, rung by rung, and at the end what ran and what did not.

usage: python tests/e2e/run.py

A rung that could not run is never counted as passed: under CI=true it fails the whole, except the real node, which not every machine can be.
"""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from rig import node  # noqa: E402
from rig.controlplane import control_plane  # noqa: E402

NOT_HERE = ("--ignore=tests/e2e/node", "--ignore=tests/e2e/role")
PASSED, FAILED, NOT_RUN = "passed", "FAILED", "NOT RUN"


@dataclass(frozen=True)
class Outcome:
    rung: str
    how: str
    seconds: float = 0
    why: str = ""

    def __str__(self) -> str:
        took = f" ({self.seconds:.0f} s)" if self.seconds else ""
        return f"{self.how}: {self.why}  [{self.rung}]" if self.why else f"{self.how}: {self.rung}{took}"


def pytest(rung: str, *words: str, env: dict[str, str] | None = None) -> Outcome:
    print(f"::: {rung}", flush=True)
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", *words]
    code = subprocess.run(command, cwd=ROOT, env={**os.environ, **(env or {})}, check=False).returncode
    took = time.monotonic() - began
    if code == 5:
        return Outcome(rung, NOT_RUN, why="there are no tests")
    return Outcome(rung, PASSED if code == 0 else FAILED, took)


def programs() -> Path | str:
    """Where the control plane lies, or why there is none."""
    build = ROOT / "testbed" / "build"
    done = subprocess.run([build], check=False, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "the control plane could not be built"
    return Path(subprocess.run([build, "--where"], check=True, capture_output=True, text=True).stdout.strip())


def contract(where: Path) -> Outcome:
    """The tests that the simulator is held to, unchanged, on the real API server."""
    with control_plane(where) as cluster:
        env = {
            "MOORAGE_CONTRACT_KUBECONFIG": str(cluster.kubeconfig),
            "MOORAGE_CONTRACT_ETCD": f"http://127.0.0.1:{cluster.etcd_port}",
        }
        return pytest("contract tests on the real API server", "tests/contract", "-q", env=env)


def real_node() -> Outcome:
    rung = "a real node"
    reason = node.missing(install=True)
    if reason:
        return Outcome(rung, NOT_RUN, why=reason)
    try:
        node.notebook_image()
    except node.NoImage as failure:
        return Outcome(rung, NOT_RUN, why=f"the notebook's image could not be made: {failure}")
    return pytest(rung, "tests/e2e/node", "-q", "-s")


def main() -> int:
    for old in ("logs", "disagreements"):
        shutil.rmtree(ROOT / "test-results" / old, ignore_errors=True)
    where = programs()
    if isinstance(where, str):
        outcomes = [Outcome("everything on the real control plane", NOT_RUN, why=where)]
    else:
        outcomes = [
            contract(where),
            pytest("control plane: verdicts, rights, hub", "tests/e2e", *NOT_HERE, "-q", "-s"),
            # Side by side, each file with a control plane of its own: a play is one process most of the time.
            pytest("the Ansible role: helm, kubectl", "tests/e2e/role", "-q", "-n", "2", "--dist", "loadfile"),
            real_node(),
        ]
    print("\n" + "\n".join(map(str, outcomes)))
    must = (
        [o for o in outcomes if o.how == NOT_RUN and o.rung != "a real node"] if os.environ.get("CI") == "true" else []
    )
    return 1 if must or any(o.how == FAILED for o in outcomes) else 0


if __name__ == "__main__":
    raise SystemExit(main())
