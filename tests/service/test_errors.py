"""Every error has one shape and the right status."""

import json

FIT, CONFIG = "/api/v1/cluster/fit", "/api/v1/jupyterhub/config"


def check(answer, status: int) -> dict[str, str]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert list(body) == ["error"]
    assert sorted(body["error"]) == ["code", "hint", "message"]
    assert all(isinstance(text, str) and text for text in body["error"].values())
    assert len(answer.content) < 4000
    assert "Traceback" not in answer.text
    return body["error"]


UNKNOWN = [
    "/nothing",
    "/api/v1",
    "/api/v1/",
    "/api/v1/cluster",
    "/api/v1/cluster/resources/a/b",
    "/api/v2/cluster/resources",
    "/dashboard/none.js",
    "/dashboard/..%2f..%2fpyproject.toml",
    "/%00",
    "/" + "x" * 3000,
]
METHODS = [("POST", "/api/v1/cluster/resources"), ("DELETE", CONFIG), ("GET", FIT), ("PATCH", "/livez"), ("PUT", "/")]
BODIES = [("POST", FIT), ("PUT", CONFIG)]
NOT_JSON = [b"", b"{", b"nope", b"\xff\xfe", b'{"a":}', b"[" * 100_000, b'"\\ud800"', b"1 2", b"{'a': 1}"]
NOT_OURS = ["null", "[]", "1", '"x"', "true", '{"unknown": 1}', "1e999", "-0", "[{}]"]
BAD_DEFAULTS = [
    {"default_cpu": "many"},
    {"default_cpu": "-1"},
    {"default_cpu": "0"},
    {"default_cpu": True},
    {"default_cpu": []},
    {"default_memory": "2 GB"},
    {"default_memory": "9" * 400},
    {"default_memory": 1.5},
    {"default_gpu": -1},
    {"default_gpu": 1.5},
    {"default_gpu": "1"},
    {"default_gpu": 10**30},
    {"default_node": "UPPER"},
    {"default_node": "a" * 254},
    {"default_node": "<script>"},
    {"default_node": 5},
    {"default_image": "a b"},
    {"default_image": "<img src=x>"},
    {"default_image": "a" * 1025},
]


async def test_unknown_paths_are_404(service) -> None:
    for path in UNKNOWN:
        check(await service.get(path), 404)


async def test_wrong_methods_are_405(service) -> None:
    for method, path in METHODS:
        answer = await service.client.request(method, path)

        check(answer, 405)
        assert answer.headers["allow"]


async def test_what_is_not_json_is_400(service) -> None:
    for method, path in BODIES:
        for body in NOT_JSON:
            check(await service.client.request(method, path, content=body), 400)


async def test_json_of_another_shape_is_refused(service) -> None:
    for method, path in BODIES:
        for body in NOT_OURS:
            answer = await service.client.request(method, path, content=body)

            assert answer.status_code in (400, 422)
            check(answer, answer.status_code)


async def test_a_default_that_nobody_could_have_is_422_and_changes_nothing(service) -> None:
    before = (await service.get(CONFIG)).json()

    for change in BAD_DEFAULTS:
        error = check(await service.client.put(CONFIG, json=change), 422)
        assert next(iter(change)) in error["message"]

    assert (await service.get(CONFIG)).json() == before


async def test_a_body_without_end_is_413(service) -> None:
    async def endless():
        for _ in range(10_000):
            yield b" " * 65536

    check(await service.client.post(FIT, content=endless()), 413)


async def test_a_parameter_of_the_wrong_shape_is_422(service) -> None:
    check(await service.get("/api/v1/cluster/resources/" + "x" * 300), 422)
    check(await service.get("/api/v1/cluster/stream", headers={"Last-Event-ID": "x" * 300}), 422)


async def test_an_unforeseen_error_is_500_without_its_trace(service, monkeypatch, caplog) -> None:
    def broken(**_) -> None:
        raise RuntimeError("a secret of the house")

    monkeypatch.setattr(service.parts, "snapshot", broken)

    answer = await service.get("/api/v1/cluster/resources")

    check(answer, 500)
    assert "secret" not in answer.text
    assert "secret" in caplog.text


async def test_openapi_lists_every_path_and_error(service) -> None:
    spec = (await service.get("/openapi.json")).json()

    assert set(spec["paths"]) == {
        "/api/v1/cluster/resources",
        "/api/v1/cluster/resources/{name}",
        "/api/v1/cluster/stream",
        "/api/v1/cluster/fit",
        "/api/v1/cluster/machines",
        "/api/v1/cluster/queues",
        "/api/v1/cluster/waiting",
        "/api/v1/cluster/waiting/{uid}",
        "/api/v1/images/jupyter",
        "/api/v1/jupyterhub/config",
        "/livez",
        "/readyz",
        "/metrics",
    }
    assert "ErrorAnswer" in spec["components"]["schemas"]
    assert json.dumps(spec)


async def test_the_documentation_page_answers(service) -> None:
    answer = await service.get("/docs")

    assert answer.status_code == 200
    assert "openapi.json" in answer.text
