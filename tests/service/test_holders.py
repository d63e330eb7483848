"""Who holds a card: told to those whose token allows it, and in no byte to anybody else."""

import asyncio

import httpx2
import pytest

PLAIN, NAMED = "p" * 32, "n" * 32
RESOURCES = "/api/v1/cluster/resources"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"other:reader:{PLAIN}\nhub:reader+holders:{NAMED}\n")
    return path


@pytest.fixture
async def guarded(serve, simulator, node, pod, token_file):
    """A node whose only card is held by a pod, and another one whose card is free."""
    simulator.add(node("busy", gpu=1), node("idle", gpu=1), pod("secret-pod", on="busy", cpu="1", gpu=1))
    service = await serve(api_server=simulator.url, token_file=token_file)
    await service.ready()
    async with asyncio.timeout(10):
        while b'"held"' not in (await service.get(RESOURCES, headers=bearer(PLAIN))).content:
            await asyncio.sleep(0.02)
    return service


async def test_a_right_on_the_token_decides_whether_names_are_told(guarded) -> None:
    plain = await guarded.get(RESOURCES, headers=bearer(PLAIN))
    named = await guarded.get(RESOURCES, headers=bearer(NAMED))

    assert b"secret-pod" not in plain.content
    assert plain.json()[0]["gpu_details"][0]["unknown"]["holder"] == "names are hidden"
    (busy, idle) = named.json()
    assert busy["gpu_details"][0]["holder"] == "default/secret-pod"
    assert "holder" not in busy["gpu_details"][0]["unknown"]
    assert idle == plain.json()[1]


async def test_one_node_is_told_in_the_same_two_ways(guarded) -> None:
    plain = await guarded.get(f"{RESOURCES}/busy", headers=bearer(PLAIN))
    named = await guarded.get(f"{RESOURCES}/busy", headers=bearer(NAMED))

    assert b"secret-pod" not in plain.content
    assert named.json()["gpu_details"][0]["holder"] == "default/secret-pod"


async def test_the_two_answers_are_not_taken_for_each_other(guarded) -> None:
    plain = await guarded.get(RESOURCES, headers=bearer(PLAIN))

    named = await guarded.get(RESOURCES, headers=bearer(NAMED) | {"If-None-Match": plain.headers["etag"]})

    assert named.status_code == 200


async def test_the_stream_tells_names_to_whom_it_may_alone(guarded, simulator, pod) -> None:
    async with guarded.stream(**bearer(PLAIN)) as plain, guarded.stream(**bearer(NAMED)) as named:
        first = [await events.until("snapshot") for events in (plain, named)]
        simulator.add(pod("other-secret", on="idle", cpu="1", gpu=1))
        later = [
            await events.until("nodes", lambda data: data["changed"][0]["name"] == "idle") for events in (plain, named)
        ]

    assert "secret" not in str([first[0], later[0]])
    assert "default/secret-pod" in str(first[1])
    assert later[1][0]["changed"][0]["gpu_details"][0]["holder"] == "default/other-secret"


async def test_a_stream_without_names_is_not_resumed_as_one_with_names(guarded) -> None:
    async with guarded.stream(**bearer(PLAIN)) as plain:
        _, last = await plain.until("snapshot")

    async with guarded.stream(**bearer(NAMED), **{"Last-Event-ID": last}) as named:
        event, data, _ = await named.next()

    assert event == "snapshot"
    assert "default/secret-pod" in str(data)


async def test_a_stream_with_names_ends_when_that_right_is_taken_back(guarded, token_file) -> None:
    async with guarded.stream(**bearer(NAMED)) as events:
        await events.until("snapshot")
        token_file.write_text(f"other:reader:{PLAIN}\nhub:reader:{NAMED}\n")

        with pytest.raises((EOFError, httpx2.RemoteProtocolError)):
            await events.until("never")


async def test_a_card_that_changes_hands_is_news_to_those_who_see_names(guarded, simulator, pod) -> None:
    async with guarded.stream(**bearer(NAMED)) as named:
        await named.until("snapshot")
        simulator.delete("Pod", "default", "secret-pod")
        simulator.add(pod("next", on="busy", cpu="1", gpu=1))

        data, _ = await named.until("nodes", lambda data: "default/next" in str(data))

    assert "secret-pod" not in str(data)


@pytest.mark.parametrize(("token", "held"), [(PLAIN, {}), (NAMED, {"busy": "secret-pod"})])
async def test_what_is_short_is_told_in_the_same_two_ways(guarded, token, held) -> None:
    pod = {"ask": {"cpu": "1", "memory": "1Gi", "gpu": 1, "node": "busy"}}

    answer = await guarded.client.post("/api/v1/cluster/fit", json=pod, headers=bearer(token))

    assert {name: ones[0]["pod"] for name, ones in answer.json()["held_by"].items()} == held
