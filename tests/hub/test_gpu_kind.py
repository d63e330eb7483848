"""The model of a GPU on each path: form, verdict, REST, an administrator's start, a restart with saved options."""

import json
import re

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")

PRODUCT = "nvidia.com/gpu.product"
RTX, A100 = "NVIDIA-GeForce-RTX-4090", "NVIDIA-A100-SXM4-40GB"
FORM = {"node": "", "cpu": "2", "memory": "3Gi", "gpu": "1", "image": "minimal"}
OPTIONS = {"moorage": 1, "cpu": "2", "memory": "3Gi", "gpu": 1, "gpu_resource": "nvidia.com/gpu", "gpu_kind": A100}


def kind(value, model, **more):
    facts = {"memory_mib": None, "sharing": None, "slots": None, "profile": None}
    return {
        "resource": "nvidia.com/gpu",
        "model": model,
        **facts,
        "labels": [{"key": PRODUCT, "value": value}],
        **more,
    }


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def models(hub, fake_service, load):
    """Two nodes of unlike models beside the usual ones."""
    fake, until = load("moorage_test_fake_service"), load("moorage_test_rig").until
    rtx = kind(RTX, "NVIDIA GeForce RTX 4090", memory_mib=24564)
    fake_service.put(
        fake.node_json("one-rtx", gpus={"nvidia.com/gpu": (1, 1)}, gpu_kinds=[rtx]),
        fake.node_json("one-a100", gpus={"nvidia.com/gpu": (4, 3)}, gpu_kinds=[kind(A100, "NVIDIA A100-SXM4-40GB")]),
    )
    looker = await hub.log_in("looker")

    async def there():
        return "A100 40 GB" in await looker.form()

    await until(there)
    yield
    await looker.close()
    fake_service.remove("one-rtx")
    fake_service.remove("one-a100")


def affinity(pod):
    required = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    return [term["matchExpressions"] for term in required["nodeSelectorTerms"]]


BOUND = [[{"key": PRODUCT, "operator": "In", "values": [A100]}]]


async def started(cluster, load, name):
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    pod = await until(lambda: pods.pod_of(cluster, name))
    assert pods.asked(pod)["limits"]["nvidia.com/gpu"] == "1"
    return affinity(pod)


async def test_the_form_offers_models_with_what_is_free_of_each(person):
    page = await person.form()
    options = re.findall(r'<option value="([^"]*)"[^>]*>([^<]*)</option>', page.partition('name="gpu_kind"')[2])

    assert options[:3] == [
        ("nvidia.com/gpu", "Any GPU: 5 of 6 free"),
        (f"nvidia.com/gpu={A100}", "A100 40 GB: 3 of 4 free"),
        (f"nvidia.com/gpu={RTX}", "RTX 4090 (24 GB): 1 of 1 free"),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"gpu_kind": f"nvidia.com/gpu={A100}"},  # as the page's field says it
        {"gpu_resource": "nvidia.com/gpu", "gpu_kind": A100},
        {"gpu_kind": A100},
    ],
)
async def test_a_submitted_model_binds_the_pod_and_is_saved(hub, person, cluster, load, fields):
    await person.submit(**FORM, **fields)

    assert await started(cluster, load, person.name) == BOUND
    _, saved = await hub.api("GET", f"/users/{person.name}?include_stopped_servers")
    assert saved["servers"][""]["user_options"]["gpu_kind"] == A100


async def test_rest_and_a_start_of_an_administrator_bind_it_too(hub, person, cluster, load):
    status, _ = await hub.api("POST", f"/users/{person.name}/server", OPTIONS)

    assert status in (201, 202)
    assert await started(cluster, load, person.name) == BOUND


async def test_a_restart_with_saved_options_keeps_it(hub, person, cluster, load):
    until = load("moorage_test_rig").until
    await hub.api("POST", f"/users/{person.name}/server", OPTIONS)
    await started(cluster, load, person.name)
    await hub.api("DELETE", f"/users/{person.name}/server")
    await until(lambda: load("moorage_test_pods").pod_of(cluster, person.name) is None)

    async def again():
        status, _ = await hub.api("POST", f"/users/{person.name}/server")
        return status in (201, 202)

    await until(again)

    assert await started(cluster, load, person.name) == BOUND


async def test_the_verdict_is_on_the_pod_with_its_affinity(hub, person, fake_service):
    page = await person.form()
    token = re.search(r"_xsrf=([^\"&]+)", page)[1]
    body = {**FORM, "gpu_resource": "nvidia.com/gpu", "gpu_kind": A100}
    fake_service.verdict = {
        "fits": False,
        "answer": "waits",
        "nodes": {
            "one-rtx": {"fits": False, "reasons": [{"message": "m", "text": "does not match"}]},
            "one-a100": {"fits": False, "reasons": [{"message": "m", "text": "no room"}]},
        },
        "would_work": {},
    }

    async with person.http.post(f"{hub.url}/hub/moorage/fit", json=body, headers={"X-XSRFToken": token}) as answer:
        told = await answer.json()

    assert affinity(fake_service.asked[-1]["pod"]) == BOUND
    reasons = {name: told["kinds"][place]["reasons"][0]["text"] for name, place in told["nodes"].items()}
    assert reasons == {"one-rtx": "It has no A100 40 GB.", "one-a100": "no room"}
    assert {"text": "1 × RTX 4090 (24 GB)", "use": {"gpu_resource": "nvidia.com/gpu", "gpu_kind": RTX}} in told[
        "would_work"
    ]


async def test_a_model_that_is_gone_is_refused_and_a_saved_one_stays_the_choice_and_is_marked(hub, person, load):
    await hub.api("POST", f"/users/{person.name}/server", OPTIONS)
    status, answer = await hub.api("POST", f"/users/{person.name}/servers/x", {**OPTIONS, "gpu_kind": "Tesla-V100"})
    assert status == 400, json.dumps(answer)
    assert "No node that you can use has the GPU “Tesla-V100”" in answer["message"]

    _, page = await person.submit("/hub/spawn/" + person.name + "/y", **FORM, gpu_kind="nvidia.com/gpu=Tesla-V100")

    assert '<option value="nvidia.com/gpu=Tesla-V100" selected>V100 (not offered)</option>' in page


async def test_an_unknown_key_still_names_the_nearest(hub, person):
    status, answer = await hub.api("POST", f"/users/{person.name}/server", {**OPTIONS, "gpu_kinds": "x"})

    assert status == 400
    assert "Did you mean “gpu_kind”?" in answer["message"]
