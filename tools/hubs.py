"""The tests of the hub and of its pages on every supported JupyterHub, side by side: tools/hubs.py [NAME ...]

`main` is what requirements/dev.txt pins. For each requirements/hub-*.txt an environment of that name lies in .venvs,
made again when the file changes, with nothing in it but what a hub's image has: there the hub runs. The tests stand on
the same packages, put in front of their own. Any version that fails, or did not run, fails the whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import psutil

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "test-results"
ENVIRONMENTS = ROOT / ".venvs"
TESTS = ("tests/hub", "tests/browser")
SECONDS = 2400
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "install")


@dataclass
class Version:
    """One version of the hub, and what became of its tests."""

    name: str
    requirements: Path
    problem: str = ""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0

    @property
    def title(self) -> str:
        pins = dict(re.findall(r"^([\w-]+)==(\S+)$", self.requirements.read_text(), re.MULTILINE))
        return f"JupyterHub {pins['jupyterhub']} + KubeSpawner {pins['jupyterhub-kubespawner']}"

    @property
    def environment(self) -> Path:
        return ENVIRONMENTS / self.name

    def words(self) -> str:
        if self.problem:
            return f"{self.title}: NOT RUN: {self.problem}"
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.title}: {self.passed} passed, {self.failed} failed{skipped} in {self.seconds:.0f} s"


async def run(*command: str | Path, log: Path, **environment: str) -> int:
    """The exit status; both streams go to the log. What takes too long is ended with its children."""
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *map(str, command),
            cwd=ROOT, env={**os.environ, **environment}, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
    try:
        return await asyncio.wait_for(process.wait(), SECONDS)
    except TimeoutError:
        log.open("a").write(f"\nended after {SECONDS} s\n")
        return 124
    finally:
        # A hub under test leads a group of its own.
        tree = psutil.Process(process.pid) if process.returncode is None else None
        for each in (*tree.children(recursive=True), tree) if tree else ():
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        await process.wait()


async def set_up(version: Version, log: Path) -> None:
    """Make the environment, unless it stands as its requirements say; the spawner is put into it anew each time."""
    stamp = hashlib.sha256(version.requirements.read_bytes() + sys.version.encode()).hexdigest()
    ready, own = version.environment / "ready", version.environment / "bin" / "python"
    commands: list[tuple[str | Path, ...]] = []
    if not ready.exists() or ready.read_text() != stamp:
        print(f"Setting up {version.environment.relative_to(ROOT)}: about a minute, once.", flush=True)
        shutil.rmtree(version.environment, ignore_errors=True)
        commands = [
            (sys.executable, "-m", "venv", version.environment),
            (own, *PIP, "--no-deps", "-r", version.requirements),
            (own, "-m", "pip", "--disable-pip-version-check", "check"),
        ]
    # Built with what the tests' environment has: the hub's image has nothing to build with.
    build = ("--no-deps", "--no-build-isolation", "--ignore-installed", "--prefix", version.environment, "-e", ROOT)
    for command in (*commands, (sys.executable, *PIP, *build)):
        if await run(*command, log=log):
            version.problem = f"its environment can't be made, see {log.relative_to(ROOT)}"
            print(log.read_text(errors="replace")[-2000:], file=sys.stderr)
            return
    ready.write_text(stamp)


async def test(version: Version, *, workers: str) -> None:
    log, report = RESULTS / f"{version.name}.log", RESULTS / f"{version.name}.xml"
    for old in (log, report):
        old.unlink(missing_ok=True)
    start, environment = time.monotonic(), {}
    if version.name != "main":
        await set_up(version, log)
        packages = next(version.environment.glob("lib/python3.*/site-packages"), None)
        environment = {
            "MOORAGE_TEST_HUB_PYTHON": str(version.environment / "bin" / "python"),
            "PYTHONPATH": f"{packages}{os.pathsep}{ROOT / 'src'}",
        }
    if version.problem:
        return
    await run(
        sys.executable, "-m", "pytest", *TESTS, "-q", "-n", workers, "--dist", "loadfile",
        f"--output={RESULTS / version.name}", f"--junitxml={report}", log=log, **environment,
    )  # fmt: skip
    version.seconds = time.monotonic() - start
    count(version, report)
    print(version.words(), flush=True)
    if version.problem or version.failed:
        print(*log.read_text(errors="replace").splitlines()[-300:], sep="\n", flush=True)


def count(version: Version, report: Path) -> None:
    suites = list(ET.parse(report).getroot().iter("testsuite")) if report.exists() else []
    ran = {
        what: sum(int(suite.get(what, 0)) for suite in suites) for what in ("tests", "failures", "errors", "skipped")
    }
    version.failed, version.skipped = ran["failures"] + ran["errors"], ran["skipped"]
    version.passed = ran["tests"] - version.failed - version.skipped
    if not version.passed and not version.failed:
        version.problem = f"no test ran, see test-results/{version.name}.log"


async def main() -> int:
    RESULTS.mkdir(exist_ok=True)
    versions = [
        *(Version(file.stem, file) for file in sorted((ROOT / "requirements").glob("hub-*.txt"))),
        Version("main", ROOT / "requirements" / "dev.txt"),
    ]
    wanted = sys.argv[1:]
    if unknown := set(wanted) - {version.name for version in versions}:
        print(f"There is no {', '.join(sorted(unknown))}. Choose from {', '.join(v.name for v in versions)}.")
        return 2
    chosen = [version for version in versions if not wanted or version.name in wanted]
    await asyncio.gather(*(test(version, workers="1" if len(chosen) > 1 else "2") for version in chosen))
    print("::: supported hubs")
    print(*(version.words() for version in chosen), sep="\n")
    print(f"{sum(v.passed for v in chosen)} passed, {sum(v.failed for v in chosen)} failed")
    return any(version.problem or version.failed for version in chosen)


sys.exit(asyncio.run(main()))
