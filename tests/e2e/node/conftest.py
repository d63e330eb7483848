"""One control plane with a real node for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.controlplane import ControlPlane, control_plane
from rig.hub import Hub, hub
from rig.node import RealNode, missing
from rig.rights import grant
from rig.service import Service, service


@pytest.fixture(scope="session")
def cluster(programs: Path) -> Iterator[ControlPlane]:
    if reason := missing():
        pytest.fail(f"this machine can't be a node: {reason}")
    with control_plane(programs, kubelets=True) as made:
        yield made


@pytest.fixture(scope="session")
def real(cluster: ControlPlane) -> Iterator[RealNode]:
    made = RealNode(cluster)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(scope="module", autouse=True)
def no_pods_left(cluster: ControlPlane, real: RealNode) -> Iterator[None]:
    """Each file's tests find the node empty."""
    yield
    real.end_pods()


@pytest.fixture(scope="module")
def served(cluster: ControlPlane, real: RealNode) -> Iterator[Service]:
    kubeconfig = cluster.write_kubeconfig(cluster.folder / "service.kubeconfig", token=grant(cluster.admin))
    with service(kubeconfig, folder=cluster.folder) as made:
        yield made


@pytest.fixture(scope="module")
def the_hub(
    cluster: ControlPlane, real: RealNode, served: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hub]:
    with hub(cluster, service_url=served.url, folder=tmp_path_factory.mktemp("hub"), address=real.address) as made:
        yield made
