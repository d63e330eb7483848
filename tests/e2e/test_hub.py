"""A real hub on the real API server: the choice becomes the pod, the scheduler puts it where it was chosen, refusals come before the spawn,
and an open page never shows a wrong number for longer than five seconds, whatever breaks behind it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rig.api import Obj
from rig.controlplane import ControlPlane
from rig.hub import NAMESPACE, Hub, Page, hub
from rig.objects import add_node, node, pod
from rig.processes import until
from rig.proxy import Wire, wire
from rig.rights import grant
from rig.service import Service, service

GI = 1 << 30
LONGEST = 5.0
CHOICE = {
    "moorage": 1,
    "node": "berth-1",
    "cpu": "2",
    "memory": "3Gi",
    "gpu": 1,
    "gpu_resource": "nvidia.com/gpu",
    "image": "notebook",
}


@pytest.fixture(scope="module")
def harbour(own: ControlPlane) -> ControlPlane:
    add_node(
        own.admin, node("berth-1", cpu="8", memory="32Gi", gpu=1, labels={"kubernetes.io/hostname": "berth-1.lan"})
    )
    add_node(own.admin, node("berth-2", cpu="4", memory="16Gi"))
    return own


@pytest.fixture(scope="module")
def cut(harbour: ControlPlane) -> Iterator[Wire]:
    with wire(harbour.port) as made:
        yield made


@pytest.fixture(scope="module")
def served(harbour: ControlPlane, cut: Wire) -> Iterator[Service]:
    """The service with its own account and no other right, behind a wire."""
    kubeconfig = harbour.write_kubeconfig(
        harbour.folder / "service.kubeconfig", token=grant(harbour.admin), server=f"https://127.0.0.1:{cut.port}"
    )
    with service(kubeconfig, folder=harbour.folder) as made:
        yield made


@pytest.fixture(scope="module")
def the_hub(harbour: ControlPlane, served: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with hub(harbour, service_url=served.url, folder=tmp_path_factory.mktemp("hub")) as made:
        yield made


@pytest.fixture
def tidy(harbour: ControlPlane) -> Iterator[None]:
    """Nobody ends a pod here but the test: after each, no pod is left and everything is free again."""
    yield
    for kind in ("ResourceQuota", "LimitRange"):
        for left in harbour.admin.list(kind, namespace=NAMESPACE):
            harbour.admin.delete(kind, left["metadata"]["name"], namespace=NAMESPACE)
    _remove_pods(harbour)


def _remove_pods(harbour: ControlPlane) -> None:
    for left in harbour.admin.list("Pod"):
        harbour.admin.delete("Pod", left["metadata"]["name"], namespace=left["metadata"]["namespace"], grace=0)


def _pods(harbour: ControlPlane) -> list[Obj]:
    return harbour.admin.list("Pod", namespace=NAMESPACE)


def _bound(harbour: ControlPlane) -> Obj:
    def found() -> Obj | None:
        return next((made for made in _pods(harbour) if made["spec"].get("nodeName")), None)

    return until(found, within=15, what="the scheduler has placed the server's pod")


def _free(page_or_nodes: dict[str, Obj], name: str) -> tuple[int, int, int]:
    found = page_or_nodes[name]["available"]
    return found["cpu_millicores"], found["memory_bytes"], found["gpu"]


def _cpu(name: str, milli: int) -> Callable[[dict[str, Obj]], bool]:
    """Of a page's nodes."""

    def true(nodes: dict[str, Obj]) -> bool:
        return bool(nodes[name]["cpu"]["available"] == milli)

    return true


def _assert_is_the_choice(made: Obj) -> None:
    container = made["spec"]["containers"][0]
    assert made["spec"]["nodeSelector"] == {"kubernetes.io/hostname": "berth-1.lan"}
    assert made["spec"]["nodeName"] == "berth-1"
    assert container["image"] == "localhost/notebook:1"
    assert container["resources"] == {
        "limits": {"cpu": "2", "memory": "3Gi", "nvidia.com/gpu": "1"},
        "requests": {"cpu": "1", "memory": "3Gi", "nvidia.com/gpu": "1"},
    }


