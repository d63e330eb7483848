"""Starting by REST: the same choice gives the same pod, and no body makes the hub fail."""

import json
import re

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHOICE = {
    "moorage": 1,
    "node": "atlas",
    "cpu": "2",
    "memory": "3Gi",
    "gpu": 1,
    "gpu_resource": "nvidia.com/gpu",
    "image": "minimal",
}


async def stop(hub, name, until, cluster):
    await hub.api("DELETE", f"/users/{name}/server")
    await until(lambda: _gone(hub, name))


async def _gone(hub, name):
    _, user = await hub.api("GET", f"/users/{name}")
    return not user["servers"]


@pytest.mark.parametrize(
    "body",
    [
        {"moorage": 99},
        {"moorage": None},
        {"moorage": "1"},
        {"moorage": 1, "cpu": {"a": 1}},
        {"moorage": 1, "memory": []},
        {"moorage": 1, "gpu": "x"},
        {"moorage": 1, "node": "x" * 10000},
        {"moorage": 1, "image": "y" * 10000},
        {"moorage": 1, "cpu": "9" * 10000},
        {"moorage": 1, "node": "vanished"},
        {"moorage": 1, "image": "deleted"},
        {"moorage": 1, "memory": "512m"},
        {"moorage": 1, "memory": "4 GB"},
        {"moorage": 1, "cpu": "1,5"},
        {"moorage": 1, "gpus": 1},
        {"gpus": 1},
        {"cpu": "2"},
        {"moorage": 1, "gpu": 99},
        {"moorage": 1, "node": "cordoned"},
        [1],
        "text",
        7,
    ],
    ids=lambda body: json.dumps(body)[:40],
)  # fmt: skip
async def test_a_body_that_can_not_be_had_is_a_400_and_counts_as_nothing(hub, person, body):
    status, answer = await hub.api("POST", f"/users/{person.name}/server", body)

    assert status == 400, answer
    assert len(answer["message"]) < 600
    assert await hub.failures() == 0


@pytest.mark.parametrize("data", [b"{", b"NaN", b"[" * 10000])
async def test_a_body_that_is_no_json_is_no_500(hub, person, data):
    status, _ = await hub.api("POST", f"/users/{person.name}/server", data=data)

    assert status == 400
    assert await hub.failures() == 0


@pytest.mark.parametrize("data", [b"null", b"[]", b"{}", b""])
async def test_an_empty_body_starts_the_defaults(hub, person, data, cluster, load):
    spawn = load("moorage_test_pods")

    status, answer = await hub.api("POST", f"/users/{person.name}/server", data=data)

    assert status in (201, 202), answer
    pod = await load("moorage_test_rig").until(lambda: spawn.pod_of(cluster, person.name))
    assert spawn.asked(pod)["limits"] == {"cpu": "1", "memory": "2Gi"}
    assert spawn.asked(pod)["image"] == "registry.example/jupyter/minimal:2026.11"


async def test_options_of_another_kind_are_tolerated(hub, person, cluster, load):
    spawn = load("moorage_test_pods")

    status, answer = await hub.api("POST", f"/users/{person.name}/server", {"profile": "old", "image": ["x"], "1": 2})

    assert status in (201, 202), answer
    pod = await load("moorage_test_rig").until(lambda: spawn.pod_of(cluster, person.name))
    assert spawn.asked(pod)["limits"] == {"cpu": "1", "memory": "2Gi"}


async def test_rest_form_admin_and_restart_give_the_same_pod(hub, person, cluster, load):
    spawn, until = load("moorage_test_pods"), load("moorage_test_rig").until
    pods = {}

    await hub.api("POST", f"/users/{person.name}/server", CHOICE)
    pods["rest"] = spawn.asked(await until(lambda: spawn.pod_of(cluster, person.name)))
    await stop(hub, person.name, until, cluster)
    await hub.api("POST", f"/users/{person.name}/server")
    pods["restart"] = spawn.asked(await until(lambda: spawn.pod_of(cluster, person.name)))
    await stop(hub, person.name, until, cluster)
    await person.submit(node="atlas", cpu="2", memory="3Gi", gpu="1", gpu_resource="nvidia.com/gpu", image="minimal")
    pods["form"] = spawn.asked(await until(lambda: spawn.pod_of(cluster, person.name)))
    await stop(hub, person.name, until, cluster)
    boss = await hub.log_in("boss")
    await boss.submit(
        f"/hub/spawn/{person.name}",
        node="atlas",
        cpu="2",
        memory="3Gi",
        gpu="1",
        gpu_resource="nvidia.com/gpu",
        image="minimal",
    )
    pods["admin"] = spawn.asked(await until(lambda: spawn.pod_of(cluster, person.name)))
    await boss.close()

    assert pods == dict.fromkeys(pods, spawn.EXACTLY)


