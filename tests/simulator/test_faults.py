"""Misbehaviour on order."""

import asyncio

import aiohttp
import pytest


async def test_a_delay_holds_back_one_request(simulator, http):
    simulator.faults.delay(0.3, path="/api/v1/pods", times=1)
    clock = asyncio.get_running_loop().time
    begun = clock()

    await http.get("/api/v1/pods")
    first = clock() - begun
    await http.get("/api/v1/pods")

    assert first >= 0.3
    assert clock() - begun - first < 0.3


async def test_too_many_requests_says_when_to_come_back(simulator, http):
    simulator.faults.too_many_requests(retry_after=7, verb="list")

    status, body, headers = await http.get("/api/v1/pods")

    assert (status, body["reason"], headers["Retry-After"]) == (429, "TooManyRequests", "7")


async def test_a_server_error_is_for_the_path_that_it_was_ordered_for(simulator, http):
    simulator.faults.server_error(503, path="/api/v1/pods*")

    pods, _, _ = await http.get("/api/v1/pods")
    nodes, _, _ = await http.get("/api/v1/nodes")

    assert (pods, nodes) == (503, 200)


async def test_a_truncated_list_ends_in_the_middle(simulator, http, node):
    simulator.add(node("n1"))
    simulator.faults.truncate(path="/api/v1/nodes", times=1)

    with pytest.raises(aiohttp.ClientError):
        await http.get("/api/v1/nodes")


async def test_garbage_is_no_json(simulator, http):
    simulator.faults.garbage(path="/api/v1/nodes", times=1)

    with pytest.raises(ValueError):
        await http.get("/api/v1/nodes")


async def test_gone_is_an_http_status(simulator, http):
    simulator.faults.gone(verb="list", times=1)

    status, body, _ = await http.get("/api/v1/pods")

    assert (status, body["reason"]) == (410, "Expired")


async def test_gone_in_the_stream_ends_an_open_watch(simulator, http, next_event):
    async with http.session.get(simulator.url + "/api/v1/pods?watch=1") as answer:
        simulator.faults.gone(in_stream=True, verb="watch", times=1)
        event = await next_event(answer)
        rest = await answer.content.read()

    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
    assert rest == b""


async def test_half_open_silences_an_open_watch_for_good(simulator, http, node, until):
    async with http.session.get(simulator.url + "/api/v1/nodes?watch=1") as answer:
        fault = simulator.faults.half_open(verb="watch")
        await until(lambda: fault.hits == 1)
        simulator.add(node("n1"))
        simulator.faults.remove(fault)
        simulator.add(node("n2"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(answer.content.readline(), 0.3)


async def test_half_open_never_answers_a_new_request(simulator, http):
    simulator.faults.half_open(path="/api/v1/nodes")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(http.get("/api/v1/nodes"), 0.3)


async def test_half_open_can_spare_new_requests(simulator, http):
    simulator.faults.half_open(verb="watch", new_requests=False)

    async with http.session.get(simulator.url + "/api/v1/nodes?watch=1&timeoutSeconds=1") as answer:
        body = await asyncio.wait_for(answer.content.read(), 5)

    assert body == b""


async def test_a_garbage_line_ends_an_open_watch(simulator, http):
    async with http.session.get(simulator.url + "/api/v1/nodes?watch=1") as answer:
        simulator.faults.garbage(verb="watch", times=1)
        line = await asyncio.wait_for(answer.content.readline(), 5)

    assert b"\x00\xff" in line


async def test_a_dropped_connection_breaks_an_open_watch(simulator, http):
    async with http.session.get(simulator.url + "/api/v1/nodes?watch=1") as answer:
        simulator.faults.drop(verb="watch", times=1)
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(answer.content.read(), 5)


async def test_a_revoked_right_is_refused_in_the_real_words(simulator, http):
    right = simulator.faults.revoke_right("pods", "list")
    refused, body, _ = await http.get("/api/v1/pods")
    simulator.faults.remove(right)
    granted, _, _ = await http.get("/api/v1/pods")

    assert refused == 403
    assert body["message"] == (
        'pods is forbidden: User "system:admin" cannot list resource "pods" in API group "" at the cluster scope'
    )
    assert granted == 200


async def test_faults_are_ordered_over_http_too(simulator, http):
    order = {"kind": "refuse", "status": 500, "path": "/api/v1/pods", "times": 1}
    made, _ = await http.send("POST", "/simulator/faults", order)

    first, _, _ = await http.get("/api/v1/pods")
    second, _, _ = await http.get("/api/v1/pods")

    assert (made, first, second) == (201, 500, 200)


async def test_all_faults_end_together(simulator, http):
    await http.send("POST", "/simulator/faults", {"kind": "refuse", "status": 500})
    await http.send("DELETE", "/simulator/faults")

    status, _, _ = await http.get("/api/v1/pods")

    assert status == 200


@pytest.mark.parametrize("order", [{"kind": "storm"}, {"kind": "delay", "colour": "red"}, []])
async def test_an_order_that_makes_no_sense_is_refused(http, order):
    status, _ = await http.send("POST", "/simulator/faults", order)

    assert status == 400


async def test_an_answer_can_be_anything(simulator, http):
    simulator.faults.answer(302, headers={"Location": "/login", "Retry-After": "soon"}, body="<html>", times=1)

    async with http.session.get(simulator.url + "/api/v1/pods", allow_redirects=False) as answer:
        text = await answer.text()

    assert (answer.status, answer.headers["Location"], answer.headers["Retry-After"], text) == (
        302,
        "/login",
        "soon",
        "<html>",
    )


async def test_a_duplicated_watch_tells_everything_twice(simulator, http, node, next_event):
    simulator.faults.duplicate(times=1)
    async with http.session.get(simulator.url + "/api/v1/nodes?watch=1") as answer:
        simulator.add(node("n1"))
        first, second = await next_event(answer), await next_event(answer)

    assert first == second
    assert first["object"]["metadata"]["name"] == "n1"


async def test_a_shuffled_list_has_everything_once(simulator, http, node):
    names = [f"n{number:02}" for number in range(30)]
    simulator.add(*[node(name) for name in names])
    simulator.faults.shuffle(times=1)

    _, body, _ = await http.get("/api/v1/nodes")

    found = [item["metadata"]["name"] for item in body["items"]]
    assert found != names
    assert sorted(found) == names
