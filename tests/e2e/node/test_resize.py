"""A notebook that runs on a real node becomes larger and smaller: the kernel enforces it at once, and nothing in it is
lost.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest
import yaml

from rig.api import Obj
from rig.controlplane import ControlPlane
from rig.hub import NAMESPACE, Hub
from rig.node import NAME, RealNode, enforced
from rig.processes import until
from rig.rights import DEPLOY
from rig.service import Service

MI = 1 << 20
LIMIT = "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes"


def _give_the_right(cluster: ControlPlane, the_hub: Hub) -> None:
    """The optional file, as an administrator applies it to the hub's namespace, and wait until the API server knows."""
    text = (
        (DEPLOY / "optional" / "hub-resize.yaml")
        .read_text()
        .replace("namespace: jupyterhub", f"namespace: {NAMESPACE}")
    )
    for obj in yaml.safe_load_all(text):
        cluster.admin.apply(obj)
    until(
        lambda: "refusal" not in _resize(the_hub, cpu="1100m", dry_run=True)[1], within=10, what="the hub has the right"
    )


@pytest.fixture
def bob(the_hub: Hub, cluster: ControlPlane) -> Iterator[str]:
    """Somebody whose notebook runs with 1 CPU and 600Mi."""
    choice = {"moorage": 1, "node": NAME, "cpu": "1", "memory": "600Mi", "gpu": 0, "image": "notebook"}
    the_hub.start_server("bob", choice)
    until(lambda: _model(the_hub).get("ready"), within=60, what="bob's server is ready", every=0.1)
    yield "bob"
    the_hub.stop_server("bob")
    until(lambda: not _model(the_hub), within=30, what="bob's server is stopped", every=0.1)


def _model(the_hub: Hub) -> Obj:
    found: Obj = the_hub.api("GET", "/users/bob")[1]["servers"].get("", {})
    return found


def _has(the_hub: Hub) -> Obj:
    found: Obj = the_hub.http.get(f"{the_hub.url}/hub/moorage/server", params={"user": "bob"}).json()
    return found


def _resize(the_hub: Hub, **body: Any) -> tuple[int, Obj]:
    answer = the_hub.http.patch(f"{the_hub.url}/hub/moorage/server", json={"user": "bob", **body})
    return answer.status_code, answer.json()


def _pod(cluster: ControlPlane) -> Obj:
    (pod,) = [pod for pod in cluster.admin.list("Pod", namespace=NAMESPACE) if "bob" in pod["metadata"]["name"]]
    return pod


class Kernel:
    """A kernel of the notebook."""

    def __init__(self, the_hub: Hub) -> None:
        self.http, self.url = the_hub.http, f"{the_hub.url}/user/bob"
        self.token = the_hub.token
        made = self.http.post(f"{self.url}/api/kernels", json={})
        assert made.status_code == 201, made.text
        self.id = made.json()["id"]

    def run(self, code: str) -> str:
        """What the code prints."""
        return asyncio.run(asyncio.wait_for(self._run(code), 60))

    async def _run(self, code: str) -> str:
        identity = secrets.token_hex(8)
        header = {
            "msg_id": identity,
            "msg_type": "execute_request",
            "session": identity,
            "username": "",
            "version": "5.3",
        }
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False, "stop_on_error": True}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        said = ""
        headers = {"Authorization": f"token {self.token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.ws_connect(f"{self.url}/api/kernels/{self.id}/channels") as line,
        ):
            await line.send_json({**message, "buffers": []})
            async for each in line:
                answer = json.loads(each.data)
                if answer["parent_header"].get("msg_id") != identity:
                    continue
                assert answer["msg_type"] != "error", answer["content"]
                said += answer["content"].get("text", "") if answer["msg_type"] == "stream" else ""
                if answer["msg_type"] == "status" and answer["content"]["execution_state"] == "idle":
                    return said
        raise AssertionError(f"the kernel has left: {said}")


def _taken(served: Service, before: Obj, what: Obj) -> Obj:
    """How much less of it the node has than before."""
    now = served.nodes()[NAME]["available"]
    return {name: before[name] - now[name] for name in what}


