"""Messages off a stream, and large JSON in small bites."""

import asyncio
import gc
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.hub.view import sse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


async def collect(*chunks):
    async def source():
        for chunk in chunks:
            yield chunk

    return [event async for event in sse.events(source())]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_a_message_may_come_in_any_pieces(size):
    raw = 'id: e-7\r\nevent: nodes\ndata: {"é":\ndata: 1}\n\n: ping\n\nevent: status\ndata: {}\n\n'.encode()

    found = await collect(*(raw[at : at + size] for at in range(0, len(raw), size)))

    assert found == [sse.Event("nodes", '{"é":\n1}', "e-7"), sse.Event("comment", ""), sse.Event("status", "{}")]


async def test_a_message_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(sse, "LARGEST", 1000)

    with pytest.raises(sse.Nonsense):
        await collect(*[b"data: " + b"x" * 100] * 20)


@given(JSON)
def test_large_json_reads_like_small_json(value):
    for text in (json.dumps(value), json.dumps(value, indent=1)):
        if isinstance(value, dict | list):
            assert asyncio.run(sse._parse_large(text)) == value


@pytest.mark.parametrize(
    "text", ["{", "[", "[1", '{"a"', '{"a":', '{"a": [1', '{"a": [1}', "7", "", '{"a" 1}', "[1 2]", "[" * 5000]
)
async def test_broken_large_json_is_nonsense(text, monkeypatch):
    monkeypatch.setattr(sse, "_SMALL", 0)

    with pytest.raises(sse.Nonsense):
        await sse.parse(text)


async def test_reading_ten_megabytes_gives_the_loop_its_turn_all_the_while():
    node = {"name": "n", "labels": {f"key-{n}": "value" * 5 for n in range(60)}}
    text = json.dumps({"revision": 1, "nodes": [node] * 5000})
    held = []
    # What other tests have left behind would be searched for garbage meanwhile.
    gc.collect()
    gc.freeze()

    async def watch():
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            held.append(time.thread_time() - before)

    watching = asyncio.create_task(watch())
    found = await sse.parse(text)
    watching.cancel()
    gc.unfreeze()

    assert len(found["nodes"]) == 5000
    assert max(held) < 0.02
