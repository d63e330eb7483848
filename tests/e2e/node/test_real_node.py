"""A notebook on a real node: what was chosen is what the kernel enforces, a sick device is out of the numbers, and what goes wrong is said in words."""

import json
from collections.abc import Callable, Iterator

import pytest

from rig.api import Obj, path_of
from rig.controlplane import ControlPlane
from rig.hub import NAMESPACE, Hub, Person
from rig.node import DEVICES, NAME, RealNode, limits
from rig.processes import until
from rig.service import Service

CPU, MEMORY = "1.5", "700Mi"
CPU_MILLI, MEMORY_BYTES = 1500, 700 << 20


@pytest.fixture
def ada(the_hub: Hub) -> Iterator[Person]:
    with the_hub.person("ada") as person:
        yield person
    the_hub.stop_server("ada")
    until(lambda: _server(the_hub, "ada") is None, within=30, what="ada's server is stopped", every=0.1)


def _server(the_hub: Hub, user: str) -> Obj | None:
    found: Obj | None = the_hub.api("GET", f"/users/{user}")[1]["servers"].get("")
    return found


def _pod(cluster: ControlPlane, user: str) -> Obj | None:
    pods = cluster.admin.list("Pod", namespace=NAMESPACE)
    return next((pod for pod in pods if pod["metadata"]["annotations"].get("hub.jupyter.org/username") == user), None)


@pytest.mark.timeout(180)
def test_a_notebook_chosen_on_the_form_gets_exactly_that_from_the_kernel(
    cluster: ControlPlane, served: Service, the_hub: Hub, ada: Person, kubectl: Callable[..., str]
) -> None:
    before = served.nodes()[NAME]["available"]

    answer = ada.submit(node=NAME, cpu=CPU, memory=MEMORY, gpu="1", gpu_resource="nvidia.com/gpu", image="notebook")
    assert answer.status_code == 302, answer.text
    until(lambda: (_server(the_hub, "ada") or {}).get("ready"), within=60, what="ada's server is ready", every=0.1)

    pod = _pod(cluster, "ada")
    assert pod is not None
    status = the_hub.http.get(f"{the_hub.url}/user/ada/api/status")
    assert status.status_code == 200, status.text
    assert pod["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "1500m", "memory": "700Mi", "nvidia.com/gpu": "1"},
        "requests": {"cpu": "750m", "memory": "700Mi", "nvidia.com/gpu": "1"},
    }
    assert pod["spec"]["nodeName"] == NAME

    def inside(*words: str) -> str:
        return kubectl(cluster.kubeconfig, "-n", NAMESPACE, "exec", pod["metadata"]["name"], "--", *words)

    assert limits(inside) == (CPU_MILLI, MEMORY_BYTES)
    assert inside("sh", "-c", "echo $NVIDIA_VISIBLE_DEVICES").strip() in DEVICES
    after = served.nodes()[NAME]["available"]
    assert before["cpu_millicores"] - after["cpu_millicores"] == 750
    assert before["memory_bytes"] - after["memory_bytes"] == MEMORY_BYTES
    assert (before["gpu"], after["gpu"]) == (2, 1)


def test_a_device_that_falls_sick_is_out_of_the_numbers(real: RealNode, served: Service) -> None:
    until(lambda: served.nodes()[NAME]["available"]["gpu"] == 2, within=10, what="both devices are free")

    with real.one_sick_device():
        until(lambda: served.nodes()[NAME]["available"]["gpu"] == 1, within=10, what="one device is left")
        sick = served.nodes()[NAME]
    until(lambda: served.nodes()[NAME]["available"]["gpu"] == 2, within=10, what="both devices are free again")

    assert (sick["capacity"]["gpu"], sick["allocatable"]["gpu"]) == (2, 1)


def _says(*words: str) -> Callable[[list[Obj]], bool]:
    return lambda said: any(all(word in event.get("message", "") for word in words) for event in said)


@pytest.mark.timeout(120)
def test_an_image_that_does_not_exist_is_said_on_the_progress_page(ada: Person) -> None:
    answer = ada.submit(node=NAME, cpu=CPU, memory=MEMORY, gpu="0", image="missing")

    assert answer.status_code == 302, answer.text
    said = ada.progress(until_said=_says("The image can't be pulled"), within=40)
    assert "localhost/missing:1" in said[-1]["html_message"]


@pytest.mark.timeout(120)
def test_memory_over_the_limit_is_said_on_the_progress_page(the_hub: Hub, cluster: ControlPlane) -> None:
    pods = path_of("Pod", namespace=NAMESPACE)
    before = cluster.admin.call("GET", pods)["metadata"]["resourceVersion"]
    with the_hub.person("greedy") as greedy:
        answer = greedy.submit(node=NAME, cpu=CPU, memory="256Mi", gpu="0", image="notebook")

        assert answer.status_code == 302, answer.text
        greedy.progress(until_said=_says("ran out of memory", "Choose more memory"), within=60)

    # The start has ended, and its pod may be gone: what the API server tells of it since then has all its states.
    _, told = cluster.admin.raw("GET", f"{pods}?watch=true&timeoutSeconds=1&resourceVersion={before}")
    seen = [json.loads(line)["object"] for line in told.splitlines()]
    statuses = [status for pod in seen for status in pod["status"].get("containerStatuses", ())]
    ends = [
        status[when]["terminated"]
        for status in statuses
        for when in ("state", "lastState")
        if "terminated" in status[when]
    ]
    assert ("OOMKilled", 137) in {(end["reason"], end["exitCode"]) for end in ends}
    the_hub.stop_server("greedy")
