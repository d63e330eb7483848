"""Machines for tests of where they come from."""

from __future__ import annotations

import pytest

from moorage.objects import Node, ObjectMeta
from moorage.scheduling.alternatives.machines import Machine


@pytest.fixture
def a_machine():
    """`a_machine("gpu", "g5.xlarge", source="seen", shape={"zone": "a"}, **more)`; without a shape nobody knows it."""

    def make(pool, kind=None, *, shape=None, **more):
        node = Node(metadata=ObjectMeta(labels=shape)) if shape is not None else None
        return Machine(**{"pool": pool, "kind": kind, "node": node, "source": "seen", "state": "can_be_added", **more})

    return make
