"""The control plane that all other tests stand on: quick to start, and gone when it is stopped."""

import contextlib
import time
from pathlib import Path

from rig.controlplane import control_plane


def _processes_that_mention(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and str(folder).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def test_a_control_plane_starts_quickly_and_leaves_nothing(programs: Path) -> None:
    began = time.monotonic()
    with control_plane(programs) as cluster:
        took = time.monotonic() - began
        running = _processes_that_mention(cluster.folder)
        version = cluster.admin.call("GET", "/version")["gitVersion"]

    print(f"\nA control plane is up after {took:.1f} s")
    assert version.startswith("v1.36.")
    assert len(running) == 4
    assert _processes_that_mention(cluster.folder) == []
    assert not cluster.folder.exists()
