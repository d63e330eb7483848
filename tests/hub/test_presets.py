"""Presets: read, offered to whom they are for, chosen on each path, and alone where there is nothing else."""

import html
import re

import pytest
from traitlets import TraitError

from moorage.hub.presets import InvalidPreset, of, read
from moorage.hub.spawner import MoorageSpawner

on_a_hub = pytest.mark.asyncio(loop_scope="session")

CONFIG = """
# A refusal is the answer however busy the machine is.
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 60}
c.MoorageSpawner.presets = [
    {"name": "small", "display_name": "Small", "description": "For <b>notes</b>", "cpu": "1", "memory": "2Gi", "gpu": 0},
    {"name": "card", "display_name": "A card", "cpu": 4, "memory": "8Gi", "gpu": 1, "gpu_resource": "nvidia.com/gpu",
     "image": "torch", "nodes": "pool=gpu", "gpu_kind": "NVIDIA-A100-SXM4-40GB", "allowed_groups": ["lab"]},
    {"name": "node", "display_name": "On borg", "memory": "1Gi", "node": "borg"},
]
async def only(spawner):
    return spawner.user.name.startswith("only") or spawner.user.name == "nothing"
c.MoorageSpawner.presets_only = only
c.MoorageSpawner.cpu_max = lambda spawner: "2" if spawner.user.name == "bounded" else ""
c.Spawner.group_overrides = {
    "10": {"groups": ["empty"], "spawner_override": {"presets": lambda spawner: []}},
}
c.JupyterHub.load_groups = {"lab": {"users": ["labmate", "onlylab", "bounded", "former"]}, "empty": {"users": ["nothing"]}}
"""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"display_name": "Small"}, "its name must be"),
        ({"name": "Small"}, "its name must be"),
        ({"name": "s", "cpus": 2}, "unknown key “cpus”; did you mean cpu?"),
        ({"name": "s", "allowed_group": []}, "did you mean allowed_groups?"),
        ({"name": "s", "memory": "much"}, "memory: “much” is not a valid amount"),
        ({"name": "s", "nodes": "a b"}, "is not a label selector"),
        ({"name": "s", "allowed_groups": "lab"}, "allowed_groups can't be"),
        ({"name": "s", "image": 1}, "image can't be"),
        ("small", "must be a dictionary"),
    ],
)
def test_a_preset_with_a_typing_error_names_it(value, words):
    with pytest.raises(InvalidPreset, match=re.escape(words)):
        read([value])
    spawner = MoorageSpawner.__new__(MoorageSpawner)
    with pytest.raises(TraitError, match="presets"):
        spawner.presets = [value]


def test_names_and_the_default_are_one_each():
    for twice in ([{"name": "a"}, {"name": "a"}], [{"name": "a", "default": True}, {"name": "b", "default": True}]):
        with pytest.raises(InvalidPreset):
            read(twice)


def test_a_preset_is_for_all_or_for_members_of_any_of_its_groups():
    presets = read(
        [{"name": "all"}, {"name": "lab", "allowed_groups": ["a", "b"]}, {"name": "none", "allowed_groups": []}]
    )

    assert [each.name for each in of(presets, ())] == ["all"]
    assert [each.name for each in of(presets, ("b", "c"))] == ["all", "lab"]


def test_a_preset_says_its_amounts():
    preset = read([{"name": "a", "cpu": "1500m", "memory": "3Gi", "gpu": 2, "gpu_kind": "NVIDIA-A100"}])[0]

    assert preset.words() == "1.5 CPU, 3 GiB memory, 2 A100"
    assert preset.values() == {"cpu": "1500m", "memory": "3Gi", "gpu": "2", "gpu_kind": "NVIDIA-A100"}


@pytest.fixture(scope="module")
def prepared(own_hub, cluster):
    """The hub, on a cluster whose atlas is of a pool and tells its card."""
    labels = {"pool": "gpu", "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB"}
    cluster.patch("nodes", None, "atlas", {"metadata": {"labels": labels}})
    return own_hub


@pytest.fixture
def pod(cluster, load, prepared):
    async def pod(name):
        found = await load("moorage_test_rig").until(
            lambda: load("moorage_test_pods").pod_of(cluster, name), what=prepared.tail
        )
        return found, load("moorage_test_pods").asked(found)

    return pod


async def asks(person, path, **fields):
    headers = {"X-XSRFToken": await person.token()}
    body = {"user": person.name, "server": "", **fields}
    async with person.http.post(f"{person.hub.url}/hub/moorage/{path}", json=body, headers=headers) as answer:
        assert answer.status == 200
        return await answer.json()


async def start(hub, name, **options):
    await hub.api("POST", f"/users/{name}")
    status, answer = await hub.api("POST", f"/users/{name}/server", {"moorage": 1, **options})
    return status, answer["message"] if status == 400 else ""


@on_a_hub
async def test_the_form_has_the_presets_of_its_person_and_no_others(prepared):
    person, labmate = await prepared.log_in("anybody"), await prepared.log_in("labmate")

    page, theirs = await person.form(), await labmate.form()

    assert "Small: 1 CPU, 2 GiB memory" in page
    assert "For &lt;b&gt;notes&lt;/b&gt;" in page
    assert "A card" not in page
    assert "A card: 4 CPU, 8 GiB memory, 1 A100 40 GB" in theirs
    assert ">By hand</option>" in page
    await person.close()
    await labmate.close()


