"""`GET|PUT /api/v1/jupyterhub/config`."""

import json

CONFIG = "/api/v1/jupyterhub/config"


async def test_the_settings_are_the_first_defaults(serve, simulator) -> None:
    service = await serve(api_server=simulator.url, default_cpu="4", default_memory="8Gi", default_gpu=1)

    answer = (await service.get(CONFIG)).json()

    answer.pop("warnings")
    assert answer == {
        "default_node": None,
        "default_cpu": "4",
        "default_memory": "8Gi",
        "default_gpu": 1,
        "default_image": None,
    }


async def test_a_change_keeps_what_it_leaves_out_and_null_clears(service) -> None:
    await service.client.put(CONFIG, json={"default_cpu": 1.5, "default_memory": "1.5Gi"})

    answer = await service.client.put(CONFIG, json={"default_cpu": None, "default_gpu": 2})

    body = answer.json()
    assert (body["default_cpu"], body["default_memory"], body["default_gpu"]) == (None, "1.5Gi", 2)
    assert (await service.get(CONFIG)).json() == body


async def test_a_node_that_is_not_there_now_is_kept_with_a_warning(service, simulator, node) -> None:
    simulator.add(node("a"))
    await service.until(lambda nodes: "a" in nodes)

    there = (await service.client.put(CONFIG, json={"default_node": "a"})).json()
    away = (await service.client.put(CONFIG, json={"default_node": "b"})).json()

    assert away["default_node"] == "b"
    assert len(away["warnings"]) == len(there["warnings"]) + 1


async def test_changes_outlive_the_process_in_a_file(serve, simulator, tmp_path) -> None:
    file = tmp_path / "state.json"
    first = await serve(api_server=simulator.url, state_file=file)
    await first.client.put(CONFIG, json={"default_memory": "12Gi"})

    second = await serve(api_server=simulator.url, state_file=file)

    assert (await second.get(CONFIG)).json()["default_memory"] == "12Gi"
    assert (await second.get(CONFIG)).json()["warnings"] == []
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


async def test_replicas_on_one_file_agree(serve, simulator, tmp_path) -> None:
    file = tmp_path / "state.json"
    one = await serve(api_server=simulator.url, state_file=file)
    other = await serve(api_server=simulator.url, state_file=file)

    await one.client.put(CONFIG, json={"default_gpu": 3})

    assert (await other.get(CONFIG)).json()["default_gpu"] == 3


async def test_a_broken_file_keeps_the_former_values(serve, simulator, tmp_path) -> None:
    file = tmp_path / "state.json"
    service = await serve(api_server=simulator.url, state_file=file)
    await service.client.put(CONFIG, json={"default_gpu": 3})

    for text in ("{", "[]", json.dumps({"default_cpu": "lots"}), "\x00"):
        file.write_text(text)
        assert (await service.get(CONFIG)).json()["default_gpu"] == 3


async def test_a_file_that_cannot_be_written_is_told_and_changes_nothing(serve, simulator, tmp_path) -> None:
    service = await serve(api_server=simulator.url, state_file=tmp_path / "missing" / "state.json")

    answer = await service.client.put(CONFIG, json={"default_gpu": 3})

    assert answer.status_code == 503
    assert "MOORAGE_STATE_FILE" in answer.json()["error"]["hint"]
    assert (await service.get(CONFIG)).json()["default_gpu"] == 0
