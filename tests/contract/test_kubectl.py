"""kubectl, as people use it. It has to be there: a test that isn't run proves nothing."""

import asyncio
import json
import os
import shutil

import pytest


@pytest.fixture
def kubectl(server):
    """`await kubectl("get", "nodes")` gives its output; it fails the test where kubectl fails."""
    program = os.environ.get("MOORAGE_KUBECTL") or shutil.which("kubectl")
    if program is None:
        pytest.fail("kubectl is missing: install it (Debian: kubernetes-client), or name it in MOORAGE_KUBECTL")

    async def run(*words, data=None):
        process = await asyncio.create_subprocess_exec(
            program,
            *words,
            env={**os.environ, "KUBECONFIG": str(server.kubeconfig), "HOME": str(server.kubeconfig.parent)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(data), 30)
        assert process.returncode == 0, err.decode()
        return out.decode()

    return run


@pytest.fixture
async def a_node(api, request):
    import secrets

    name = f"contract-{secrets.token_hex(4)}"
    capacity = {"cpu": "8", "memory": "16Gi", "pods": "110"}
    status = {"capacity": capacity, "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]}
    await api.post("/api/v1/nodes", {"metadata": {"name": name}, "status": status})
    yield name
    await api.delete(f"/api/v1/nodes/{name}")


async def test_nodes_and_pods_are_shown_together(kubectl, a_node, namespace, fill):
    await fill(1)

    shown = await kubectl("get", "nodes,pods", "-A")

    assert f"node/{a_node}" in shown
    assert "pod/p0" in shown


async def test_a_node_is_described_with_its_pods(kubectl, api, a_node, pods, a_pod):
    await api.post(pods, a_pod("p", nodeName=a_node, resources={"requests": {"cpu": "2", "memory": "4Gi"}}))

    shown = await kubectl("describe", "node", a_node)

    assert "Non-terminated Pods:          (1 in total)" in shown
    assert "2 (25%)" in shown


async def test_a_pod_is_described_with_its_events(kubectl, api, namespace, pods, a_pod):
    made = (await api.post(pods, a_pod("p"))).body
    about = {"kind": "Pod", "name": "p", "namespace": namespace, "uid": made["metadata"]["uid"]}
    event = {"metadata": {"name": "e"}, "involvedObject": about, "reason": "Moored", "message": "It lies there"}
    await api.post(f"/api/v1/namespaces/{namespace}/events", {**event, "type": "Normal"})

    shown = await kubectl("describe", "pod", "-n", namespace, "p")

    assert "It lies there" in shown


async def test_a_dump_is_a_list_of_objects(kubectl, namespace, fill):
    await fill(2)

    dump = json.loads(await kubectl("get", "nodes,pods,pvc,pv,sc,csinodes,ns", "-A", "-o", "json"))

    assert dump["kind"] == "List"
    mine = [item for item in dump["items"] if item["metadata"].get("namespace") == namespace and item["kind"] == "Pod"]
    assert len(mine) == 2


async def test_an_object_is_applied_changed_and_deleted(kubectl, api, maps, namespace):
    for value in ("1", "2"):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": value}}
        await kubectl("apply", "-n", namespace, "-f", "-", data=json.dumps(body).encode())
    changed = await api.get(f"{maps}/m")

    await kubectl("delete", "configmap", "-n", namespace, "m")

    assert changed.body["data"] == {"a": "2"}
    assert (await api.get(f"{maps}/m")).status == 404


async def test_kubectl_waits_for_a_pod_to_go(kubectl, api, namespace, pods, fill):
    await fill(1)

    await kubectl("delete", "pod", "-n", namespace, "p0", "--wait=true")

    assert (await api.get(f"{pods}/p0")).status == 404
