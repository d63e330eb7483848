"""Who has which device, by the kubelet's own word: its gRPC service on a unix socket, as the agent asks and tells it."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from moorage.gpus import agent_answer
from moorage.gpus.agent import Devices, Driver
from moorage.gpus.podresources import NotAnswered, holdings
from moorage.gpus.sources.sweep import NoAnswer

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
