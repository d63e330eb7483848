"""`GET /api/v1/cluster/stream`."""

import asyncio
import dataclasses
import socket
import zlib

import pytest

from moorage.service.paths.streaming import takes_gzip
from moorage.service.streams import messages, stream


async def test_a_stream_begins_with_a_snapshot(service, simulator, node) -> None:
    simulator.add(node("a"))
    await service.until(lambda nodes: "a" in nodes)

    async with service.stream() as events:
        event, data, identity = await events.next()

    assert event == "snapshot"
    assert events.response.headers["content-type"].startswith("text/event-stream")
    assert [found["name"] for found in data["nodes"]] == ["a"]
    assert data["status"] == {"stale": False, "since": None, "reason": None}
    assert data["taken_at"]
    assert identity.rpartition("-")[2] == str(data["revision"])


async def test_a_change_tells_only_what_changed(service, simulator, node, pod) -> None:
    simulator.add(node("a"), node("b"))
    await service.until(lambda nodes: len(nodes) == 2)

    async with service.stream() as events:
        await events.until("snapshot")
        simulator.add(pod("p", on="b", cpu="1"))
        data, identity = await events.until("nodes")

    assert [found["name"] for found in data["changed"]] == ["b"]
    assert data["changed"][0]["allocated"]["cpu"] == 1
    assert data["removed"] == []
    assert identity.endswith(f"-{data['revision']}")


async def test_a_removed_node_is_named(service, simulator, node) -> None:
    simulator.add(node("a"), node("b"))
    await service.until(lambda nodes: len(nodes) == 2)

    async with service.stream() as events:
        await events.until("snapshot")
        simulator.delete("nodes", None, "a")
        data, _ = await events.until("nodes")

    assert data["removed"] == ["a"]


async def test_a_stream_goes_on_from_where_it_was(service, simulator, node, pod) -> None:
    simulator.add(node("a"), node("b"))
    await service.until(lambda nodes: len(nodes) == 2)
    async with service.stream() as events:
        _, identity = await events.until("snapshot")
    simulator.add(pod("p", on="a", cpu="1"))
    await service.until(lambda nodes: nodes["a"]["allocated"]["cpu"] == 1)

    async with service.stream(**{"Last-Event-ID": identity}) as events:
        event, data, _ = await events.next()

    assert event == "nodes"
    assert [found["name"] for found in data["changed"]] == ["a"]


@pytest.mark.parametrize("last", ["", "x", "0-0", "ffffffff-3", "-", "a-99999999999999999999", "-5", "é-1"])
async def test_a_foreign_or_broken_id_gets_a_snapshot(service, simulator, node, last) -> None:
    simulator.add(node("a"))
    await service.until(lambda nodes: "a" in nodes)

    async with service.stream(**{"Last-Event-ID": last.encode()}) as events:
        event, _, _ = await events.next()

    assert event == "snapshot"


async def test_an_id_from_before_the_ring_gets_a_snapshot(service, simulator, node, pod) -> None:
    simulator.add(node("a"))
    await service.until(lambda nodes: "a" in nodes)
    async with service.stream() as events:
        _, identity = await events.until("snapshot")
    service.parts.streams.plain._replay_bytes = 10
    for number in range(3):
        simulator.add(pod(f"p{number}", on="a", cpu="1"))
        await service.until(lambda nodes, wanted=number + 1: nodes["a"]["allocated"]["cpu"] == wanted)

    async with service.stream(**{"Last-Event-ID": identity}) as events:
        event, data, _ = await events.next()

    assert event == "snapshot"
    assert data["nodes"][0]["allocated"]["cpu"] == 3


async def test_a_quiet_stream_still_says_something_each_second(service) -> None:
    async with service.stream() as events, asyncio.timeout(5):
        async for chunk in events.response.aiter_bytes():
            if messages.PING in chunk:
                break


async def test_a_reader_that_takes_nothing_is_let_go(service, simulator, node, monkeypatch) -> None:
    monkeypatch.setattr(stream, "STALLED_SECONDS", 0.5)
    simulator.add(*(node(f"node-{number:03}") for number in range(100)))
    await service.until(lambda nodes: len(nodes) == 100)
    broadcast = service.parts.streams.plain
    reader = socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2])))
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.sendall(b"GET /api/v1/cluster/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")

    async with asyncio.timeout(20):
        while not broadcast.dropped:
            broadcast._publish(dataclasses.replace(messages.ping(0), data=b": " + b"x" * 500_000 + b"\n\n"))
            await asyncio.sleep(0.05)
        while broadcast.readers:
            await asyncio.sleep(0.05)

    reader.close()
    assert broadcast.dropped == 1