@pytest.mark.usefixtures("tidy")
def test_a_choice_by_rest_becomes_the_pod_on_the_chosen_node_and_its_room_is_taken(
    harbour: ControlPlane, served: Service, the_hub: Hub
) -> None:
    before = _free(served.nodes(), "berth-1")

    status, body = the_hub.start_server("rest", CHOICE)
    made = _bound(harbour)

    assert status in (201, 202), body
    _assert_is_the_choice(made)
    after = (before[0] - 1000, before[1] - 3 * GI, before[2] - 1)
    until(lambda: _free(served.nodes(), "berth-1") == after, within=10, what="exactly the choice is no longer free")
    _remove_pods(harbour)
    until(lambda: _free(served.nodes(), "berth-1") == before, within=10, what="it is free again")


@pytest.mark.usefixtures("tidy")
def test_a_choice_on_the_form_becomes_the_same_pod(harbour: ControlPlane, the_hub: Hub) -> None:
    with the_hub.person("form") as person:
        answer = person.submit(
            node="berth-1", cpu="2", memory="3Gi", gpu="1", gpu_resource="nvidia.com/gpu", image="notebook"
        )

    assert answer.status_code == 302, answer.text
    _assert_is_the_choice(_bound(harbour))


@pytest.mark.usefixtures("tidy")
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"node": "nowhere"}, "There is no node"),
        ({"cpu": "900"}, "is too much"),
        ({"memory": "plenty"}, "plenty"),
        ({"gpu": 2}, "is too much"),
        ({"image": "unheard-of"}, "is not offered"),
        ({"gpu_resource": "amd.com/gpu"}, "is not offered"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_choice_that_cant_be_had_is_refused_in_words_before_any_pod(
    harbour: ControlPlane, the_hub: Hub, wrong: Obj, words: str
) -> None:
    status, body = the_hub.start_server("wrong", {**CHOICE, **wrong})

    assert status == 400, body
    assert words in body["message"]
    assert _pods(harbour) == []


@pytest.mark.usefixtures("tidy")
def test_a_quota_refuses_before_the_spawn_in_the_servers_words(harbour: ControlPlane, the_hub: Hub) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "lab", "namespace": NAMESPACE},
        "spec": {"hard": {"requests.memory": "2Gi"}},
    }
    harbour.admin.create(quota)
    until(
        lambda: harbour.admin.get("ResourceQuota", "lab", namespace=NAMESPACE).get("status", {}).get("hard"),
        within=15,
        what="the quota is counted",
    )

    status, body = the_hub.start_server("quota", CHOICE)
    with the_hub.person("quota-form") as person:
        page = person.submit(node="berth-1", cpu="2", memory="3Gi", gpu="0", image="notebook")

    assert (status, page.status_code) == (400, 400)
    assert 'id="spawn_form"' in page.text
    for text in (body["message"], page.text):
        assert "exceeded quota: lab" in text
    assert _pods(harbour) == []


@pytest.mark.usefixtures("tidy")
def test_a_limit_range_refuses_before_the_spawn_in_the_servers_words(harbour: ControlPlane, the_hub: Hub) -> None:
    limits = {"limits": [{"type": "Container", "max": {"memory": "2Gi"}}]}
    harbour.admin.create(
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {"name": "small", "namespace": NAMESPACE},
            "spec": limits,
        }
    )
    # Admission reads LimitRanges from a cache of its own.
    too_much = pod("try", namespace=NAMESPACE, memory="3Gi")
    too_much["spec"]["containers"][0]["resources"]["limits"] = {"memory": "3Gi"}
    until(lambda: _is_refused(harbour, too_much), within=10, what="the API server has seen the LimitRange")

    status, body = the_hub.start_server("limits", CHOICE)

    assert status == 400, body
    assert "maximum memory usage per Container is 2Gi" in body["message"]
    assert _pods(harbour) == []


