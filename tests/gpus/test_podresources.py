"""Who has which device, by the kubelet's own word: its gRPC service on a unix socket, as the agent asks and tells it."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from moorage.gpus.agent import Devices, Driver, serve
from moorage.gpus.podresources import NotAnswered, holdings
from moorage.gpus.sources import agent_answer, from_settings
from moorage.gpus.sources.sweep import NoAnswer
from moorage.gpus.view import NodeView

XML = """<nvidia_smi_log><gpu id="00000000:01:00.0"><product_name>NVIDIA L40S</product_name><uuid>GPU-a</uuid></gpu>
<gpu id="00000000:02:00.0"><product_name>NVIDIA L40S</product_name><uuid>GPU-b</uuid></gpu></nvidia_smi_log>"""


def field(number: int, value: str | bytes) -> bytes:
    """One length-delimited field of a protobuf message."""
    data = value.encode() if isinstance(value, str) else value
    size, length = b"", len(data)
    while True:
        size += bytes([(length & 127) | (128 if length > 127 else 0)])
        length >>= 7
        if not length:
            return bytes([number << 3 | 2]) + size + data


def pod(name: str, *containers: bytes, namespace: str = "lab") -> bytes:
    return field(1, field(1, name) + field(2, namespace) + b"".join(field(3, one) for one in containers))


def container(name: str, *devices: bytes) -> bytes:
    return field(1, name) + b"".join(field(2, one) for one in devices)


def devices(resource: str, *ids: str) -> bytes:
    # Field 3 is the NUMA topology, which is not read.
    return field(1, resource) + b"".join(field(2, one) for one in ids) + field(3, field(1, b"\x08\x01"))


@pytest.fixture
def kubelet(tmp_path):
    """A kubelet's socket that answers what it is told to."""
    servers = []

    def start(answer: bytes = b"", *, held_up: threading.Event | None = None):
        def listed(_request, _context):
            if held_up is not None:
                held_up.wait(10)
            return answer

        calls = {"List": grpc.unary_unary_rpc_method_handler(listed)}
        server = grpc.server(ThreadPoolExecutor(2))
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("v1.PodResourcesLister", calls)])
        server.add_insecure_port(f"unix:{tmp_path}/kubelet.sock")
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop(None).wait()


@pytest.fixture
def driver(tmp_path):
    """A driver that knows of two cards."""
    program = tmp_path / "nvidia-smi"
    (tmp_path / "xml").write_text(XML)
    program.write_text(f'#!/bin/sh\n[ "$1" = -L ] || cat {tmp_path}/xml\n')
    program.chmod(0o755)
    driver = Driver(str(program), meminfo=tmp_path / "none")
    driver.refresh()
    return driver


def test_each_containers_devices_are_told_by_resource(kubelet, tmp_path):
    kubelet(
        pod("web", container("nginx"))
        + pod("train", container("main", devices("nvidia.com/gpu", "GPU-a", "GPU-b"), devices("rdma/hca", "mlx5_0")))
    )

    told = holdings(tmp_path)

    assert [(one["pod"], one["container"], one["resource"], one["devices"]) for one in told] == [
        ("train", "main", "nvidia.com/gpu", ["GPU-a", "GPU-b"]),
        ("train", "main", "rdma/hca", ["mlx5_0"]),
    ]


def test_a_kubelet_that_is_away_hangs_or_is_of_another_kind_is_named_in_words(kubelet, tmp_path):
    with pytest.raises(NotAnswered, match="there is no socket"):
        holdings(tmp_path)

    release = threading.Event()
    server = kubelet(held_up=release)
    with pytest.raises(NotAnswered, match="no answer in time"):
        holdings(tmp_path, within=0.2)
    release.set()
    server.stop(None).wait()

    (tmp_path / "kubelet.sock").touch()
    with pytest.raises(NotAnswered, match="can't be reached"):
        holdings(tmp_path, within=1)


def test_a_folder_that_can_not_be_opened_is_told_and_ends_nothing(tmp_path):
    told = Devices(tmp_path / ("x" * 300))  # whoever may read every folder still can't open this one

    told.refresh()

    assert "can't be opened" in told.answer()["holdings_problem"]


def test_what_is_no_answer_of_a_kubelet_is_refused(kubelet, tmp_path):
    kubelet(b"\xff\xff\xff")

    with pytest.raises(NotAnswered, match="internal"):
        holdings(tmp_path)


def test_the_agents_answer_names_the_holder_of_a_card_and_of_a_slot(kubelet, tmp_path, driver):
    kubelet(pod("train", container("main", devices("nvidia.com/gpu", "GPU-a::1"))))
    told = Devices(tmp_path)
    told.refresh()

    cards = agent_answer.cards(json.dumps(driver.answer() | told.answer()).encode(), now=1000.0)

    assert {card.uuid for card in cards} == {"GPU-a", "GPU-b"}
    assert [(card.uuid, one.namespace, one.pod, one.container) for card in cards for one in card.holders] == [
        ("GPU-a", "lab", "train", "main")
    ]


def test_what_the_kubelet_said_stays_with_its_age_while_it_says_nothing(kubelet, tmp_path):
    server = kubelet(pod("train", container("main", devices("nvidia.com/gpu", "GPU-a"))))
    told = Devices(tmp_path)
    told.refresh()
    server.stop(None).wait()
    told.refresh()

    answer = told.answer()

    assert answer["holdings"][0]["devices"] == ["GPU-a"]
    assert answer["holdings_age_seconds"] >= 0
    assert answer["holdings_problem"]