@pytest.mark.timeout(240)
def test_a_notebook_grows_and_shrinks_and_its_kernel_keeps_its_variables(
    cluster: ControlPlane, real: RealNode, served: Service, the_hub: Hub, bob: str, kubectl: Callable[..., str]
) -> None:
    pod = _pod(cluster)
    container = pod["status"]["containerStatuses"][0]["containerID"]

    kernel = Kernel(the_hub)
    kernel.run("held = 41 + 1")
    code, refused = _resize(the_hub, cpu="1500m")
    assert (code, "“patch” “pods/resize”" in refused["message"]) == (501, True), refused
    _give_the_right(cluster, the_hub)
    before = served.nodes()[NAME]["available"]
    took = []

    for cpu, memory in ((1500, 900), (1000, 700)):
        code, answer = _resize(the_hub, cpu=f"{cpu}m", memory=f"{memory}Mi")
        began = time.monotonic()
        assert code == 200, answer
        until(
            lambda wanted=(cpu, memory * MI): enforced(container) == wanted,
            within=10,
            what="it is enforced",
            every=0.02,
        )
        took.append(round(time.monotonic() - began, 2))
        until(lambda: _has(the_hub)["resize"] is None, within=10, what="the change is told as done", every=0.1)
        has = _has(the_hub)
        assert (has["cpu_millicores"], has["memory_bytes"]) == (cpu, memory * MI)
        more = {"cpu_millicores": cpu // 2 - 500, "memory_bytes": (memory - 600) * MI}
        until(lambda more=more: _taken(served, before, more) == more, within=10, what=f"the service counts {more} more")

    print(f"each size was enforced {took} s after the answer")
    inside = kubectl(cluster.kubeconfig, "-n", NAMESPACE, "exec", pod["metadata"]["name"], "--", "sh", "-c", LIMIT)
    assert int(inside) == 700 * MI
    assert kernel.run("print(held)") == "42\n"
    status = _pod(cluster)["status"]["containerStatuses"][0]
    assert status["restartCount"] == 0
    saved = _model(the_hub)["user_options"]
    assert (saved["cpu"], saved["memory"]) == ("1", "700Mi")


def _filler(cpu_milli: int) -> Obj:
    container = {
        "name": "pause",
        "image": "localhost/pause:1",
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": {"cpu": f"{cpu_milli}m"}},
    }
    spec = {"nodeName": NAME, "containers": [container], "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "filler", "namespace": NAMESPACE}, "spec": spec}


@pytest.mark.timeout(240)
def test_without_room_a_change_waits_is_told_and_happens_when_there_is_some(
    cluster: ControlPlane, real: RealNode, served: Service, the_hub: Hub, bob: str
) -> None:
    _give_the_right(cluster, the_hub)
    free = served.nodes()[NAME]["available"]["cpu_millicores"]
    cluster.admin.create(_filler(free - 100))
    until(lambda: served.nodes()[NAME]["available"]["cpu_millicores"] == 100, within=20, what="the node is full")

    _, tried = _resize(the_hub, cpu="1500m", dry_run=True)
    code, answer = _resize(the_hub, cpu="1500m")

    assert (tried["fits"], tried["waits"], tried["would_work"][0]["use"]) == (False, True, {"cpu": "1.2"}), tried
    assert code == 200, answer
    until(lambda: (_has(the_hub)["resize"] or {}).get("state") == "deferred", within=20, what="it is told as deferred")
    waiting = _has(the_hub)
    assert (waiting["cpu"], waiting["asked"]["cpu"]) == ("1", "1500m")
    assert f"Waiting for room on {NAME}" in waiting["resize"]["text"]

    cluster.admin.delete("Pod", "filler", namespace=NAMESPACE, grace=0)

    until(lambda: _has(the_hub)["resize"] is None, within=60, what="it has happened", every=0.1)
    assert _has(the_hub)["cpu"] == "1500m"
    assert _pod(cluster)["status"]["containerStatuses"][0]["restartCount"] == 0