@on_a_hub
async def test_a_preset_is_chosen_by_form_and_what_a_page_without_javascript_posts_beside_it_is_the_presets(
    prepared, pod
):
    person = await prepared.log_in("byform")

    status, where = await person.submit(preset="small", node="", cpu="7", memory="30Gi", gpu="1", image="torch")

    assert status == 302, where
    _, asked = await pod("byform")
    assert asked["limits"] == {"cpu": "1", "memory": "2Gi"}
    assert asked["image"] == "registry.example/jupyter/torch:latest"
    await person.close()


@on_a_hub
async def test_by_rest_a_preset_with_other_amounts_beside_it_is_refused(prepared):
    assert await start(prepared, "contrary", preset="small", cpu="2") == (
        400, "Preset Small sets “cpu” to 1. Leave it out, or choose without a preset.",
    )  # fmt: skip
    assert (await start(prepared, "contrary", preset="card"))[1] == (
        "Preset “card” is not offered. Choose one of: Small, On borg."
    )


@on_a_hub
async def test_a_preset_with_a_model_and_a_selector_binds_the_pod(prepared, pod):
    status, message = await start(prepared, "labmate", preset="card")

    assert status in (201, 202), message
    made, asked = await pod("labmate")
    assert asked["limits"] == {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "1"}
    assert asked["image"] == "registry.example/jupyter/torch:latest"
    required = made["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert required["nodeSelectorTerms"] == [
        {
            "matchExpressions": [
                {"key": "pool", "operator": "In", "values": ["gpu"]},
                {"key": "nvidia.com/gpu.product", "operator": "In", "values": ["NVIDIA-A100-SXM4-40GB"]},
            ]
        }
    ]
    await prepared.api("DELETE", "/users/labmate/server")


@on_a_hub
async def test_what_is_set_for_a_person_holds_for_presets_too(prepared):
    person = await prepared.log_in("bounded")

    page = await person.form()

    assert "Small" in page
    assert "A card" not in page
    assert (await start(prepared, "bounded", preset="card"))[0] == 400
    await person.close()


@on_a_hub
async def test_a_restart_takes_what_the_preset_is_now_and_not_one_that_is_no_longer_theirs(prepared, load):
    assert (await start(prepared, "former", preset="card"))[0] in (201, 202)

    async def ready():
        return (await prepared.api("GET", "/users/former"))[1]["servers"].get("", {}).get("ready")

    await load("moorage_test_rig").until(ready)
    saved = (await prepared.api("GET", "/users/former"))[1]["servers"][""]["user_options"]
    await prepared.api("DELETE", "/users/former/server")
    await prepared.api("DELETE", "/groups/lab/users", {"users": ["former"]})

    status, answer = await prepared.api("POST", "/users/former/server")

    assert {name: value for name, value in saved.items() if value is not None} == {"moorage": 1, "preset": "card"}
    assert (status, answer["message"]) == (400, "Preset “card” is not offered. Choose one of: Small, On borg.")


@on_a_hub
@pytest.mark.parametrize("name", ["only-a", "onlylab"])
async def test_presets_only_leaves_no_free_number_on_any_path(prepared, name):
    person = await prepared.log_in(name)
    free = {"cpu": "7", "memory": "30Gi", "gpu": "1"}

    page = html.unescape(await person.form())
    status, refusal = await person.submit(node="", **free)
    beside, _ = await person.submit(preset="small", node="", **free)
    by_rest = [
        await start(prepared, name, **options) for options in (free, {"cpu": "7"}, {"preset": "small", "gpu": 1})
    ]

    assert "By hand" not in page
    assert '<fieldset class="moorage-sizes" disabled hidden>' in page
    assert status != 302
    assert beside != 302
    assert "This hub offers presets only." in html.unescape(refusal)
    assert (await asks(person, "fit", **free))["refusal"].startswith("This hub offers presets only.")
    assert [status for status, _ in by_rest] == [400, 400, 400]
    assert await prepared.failures() == 0
    await person.close()


@on_a_hub
async def test_presets_only_takes_the_first_where_nobody_chose(prepared, pod):
    status, message = await start(prepared, "only-b")

    assert status in (201, 202), message
    assert (await pod("only-b"))[1]["limits"] == {"cpu": "1", "memory": "2Gi"}


@on_a_hub
async def test_who_is_offered_no_preset_on_a_hub_with_presets_only_gets_nothing(prepared):
    person = await prepared.log_in("nothing")

    assert "No preset is offered to you." in html.unescape(await person.form())
    assert (await start(prepared, "nothing"))[0] == 400
    await person.close()


@on_a_hub
async def test_what_each_preset_would_get_now_is_told(prepared, fake_service):
    person = await prepared.log_in("curious")
    fake_service.verdict = lambda asked: {
        "fits": (fits := asked["pod"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] == "1"),
        "revision": 1,
        "prefilter": None,
        "nodes": {"atlas": {"fits": fits, "reasons": []}, "borg": {"fits": False, "reasons": []}},
        "would_work": {},
    }

    told = await asks(person, "presets", cpu="3", memory="3Gi", gpu="0")

    fake_service.verdict = None
    assert told == {
        "small": {"fits": True, "text": "fits on atlas"},
        "node": {"fits": False, "text": "doesn't fit right now"},
    }
    await person.close()
