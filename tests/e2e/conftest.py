"""Real programs for the tests of this folder: one control plane for the session, and fresh ones for those who break theirs."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rig.api import Api
from rig.controlplane import ControlPlane, control_plane

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "test-results"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder of the built control plane; builds it where that has not been done."""
    build = ROOT / "testbed" / "build"
    subprocess.run([build], check=True)
    return Path(subprocess.run([build, "--where"], check=True, capture_output=True, text=True).stdout.strip())


@pytest.fixture(scope="session")
def results() -> Path:
    RESULTS.mkdir(exist_ok=True)
    return RESULTS


def _keep_logs(folder: Path, name: str) -> None:
    target = RESULTS / "logs" / name
    target.mkdir(parents=True, exist_ok=True)
    for log in folder.glob("*.log"):
        shutil.copy(log, target / log.name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """The logs of every component that a failed test used stay in test-results/logs."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for value in item.funcargs.values():
            if isinstance(value, ControlPlane) and value.folder.exists():
                _keep_logs(value.folder, item.name.replace("/", "-"))
    return report


@pytest.fixture(scope="session")
def shared(programs: Path) -> Iterator[ControlPlane]:
    """For tests that leave it as they found it."""
    with control_plane(programs) as running:
        yield running


@pytest.fixture(scope="module")
def own(programs: Path) -> Iterator[ControlPlane]:
    """For the tests of one file, which kill and restart its parts; each leaves it running."""
    with control_plane(programs) as running:
        yield running


@pytest.fixture
def admin(shared: ControlPlane) -> Iterator[Api]:
    api = shared.admin.acting_as(shared.admin.token)
    yield api
    api.close()


@pytest.fixture
def namespace(admin: Api, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty namespace that goes with its test."""
    import secrets

    name = f"test-{secrets.token_hex(4)}"
    admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    admin.delete("Namespace", name)


@pytest.fixture(scope="session")
def kubectl(programs: Path) -> Callable[..., str]:
    def run(kubeconfig: Path, *words: str) -> str:
        done = subprocess.run(
            [programs / "kubectl", "--kubeconfig", kubeconfig, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def asks_wanted() -> int:
    return int(os.environ.get("MOORAGE_ASKS", "300"))