def test_a_node_of_another_vendor_has_holders_and_no_readings(kubelet, tmp_path):
    kubelet(pod("train", container("main", devices("amd.com/gpu", "0000:0c:00.0"))))
    told = Devices(tmp_path)
    told.refresh()
    missing = Driver(str(tmp_path / "missing"), meminfo=tmp_path / "none")
    missing.refresh()

    (card,) = agent_answer.cards(json.dumps(missing.answer() | told.answer()).encode(), now=1000.0)

    assert (card.pci, card.memory_used, card.holders[0].pod) == ("00000000:0C:00.0", None, "train")


def test_without_the_kubelet_a_driver_that_is_not_there_is_said_to_be_missing(tmp_path):
    missing = Driver(str(tmp_path / "missing"), meminfo=tmp_path / "none")
    missing.refresh()

    with pytest.raises(NoAnswer, match="no such file"):
        agent_answer.cards(json.dumps(missing.answer()).encode(), now=0.0)


def test_what_the_kubelet_said_long_ago_names_nobody(driver):
    held = [{"namespace": "lab", "pod": "train", "resource": "nvidia.com/gpu", "devices": ["GPU-a"]}]
    answer = driver.answer() | {"holdings": held, "holdings_age_seconds": 301}

    cards = agent_answer.cards(json.dumps(answer).encode(), now=1000.0)

    assert [card.holders for card in cards] == [(), ()]


def test_a_resource_name_of_the_administrators_has_holders_too(kubelet, tmp_path, driver):
    kubelet(pod("train", container("main", devices("example.com/accelerator", "GPU-b"))))
    told = Devices(tmp_path)
    told.refresh()
    body = json.dumps(driver.answer() | told.answer()).encode()

    named = agent_answer.cards(body, now=1000.0, extra=frozenset({"example.com/accelerator"}))
    unnamed = agent_answer.cards(body, now=1000.0)

    assert [one.pod for card in named for one in card.holders] == ["train"]
    assert not any(card.holders for card in unnamed)


async def test_the_agents_source_knows_the_names_of_the_settings(kube, kubelet, tmp_path, driver):
    kubelet(pod("train", container("main", devices("example.com/accelerator", "GPU-b"))))
    told = Devices(tmp_path)
    told.refresh()
    kube.add_pod("n1", labels={"app.kubernetes.io/name": "moorage-gpu-agent"})
    server, client = serve(driver, host="127.0.0.1", port=0, devices=told), kube.client
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = {"gpu_agent": True, "gpu_agent_port": server.server_port, "gpu_resources": ["example.com/accelerator"]}
    (source,) = from_settings(settings, client=client, directory=dict)

    await source.sweep(lambda names: None)
    await source.settled()

    assert [one.pod for card in source.facts(NodeView(name="n1")) for one in card.holders] == ["train"]
    await source.close()
    await client.close()
    server.shutdown()
    server.server_close()


def test_why_the_kubelet_names_nobody_stands_at_each_card(tmp_path, driver, details):
    told = Devices(tmp_path)
    told.refresh()
    facts = agent_answer.cards(json.dumps(driver.answer() | told.answer()).encode(), now=1_700_000_000.0)

    entries = details(
        *facts,
        capacity={"nvidia.com/gpu": 2},
        allocatable={"nvidia.com/gpu": 2},
        requested={"nvidia.com/gpu": 2},
    )

    problem = "the agent can't tell who holds which card: there is no socket kubelet.sock"
    assert [entry["state"] for entry in entries] == ["held", "held"]
    assert all(any(note.startswith(problem) for note in entry["notes"]) for entry in entries)
    assert all(entry["unknown"]["holder"].startswith(problem) for entry in entries)


def test_a_free_card_lacks_no_holder_but_tells_of_the_agents_trouble(tmp_path, driver, details):
    told = Devices(tmp_path)
    told.refresh()
    facts = agent_answer.cards(json.dumps(driver.answer() | told.answer()).encode(), now=1_700_000_000.0)

    first, second = details(*facts, capacity={"nvidia.com/gpu": 2}, allocatable={"nvidia.com/gpu": 2})

    assert "holder" not in first["unknown"] | second["unknown"]
    assert any("no socket" in note for note in first["notes"])


def test_holders_of_a_kubelet_that_went_silent_are_told_with_their_time(driver):
    held = [{"namespace": "lab", "pod": "train", "resource": "nvidia.com/gpu", "devices": ["GPU-a"]}]
    silent = {"holdings": held, "holdings_age_seconds": 100, "holdings_problem": "no answer in time"}

    cards = agent_answer.cards(json.dumps(driver.answer() | silent).encode(), now=3700.0)

    assert [one.pod for card in cards for one in card.holders] == ["train"]
    assert {card.why["holder"] for card in cards if card.model} == {
        "the agent can't tell who holds which card: no answer in time; what it tells is as of 01:00 UTC"
    }


def test_without_a_driver_the_kubelets_trouble_is_part_of_the_sources(tmp_path):
    missing = Driver(str(tmp_path / "missing"), meminfo=tmp_path / "none")
    missing.refresh()
    told = Devices(tmp_path)
    told.refresh()

    with pytest.raises(NoAnswer, match=r"no such file.*there is no socket"):
        agent_answer.cards(json.dumps(missing.answer() | told.answer()).encode(), now=0.0)
