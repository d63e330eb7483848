"""A list of profiles left over beside our fields: profiles fill them, and what is touched by hand has the last word."""

import html
import re

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")

# No image is offered but the configured one, and nobody may have more than the limits.
CONFIG = """
c.KubeSpawner.cpu_limit = 1
c.KubeSpawner.mem_limit = "2G"
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 3}

def broken(spawner):
    raise RuntimeError("no such thing")

c.KubeSpawner.profile_list = [
    {"display_name": "Small", "slug": "small", "default": True, "kubespawner_override": {"environment": {"SIZE": "small"}}},
    {
        "display_name": "GPU <b>big</b>",
        "slug": "gpu",
        "kubespawner_override": {
            "cpu_limit": 4, "mem_limit": "16G", "image": "registry.example/gpu:1",
            "extra_resource_limits": {"nvidia.com/gpu": "1"}, "environment": {"SIZE": "gpu"},
            "node_selector": {"kubernetes.io/hostname": "user-2"}, "lifecycle_hooks": {"preStop": {"exec": {"command": ["true"]}}},
        },
        "profile_options": {
            "size": {
                "display_name": "Size",
                "choices": {
                    "half": {"display_name": "Half", "default": True, "kubespawner_override": {"mem_limit": "8G"}},
                    "whole": {"display_name": "Whole", "kubespawner_override": {"cpu_limit": lambda spawner: 6.0}},
                },
                "unlisted_choice": {
                    "enabled": True, "display_name": "Other", "validation_regex": "^[0-9]+G$",
                    "kubespawner_override": {"mem_limit": "{value}"},
                },
            },
        },
    },
    {"display_name": "Broken", "slug": "broken", "kubespawner_override": {"mem_limit": broken}},
]
"""
HALF = {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "1"}
IMAGE = "registry.example/gpu:1"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def leftover(load, tmp_path_factory):
    """A hub whose service has no list of images."""
    made = load("moorage_test_z2jh").standing(load, tmp_path_factory.mktemp("profiles"), more=CONFIG, images="")
    async with made as (hub, cluster):
        yield hub, cluster


@pytest_asyncio.fixture(loop_scope="session")
async def person(leftover, request):
    hub, _ = leftover
    person = await hub.log_in(f"p{abs(hash(request.node.name)) % 10**8}")
    yield person
    await hub.api("DELETE", f"/users/{person.name}/server")
    await person.close()


@pytest.fixture
def started(leftover, load):
    """What the pod of a person asks for, once it is there."""
    hub, cluster = leftover
    pods = load("moorage_test_pods")

    async def started(name):
        pod = await load("moorage_test_rig").until(lambda: pods.pod_of(cluster, name), what=hub.tail)
        environment = {item["name"]: item.get("value") for item in pod["spec"]["containers"][0]["env"]}
        return {**pods.asked(pod), "size": environment.get("SIZE"), "pod": pod}

    return started


