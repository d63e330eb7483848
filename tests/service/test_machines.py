"""`GET /api/v1/cluster/machines`, and machines that may come in the answer to a fit."""

from __future__ import annotations

import asyncio

import pytest

from moorage.service.http.schemas import FitAnswer, Machine

FIT = "/api/v1/cluster/fit"
LARGE = """
- pool: large
  kind: m5.4xlarge
  labels: {eks.amazonaws.com/nodegroup: large, kubernetes.io/arch: amd64}
  taints: ["dedicated=users:NoSchedule"]
  allocatable: {cpu: 16, memory: 60Gi, nvidia.com/gpu: 1}
  gpu_model: NVIDIA A10G
  most: %s
"""
TOLERATES = [{"key": "dedicated", "operator": "Exists"}]


@pytest.fixture
async def elastic(serve, simulator, node, tmp_path):
    """A service on one node of 4 CPU, with a pool that may have `most` machines of 16."""

    async def made(*pods, most=2, nodes=(), **settings):
        simulator.add(node("n1", cpu="4", memory="8Gi"), *nodes, *pods)
        file = tmp_path / "machines.yaml"
        file.write_text(LARGE % most)
        service = await serve(api_server=simulator.url, machines_file=file, **settings)
        await service.ready()
        return service

    return made


async def ask(service, body, **more):
    answer = await service.client.post(FIT, json={"pod": body, **more})
    assert answer.status_code == 200, answer.text
    FitAnswer.model_validate(answer.json())
    return answer.json()


async def test_machines_are_listed(elastic) -> None:
    service = await elastic()

    answer = await service.get("/api/v1/cluster/machines")

    (machine,) = answer.json()
    Machine.model_validate(machine)
    assert (machine["pool"], machine["kind"], machine["source"]) == ("large", "m5.4xlarge", "configured")
    assert (machine["state"], machine["left"], machine["about_seconds"]) == ("can_be_added", 2, None)
    assert (machine["allocatable"]["cpu"], machine["allocatable"]["gpu"]) == (16, 1)
    assert machine["gpu"] == {"model": "NVIDIA A10G", "count": 1}
    assert machine["label"] == {"key": "eks.amazonaws.com/nodegroup", "value": "large"}
    assert machine["labels"] == {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "m5.4xlarge",
    }


async def test_a_cluster_without_them_has_none(service, pod) -> None:
    assert (await service.get("/api/v1/cluster/machines")).json() == []
    assert (await ask(service, pod("ada", cpu="1")))["machines"] == []


async def test_a_pod_that_fits_on_no_node_may_have_a_new_machine(elastic, pod) -> None:
    service = await elastic()

    answer = await ask(service, pod("ada", cpu="8", memory="16Gi", tolerations=TOLERATES))

    assert (answer["fits"], answer["answer"]) == (False, "new_machine")
    assert answer["answer_text"] == (
        "There is no room now. A machine of pool large (m5.4xlarge) can be added; the cloud may not have one."
    )
    assert [(machine["pool"], machine["fits"]) for machine in answer["machines"]] == [("large", True)]


async def test_a_pod_that_fits_now_is_told_of_machines_too(elastic, pod) -> None:
    service = await elastic()

    answer = await ask(service, pod("ada", cpu="1", memory="1Gi", tolerations=TOLERATES))

    assert (answer["answer"], answer["machines"][0]["fits"]) == ("now", True)


async def test_why_a_machine_would_not_do_is_said(elastic, pod) -> None:
    service = await elastic()

    answer = await ask(service, pod("ada", cpu="8", memory="16Gi"))

    assert answer["answer"] == "never"
    (reason,) = answer["machines"][0]["reasons"]
    assert reason["message"] == "node(s) had untolerated taint(s)"
    assert "dedicated=users" in reason["text"]


async def test_a_pool_at_its_maximum_gives_no_hope_and_says_so(elastic, pod) -> None:
    service = await elastic(most=0)

    answer = await ask(service, pod("ada", cpu="8", memory="16Gi", tolerations=TOLERATES))

    assert answer["answer"] == "never"
    assert answer["answer_text"] == (
        "There is no room, and none is made when other pods end. It would fit on a machine of pool large (m5.4xlarge), "
        "but none can be expected: Pool large is at its maximum of 0 machines."
    )


async def test_nodes_of_the_pool_count_towards_its_maximum(elastic, node, simulator) -> None:
    service = await elastic(most=1)
    labels = {"eks.amazonaws.com/nodegroup": "large", "node.kubernetes.io/instance-type": "m5.4xlarge"}
    simulator.add(node("n2", cpu="16", gpu=1, labels=labels))
    await service.until(lambda nodes: "n2" in nodes)

    (machine,) = (await service.get("/api/v1/cluster/machines")).json()

    assert (machine["state"], machine["left"]) == ("at_maximum", 0)


