"""The programs that moorage is compared with: installed at pinned versions into .testbed, or left out with the reason."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PINS = ROOT / "requirements/peers.txt"
VIEW_ALLOCATIONS = "kubectl-view-allocations", "3.1.0"


@dataclass(frozen=True)
class Installed:
    """Where each program lies; None with a sentence in `left_out` where it is not here."""

    kubectl: Path
    oracle: Path
    python: Path
    view_allocations: Path | None
    kube_capacity: Path | None
    left_out: tuple[str, ...]


def install() -> Installed:
    pinned = hashlib.sha256(PINS.read_bytes() + " ".join(VIEW_ALLOCATIONS).encode()).hexdigest()[:16]
    folder = ROOT / ".testbed" / f"peers-{pinned}"
    folder.mkdir(parents=True, exist_ok=True)
    told = subprocess.run(
        [ROOT / "testbed/build", "--where"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    programs = Path(told.strip())
    left_out = []
    allocations = _view_allocations(folder)
    if allocations is None:
        left_out.append("kubectl-view-allocations is left out: there is no cargo to build it with.")
    capacity = shutil.which("kube-capacity")
    if capacity is None:
        left_out.append("kube-capacity is left out: it is not on the PATH, and no registry used here has it.")
    return Installed(
        programs / "kubectl",
        programs / "oracle",
        _python(folder),
        allocations,
        Path(capacity) if capacity else None,
        tuple(left_out),
    )


def _python(folder: Path) -> Path:
    """A Python that has the official client."""
    python, ready = folder / "venv/bin/python", folder / "venv/.ready"
    if not ready.exists():
        print("Installing the official Python client …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder / "venv"], check=True, timeout=300)
        quiet = ("--quiet", "--disable-pip-version-check", "--no-deps")
        subprocess.run([python, "-m", "pip", "install", *quiet, "-r", PINS], check=True, timeout=600)
        ready.touch()
    return python


def _view_allocations(folder: Path) -> Path | None:
    name, version = VIEW_ALLOCATIONS
    built = folder / "bin" / name
    if built.exists():
        return built
    cargo = shutil.which("cargo") or shutil.which(Path.home() / ".cargo/bin/cargo")
    if cargo is None:
        return None
    print(f"Building {name} {version}, minutes at the first time …", flush=True)
    command = [cargo, "install", "--quiet", "--locked", "--root", folder, "--version", f"={version}", name]
    subprocess.run(command, check=True, timeout=1800, preexec_fn=lambda: os.nice(10))
    return built
