"""`POST /api/v1/cluster/fit`, where room could be made: placeholders, budgets, and whose names may be seen."""

import pytest

from moorage.service.http.schemas import FitAnswer

FIT = "/api/v1/cluster/fit"
PLACEHOLDER = {"component": "user-placeholder"}


@pytest.fixture
async def full(serve, simulator, node):
    """One node, filled with `pods`, behind a service with these settings."""

    async def made(*pods, others=(), **settings):
        simulator.add(node("n1", cpu="4", memory="8Gi"), *pods, *others)
        service = await serve(api_server=simulator.url, **settings)
        await service.ready()
        await service.until(lambda nodes: nodes and nodes["n1"]["allocated"]["cpu"] == 4)
        return service

    return made


async def ask(service, body, **headers):
    answer = await service.client.post(FIT, json={"pod": body}, headers=headers)
    assert answer.status_code == 200, answer.text
    FitAnswer.model_validate(answer.json())
    return answer.json()


async def test_placeholders_make_room_at_once(full, pod) -> None:
    service = await full(
        pod("keeps-room", on="n1", cpu="4", priority=-10, labels=PLACEHOLDER, terminationGracePeriodSeconds=0)
    )

    answer = await ask(service, pod("ada", cpu="2", memory="1Gi"))

    assert (answer["fits"], answer["answer"]) == (False, "after_eviction")
    assert answer["answer_text"] == "Placeholders make room at once on n1."
    assert answer["evictions"] == {"not_eligible": None, "nodes": ["n1"], "at_once": True}
    assert answer["nodes"]["n1"]["evict"] == {
        "count": 1,
        "budget_violations": 0,
        "longest_grace_seconds": 0,
        "placeholders": 1,
        "servers": 0,
        "pods": [],
    }


async def test_evicting_other_peoples_servers_against_a_budget_is_said_in_words(full, pod) -> None:
    bob = pod("jupyter-bob", on="n1", cpu="4", priority=-1, labels={"component": "singleuser-server"})
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "servers", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"component": "singleuser-server"}}},
        "status": {"disruptionsAllowed": 0},
    }
    service = await full(bob, others=[budget])

    answer = await ask(service, pod("ada", cpu="2", memory="1Gi"))

    assert answer["answer_text"] == (
        "1 pod of lower priority would be evicted on n1, which takes up to 30 s. "
        "1 of them is a notebook server of other people. 1 of them is protected by a disruption budget."
    )


@pytest.mark.parametrize(("policy", "names"), [("hidden", []), ("pod", ["default/low"])])
async def test_names_are_told_as_far_as_policy_lets_them_be_seen(full, pod, policy, names) -> None:
    service = await full(pod("low", on="n1", cpu="4", priority=-10), gpu_holders=policy)

    answer = await ask(service, pod("ada", cpu="2", memory="1Gi"))

    assert answer["nodes"]["n1"]["evict"]["pods"] == names


async def test_a_full_node_of_equals_is_waited_for(full, pod) -> None:
    service = await full(pod("bob", on="n1", cpu="4"))

    answer = await ask(service, pod("ada", cpu="2", memory="1Gi"))

    assert answer["answer"] == "waits"
    assert answer["nodes"]["n1"]["evict"] is None


async def test_what_is_larger_than_any_node_never_fits(full, pod) -> None:
    service = await full(pod("low", on="n1", cpu="4", priority=-10))

    answer = await ask(service, pod("ada", cpu="64", memory="1Gi"))

    assert answer["answer"] == "never"


async def test_a_pod_that_names_its_class_has_the_classes_number(full, pod) -> None:
    high = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "hub-default-priority"},
        "value": 0,
    }
    service = await full(pod("low", on="n1", cpu="4", priority=-10), others=[high])
    ada = pod("ada", cpu="2", memory="1Gi", priorityClassName="hub-default-priority")
    ada["spec"].pop("priority", None)

    answer = await ask(service, ada)

    assert answer["answer"] == "after_eviction"
    assert not any("priority" in sentence for sentence in answer["undecided"])


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("hub-user-scheduler", {}, False),
        ("bin-packing", {"schedulers": ["bin-*"]}, False),
        ("volcano", {}, True),
    ],
)
async def test_a_scheduler_that_is_kube_scheduler_by_another_name_gives_the_same_verdict(
    full, pod, name, settings, told
) -> None:
    service = await full(pod("low", on="n1", cpu="4"), **settings)

    answer = await ask(service, pod("ada", cpu="2", memory="1Gi", schedulerName=name))

    assert any("another scheduler" in sentence for sentence in answer["undecided"]) == told


async def test_budgets_that_may_not_be_read_are_said_to_be_unknown(full, pod, simulator) -> None:
    simulator.faults.revoke_right("poddisruptionbudgets")
    service = await full(pod("low", on="n1", cpu="4", priority=-10))

    answer = await ask(service, pod("ada", cpu="2", memory="1Gi"))

    assert any("poddisruptionbudgets can't be read" in sentence for sentence in answer["undecided"])
