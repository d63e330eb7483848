"""The API inside an application that exists already."""

import asyncio
import contextlib

import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient

from moorage.service import Settings, create_router, moorage_router
from moorage.simulator import Simulator, node


@pytest.fixture
def cluster():
    """A simulator on a loop of its own, since the application under test brings another."""
    import anyio.from_thread

    with anyio.from_thread.start_blocking_portal() as portal:
        simulator = Simulator()
        portal.call(simulator.start)
        portal.call(simulator.add, node("a"), node("b"))
        yield simulator
        portal.call(simulator.stop)


@pytest.fixture
def host_application(cluster, monkeypatch):
    monkeypatch.setenv("MOORAGE_API_SERVER", cluster.url)
    events = []

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI):
        events.append("host starts")
        yield {"host": "state of the host"}
        events.append("host ends")

    app = FastAPI(lifespan=lifespan)
    app.state.events = events

    @app.exception_handler(HTTPException)
    async def of_the_host(_: Request, exc: HTTPException) -> PlainTextResponse:
        return PlainTextResponse(f"host: {exc.detail}", status_code=exc.status_code)

    @app.get("/own")
    async def own(request: Request) -> str:
        return request.state.host

    @app.get("/own/error")
    async def own_error() -> None:
        raise HTTPException(418, "teapot")

    app.include_router(moorage_router, prefix="/api/v1")
    return app


def until_ready(client: TestClient) -> None:
    for _ in range(1000):
        if client.get("/api/v1/cluster/resources").status_code == 200:
            return
        client.portal.call(asyncio.sleep, 0.01)
    raise AssertionError("never ready")


def test_it_starts_and_ends_with_the_application(host_application) -> None:
    with TestClient(host_application) as client:
        until_ready(client)
        nodes = client.get("/api/v1/cluster/resources").json()

        assert [found["name"] for found in nodes] == ["a", "b"]
        assert host_application.state.events == ["host starts"]

    assert host_application.state.events == ["host starts", "host ends"]


def test_the_application_keeps_its_state_and_its_errors(host_application) -> None:
    with TestClient(host_application) as client:
        own = client.get("/own").json()
        error = client.get("/own/error")
        unknown = client.get("/nothing")

    assert own == "state of the host"
    assert (error.status_code, error.text) == (418, "host: teapot")
    assert "error" not in unknown.json()


def test_our_errors_keep_their_shape_there(host_application) -> None:
    with TestClient(host_application) as client:
        until_ready(client)
        unknown = client.get("/api/v1/cluster/resources/zz")
        broken = client.post("/api/v1/cluster/fit", content="{")
        long = client.get("/api/v1/cluster/resources/" + "x" * 300)

    assert unknown.json()["error"]["code"] == "unknown_node"
    assert broken.json()["error"]["code"] == "bad_json"
    assert long.json()["error"]["code"] == "invalid"


def test_its_paths_are_in_the_openapi_of_the_application(host_application) -> None:
    paths = host_application.openapi()["paths"]

    assert "/api/v1/cluster/resources" in paths
    assert "/own" in paths


def test_without_a_lifespan_it_says_what_is_missing(host_application) -> None:
    answer = TestClient(host_application).get("/api/v1/cluster/resources")

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "not_started"
    assert "lifespan" in answer.json()["error"]["hint"]


def test_a_router_can_be_given_its_settings(cluster) -> None:
    app = FastAPI()
    app.include_router(create_router(Settings(api_server=cluster.url)), prefix="/moorage")

    with TestClient(app) as client:
        for _ in range(1000):
            answer = client.get("/moorage/cluster/resources")
            if answer.status_code == 200:
                break
            client.portal.call(asyncio.sleep, 0.01)

    assert len(answer.json()) == 2


def test_in_somebody_elses_application_nobody_is_an_admin_without_a_token(host_application) -> None:
    with TestClient(host_application, base_url="http://localhost") as client:
        answer = client.put("/api/v1/jupyterhub/config", json={"default_gpu": 1})

    assert answer.status_code == 403
