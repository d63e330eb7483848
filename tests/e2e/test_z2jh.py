"""A hub as Zero to JupyterHub makes it, on the real API server with the users' own scheduler and a provisioner: what the form says is what happens,
from a person's first start on.
"""

import importlib.util
from collections.abc import Iterator
from types import ModuleType

import pytest

from rig.api import Obj
from rig.controlplane import ControlPlane
from rig.hub import NAMESPACE, Z2JH, Hub, hub
from rig.objects import add_node, node, pod
from rig.processes import until
from rig.provisioner import ZONE, provisioner
from rig.rights import grant
from rig.service import Service, service
from rig.userscheduler import user_scheduler

FORM = {"node": "", "cpu": "1", "memory": "1Gi", "gpu": "0", "gpu_resource": "nvidia.com/gpu", "image": "notebook"}
CHOICE = {"moorage": 1, "cpu": "1", "memory": "1Gi", "image": "notebook"}
FULLNAMES = ("hub", "lab")


def _module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("moorage_test_z2jh", Z2JH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


z2jh = _module()


@pytest.fixture(scope="module")
def harbour(own: ControlPlane) -> Iterator[ControlPlane]:
    """Nodes for users in two zones, one that is for users alone, one for nobody in particular and one for the hub; two placeholders."""
    user, core = ({z2jh.PURPOSE: purpose} for purpose in ("user", "core"))
    dedicated = [{"key": z2jh.DEDICATED[0], "value": "user", "effect": "NoSchedule"}]
    theirs = [{"key": z2jh.DEDICATED[0], "value": "core", "effect": "NoSchedule"}]
    for made, taints in (
        (node("user-1", labels={**user, ZONE: "a"}), None),
        (node("user-2", labels={**user, ZONE: "b"}), dedicated),
        (node("any-1", labels={ZONE: "b"}), None),
        (node("core-1", labels={**core, ZONE: "a"}), theirs),
    ):
        own.admin.create(made)
        own.admin.patch("Node", made["metadata"]["name"], {"spec": {"taints": taints}})
    own.admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    own.admin.apply(z2jh.storage_class("standard", default=True))
    only_b = [{"matchLabelExpressions": [{"key": ZONE, "values": ["b"]}]}]
    own.admin.apply(z2jh.storage_class("at-once", waits=False, allowedTopologies=only_b))
    for fullname in FULLNAMES:
        for priority in z2jh.priority_classes(fullname):
            own.admin.apply(priority)
    names = [z2jh.names(fullname)["scheduler"] for fullname in FULLNAMES]
    with (
        user_scheduler(own, names),
        provisioner(own.admin.acting_as(own.admin.token)),
    ):
        for number in range(2):
            placeholder = pod(f"user-placeholder-{number}", namespace=NAMESPACE)
            placeholder["spec"] |= {"schedulerName": names[0], "priorityClassName": z2jh.names()["placeholder"]}
            until(
                lambda: own.admin.find("ServiceAccount", "default", namespace=NAMESPACE), within=20, what="an account"
            )
            own.admin.create(placeholder)
        yield own


@pytest.fixture(scope="module")
def served(harbour: ControlPlane) -> Iterator[Service]:
    kubeconfig = harbour.write_kubeconfig(harbour.folder / "service.kubeconfig", token=grant(harbour.admin))
    with service(kubeconfig, folder=harbour.folder) as made:
        yield made


@pytest.fixture(scope="module")
def usual(harbour: ControlPlane, served: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with hub(harbour, service_url=served.url, folder=tmp_path_factory.mktemp("hub"), z2jh={}) as made:
        yield made


@pytest.fixture(scope="module")
def required(harbour: ControlPlane, served: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """Nodes for users alone, other names, and a class that binds claims at once, in one zone."""
    choices = {"fullname": "lab", "node_purpose": "require", "storage_class": "at-once"}
    with hub(harbour, service_url=served.url, folder=tmp_path_factory.mktemp("lab"), z2jh=choices) as made:
        yield made


def _pods_of(harbour: ControlPlane, person: str) -> list[Obj]:
    label = f"hub.jupyter.org/username={person}"
    return harbour.admin.list("Pod", namespace=NAMESPACE, labelSelector=label)


def _placed(harbour: ControlPlane, person: str) -> Obj:
    def found() -> Obj | None:
        return next((made for made in _pods_of(harbour, person) if made["spec"].get("nodeName")), None)

    return until(found, within=20, what="the scheduler has placed the server's pod")


def _claim(harbour: ControlPlane, made: Obj) -> Obj:
    (name,) = (
        volume["persistentVolumeClaim"]["claimName"]
        for volume in made["spec"]["volumes"]
        if "persistentVolumeClaim" in volume
    )

    def bound() -> Obj | None:
        found = harbour.admin.get("PersistentVolumeClaim", name, namespace=NAMESPACE)
        return found if found["status"]["phase"] == "Bound" else None

    # The scheduler goes by the claim's volume, which is written before its phase.
    return until(bound, within=10, what="the claim says that it is bound")


def _zone(harbour: ControlPlane, name: str) -> str:
    zone: str = harbour.admin.get("Node", name)["metadata"]["labels"][ZONE]
    return zone


def _fitting(answer: Obj) -> list[str]:
    return sorted(name for name, place in answer["nodes"].items() if answer["kinds"][place]["fits"])


def _end(harbour: ControlPlane, at: Hub, person: str) -> None:
    """No kubelet runs these pods, so nobody but the test ends them."""
    at.stop_server(person)
    for left in _pods_of(harbour, person):
        harbour.admin.delete("Pod", left["metadata"]["name"], namespace=NAMESPACE, grace=0)
    until(lambda: not at.api("GET", f"/users/{person}")[1]["servers"], within=30, what="the hub knows that it is over")


def _assert_is_the_choice(made: Obj, *, fullname: str) -> None:
    spec = made["spec"]
    assert spec["containers"][0]["resources"] == {
        "limits": {"cpu": "1", "memory": "1Gi"},
        "requests": {"cpu": "500m", "memory": "1Gi"},
    }
    assert spec["schedulerName"] == z2jh.names(fullname)["scheduler"]
    assert spec["priorityClassName"] == z2jh.names(fullname)["priority"]
    assert [each["name"] for each in spec["initContainers"]] == ["block-cloud-metadata"]
    assert {each.get("key") for each in spec["tolerations"]} >= set(z2jh.DEDICATED)
    assert made["metadata"]["labels"]["hub.jupyter.org/network-access-hub"] == "true"


def test_a_new_person_is_told_where_it_fits_and_starts_there_and_again_where_the_home_is(
    harbour: ControlPlane, usual: Hub
) -> None:
    with usual.person("new") as person:
        first = person.verdict(**FORM)
        answer = person.submit(**FORM)
        made = _placed(harbour, "new")
        claim = _claim(harbour, made)
        _end(harbour, usual, "new")
        zone = _zone(harbour, made["spec"]["nodeName"])
        there = [name for name in ("any-1", "user-1", "user-2") if _zone(harbour, name) == zone]
        second = until(
            lambda: found if _fitting(found := person.verdict(**FORM)) == there else None,
            within=10,
            what="the service has heard of the home's volume",
        )
        again = person.submit(**FORM)
        made_again = _placed(harbour, "new")
        _end(harbour, usual, "new")

    assert (answer.status_code, again.status_code) == (302, 302)
    assert _fitting(first) == ["any-1", "user-1", "user-2"]
    assert made["spec"]["nodeName"] in _fitting(first)
    assert made_again["spec"]["nodeName"] in _fitting(second)
    _assert_is_the_choice(made, fullname="hub")
    assert _claim(harbour, made_again)["metadata"]["uid"] == claim["metadata"]["uid"]


def test_a_new_person_starts_by_rest(harbour: ControlPlane, usual: Hub) -> None:
    status, body = usual.start_server("rest", CHOICE)
    made = _placed(harbour, "rest")
    claim = _claim(harbour, made)
    _end(harbour, usual, "rest")

    assert status == 202, body
    _assert_is_the_choice(made, fullname="hub")
    assert claim["spec"]["storageClassName"] == "standard"


def test_required_purpose_other_names_and_a_class_that_binds_at_once_are_judged_as_they_are(
    harbour: ControlPlane, required: Hub
) -> None:
    with required.person("ada") as person:
        told = person.verdict(**FORM)
        answer = person.submit(**FORM)
        made = _placed(harbour, "ada")
        claim = _claim(harbour, made)
        _end(harbour, required, "ada")

    assert answer.status_code == 302
    assert _fitting(told) == ["user-2"]
    assert made["spec"]["nodeName"] == "user-2"
    _assert_is_the_choice(made, fullname="lab")
    assert claim["spec"]["storageClassName"] == "at-once"


def test_a_quota_on_storage_is_told_on_the_form_in_the_servers_words(harbour: ControlPlane, usual: Hub) -> None:
    there = len(harbour.admin.list("PersistentVolumeClaim", namespace=NAMESPACE))
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "homes", "namespace": NAMESPACE},
        "spec": {"hard": {"persistentvolumeclaims": str(there)}},
    }
    harbour.admin.create(quota)
    until(
        lambda: harbour.admin.get("ResourceQuota", "homes", namespace=NAMESPACE).get("status", {}).get("hard"),
        within=15,
        what="the quota is counted",
    )

    try:
        with usual.person("late") as person:
            page = person.submit(**FORM)
    finally:
        harbour.admin.delete("ResourceQuota", "homes", namespace=NAMESPACE)

    assert "exceeded quota: homes" in page.text
    assert _pods_of(harbour, "late") == []


@pytest.mark.parametrize(
    ("name", "kind", "spec"),
    [
        ("no-class", None, {"storageClassName": ""}),
        ("class-gone", None, {"storageClassName": "gone"}),
        ("by-hand", z2jh.storage_class("by-hand", waits=False, provisioner="kubernetes.io/no-provisioner"), {}),
    ],
)
def test_why_a_claim_is_never_bound_is_told_in_the_controllers_words(
    harbour: ControlPlane, served: Service, name: str, kind: Obj | None, spec: Obj
) -> None:
    if kind is not None:
        harbour.admin.apply(kind)
        spec = {"storageClassName": kind["metadata"]["name"]}
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec},
    }
    asked = pod("asks", namespace=NAMESPACE)
    asked["spec"]["volumes"] = [{"name": "home", "persistentVolumeClaim": {"claimName": name}}]

    def told() -> str | None:
        answer = served.fit({"pod": asked, "claims": [claim]})
        return str(answer["prefilter"]["reasons"][0]["message"]) if answer["prefilter"] else None

    def said() -> list[str] | None:
        events = harbour.admin.list("Event", namespace=NAMESPACE, fieldSelector=f"involvedObject.name={name}")
        return [event["message"] for event in events] or None

    if kind is not None:
        until(lambda: "not found" not in (told() or "not found"), within=5, what="the service knows the class")
    before = told()
    harbour.admin.create(claim)
    events = until(said, within=20, what="the controller has said why")
    harbour.admin.delete("PersistentVolumeClaim", name, namespace=NAMESPACE)

    assert before in events


