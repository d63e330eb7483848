"""What one person may hold over all their servers."""

import asyncio
import html

import pytest
from traitlets import TraitError

from moorage.hub.limits import Holding, Limits, read
from moorage.hub.spawner import MoorageSpawner

GI = 1 << 30
GPU, SLICE = "nvidia.com/gpu", "nvidia.com/mig-1g.5gb"

CONFIG = """
# A refusal is the answer however busy the machine is.
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 60}
c.MoorageSpawner.user_limits = {"cpu": "4", "memory": "8Gi", "gpu": 1, "servers": 3}
c.KubeSpawner.profile_list = [
    {"display_name": "Plain", "slug": "plain", "default": True, "kubespawner_override": {}},
    {"display_name": "Large", "slug": "large", "kubespawner_override": {"cpu_limit": 4.0, "mem_limit": "8G"}},
]
c.Spawner.group_overrides = {"10-lab": {"groups": ["lab"], "spawner_override": {"user_limits": {"cpu": "6"}, "cpu_max": "2"}}}
c.JupyterHub.load_groups = {"lab": {"users": ["labmate"]}}
"""


def test_limits_are_read_exactly_and_a_typing_error_is_no_missing_limit():
    assert read({"cpu": "1.5", "memory": "2Gi", GPU: 2, "servers": "3"}) == {
        "cpu": 1500,
        "memory": 2 * GI,
        GPU: 2,
        "servers": 3,
    }
    spawner = MoorageSpawner.__new__(MoorageSpawner)
    for wrong in ({"cpus": "2"}, {"memory": "lots"}, {GPU: -1}, {"gpu": True}):
        with pytest.raises(TraitError, match="user_limits"):
            spawner.user_limits = wrong
    with pytest.raises(TraitError, match="did you mean servers"):
        spawner.user_limits = {"server": 2}


def test_every_kind_of_gpu_counts_where_the_limit_is_on_all():
    limits = Limits(read({"gpu": 2}), (Holding("", {SLICE: 1}),))

    assert limits.left_of(GPU) == 1
    assert limits.passed({GPU: 1}) is None
    assert limits.passed({GPU: 2}) == "gpu"


def test_a_limit_that_is_passed_already_leaves_nothing_and_not_less():
    assert Limits(read({"cpu": "1"}), (Holding("", {"cpu": 3000}),)).left("cpu") == 0


async def start(hub, name, server="", **options):
    status, answer = await hub.api("POST", f"/users/{name}/servers/{server}", {"moorage": 1, **options})
    return status, answer["message"] if status == 400 else ""


@pytest.mark.asyncio(loop_scope="session")
async def test_what_other_servers_hold_is_taken_off_and_comes_back_when_they_are_stopped(own_hub, load):
    person = await own_hub.log_in("several")

    assert (await start(own_hub, "several", cpu="3", memory="2Gi", gpu=1))[0] in (201, 202)
    page = html.unescape(await person.form("/hub/spawn/several/second"))
    too_much = await start(own_hub, "several", "second", cpu="2", memory="2Gi")
    no_gpu = await start(own_hub, "several", "second", cpu="1", memory="2Gi", gpu=1)
    fits = await start(own_hub, "several", "second", cpu="1", memory="2Gi")
    await own_hub.api("DELETE", "/users/several/server")

    assert "You may have up to 4 CPU, 8 GiB memory, 1 GPU and 3 servers over all your servers." in page
    assert "Left: 1 CPU, 6 GiB memory, no GPU and 2 servers." in page
    assert 'id="moorage-cpu-help">0.1 to 1<' in page
    assert too_much == (
        400, "You may have up to 4 CPU over all your servers and have 3 CPU. Choose less or stop a server.",
    )  # fmt: skip
    assert no_gpu[0] == 400
    assert no_gpu[1].startswith("You may have up to 1 GPU over all your servers and have 1 GPU.")
    assert fits[0] in (201, 202)

    async def again():
        return (await start(own_hub, "several", "third", cpu="3", memory="1Gi", gpu=1))[0] in (201, 202)

    await load("moorage_test_rig").until(again)
    assert await own_hub.failures() == 0
    await person.close()


@pytest.mark.asyncio(loop_scope="session")
async def test_of_starts_at_the_same_moment_no_more_get_through_than_may(own_hub):
    await own_hub.api("POST", "/users/hasty")

    answers = await asyncio.gather(*(start(own_hub, "hasty", f"s{n}", cpu="2", memory="1Gi") for n in range(3)))

    assert sorted(status == 400 for status, _ in answers) == [False, False, True]


@pytest.mark.asyncio(loop_scope="session")
async def test_only_so_many_servers_at_a_time(own_hub):
    await own_hub.api("POST", "/users/many")
    for n in range(3):
        assert (await start(own_hub, "many", f"s{n}", cpu="1", memory="1Gi"))[0] in (201, 202)

    assert await start(own_hub, "many", "s3", cpu="1", memory="1Gi") == (
        400, "You may have 3 servers at a time. Stop one of yours first.",
    )  # fmt: skip


@pytest.mark.asyncio(loop_scope="session")
async def test_a_profile_of_kubespawner_alone_does_not_pass_the_limits(own_hub):
    await own_hub.api("POST", "/users/profiled")
    assert (await start(own_hub, "profiled", cpu="1", memory="1Gi"))[0] in (201, 202)

    status, answer = await own_hub.api("POST", "/users/profiled/servers/second", {"profile": "large"})

    assert (status, answer["message"]) == (
        400, "You may have up to 4 CPU over all your servers and have 1 CPU. Choose less or stop a server.",
    )  # fmt: skip
    assert await own_hub.failures() == 0


@pytest.mark.asyncio(loop_scope="session")
async def test_a_profile_does_not_pass_what_a_group_says_either(own_hub):
    await own_hub.api("POST", "/users/labmate")

    alone = await own_hub.api("POST", "/users/labmate/server", {"profile": "large"})
    with_ours = await start(own_hub, "labmate", profiles={"profile": "large"}, cpu="4")

    for status, message in ((alone[0], alone[1]["message"]), with_ours):
        assert status == 400
        assert "Your group lab may have up to 2" in message