def _is_refused(harbour: ControlPlane, made: Obj) -> bool:
    from rig.api import Refused

    try:
        harbour.admin.create(made, dryRun="All")
    except Refused as refused:
        return refused.status == 403
    return False


@pytest.fixture
def open_form(the_hub: Hub, harbour: ControlPlane, served: Service, tidy: None) -> Iterator[Page]:
    """A form that stays open, and is watched for wrong numbers."""
    until(lambda: _free(served.nodes(), "berth-1")[0] == 8000, within=20, what="everything is free")
    with the_hub.person("watcher") as person, Page(person) as made:
        until(
            lambda: made.nodes and _cpu("berth-1", 8000)(made.nodes),
            within=5,
            what="the page shows that everything is free",
        )
        made.true = _cpu("berth-1", 8000)
        yield made


def _comes_true(page: Page, true: Callable[[dict[str, Obj]], bool], *, within: float = LONGEST) -> None:
    page.true = true
    until(lambda: page.status.get("live") and true(page.nodes), within=within, what="the page is live and right")
    assert page.longest < LONGEST


def test_an_open_form_survives_a_restart_of_the_api_server(
    harbour: ControlPlane, the_hub: Hub, open_form: Page
) -> None:
    harbour.apiserver.kill()
    until(lambda: not open_form.status["live"], within=LONGEST, what="the page says that its numbers are old")
    with the_hub.person("late") as late:
        shown = late.form()
    harbour.restart_apiserver()
    harbour.admin.create(pod("another", on="berth-1", cpu="2"))

    _comes_true(open_form, _cpu("berth-1", 6000), within=10)

    assert "berth-2" in shown


@pytest.mark.usefixtures("tidy")
def test_a_server_starts_from_a_form_that_was_open_over_a_restart(
    harbour: ControlPlane, the_hub: Hub, open_form: Page
) -> None:
    with the_hub.person("patient") as person:
        person.form()
        harbour.restart_apiserver()
        answer = person.submit(
            node="berth-1", cpu="2", memory="3Gi", gpu="1", gpu_resource="nvidia.com/gpu", image="notebook"
        )

    assert answer.status_code == 302, answer.text
    _assert_is_the_choice(_bound(harbour))
    _comes_true(open_form, _cpu("berth-1", 7000), within=10)


def test_an_open_form_hears_of_a_change_behind_a_half_open_watch(
    harbour: ControlPlane, cut: Wire, open_form: Page
) -> None:
    cut.silence_open_connections()
    harbour.admin.create(pod("unheard", on="berth-1", cpu="3"))

    _comes_true(open_form, _cpu("berth-1", 5000))


def test_an_open_form_survives_forgotten_history(harbour: ControlPlane, cut: Wire, open_form: Page) -> None:
    cut.cut()
    harbour.admin.create(pod("meanwhile", on="berth-1", cpu="1"))
    harbour.compact()
    harbour.restart_apiserver()
    cut.mend()

    _comes_true(open_form, _cpu("berth-1", 7000), within=15)


def test_an_open_form_survives_a_restart_of_the_store(harbour: ControlPlane, open_form: Page) -> None:
    harbour.restart_etcd()
    harbour.admin.create(pod("after", on="berth-1", cpu="4"))

    _comes_true(open_form, _cpu("berth-1", 4000), within=10)


def test_an_open_form_says_that_a_drained_node_is_closed(
    harbour: ControlPlane, open_form: Page, kubectl: Callable[..., str], tmp_path: Path
) -> None:
    kubectl(harbour.kubeconfig, "drain", "berth-2", "--force", "--disable-eviction", "--timeout=20s")

    _comes_true(
        open_form, lambda nodes: nodes["berth-2"]["closed"] is not None and nodes["berth-2"]["cpu"]["available"] == 0
    )

    kubectl(harbour.kubeconfig, "uncordon", "berth-2")
    _comes_true(
        open_form, lambda nodes: nodes["berth-2"]["closed"] is None and nodes["berth-2"]["cpu"]["available"] == 4000
    )