def _disk(name: str, *, kind: str, on: str, size: str = "1Gi", modes: tuple[str, ...] = ("ReadWriteOnce",)) -> Obj:
    terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [on]}]}]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": list(modes),
            "storageClassName": kind,
            "persistentVolumeReclaimPolicy": "Retain",
            "csi": {"driver": "disk.example", "volumeHandle": name},
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
        },
    }


@pytest.mark.parametrize(
    ("name", "disks"),
    [
        ("smallest", [{"on": "user-1", "size": "3Gi"}, {"on": "any-1", "size": "2Gi"}]),
        ("too-small", [{"on": "user-1", "size": "1Mi"}, {"on": "any-1", "size": "9Gi"}]),
        ("fewest-modes", [{"on": "user-1", "modes": ("ReadWriteOnce", "ReadWriteMany")}, {"on": "any-1", "size": "9Gi"}]),
        ("either", [{"on": "user-1"}, {"on": "any-1"}]),
    ],
)  # fmt: skip
def test_a_claim_that_does_not_wait_is_bound_where_it_was_said(
    harbour: ControlPlane, served: Service, name: str, disks: list[Obj]
) -> None:
    kind = f"static-{name}"
    made = [_disk(f"{name}-{number}", kind=kind, **disk) for number, disk in enumerate(disks)]
    for each in made:
        harbour.admin.create(each)
    until(
        lambda: all(_phase(harbour, each) == "Available" for each in made), within=20, what="the volumes are available"
    )
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": kind,
        },
    }
    asked = pod("asks", namespace=NAMESPACE)
    asked["spec"]["volumes"] = [{"name": "home", "persistentVolumeClaim": {"claimName": name}}]
    # What is promised of two of the same size is that either may be taken.
    promised = {"user-1", "any-1"} if name == "either" else {"any-1"}

    def said() -> bool:
        nodes = served.fit({"pod": asked, "claims": [claim]})["nodes"]
        return {node for node, found in nodes.items() if found["fits"]} == promised

    until(said, within=10, what="the service has heard of the volumes")
    harbour.admin.create(claim)
    stored = until(
        lambda: found if (found := harbour.admin.get("PersistentVolumeClaim", name, namespace=NAMESPACE))["spec"].get("volumeName") else None,
        within=20,
        what="the claim is bound",
    )  # fmt: skip

    (taken,) = (each for each in made if each["metadata"]["name"] == stored["spec"]["volumeName"])
    terms = taken["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert terms[0]["matchExpressions"][0]["values"][0] in promised


def _phase(harbour: ControlPlane, volume: Obj) -> str | None:
    phase: str | None = harbour.admin.get("PersistentVolume", volume["metadata"]["name"]).get("status", {}).get("phase")
    return phase


def test_a_place_that_a_placeholder_keeps_is_foretold_and_had(harbour: ControlPlane, served: Service) -> None:
    named, berth = z2jh.names(), {"kubernetes.io/hostname": "berth"}
    scheduled = {"schedulerName": named["scheduler"], "nodeSelector": berth}
    add_node(harbour.admin, node("berth", cpu="4"))
    keeps_room = pod("user-placeholder-berth", namespace=NAMESPACE, cpu="3500m")
    keeps_room["metadata"]["labels"] = {"component": "user-placeholder"}
    keeps_room["spec"] |= {**scheduled, "priorityClassName": named["placeholder"]}
    harbour.admin.create(keeps_room)
    until(lambda: _node_of(harbour, "user-placeholder-berth") == "berth", within=20, what="the placeholder has a place")
    asked = pod("jupyter-ada", namespace=NAMESPACE, cpu="2")
    asked["spec"] |= {**scheduled, "priorityClassName": named["priority"]}
    until(
        lambda: served.fit({"pod": asked})["answer"] == "after_eviction",
        within=10,
        what="the service has seen all of it",
    )
    answer = served.fit({"pod": asked})

    harbour.admin.create(asked)

    until(lambda: _node_of(harbour, "jupyter-ada") == "berth", within=20, what="the placeholder has made room")
    assert harbour.admin.find("Pod", "user-placeholder-berth", namespace=NAMESPACE) is None
    assert answer["answer_text"] == "Placeholders make room at once on berth."
    assert answer["evictions"]["nodes"] == ["berth"]
    assert answer["undecided"] == []
    harbour.admin.delete("Pod", "jupyter-ada", namespace=NAMESPACE, grace=0)
    harbour.admin.delete("Node", "berth")


def _node_of(harbour: ControlPlane, name: str) -> str | None:
    found = harbour.admin.find("Pod", name, namespace=NAMESPACE)
    return found["spec"].get("nodeName") if found else None
