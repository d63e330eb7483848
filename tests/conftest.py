"""Fixtures for all tests: a simulated cluster, and objects in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from moorage.simulator import Simulator, builders

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


# Several runs share two cores, so how long one example takes says nothing.
settings.register_profile("moorage", deadline=None)
settings.load_profile("moorage")


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A running API server of its own for each test; no scheduler, no kubelet."""
    async with Simulator() as running:
        yield running


@pytest.fixture
def node():
    """`node("n1", cpu="16", memory="64Gi", gpu=1, labels={…}, taints=[…])` makes a Node."""
    return builders.node


@pytest.fixture
def pod():
    """`pod("p", on="n1", cpu="2", memory="3Gi", gpu=1, namespace="lab")` makes a Pod."""
    return builders.pod


@pytest.fixture
async def running_cluster() -> AsyncIterator[Simulator]:
    """As `simulator`, with a scheduler that places pods and a kubelet that runs them as local processes."""
    async with Simulator(scheduler=True, kubelet=True) as running:
        yield running