async def test_an_image_that_a_machine_can_not_run_is_no_hope(elastic, pod) -> None:
    service = await elastic(images=[{"reference": "lab/arm:1", "arch": "arm64"}])
    body = pod("ada", cpu="8", memory="16Gi", tolerations=TOLERATES)
    body["spec"]["containers"][0]["image"] = "lab/arm:1"

    answer = await ask(service, body)

    assert answer["answer"] == "never"
    assert answer["machines"][0]["fits"] is False
    assert answer["machines"][0]["image_problem"]["code"] == "ImagePlatform"


async def test_a_file_that_can_not_be_used_ends_the_start(serve, simulator, tmp_path) -> None:
    file = tmp_path / "machines.yaml"
    file.write_text("- {pool: large}")

    with pytest.raises(Exception, match="entry 1: allocatable is missing"):
        await serve(api_server=simulator.url, machines_file=file)


async def test_a_gpu_that_only_a_new_machine_has_is_the_one_that_is_meant(serve, simulator, node, tmp_path) -> None:
    simulator.add(node("n1", cpu="4", memory="8Gi"))
    file = tmp_path / "machines.yaml"
    file.write_text("- {pool: amd, allocatable: {cpu: 16, memory: 60Gi, amd.com/gpu: 1}}")
    service = await serve(api_server=simulator.url, machines_file=file)
    await service.ready()

    answer = await service.client.post(FIT, json={"ask": {"cpu": "2", "memory": "4Gi", "gpu": 1}})

    assert answer.json()["answer"] == "new_machine"


async def test_the_hub_reads_what_the_service_tells_of_machines(elastic) -> None:
    from moorage.hub.view.machines import read_machines

    service = await elastic()

    (place,) = read_machines((await service.get("/api/v1/cluster/machines")).json()).values()

    assert place.name == "~large/m5.4xlarge"
    assert place.selector == {"eks.amazonaws.com/nodegroup": "large"}
    assert (place.allocatable.cpu, [units.resource for units in place.gpus]) == (16000, ["nvidia.com/gpu"])
    assert [taint.words() for taint in place.keeps_off] == ["dedicated=users"]


async def test_devices_that_a_pod_claims_are_not_known_before_a_machine_is_there(elastic, pod, simulator) -> None:
    template = {"kind": "ResourceClaimTemplate", "metadata": {"name": "card", "namespace": "default"}}
    asked = {"name": "card", "exactly": {"deviceClassName": "cards", "count": 1}}
    simulator.add(
        {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": "cards"}, "spec": {}},
        {"apiVersion": "resource.k8s.io/v1", **template, "spec": {"spec": {"devices": {"requests": [asked]}}}},
    )
    service = await elastic()
    body = pod("ada", cpu="1", memory="1Gi", tolerations=TOLERATES)
    body["spec"]["resourceClaims"] = [{"name": "card", "resourceClaimTemplateName": "card"}]

    answer = await ask(service, body)

    assert answer["answer"] == "waits"
    assert answer["answer_text"] == (
        "There is no room now. Whether it would fit on a new machine of pool large (m5.4xlarge) is not known. "
        "Which devices a machine has is only told once it is there."
    )
    (machine,) = answer["machines"]
    assert (machine["fits"], machine["reasons"]) == (None, [])
    assert machine["why"] == "Which devices a machine has is only told once it is there."


async def test_the_stream_tells_machines_at_first_and_when_they_change(elastic, node, simulator) -> None:
    service = await elastic(most=1)
    labels = {"eks.amazonaws.com/nodegroup": "large", "node.kubernetes.io/instance-type": "m5.4xlarge"}

    async with service.stream() as events:
        first, identity = await events.until("machines")
        simulator.add(node("n2", cpu="16", gpu=1, labels=labels))
        later, _ = await events.until("machines")
    async with service.stream(**{"Last-Event-ID": identity}) as events:
        resumed = [await events.next() for _ in range(3)]

    assert first == {"machines": first["machines"]}
    assert [(each["kind"], each["state"]) for each in first["machines"]] == [("m5.4xlarge", "can_be_added")]
    assert [each["state"] for each in later["machines"]] == ["at_maximum"]
    assert later["machines"] == (await service.get("/api/v1/cluster/machines")).json()
    assert [event for event, _, _ in resumed] == ["nodes", "status", "machines"]
    assert resumed[-1][1] == later


async def test_what_is_told_of_machines_is_made_once_for_all_that_listen(elastic) -> None:
    service = await elastic()
    broadcast = service.parts.streams.plain

    async with service.stream() as one, service.stream() as other:
        await one.until("machines")
        await other.until("machines")
        told = broadcast._machines_told
        await broadcast.tell_machines(b"[1]")
        data = [(await each.until("machines"))[0] for each in (one, other)]

    assert told is not None
    assert data == [{"machines": [1]}] * 2


async def test_machines_that_can_not_be_told_hide_no_node(elastic, node, simulator, caplog) -> None:
    service = await elastic()

    def fail():
        raise RuntimeError("a bug")

    service.parts.streams._machines = fail
    async with asyncio.timeout(10):
        while "machines can't be told" not in caplog.text:
            await asyncio.sleep(0.02)
    async with service.stream() as events:
        await events.until("snapshot")
        simulator.add(node("n2"))
        data, _ = await events.until("nodes")

    assert [each["name"] for each in data["changed"]] == ["n2"]