async def test_saved_options_of_a_deleted_image_are_told_and_not_counted(hub, person, cluster, fake_service, load):
    spawn, until = load("moorage_test_pods"), load("moorage_test_rig").until
    fake_service.images = [
        *load("moorage_test_fake_service").IMAGES,
        {"name": "old", "reference": "registry.example/old:1"},
    ]
    await until(lambda: _offered(person, "old"))
    await hub.api("POST", f"/users/{person.name}/server", {**CHOICE, "image": "old"})
    await until(lambda: spawn.pod_of(cluster, person.name))
    await stop(hub, person.name, until, cluster)
    fake_service.images = list(load("moorage_test_fake_service").IMAGES)
    await until(lambda: _offered(person, "old", there=False))

    status, answer = await hub.api("POST", f"/users/{person.name}/server")

    assert status == 400
    assert "“old” is not offered" in answer["message"]
    assert await hub.failures() == 0
    assert "“old” is not offered" in await person.form()


async def _offered(person, image, *, there=True):
    return (f'<option value="{image}"' in await person.form()) is there


async def test_a_named_server_gets_its_own_choice(hub, person, cluster, load):
    spawn = load("moorage_test_pods")

    status, answer = await hub.api("POST", f"/users/{person.name}/servers/second", CHOICE)

    assert status in (201, 202), answer
    pod = await load("moorage_test_rig").until(lambda: spawn.pod_of(cluster, person.name, "second"))
    assert spawn.asked(pod) == spawn.EXACTLY
    await hub.api("DELETE", f"/users/{person.name}/servers/second", {"remove": True})


async def test_what_was_refused_is_not_what_the_next_start_takes(hub, person, cluster, load):
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    await hub.api("POST", f"/users/{person.name}/server", {**CHOICE, "gpu": 0})
    await until(lambda: pods.pod_of(cluster, person.name))
    await stop(hub, person.name, until, cluster)
    status, answer = await hub.api("POST", f"/users/{person.name}/server", {**CHOICE, "node": "vanished"})
    assert status == 400, answer

    status, answer = await hub.api("POST", f"/users/{person.name}/server")

    assert status in (201, 202), answer
    pod = await until(lambda: pods.pod_of(cluster, person.name))
    assert pods.asked(pod)["selector"] == {"kubernetes.io/hostname": "atlas"}
    assert pods.asked(pod)["limits"]["cpu"] == "2"


async def test_a_person_whose_first_body_is_refused_starts_with_the_defaults_next(hub, person, cluster, load):
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    await hub.api("POST", f"/users/{person.name}/server", {**CHOICE, "image": "deleted"})

    status, answer = await hub.api("POST", f"/users/{person.name}/server")

    assert status in (201, 202), answer
    assert pods.asked(await until(lambda: pods.pod_of(cluster, person.name)))["limits"]["cpu"] == "1"


async def test_each_server_of_a_person_has_its_own_last_choice(hub, person, cluster, load):
    until = load("moorage_test_rig").until
    for path, cpu in (("server", "2"), ("servers/second", "3")):
        status, answer = await hub.api("POST", f"/users/{person.name}/{path}", {"moorage": 1, "cpu": cpu})
        assert status in (201, 202), answer
        await until(lambda path=path: _has_stopped(hub, person.name, path))

    forms = [await person.form(f"/hub/spawn/{person.name}{server}") for server in ("", "/second", "/third")]

    values = [re.search(r'name="cpu"\s+value="([^"]*)"', page)[1] for page in forms]
    assert values == ["2", "3", "1"]


async def _has_stopped(hub, name, path):
    return (await hub.api("DELETE", f"/users/{name}/{path}"))[0] in (204, 404) and await _gone(hub, name)


async def test_the_configured_image_is_named_by_its_reference_though_the_list_does_not_hold_it(
    hub, person, cluster, load
):
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    own = "registry.example/jupyter/fallback:1"

    status, answer = await hub.api("POST", f"/users/{person.name}/server", {"moorage": 1, "image": own})

    assert status in (201, 202), answer
    assert pods.asked(await until(lambda: pods.pod_of(cluster, person.name)))["image"] == own
    await stop(hub, person.name, until, cluster)
    page = await person.form()
    assert f'<option value="{own}" selected' in page
    assert "(not offered)" not in page
    await hub.api("POST", f"/users/{person.name}/server")
    assert pods.asked(await until(lambda: pods.pod_of(cluster, person.name)))["image"] == own
