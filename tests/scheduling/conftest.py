"""Plain Kubernetes objects in one line, for tests of pure rules."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="session")
def vectors():
    """`vectors("vectors/fit")`: the cases of one file of answers of the real code."""

    def read(name: str) -> list[dict[str, Any]]:
        with gzip.open(DATA / f"{name}.jsonl.gz", "rt") as lines:
            return [json.loads(line) for line in lines]

    return read


@pytest.fixture
def a_node():
    """`a_node("n1", cpu="4", labels={…}, taints=[…])`."""

    def make(name: str = "n1", *, labels=None, taints=None, unschedulable=False, annotations=None, **amounts) -> dict:
        there = {"cpu": "8", "memory": "32Gi", "ephemeral-storage": "100Gi", "pods": "110"}
        there |= {_resource(key): value for key, value in amounts.items()}
        spec: dict[str, Any] = {"taints": taints or []}
        if unschedulable:
            spec["unschedulable"] = True
        return {
            "metadata": {
                "name": name,
                "uid": f"uid-{name}",
                "labels": {"kubernetes.io/hostname": name, **(labels or {})},
                "annotations": annotations or {},
            },
            "spec": spec,
            "status": {"allocatable": there, "capacity": there},
        }

    return make


@pytest.fixture
def a_pod():
    """`a_pod("p", on="n1", cpu="2", gpu=1, labels={…}, **spec)`; `claims` names the claims that it mounts."""

    def make(
        name: str = "p",
        *,
        on=None,
        namespace="default",
        labels=None,
        claims=(),
        ports=(),
        priority=0,
        phase=None,
        nominated=None,
        deleted=False,
        spec=None,
        status=None,
        **amounts,
    ) -> dict:
        requests = {_resource(key): str(value) for key, value in amounts.items()}
        body: dict[str, Any] = {
            "containers": [{"name": "c", "resources": {"requests": requests}, "ports": list(ports)}],
            "volumes": [{"name": f"v{i}", "persistentVolumeClaim": {"claimName": c}} for i, c in enumerate(claims)],
            "priority": priority,
            **(spec or {}),
        }
        if on is not None:
            body["nodeName"] = on
        state: dict[str, Any] = {"phase": phase or ("Running" if on else "Pending"), **(status or {})}
        if nominated is not None:
            state["nominatedNodeName"] = nominated
        meta: dict[str, Any] = {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{namespace}-{name}",
            "labels": labels or {},
        }
        if deleted:
            meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        return {"metadata": meta, "spec": body, "status": state}

    return make


def _resource(key: str) -> str:
    return {"gpu": "nvidia.com/gpu", "ephemeral_storage": "ephemeral-storage"}.get(key, key)
