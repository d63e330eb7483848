"""The kubelet: a bound pod's command becomes a local process, and nothing of it stays behind."""

import sys
from pathlib import Path

import pytest

from moorage.simulator import Simulator


def phase(cluster, name):
    found = cluster.get("pods", "default", name)
    return found and found["status"]["phase"]


def text(cluster, name):
    uid = cluster.get("pods", "default", name)["metadata"]["uid"]
    return b"".join(line for _, line in cluster.hosts.lines(uid, "main")).decode()


def lives(number):
    """Whether this process runs; one that has ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
async def cluster(node):
    async with Simulator(kubelet=True) as running:
        running.add(node("n1", cpu="8", gpu=2))
        yield running


async def test_a_bound_pod_runs_its_command_and_its_output_is_kept(cluster, pod, until):
    cluster.add(pod("p", on="n1", phase="Pending", command=["sh", "-c", "echo hello; exit 0"], restartPolicy="Never"))

    await until(lambda: phase(cluster, "p") == "Succeeded")

    assert text(cluster, "p") == "hello\n"


async def test_a_command_that_fails_leaves_its_exit_code(cluster, pod, until):
    cluster.add(pod("p", on="n1", phase="Pending", command=["sh", "-c", "exit 3"], restartPolicy="Never"))

    await until(lambda: phase(cluster, "p") == "Failed")

    state = cluster.get("pods", "default", "p")["status"]["containerStatuses"][0]["state"]
    assert (state["terminated"]["exitCode"], state["terminated"]["reason"]) == (3, "Error")


async def test_a_pod_has_an_address_of_its_own_and_sees_it_in_its_environment(cluster, pod, until):
    body = pod(
        "p", on="n1", phase="Pending", command=["sh", "-c", "echo $ADDRESS $NAME $(GREETING)"], restartPolicy="Never"
    )
    body["spec"]["containers"][0]["env"] = [
        {"name": "ADDRESS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "GREETING", "value": "echo hi"},
    ]
    cluster.add(body)

    await until(lambda: phase(cluster, "p") == "Succeeded")

    address = cluster.get("pods", "default", "p")["status"]["podIP"]
    assert address.startswith("127.")
    assert text(cluster, "p") == f"{address} p echo hi\n"


async def test_a_running_pod_holds_devices_by_name(cluster, pod, until):
    cluster.add(
        pod("p", on="n1", gpu=1, phase="Pending", command=["sh", "-c", "echo $NVIDIA_VISIBLE_DEVICES; sleep 60"])
    )

    await until(lambda: phase(cluster, "p") == "Running" and text(cluster, "p"))

    status = cluster.get("pods", "default", "p")["status"]["containerStatuses"][0]
    held = status["allocatedResourcesStatus"][0]
    assert held["name"] == "nvidia.com/gpu"
    assert text(cluster, "p").strip() == held["resources"][0]["resourceID"]


async def test_deleting_a_pod_ends_its_process_and_then_its_object(cluster, pod, until):
    cluster.add(pod("p", on="n1", phase="Pending", command=["sh", "-c", "echo $$$$; exec sleep 600"]))
    await until(lambda: phase(cluster, "p") == "Running" and text(cluster, "p"))
    number = int(text(cluster, "p"))

    cluster.delete("pods", "default", "p", grace_seconds=5)
    await until(lambda: phase(cluster, "p") is None)

    assert not lives(number)


async def test_a_process_that_does_not_listen_to_sigterm_is_killed_after_the_grace(cluster, pod, until):
    script = "import signal,time;signal.signal(signal.SIGTERM,signal.SIG_IGN);print('up',flush=True);time.sleep(600)"
    cluster.add(pod("p", on="n1", phase="Pending", command=["python3", "-c", script]))
    await until(lambda: phase(cluster, "p") == "Running" and text(cluster, "p"))

    cluster.delete("pods", "default", "p", grace_seconds=1)

    await until(lambda: phase(cluster, "p") is None, seconds=5)


async def test_what_left_the_process_group_ends_with_the_pod(cluster, pod, until):
    script = "import subprocess,time;p=subprocess.Popen(['sleep','600'],start_new_session=True);print(p.pid,flush=True);time.sleep(600)"
    cluster.add(pod("p", on="n1", phase="Pending", command=[sys.executable, "-c", script]))
    await until(lambda: phase(cluster, "p") == "Running" and text(cluster, "p"))
    number = int(text(cluster, "p"))

    cluster.delete("pods", "default", "p", grace_seconds=2)
    await until(lambda: phase(cluster, "p") is None)

    assert not lives(number)


async def test_stopping_the_simulator_ends_every_process(node, pod, until):
    async with Simulator(kubelet=True) as cluster:
        cluster.add(node("n1"), pod("p", on="n1", phase="Pending", command=["sh", "-c", "echo $$$$; exec sleep 600"]))
        await until(lambda: phase(cluster, "p") == "Running" and text(cluster, "p"))
        number = int(text(cluster, "p"))

    assert not lives(number)


async def test_the_events_of_a_pod_sort_by_name_as_they_came(cluster, pod, until):
    for number in range(5):
        cluster.add(pod(f"p{number}", on="n1", phase="Pending", command=["sleep", "60"]))
    await until(lambda: all(phase(cluster, f"p{number}") == "Running" for number in range(5)))

    events = sorted(cluster.list("events", "default"), key=lambda event: event["metadata"]["name"])

    assert [event["reason"] for event in events] == ["Pulled", "Created", "Started"] * 5


async def test_an_image_that_cannot_be_had_is_waited_for(node, pod, until):
    async with Simulator(kubelet=True, has_image=lambda image: image != "missing:1") as cluster:
        cluster.add(node("n1"), pod("p", on="n1", phase="Pending", image="missing:1"))

        def reason():
            statuses = cluster.get("pods", "default", "p")["status"].get("containerStatuses")
            return statuses and statuses[0]["state"].get("waiting", {}).get("reason")

        await until(lambda: reason() == "ImagePullBackOff")
        said = {event["message"] for event in cluster.list("events", "default")}

    assert "Error: ErrImagePull" in said
    assert 'Back-off pulling image "missing:1"' in said


async def test_a_failing_command_is_tried_again_where_the_policy_says_so(cluster, pod, until):
    cluster.add(pod("p", on="n1", phase="Pending", command=["sh", "-c", "exit 1"], restartPolicy="Always"))

    def restarts():
        statuses = cluster.get("pods", "default", "p")["status"].get("containerStatuses")
        return statuses and statuses[0]["restartCount"]

    await until(lambda: restarts() == 1)

    assert phase(cluster, "p") == "Running"


async def test_a_command_that_this_machine_has_not_got_is_told(cluster, pod, until):
    cluster.add(pod("p", on="n1", phase="Pending", command=["no-such-command"]))

    def message():
        statuses = cluster.get("pods", "default", "p")["status"].get("containerStatuses")
        return statuses and statuses[0]["state"].get("waiting", {}).get("message", "")

    said = await until(message)

    assert 'exec: "no-such-command": executable file not found in $PATH' in said


async def test_a_pod_of_others_runs_without_a_process_and_goes_when_it_is_deleted(cluster, pod, until):
    cluster.add(pod("p", on="n1"))

    cluster.delete("pods", "default", "p", grace_seconds=30)

    await until(lambda: phase(cluster, "p") is None)


async def test_readiness_waits_for_the_port(cluster, pod, until):
    body = pod("p", on="n1", phase="Pending", command=["python3", "-m", "http.server", "--bind", "0.0.0.0", "8888"])
    body["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"path": "/", "port": 8888}}
    cluster.add(body)

    def ready():
        conditions = cluster.get("pods", "default", "p")["status"].get("conditions", [])
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    await until(ready)

    assert phase(cluster, "p") == "Running"


async def test_a_pod_that_nobody_can_read_does_not_stop_the_others(cluster, pod, until):
    cluster.add(
        pod("bad", on="n1", phase="Pending", cpu="a lot", command=["sh", "-c", "exit 0"], restartPolicy="Never")
    )
    cluster.add(pod("good", on="n1", phase="Pending", command=["sh", "-c", "exit 0"], restartPolicy="Never"))

    await until(lambda: phase(cluster, "good") == "Succeeded")

    await until(lambda: phase(cluster, "bad") == "Succeeded")


def of(cluster, name, *path):
    found = cluster.get("pods", "default", name)
    for key in path:
        found = found[key]
    return found


def pending(cluster, name):
    conditions = of(cluster, name, "status", "conditions")
    return next((each["reason"] for each in conditions if each["type"] == "PodResizePending"), None)


def resize(cluster, name, **requests):
    """What the API server stores of a resize that it has let through."""
    container = of(cluster, name, "spec", "containers", 0)
    cluster.patch(
        "pods", "default", name, {"spec": {"containers": [{**container, "resources": {"requests": requests}}]}}
    )


async def test_a_resize_is_given_without_a_restart(cluster, pod, until):
    cluster.add(pod("p", on="n1", phase="Pending", command=["sleep", "60"], cpu="1"))
    await until(lambda: phase(cluster, "p") == "Running")
    before = of(cluster, "p", "status", "containerStatuses", 0)

    resize(cluster, "p", cpu="2")

    await until(lambda: of(cluster, "p", "status", "containerStatuses", 0, "allocatedResources") == {"cpu": "2"})
    after = of(cluster, "p", "status", "containerStatuses", 0)
    assert after["resources"] == {"requests": {"cpu": "2"}}
    assert (after["containerID"], after["restartCount"]) == (before["containerID"], 0)


async def test_a_resize_waits_for_room_and_happens_once_there_is_some(cluster, pod, until):
    cluster.add(pod("p", on="n1", phase="Pending", command=["sleep", "60"], cpu="1"), pod("q", on="n1", cpu="6"))
    await until(lambda: phase(cluster, "p") == "Running")

    resize(cluster, "p", cpu="4")
    await until(lambda: pending(cluster, "p") == "Deferred")
    assert of(cluster, "p", "status", "containerStatuses", 0, "allocatedResources") == {"cpu": "1"}
    cluster.delete("pods", "default", "q")

    await until(lambda: pending(cluster, "p") is None)
    assert of(cluster, "p", "status", "containerStatuses", 0, "allocatedResources") == {"cpu": "4"}


async def test_a_resize_beyond_the_node_is_infeasible(cluster, pod, until):
    cluster.add(pod("p", on="n1", phase="Pending", command=["sleep", "60"], cpu="1"))
    await until(lambda: phase(cluster, "p") == "Running")

    resize(cluster, "p", cpu="9")

    await until(lambda: pending(cluster, "p") == "Infeasible")
