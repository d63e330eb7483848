"""The hub's memory of the service, however the service behaves."""

import asyncio
import contextlib

import pytest

from moorage.hub.view import sse
from moorage.hub.view.client import ServiceClient


@pytest.fixture
async def service(load):
    fake = load("moorage_test_fake_service")
    service = fake.FakeService()
    service.nodes = {"atlas": fake.node_json("atlas", gpus={"nvidia.com/gpu": (1, 1)})}
    await service.start()
    yield service
    await service.stop()


@pytest.fixture
async def client(service):
    client = ServiceClient(service.url)
    client.start()
    yield client
    await client.close()


async def test_a_change_reaches_memory_at_once(service, client, load):
    fake, until = load("moorage_test_fake_service"), load("moorage_test_rig").until
    await until(lambda: client.status.live)

    service.put(fake.node_json("atlas", cpu_free=0.5))
    service.put(fake.node_json("borg"))

    await until(lambda: set(client.nodes) == {"atlas", "borg"})
    assert client.nodes["atlas"].available.cpu == 500


async def test_a_node_that_goes_is_forgotten(service, client, load):
    until = load("moorage_test_rig").until
    await until(lambda: client.nodes)

    service.remove("atlas")

    await until(lambda: not client.nodes)


async def test_a_machine_that_may_come_reaches_memory_at_once(service, client, load):
    fake, until = load("moorage_test_fake_service"), load("moorage_test_rig").until
    await until(lambda: client.status.live)

    service.say("machines", {"machines": [fake.machine_json("gpu", "g5.xlarge")]})

    await until(lambda: set(client.nodes) == {"atlas", "~gpu/g5.xlarge"})
    service.say("machines", {"machines": "nonsense"})
    await until(lambda: set(client.nodes) == {"atlas"})
    assert client.status.live


async def test_a_service_that_tells_no_machines_is_asked_for_them(service, load):
    fake, until = load("moorage_test_fake_service"), load("moorage_test_rig").until
    service.machines = [fake.machine_json("gpu", "g5.xlarge")]
    client = ServiceClient(service.url)

    client.start()

    await until(lambda: client.nodes and "~gpu/g5.xlarge" in client.nodes)
    await client.close()


async def test_a_service_that_dies_is_noticed_and_its_numbers_are_kept(service, client, load):
    until = load("moorage_test_rig").until
    await until(lambda: client.status.live)

    await service.stop()

    await until(lambda: not client.status.live)
    assert client.status.known
    assert client.status.since is not None
    assert "atlas" in client.nodes


async def test_a_service_that_hangs_is_noticed(service, client, load):
    until = load("moorage_test_rig").until
    await until(lambda: client.status.live)

    service.mode = "silent"
    for queue in service._queues:
        queue.put_nowait(b"")

    await until(lambda: not client.status.live)
    assert "silent" in client.status.reason


async def test_a_service_that_comes_back_is_live_again_by_itself(service, client, load):
    until = load("moorage_test_rig").until
    await until(lambda: client.status.live)
    await service.stop()
    await until(lambda: not client.status.live)

    await service.start()

    await until(lambda: client.status.live)


async def test_a_broken_connection_goes_on_where_it_was(service, client, load):
    until = load("moorage_test_rig").until
    await until(lambda: client.status.live)

    service.drop()

    await until(lambda: service.resumed)
    assert service.resumed[0].startswith("e-")


@pytest.mark.parametrize("mode", ["nonsense", "error", "silent", "slow"])
async def test_what_is_no_answer_is_told_in_words(service, load, mode):
    until = load("moorage_test_rig").until
    service.mode = mode
    client = ServiceClient(service.url, silence=0.5)
    client.start()

    await until(lambda: client.status.reason and "not asked" not in client.status.reason)

    assert client.nodes is None
    assert client.status.known is False
    await client.close()


@pytest.mark.parametrize(
    "data",
    ["", "{", "[]", "null", '{"changed": 7}', '{"changed": [7, null, {"name": 3}, {}]}', '{"removed": [1, {}]}', '{"changed": [{"name": "x", "capacity": "big", "gpu_units": [1, {"resource": []}], "taints": 5, "gpu_details": [[]]}]}'],
)  # fmt: skip
async def test_nonsense_in_a_message_ends_nothing(service, client, load, data):
    until = load("moorage_test_rig").until
    await until(lambda: client.status.live)

    service.say("nodes", data)
    service.say("nodes", {"changed": [load("moorage_test_fake_service").node_json("after")], "removed": []})

    await until(lambda: client.status.live and ("after" in client.nodes or service.streams > 1))
    assert "atlas" in client.nodes


async def test_a_verdict_that_takes_too_long_is_no_verdict(service, client):
    service.mode = "slow"

    answer = await client.fit({"spec": {}}, timeout=0.3)

    assert answer is None


async def test_the_last_good_images_are_kept(service, client, load):
    until = load("moorage_test_rig").until
    await until(lambda: client.images)

    for broken in ([{"name": 3}], {"oops": 1}, None):
        service.images = broken
        with contextlib.suppress(sse.Nonsense):
            client._take_images(await client._read("GET", "/api/v1/images/jupyter", timeout=1))

    assert [image.name for image in client.images] == ["minimal", "torch"]


async def test_the_hub_follows_once_however_many_ask(service, client, load):
    until = load("moorage_test_rig").until
    await until(lambda: client.status.live)

    for _ in range(5):
        client.start()
    await asyncio.sleep(0.1)

    assert service.streams == 1
