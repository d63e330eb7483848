"""One control plane with a real node for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.controlplane import ControlPlane, control_plane
from rig.node import RealNode, missing


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