def fields(page):
    """What a form posts when nobody has touched it."""
    found = {}
    for tag in re.findall(r"<input [^>]*>", page, re.DOTALL):
        of = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if of.get("name") and (of.get("type") != "radio" or re.search(r"\bchecked\b", tag)):
            found[of["name"]] = html.unescape(of.get("value", ""))
    for name, options in re.findall(r'<select [^>]*?name="([^"]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        tags = re.findall(r"<option ([^>]*)>", options)
        picked = [tag for tag in tags if re.search(r"\bselected\b", tag)] or tags
        found[name] = html.unescape(re.search(r'value="([^"]*)"', picked[0])[1]) if picked else ""
    return {name: value for name, value in found.items() if name not in ("_xsrf", "next")}


OURS = ("node", "cpu", "memory", "gpu", "image")


def ours(page):
    return {name: value for name, value in fields(page).items() if name in OURS}


async def preset(hub, person, **picked):
    page = await person.form()
    headers = {"X-XSRFToken": await person.token()}
    body = {"user": person.name, "server": "", "shown": fields(page)["shown"], "profile": picked}
    async with person.http.post(f"{hub.url}/hub/moorage/profile", json=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def test_the_form_shows_the_values_of_the_profile_that_it_selects(person):
    page = await person.form()

    assert fields(page)["profile"] == "small"
    assert ours(page) == {"node": "", "cpu": "", "memory": "", "gpu": "0", "image": ""}
    assert "registry.example" not in page or "k8s-singleuser" not in page


async def test_without_javascript_what_nobody_touched_is_the_profiles(person, started):
    untouched = fields(await person.form())

    status, where = await person.submit(**{**untouched, "profile": "gpu"})

    assert status == 302, where
    pod = await started(person.name)
    assert pod["limits"] == HALF
    assert pod["requests"] == {"cpu": "2", "memory": "8Gi", "nvidia.com/gpu": "1"}
    assert (pod["image"], pod["selector"], pod["size"]) == (IMAGE, {"kubernetes.io/hostname": "user-2"}, "gpu")
    assert pod["pod"]["spec"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"] == ["true"]


async def test_without_javascript_what_was_touched_has_the_last_word(person, started):
    untouched = fields(await person.form())

    # The 0 GPUs that stood there already are the profile's 1, and user-1 has none.
    _, page = await person.submit(**{**untouched, "profile": "gpu", "cpu": "3", "node": "user-1", "gpu": "0"})
    status, where = await person.submit(**{**untouched, "profile": "gpu", "cpu": "3", "memory": "3Gi"})

    assert "user-1 has none" in page
    assert status == 302, where
    pod = await started(person.name)
    assert pod["limits"] == {"cpu": "3", "memory": "3Gi", "nvidia.com/gpu": "1"}
    assert (pod["image"], pod["size"]) == (IMAGE, "gpu")


async def test_a_picked_profile_fills_the_fields_of_an_open_page(leftover, person):
    hub, _ = leftover

    same = await preset(hub, person, profile="small")
    half = await preset(hub, person, profile="gpu", **{"profile-option-gpu--size": "half"})
    whole = await preset(hub, person, profile="gpu", **{"profile-option-gpu--size": "whole"})
    other = await preset(hub, person, profile="gpu", **{"profile-option-gpu--size--unlisted-choice": "5G"})

    assert same == {}
    kind = {"gpu": "1", "gpu_resource": "nvidia.com/gpu", "gpu_kind": ""}
    kind |= {"preset": "", "node": "user-2", "image": "", "queue": ""}
    assert half["fields"] == {"cpu": "4", "memory": "8 GiB", **kind}
    assert half["help"] == {"cpu": "0.1 to 4", "memory": "128 MiB to 8 GiB", "gpu": "0 to 1"}
    assert (half["resources"], half["gpu_most"], half["images"]) == (["nvidia.com/gpu"], 1, [["", IMAGE]])
    assert (whole["fields"]["cpu"], whole["fields"]["memory"]) == ("6", "16 GiB")
    assert other["fields"]["memory"] == "5 GiB"


async def test_a_profile_whose_own_function_fails_is_told_and_takes_no_page_down(leftover, person):
    hub, _ = leftover

    answer = await preset(hub, person, profile="broken")
    _, page = await person.submit(**{**fields(await person.form()), "profile": "broken"})
    by_rest, _ = await hub.api(
        "POST", f"/users/{person.name}/server", {"moorage": 1, "profiles": {"profile": "broken"}}
    )

    assert "not offered any more" in answer["refusal"]
    assert by_rest == 400
    assert "not offered any more" in page
    assert 'name="profile"' in page
    assert await hub.failures() == 0


async def test_by_rest_missing_fields_are_the_profiles_and_given_ones_win(leftover, person, started):
    hub, _ = leftover
    chosen = {"moorage": 1, "profiles": {"profile": "gpu", "size": "whole"}, "memory": "6Gi"}

    status, answer = await hub.api("POST", f"/users/{person.name}/server", chosen)

    assert status in (201, 202), answer
    pod = await started(person.name)
    assert pod["limits"] == {"cpu": "6", "memory": "6Gi", "nvidia.com/gpu": "1"}
    assert (pod["image"], pod["selector"], pod["size"]) == (IMAGE, {"kubernetes.io/hostname": "user-2"}, "gpu")


async def test_more_than_the_profile_gives_is_refused(leftover, person):
    hub, _ = leftover

    status, answer = await hub.api(
        "POST", f"/users/{person.name}/server", {"moorage": 1, "profiles": {"profile": "gpu"}, "cpu": "5"}
    )

    assert (status, answer["message"]) == (400, "5 CPU is too much. This hub's limit is 4.")


async def test_automatic_by_hand_takes_the_profiles_node_away(leftover, person, started):
    hub, _ = leftover
    chosen = {"moorage": 1, "profiles": {"profile": "gpu"}, "node": None, "gpu": 0}

    status, answer = await hub.api("POST", f"/users/{person.name}/server", chosen)

    assert status in (201, 202), answer
    assert not (await started(person.name))["selector"]


async def test_a_start_without_options_takes_the_default_profile_and_a_restart_the_last_one(leftover, person, started):
    hub, _ = leftover
    first = {"moorage": 1, "profiles": {"profile": "gpu"}, "cpu": "2", "image": IMAGE}

    await hub.api("POST", f"/users/{person.name}/server", {})
    default = await started(person.name)
    await stopped(hub, person)
    await hub.api("POST", f"/users/{person.name}/server", first)
    chosen = await started(person.name)
    await stopped(hub, person)
    page = await person.form()
    await hub.api("POST", f"/users/{person.name}/server")
    again = await started(person.name)

    assert (default["limits"], default["size"]) == ({"cpu": "1", "memory": "2Gi"}, "small")
    assert chosen["limits"] == {**HALF, "cpu": "2"}
    assert fields(page)["profile"] == "gpu"
    assert ours(page) == {"node": "user-2", "cpu": "2", "memory": "8 GiB", "gpu": "1", "image": ""}
    assert {**again, "pod": None} == {**chosen, "pod": None}


async def test_an_administrators_start_takes_what_the_person_chose_last(leftover, person, started):
    hub, _ = leftover
    await person.submit(**{**fields(await person.form()), "profile": "gpu", "cpu": "3"})
    chosen = await started(person.name)
    await stopped(hub, person)

    _, made = await hub.api("POST", "/users/boss/tokens", {"expires_in": 600})
    status, answer = await hub.api("POST", f"/users/{person.name}/server", token=made["token"])

    assert status in (201, 202), answer
    assert {**await started(person.name), "pod": None} == {**chosen, "pod": None}
    assert chosen["limits"] == {**HALF, "cpu": "3"}


async def test_the_verdict_is_of_the_pod_with_the_profile(leftover, person):
    hub, _ = leftover
    page = await person.form()
    shown = {name: value for name, value in fields(page).items() if not name.startswith("profile")}
    body = {"user": person.name, "server": "", **shown, "profile": {"profile": "gpu"}}

    async with person.http.post(
        f"{hub.url}/hub/moorage/fit", json=body, headers={"X-XSRFToken": await person.token()}
    ) as answer:
        verdict = await answer.json()

    assert "nodes" in verdict, verdict
    fits = [name for name, place in verdict["nodes"].items() if verdict["kinds"][place]["fits"]]
    assert fits == ["user-2"]


async def stopped(hub, person):
    async def gone():
        status, user = await hub.api("GET", f"/users/{person.name}")
        return status == 200 and not user["servers"]

    await hub.api("DELETE", f"/users/{person.name}/server")
    from moorage_test_rig import until

    await until(gone, what=hub.tail)


async def test_after_a_refused_profile_the_next_start_has_nothing_of_it(leftover, person, started):
    hub, _ = leftover
    too_much = {"moorage": 1, "profiles": {"profile": "gpu"}, "cpu": "5"}

    refused, _ = await hub.api("POST", f"/users/{person.name}/server", too_much)
    status, answer = await hub.api("POST", f"/users/{person.name}/server", {"moorage": 1, "cpu": "500m"})

    assert (refused, status in (201, 202)) == (400, True), answer
    pod = await started(person.name)
    assert (pod["limits"], pod["size"]) == ({"cpu": "500m", "memory": "2Gi"}, "small")
    assert not pod["selector"]
    assert not pod["pod"]["spec"]["containers"][0].get("lifecycle")


async def test_a_profile_that_was_chosen_before_there_was_our_form_is_selected_on_it(leftover, person, started):
    hub, _ = leftover
    await hub.api("POST", f"/users/{person.name}/server", {"profile": "gpu", "size": "whole"})
    await started(person.name)
    await stopped(hub, person)

    page = await person.form()

    assert fields(page)["profile"] == "gpu"
    assert fields(page)["profile-option-gpu--size"] == "whole"
    assert ours(page) == {"node": "user-2", "cpu": "6", "memory": "16 GiB", "gpu": "1", "image": ""}


async def test_a_profile_that_is_gone_is_told_to_an_open_page(leftover, person):
    hub, _ = leftover

    answer = await preset(hub, person, profile="gone")

    assert "not offered any more" in answer["refusal"]
