"""Waiting for room on the real control plane: ten people, one GPU, and a hub that is killed in the middle."""

import time
from collections.abc import Callable, Iterator

import pytest

from rig.api import Obj
from rig.controlplane import ControlPlane
from rig.hub import NAMESPACE, Hub, hub
from rig.kubelet import kubelet
from rig.processes import until
from rig.rights import grant
from rig.service import Service, service

GPU = {"moorage": 1, "cpu": "100m", "memory": "128Mi", "gpu": 1, "gpu_resource": "nvidia.com/gpu", "image": "notebook"}
CPU = {**GPU, "gpu": 0}
# One failed start that counts would end the hub.
CONFIG = """
c.MoorageSpawner.wait_for_room = 600
c.KubeSpawner.start_timeout = 5
c.KubeSpawner.delete_grace_period = 0
c.JupyterHub.concurrent_spawn_limit = 3
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
c.Spawner.consecutive_failure_limit = 1
"""


@pytest.fixture(scope="module")
def served(own: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Two nodes of which one has a GPU, a kubelet for both, and the service."""
    kubeconfig = own.write_kubeconfig(own.folder / "service.kubeconfig", token=grant(own.admin))
    with kubelet(own, folder=tmp_path_factory.mktemp("kubelet")), service(kubeconfig, folder=own.folder) as made:
        yield made


@pytest.fixture(scope="module")
def the_hub(own: ControlPlane, served: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with hub(own, service_url=served.url, folder=tmp_path_factory.mktemp("hub"), more=CONFIG) as made:
        yield made


def _server(at: Hub, name: str) -> Obj:
    found: Obj = at.api("GET", f"/users/{name}")[1]["servers"].get("", {})
    return found


def _pod(cluster: ControlPlane, name: str) -> Obj | None:
    pods = cluster.admin.list("Pod", namespace=NAMESPACE)
    notes = "hub.jupyter.org/username"
    return next((each for each in pods if each["metadata"]["annotations"].get(notes) == name), None)


def _waits(cluster: ControlPlane, name: str) -> bool:
    found = _pod(cluster, name)
    conditions = found["status"].get("conditions", ()) if found else ()
    return any(each["type"] == "PodScheduled" and each.get("reason") == "Unschedulable" for each in conditions)


def _is_bound(cluster: ControlPlane, name: str) -> bool:
    found = _pod(cluster, name)
    return found is not None and bool(found["spec"].get("nodeName"))


def _uid(cluster: ControlPlane, name: str) -> str:
    found = _pod(cluster, name)
    assert found is not None, name
    return str(found["metadata"]["uid"])


@pytest.mark.timeout(900)
def test_ten_people_wait_for_one_gpu_and_get_it_one_after_the_other_over_a_hub_that_is_killed(
    own: ControlPlane, the_hub: Hub, record: Callable[[str, dict[str, float]], None]
) -> None:
    people = [f"turn{number}" for number in range(10)]
    for name in people:
        status, answer = the_hub.start_server(name, GPU)
        assert status == 202, answer
        until(
            lambda name=name: _waits(own, name) or _server(the_hub, name).get("ready"),
            within=60,
            what=f"{name} is in line",
        )  # type: ignore[misc]
    holder = people[0]
    until(lambda: _server(the_hub, holder).get("ready"), within=60, what="the first has the GPU")
    uids = {name: _uid(own, name) for name in people}

    the_hub.start_server("processor", CPU)
    until(lambda: _server(the_hub, "processor").get("ready"), within=60, what="who wants a CPU starts meanwhile")

    waiting = set(people[1:])
    times: dict[str, float] = {}
    for turn in range(len(people) - 1):
        if turn == 3:
            the_hub.program.kill()
            the_hub.program.start()
            until(the_hub._healthy, within=120, what="the hub is back")
            assert {_server(the_hub, name)["pending"] for name in waiting} == {"spawn"}
        the_hub.stop_server(holder)
        until(lambda name=holder: _pod(own, name) is None, within=60, what=f"the pod of {holder} is gone")  # type: ignore[misc]
        freed = time.monotonic()
        # Whom the scheduler has taken.
        holder = until(
            lambda: next((name for name in waiting if _is_bound(own, name)), None),
            within=60,
            what=f"the next of {sorted(waiting)} has the GPU",
        )
        bound = time.monotonic()
        until(lambda name=holder: _server(the_hub, name).get("ready"), within=60, what=f"{holder} is ready")  # type: ignore[misc]
        times |= {f"{holder}: freed to bound": bound - freed, f"{holder}: bound to ready": time.monotonic() - bound}
        waiting.remove(holder)
        assert _uid(own, holder) == uids[holder]
        # Nobody else has lost their place by that.
        assert {name: _uid(own, name) for name in waiting} == {name: uids[name] for name in waiting}

    assert not waiting
    the_hub.program.check()
    record("turns-control-plane", times)
