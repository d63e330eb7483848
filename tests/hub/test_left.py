"""What is left of a team's quota, before anything is chosen, and the kind of a hook's refusal."""

from fractions import Fraction

import pytest

from moorage.hub.choice.offered.left import of_quota
from moorage.hub.choice.offered.offer import Choice, Offer
from moorage.hub.pages.form.said import team

on_a_hub = pytest.mark.asyncio(loop_scope="session")

GI = 1 << 30
NVIDIA = "nvidia.com/gpu"


def entry(resource, left, asked=0):
    return {"name": "team", "resource": resource, "left": left, "asked": asked, "hard": left}


CHOICE = Choice(2000, 4 * GI, 1, NVIDIA, cpu_request_milli=1000)


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ([entry("limits.cpu", 6000, 2000)], {"cpu": 6000}),
        ([entry("requests.cpu", 3000, 1000)], {"cpu": 6000}),
        # A side container takes half a core of the limit.
        ([entry("limits.cpu", 6000, 2500)], {"cpu": 5500}),
        ([entry("limits.cpu", 6000, 2000), entry("cpu", 500, 1000)], {"cpu": 1000}),
        ([entry("requests.memory", 8 * GI, 4 * GI)], {"memory": 8 * GI}),
        ([entry(f"requests.{NVIDIA}", 2, 1)], {NVIDIA: 2}),
        ([entry("pods", 3, 1), entry("count/pods", 2, 1)], {"servers": 2}),
        ([entry("requests.example.com/fpga", 2), entry("hugepages-2Mi", 1)], {}),
        ([entry("limits.cpu", -1), 7, {"resource": "pods", "left": "3"}], {"cpu": 0}),
        (None, {}),
        ("nonsense", {}),
    ],
)
def test_what_a_quota_leaves_for_a_choice_is_exact_and_holds_for_every_choice(told, left):
    assert of_quota(told, CHOICE, Offer()) == left


def test_a_quota_on_requests_says_nothing_where_nothing_of_the_choice_is_requested():
    assert of_quota([entry("requests.cpu", 3000)], CHOICE, Offer(cpu_guarantee_ratio=Fraction(0))) == {}


def test_it_is_said_in_one_sentence():
    assert team({"servers": 1, NVIDIA: 2, "memory": 24 * GI, "cpu": 0}) == [
        "Your team has no CPU, 24 GiB memory, 2 GPUs and 1 server left."
    ]
    assert team({}) == []


CONFIG = """
from tornado import web

def modify(spawner, pod):
    if spawner.user.name == "closed" or spawner.cpu_limit > 4:
        raise web.HTTPError(403, "At most %s CPU on Mondays", 4)
    return pod

c.KubeSpawner.modify_pod_hook = modify
"""


async def ask(hub, person, **fields):
    headers = {"X-XSRFToken": await person.token()}
    form = {"node": "", "cpu": "2", "memory": "3Gi", "gpu": "0", "image": "minimal", **fields}
    async with person.http.post(f"{hub.url}/hub/moorage/fit", json=form, headers=headers) as answer:
        return await answer.json()


@on_a_hub
@pytest.mark.parametrize(("name", "no", "ways"), [("anybody", "change", ["The defaults"]), ("closed", "never", [])])
async def test_a_refusal_by_an_administrators_hook_is_of_a_kind(own_hub, name, no, ways):
    person = await own_hub.log_in(name)

    answer = await ask(own_hub, person, cpu="8")

    assert answer["refusal"] == "At most 4 CPU on Mondays"
    assert (answer["no"], [way["text"] for way in answer["would_work"]]) == (no, ways)
    await person.close()


@on_a_hub
async def test_the_verdict_brings_what_the_service_knows_to_be_left(hub, person, fake_service):
    fake_service.verdict = {"fits": True, "nodes": {}, "would_work": {}, "quota": [entry("limits.cpu", 6000, 2000)]}

    assert (await ask(hub, person))["left"] == ["Your team has 6 CPU left."]
