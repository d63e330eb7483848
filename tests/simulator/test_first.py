import json

import aiohttp


async def test_it_lists_what_was_added(simulator, node, pod):
    simulator.add(node("n1", cpu="16"), pod("p", on="n1", cpu="2"))

    async with aiohttp.ClientSession() as session, session.get(simulator.url + "/api/v1/pods") as answer:
        body = await answer.json()

    assert answer.status == 200
    assert [item["metadata"]["name"] for item in body["items"]] == ["p"]


async def test_a_watch_tells_what_changes(simulator, node, pod):
    simulator.add(node("n1"))
    url = f"{simulator.url}/api/v1/nodes?watch=1&resourceVersion={simulator.revision}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        simulator.patch("nodes", None, "n1", {"spec": {"unschedulable": True}})
        line = json.loads(await answer.content.readline())

    assert line["type"] == "MODIFIED"
    assert line["object"]["spec"]["unschedulable"] is True