async def follower(service, *, version="1.1"):
    """A bare connection that follows the stream and has had its first messages; nothing lies between it and the bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(service.url.rpartition(":")[2]), limit=2**24)
    writer.write(f"GET /api/v1/cluster/stream HTTP/{version}\r\nHost: localhost\r\n\r\n".encode())
    async with asyncio.timeout(10):
        await reader.readuntil(b": ping\n\n")
    return reader, writer


def numbered(number, *, size=20_000):
    return dataclasses.replace(messages.ping(0), data=b": no %d %s\n\n" % (number, b"x" * size))


async def test_a_reader_that_keeps_up_is_written_to_before_anybody_else_has_a_turn(service) -> None:
    _, writer = await follower(service)
    connection = writer.get_extra_info("socket").dup()

    service.parts.streams.plain._publish(numbered(7, size=10))

    assert b": no 7 " in connection.recv(2**16, socket.MSG_PEEK)
    connection.close()
    writer.close()


async def test_a_reader_whose_socket_is_full_gets_all_of_it_in_order_once_it_reads(service) -> None:
    reader, writer = await follower(service)
    writer.transport.pause_reading()
    broadcast = service.parts.streams.plain
    for number in range(300):
        broadcast._publish(numbered(number))
        await asyncio.sleep(0)
    assert any(each.writing_since is not None for each in broadcast.readers)

    writer.transport.resume_reading()
    found = []
    async with asyncio.timeout(20):
        while len(found) < 300:
            size = int(await reader.readuntil(b"\r\n"), 16) if found else None
            text = await reader.readexactly(size + 2) if size else await reader.readuntil(b"x\n\n\r\n")
            if b": no " in text:
                found.append(int(text.split(b": no ")[1].split()[0]))

    assert found == list(range(300))
    writer.close()


async def test_a_reader_of_an_older_http_gets_no_chunks(service) -> None:
    reader, writer = await follower(service, version="1.0")

    service.parts.streams.plain._publish(numbered(3, size=10))

    async with asyncio.timeout(10):
        assert (await reader.readuntil(b": no 3 xxxxxxxxxx\n\n")).count(b"\r\n") == 0
    writer.close()


async def test_a_closed_page_is_forgotten(service) -> None:
    async with service.stream() as events:
        await events.until("snapshot")
        assert len(service.parts.streams.plain.readers) == 1

    async with asyncio.timeout(5):
        while service.parts.streams.plain.readers:
            await asyncio.sleep(0.02)


async def test_too_many_streams_are_asked_to_come_back(serve, simulator) -> None:
    service = await serve(api_server=simulator.url, max_streams=1)
    await service.ready()

    async with service.stream() as first:
        await first.until("snapshot")
        answer = await service.get("/api/v1/cluster/stream")

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "too_many_streams"
    assert answer.headers["retry-after"]


async def test_a_message_is_encoded_once_for_all(service, simulator, node, pod) -> None:
    simulator.add(node("a"))
    await service.until(lambda nodes: "a" in nodes)

    async with service.stream() as one, service.stream() as other:
        # What is known of machines comes a moment after the start, and is the last that comes by itself.
        await one.until("machines")
        await other.until("machines")
        before = service.parts.streams.plain.messages
        simulator.add(pod("p", on="a", cpu="1"))
        first, second = await one.until("nodes"), await other.until("nodes")

    assert first == second
    assert service.parts.streams.plain.messages == before + 1


async def test_a_browser_gets_the_same_messages_compressed(service, simulator, node, pod) -> None:
    simulator.add(*(node(f"node-{number}") for number in range(20)))
    await service.until(lambda nodes: len(nodes) == 20)

    async with (
        service.stream(**{"Accept-Encoding": "gzip"}) as packed,
        service.stream(**{"Accept-Encoding": ""}) as plain,
    ):
        first, same = await packed.next(), await plain.next()
        simulator.add(pod("p", on="node-3", cpu="1"))
        second, same_second = await packed.until("nodes"), await plain.until("nodes")

    assert packed.response.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.response.headers
    assert (first, second) == (same, same_second)
    assert packed.response.num_bytes_downloaded * 4 < plain.response.num_bytes_downloaded


@pytest.mark.parametrize("size", [0, 1, 1000, messages.LARGEST_ON_THE_LOOP + 1, 3_000_000])
def test_compressed_messages_join_to_one_stream(size) -> None:
    texts = [b"a" * size, b"", bytes(range(256)) * 10, b"b" * size]
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    unpack.decompress(messages.GZIP_START)

    for text in texts:
        assert unpack.decompress(messages.packed(text)) == text


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", False),
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("br;q=1.0, gzip;q=0.8", True),
        ("gzip;q=0", False),
        ("GZIP ; q=0.0", False),
        ("identity", False),
        ("*", False),
    ],
)
def test_only_who_takes_gzip_gets_it(header, wanted) -> None:
    assert takes_gzip(header) is wanted


async def test_pages_that_come_at_once_share_a_snapshot_and_miss_nothing(service, simulator, node, pod) -> None:
    simulator.add(node("a", cpu="8"))
    await service.until(lambda nodes: "a" in nodes)
    async with service.stream() as first:
        before, _ = await first.until("snapshot")
    simulator.add(pod("p", on="a", cpu="1"))
    await service.until(lambda nodes: nodes["a"]["allocated"]["cpu"] == 1)

    async with service.stream() as second:
        seen, _ = await second.until("snapshot")
        nodes = seen["nodes"]
        if seen["revision"] == before["revision"]:
            change, _ = await second.until("nodes")
            nodes = change["changed"]

    assert nodes[0]["allocated"]["cpu"] == 1
