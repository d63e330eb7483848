"""Fills a real API server: 500 nodes and 10,000 pods, of which some nodes are the awkward ones."""

from __future__ import annotations

import base64
import itertools
from typing import TYPE_CHECKING

import awkward
import synthetic

from rig.api import Api, Obj, path_of
from rig.processes import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rig.controlplane import ControlPlane

NODES, PODS = 500, 10_000
TEAMS = 20
AT_ONCE = 100


def load(cluster: ControlPlane) -> list[awkward.Case]:
    """The awkward cases, in the order of their nodes; all is stored when this returns.

    Scheduler and controllers are ended before the pods come: pods are bound already, and nobody is to tidy them up.
    """
    cases = awkward.cases()
    admin = cluster.admin
    namespaces = [awkward.NAMESPACE, "jupyter", *(f"team-{number}" for number in range(TEAMS))]
    for name in namespaces:
        admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    admin.create(awkward.RUNTIME)
    for name in namespaces:
        until(lambda name=name: admin.find("ServiceAccount", "default", namespace=name), within=60, what=name)
    for program in (cluster.scheduler, cluster.controllers):
        program.kill()
    plain = NODES - len(cases)
    for number, case in enumerate(cases):
        _add_case(admin, awkward.node_name(number), case)
    special = sum(len(case.pods) for case in cases)
    # As the API server names them in its store.
    _store(cluster, "minions", map(_plain_node, range(plain)))
    _store(cluster, "pods", (_plain_pod(number, nodes=plain) for number in range(PODS - special)))
    until(lambda: _count(admin, "Pod") == PODS and _count(admin, "Node") == NODES, within=60, what="all are there")
    return cases


def _count(api: Api, kind: str) -> int:
    """How many of a kind the API server knows, of which it tells only the first."""
    answer = api.call("GET", path_of(kind), limit=1)
    return len(answer["items"]) + int(answer["metadata"].get("remainingItemCount", 0))


def _store(cluster: ControlPlane, folder: str, objects: Iterator[Obj]) -> None:
    """Written where the API server keeps them, a hundred at once: through it each would take it a hundredth of a second, twice.
    It reads them there as its own; they are JSON, as those of its first releases were.
    """
    etcd = Api(f"http://127.0.0.1:{cluster.etcd_port}", token="")
    while part := list(itertools.islice(objects, AT_ONCE)):
        puts = [{"key": _base64(_key(folder, made)), "value": _base64(synthetic.encoded(made))} for made in part]
        etcd.call("POST", "/v3/kv/txn", {"success": [{"requestPut": put} for put in puts]})
    etcd.close()


def _key(folder: str, made: Obj) -> bytes:
    meta = made["metadata"]
    return "/".join(filter(None, ("/registry", folder, meta.get("namespace"), meta["name"]))).encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _plain_node(number: int) -> Obj:
    made = synthetic.node(number)
    made["metadata"].pop("resourceVersion")
    return {"apiVersion": "v1", "kind": "Node", **made}


def _plain_pod(number: int, *, nodes: int) -> Obj:
    made = synthetic.pod(number, nodes=nodes)
    meta, spec = made["metadata"], made["spec"]
    meta.pop("resourceVersion")
    if meta["namespace"].startswith("team-"):
        meta["namespace"] = f"team-{number % TEAMS}"
    # The synthetic pods mount more than they name.
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    mounted = {mount["name"] for one in spec["containers"] for mount in one["volumeMounts"]}
    spec["volumes"] = [volumes.get(name, {"name": name, "emptyDir": {}}) for name in sorted(mounted)]
    return {"apiVersion": "v1", "kind": "Pod", **made}


def _add_case(api: Api, node: str, case: awkward.Case) -> None:
    labels = {"kubernetes.io/hostname": node, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    ready = [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]
    status = {"capacity": awkward.AMOUNTS, "allocatable": awkward.AMOUNTS, "conditions": ready}
    meta = {"name": node, "labels": labels}
    api.create({"apiVersion": "v1", "kind": "Node", "metadata": meta, "status": status})
    # Admission taints a new node as not ready, and nobody here would ever find it ready.
    api.patch("Node", node, {"spec": {"taints": case.taints or None}})
    for number, pod in enumerate(case.pods):
        name = f"{node}-{number}"
        where = {"nodeName": node} if pod.bound else {"nodeSelector": {"kubernetes.io/hostname": node}}
        meta = {"name": name, "namespace": awkward.NAMESPACE}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {**pod.spec, **where}}
        api.create(body)
        if pod.bound:
            said = {"phase": "Running", **pod.status}
            api.patch("Pod", name, {"status": said}, namespace=awkward.NAMESPACE, part="status")
        if pod.deleted:
            api.delete("Pod", name, namespace=awkward.NAMESPACE, grace=3600)
