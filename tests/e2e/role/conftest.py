"""A control plane and a kubelet for each file of this folder, which begins with an empty cluster."""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from rig.charts import repository
from rig.controlplane import ControlPlane, control_plane
from rig.kubelet import Kubelet, kubelet
from rig.playbook import Playbook, Played
from rig.standing import changes, standing


@pytest.fixture(scope="module")
def shared(programs: Path) -> Iterator[ControlPlane]:
    with control_plane(programs) as running:
        yield running


@pytest.fixture(scope="module")
def yard(shared: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubelet]:
    with kubelet(shared, folder=tmp_path_factory.mktemp("pods")) as made:
        yield made


@pytest.fixture(scope="session")
def charts(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with repository(programs / "helm", tmp_path_factory.mktemp("charts")) as url:
        yield url


@pytest.fixture(scope="module")
def helm(programs: Path, shared: ControlPlane) -> Callable[..., str]:
    """Runs Helm as an operator would, by hand."""

    def run(*words: str | Path) -> str:
        command = [programs / "helm", "--kubeconfig", shared.kubeconfig, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def there(programs: Path, shared: ControlPlane) -> Callable[[], dict[str, Any]]:
    """What stands in the cluster now."""
    return lambda: standing(programs / "kubectl", shared.kubeconfig)


@pytest.fixture(scope="module")
def playbook(
    yard: Kubelet, charts: str, programs: Path, shared: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Playbook:
    # A context is named: the current one leads nowhere, and nothing but $KUBECONFIG says where the file is.
    config = yaml.safe_load(shared.kubeconfig.read_text())
    config["clusters"].append({"name": "elsewhere", "cluster": {"server": "https://127.0.0.1:9"}})
    config["contexts"].append({"name": "elsewhere", "context": {"cluster": "elsewhere", "user": "user"}})
    kubeconfig = tmp_path_factory.mktemp("kubeconfig") / "config"
    kubeconfig.write_text(yaml.safe_dump({**config, "current-context": "elsewhere"}))
    kubeconfig.chmod(0o600)
    return Playbook(
        tmp_path_factory.mktemp("playbook"),
        programs=programs,
        kubeconfig=kubeconfig,
        moorage_context="testbed",
        service_port=yard.service_port,
        moorage_hub_chart_repo=charts,
        moorage_hub_url=f"http://127.0.0.1:{yard.hub_port}",
        moorage_hub_options={"service_url": f"http://127.0.0.1:{yard.service_port}"},
        moorage_check_choice={"cpu": "500m", "memory": "512Mi", "gpu": 0},
    )


@dataclass(frozen=True)
class Run:
    """A play, and the objects that stood before and after it."""

    played: Played
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def changes(self) -> dict[str, str]:
        return changes(self.before, self.after)

    @property
    def text(self) -> str:
        return self.played.text


@pytest.fixture(scope="module")
def play(playbook: Playbook, there: Callable[[], dict[str, Any]]) -> Callable[..., Run]:
    def run(*words: str, **variables: Any) -> Run:
        before, began = there(), time.monotonic()
        played = playbook.run(*words, **variables)
        print(f"played {' '.join(words)}: {played.rc} after {time.monotonic() - began:.0f} s", flush=True)
        return Run(played, before, there())

    return run
