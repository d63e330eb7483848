"""Which methods each path answers, and what it says of them."""

import asyncio

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from moorage.service import Settings, create_app, create_router

PAGES = ["/", "/docs", "/openapi.json", "/dashboard/index.html"]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


def described(app=None) -> dict[str, set[str]]:
    """The methods of every path, with HEAD beside GET."""
    paths = (app or create_app(Settings())).openapi()["paths"]
    found = {path.replace("{name}", "a"): {name.upper() for name in methods} for path, methods in paths.items()}
    found |= {page: {"GET"} for page in PAGES}
    return {path: methods | ({"HEAD"} if "GET" in methods else set()) for path, methods in found.items()}


async def test_head_is_answered_like_get_without_a_body_wherever_get_is(service, simulator, node, pod) -> None:
    waiting = pod("waits")
    waiting["metadata"]["uid"] = "of-one-who-waits"
    simulator.add(node("a"), waiting)
    await service.until(lambda nodes: "a" in nodes)
    uid = waiting["metadata"]["uid"]
    asked = [path.replace("{uid}", uid) for path, methods in described().items() if "GET" in methods]
    assert len(asked) > len(PAGES)

    for path in asked:
        async with asyncio.timeout(10), service.client.stream("GET", path) as get:
            pass
        async with asyncio.timeout(10):  # the stream ends at once
            head = await service.client.head(path)

        assert (head.status_code, head.content) == (200, b""), path
        assert head.headers["content-type"] == get.headers["content-type"], path
        if path != "/metrics":  # it tells of this very request
            assert head.headers.get("content-length") == get.headers.get("content-length"), path
    assert service.parts.streams.open == 0


async def test_head_of_what_is_not_there_has_the_status_of_get(service) -> None:
    for path in ("/nothing", "/api/v1/cluster/resources/none", "/dashboard/none.js"):
        answer = await service.client.head(path)

        assert (answer.status_code, answer.content) == (404, b""), path


async def test_a_405_lists_all_methods_that_its_path_answers(service) -> None:
    for path, methods in described().items():
        for method in METHODS:
            if method in methods:
                continue
            answer = await service.client.request(method, path)

            assert answer.status_code == 405, (method, path)
            assert set(answer.headers["allow"].split(", ")) == methods, (method, path)


@pytest.mark.parametrize("root_path", ["", "/services/moorage"])
async def test_below_the_path_of_a_proxy_too(serve, simulator, root_path) -> None:
    service = await serve(api_server=simulator.url, root_path=root_path)
    await service.ready()

    head = await service.client.head(f"{root_path}/api/v1/jupyterhub/config")
    refused = await service.client.delete(f"{root_path}/api/v1/jupyterhub/config")

    assert head.status_code == 200
    assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD", "PUT"}


def test_in_an_application_of_somebody_else_too() -> None:
    app = FastAPI()
    app.include_router(create_router(Settings()), prefix="/moorage")
    client = TestClient(app)

    refused = client.delete("/moorage/jupyterhub/config")
    head = client.head("/moorage/jupyterhub/config")

    assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD", "PUT"}
    assert (head.status_code, head.content) == (503, b"")
