"""A hub as Zero to JupyterHub makes it: what the form says of a first start is what happens, and the pod is KubeSpawner's."""

import contextlib
import re

import kubespawner
import pytest
import pytest_asyncio

from moorage.simulator import builders

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHOICE = {"moorage": 1, "cpu": "2", "memory": "3Gi", "image": "minimal"}
FORM = {"node": "", "cpu": "2", "memory": "3Gi", "gpu": "0", "gpu_resource": "nvidia.com/gpu", "image": "minimal"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def usual(load, tmp_path_factory):
    async with load("moorage_test_z2jh").standing(load, tmp_path_factory.mktemp("z2jh")) as made:
        yield made


async def started(hub, cluster, load, name, server=""):
    """The pod of a server that runs."""

    async def ready():
        _, user = await hub.api("GET", f"/users/{name}")
        return user["servers"].get(server, {}).get("ready")

    await load("moorage_test_rig").until(ready, what=hub.tail)
    return load("moorage_test_pods").pod_of(cluster, name, server)


async def stopped(hub, load, name):
    await hub.api("DELETE", f"/users/{name}/server")

    async def gone():
        return not (await hub.api("GET", f"/users/{name}"))[1]["servers"]

    await load("moorage_test_rig").until(gone, what=hub.tail)


@pytest_asyncio.fixture(loop_scope="session")
async def log_in():
    """Log somebody in, for as long as the test runs."""
    async with contextlib.AsyncExitStack() as stack:

        async def log_in(hub, name):
            person = await hub.log_in(name)
            stack.push_async_callback(person.close)
            return person

        yield log_in


@pytest_asyncio.fixture(loop_scope="session")
async def someone(usual, log_in, request):
    return await log_in(usual[0], "p" + str(abs(hash(request.node.name)))[:8])


async def verdict(person, **choice):
    headers = {"X-XSRFToken": await person.token()}
    body = {**FORM, **choice}
    async with person.http.post(f"{person.hub.url}/hub/moorage/fit", json=body, headers=headers) as answer:
        return await answer.json()


def fitting(answer):
    return sorted(name for name, place in answer["nodes"].items() if answer["kinds"][place]["fits"])


def claim_of(cluster, pod):
    [name] = [v["persistentVolumeClaim"]["claimName"] for v in pod["spec"]["volumes"] if "persistentVolumeClaim" in v]
    return cluster.get("pvc", "jupyter", name)


async def test_a_new_person_is_told_where_it_fits_and_starts_there(usual, someone, load):
    hub, cluster = usual

    told = await verdict(someone)
    status, where = await someone.submit(**FORM)

    assert fitting(told) == ["any-1", "user-1", "user-2"]
    assert status == 302, where
    pod = await started(hub, cluster, load, someone.name)
    assert pod["spec"]["nodeName"] in fitting(told)
    assert claim_of(cluster, pod)["status"]["phase"] == "Bound"


async def with_home_in_zone_b(usual, someone, load):
    """The claim of somebody who has had a server; only nodes of that zone reach their home."""
    hub, cluster = usual
    await someone.submit(**FORM)
    claim = claim_of(cluster, await started(hub, cluster, load, someone.name))
    await stopped(hub, load, someone.name)
    zone = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["b"]}
    affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": [zone]}]}}
    cluster.patch("pv", None, claim["spec"]["volumeName"], {"spec": {"nodeAffinity": affinity}})

    async def heard():
        return fitting(await verdict(someone)) == ["any-1", "user-2"]

    await load("moorage_test_rig").until(heard)
    return claim


async def test_a_second_start_is_judged_by_the_claim_that_is_there(usual, someone, load):
    hub, cluster = usual
    claim = await with_home_in_zone_b(usual, someone, load)

    status, where = await someone.submit(**FORM)

    assert status == 302, where
    pod = await started(hub, cluster, load, someone.name)
    assert pod["spec"]["nodeName"] in ("any-1", "user-2")
    assert claim_of(cluster, pod)["metadata"]["uid"] == claim["metadata"]["uid"]


async def test_a_home_that_is_in_use_on_another_node_is_told_beside_the_verdict(usual, someone, load):
    hub, cluster = usual
    await someone.submit(**FORM)
    claim = claim_of(cluster, await started(hub, cluster, load, someone.name))
    await stopped(hub, load, someone.name)
    mounted = [{"name": "home", "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}}]
    source = {"persistentVolumeName": claim["spec"]["volumeName"]}
    cluster.add(
        builders.pod("job", on="user-1", cpu="1", namespace="jupyter", volumes=mounted),
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "VolumeAttachment",
            "metadata": {"name": "a"},
            "spec": {"attacher": "disk.example", "nodeName": "user-1", "source": source},
        },
    )

    async def told():
        answer = await verdict(someone)
        return answer if answer["warnings"] else None

    answer = await load("moorage_test_rig").until(told)
    there = await verdict(someone, node="user-1")
    cluster.delete("pods", "jupyter", "job")

    assert answer["fits"]
    assert "is in use on user-1" in answer["warnings"][0]
    assert (there["fits"], there["warnings"]) == (True, [])


async def test_a_home_that_somebody_deleted_is_judged_as_kubespawner_will_find_it(usual, someone, load):
    hub, cluster = usual
    await someone.submit(**FORM)
    claim = claim_of(cluster, await started(hub, cluster, load, someone.name))
    await stopped(hub, load, someone.name)
    cluster.delete("pvc", "jupyter", claim["metadata"]["name"])
    makes_it_again = kubespawner.version_info < (7, 1)

    async def heard():
        return (await verdict(someone))["fits"] is makes_it_again

    await load("moorage_test_rig").until(heard)


async def test_a_verdict_makes_no_claim(usual, someone):
    _, cluster = usual
    before = cluster.list("pvc", "jupyter")

    await verdict(someone)

    assert cluster.list("pvc", "jupyter") == before


async def test_a_named_server_has_a_claim_of_its_own(usual, someone, load):
    hub, cluster = usual
    await with_home_in_zone_b(usual, someone, load)
    await someone.form(f"/hub/spawn/{someone.name}/lab")

    told = await verdict(someone, server="lab")
    status, where = await someone.submit(f"/hub/spawn/{someone.name}/lab", **FORM)

    assert fitting(told) == ["any-1", "user-1", "user-2"]
    assert status == 302, where
    pod = await started(hub, cluster, load, someone.name, server="lab")
    assert claim_of(cluster, pod)["status"]["phase"] == "Bound"


async def test_a_quota_on_storage_is_told_on_the_form_and_by_rest_and_spares_who_has_a_claim(usual, someone, load):
    hub, cluster = usual
    await hub.api("POST", "/users/early")
    await hub.api("POST", "/users/early/server", CHOICE)
    await started(hub, cluster, load, "early")
    await stopped(hub, load, "early")
    hard = {"persistentvolumeclaims": str(len(cluster.list("pvc", "jupyter")))}
    cluster.add(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "homes", "namespace": "jupyter"},
            "spec": {"hard": hard},
            "status": {"hard": hard, "used": hard},
        }
    )

    try:
        _, page = await someone.submit(**FORM)
        status, _ = await hub.api("POST", f"/users/{someone.name}/server", CHOICE)
        said = await hub.text(f"/users/{someone.name}/server/progress")
        early, _ = await hub.api("POST", "/users/early/server", {**CHOICE, "cpu": "1"})
        pod = await started(hub, cluster, load, "early")
    finally:
        cluster.delete("resourcequotas", "jupyter", "homes")

    assert "exceeded quota: homes" in page
    assert (status, early) == (202, 202)
    assert "exceeded quota: homes" in said
    assert await hub.failures() == 0
    assert load("moorage_test_pods").pod_of(cluster, someone.name) is None
    assert pod["spec"]["containers"][0]["resources"]["limits"]["cpu"] == "1"


async def test_a_start_by_rest_gives_the_choice_and_all_that_the_chart_sets(usual, load):
    hub, cluster = usual
    z2jh = load("moorage_test_z2jh")
    await hub.api("POST", "/users/rest")

    status, answer = await hub.api("POST", "/users/rest/server", CHOICE)

    assert status == 202, answer
    pod = await started(hub, cluster, load, "rest")
    spec = pod["spec"]
    assert spec["containers"][0]["resources"] == {
        "limits": {"cpu": "2", "memory": "3Gi"},
        "requests": {"cpu": "1", "memory": "3Gi"},
    }
    assert spec["schedulerName"] == "hub-user-scheduler"
    assert spec["priorityClassName"] == "hub-default-priority"
    assert [container["name"] for container in spec["initContainers"]] == ["block-cloud-metadata"]
    preferred = spec["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert preferred[0]["preference"]["matchExpressions"][0]["key"] == z2jh.PURPOSE
    assert {toleration.get("key") for toleration in spec["tolerations"]} >= set(z2jh.DEDICATED)
    assert pod["metadata"]["labels"]["hub.jupyter.org/network-access-hub"] == "true"
    claim = cluster.get("pvc", "jupyter", spec["volumes"][0]["persistentVolumeClaim"]["claimName"])
    assert claim["status"]["phase"] == "Bound"
    assert claim["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] == "yes"


# What the chart gives where nobody says more: a guarantee of memory, and no limit of anything.
AS_CONFIGURED = {"requests": {"memory": "1Gi"}}


def amounts(pod):
    """The server's resources without what is empty, which is how the API server has those that were never set."""
    return {name: value for name, value in pod["spec"]["containers"][0]["resources"].items() if value}


@pytest.mark.parametrize("options", [None, {"moorage": 1}, {"moorage": 1, "cpu": None, "memory": None}])
async def test_a_start_without_a_choice_stays_as_the_hub_is_configured(usual, someone, load, options):
    hub, cluster = usual

    status, answer = await hub.api("POST", f"/users/{someone.name}/server", options)

    assert status == 202, answer
    assert amounts(await started(hub, cluster, load, someone.name)) == AS_CONFIGURED
    await stopped(hub, load, someone.name)


async def test_so_does_the_form_that_nobody_has_touched_and_each_start_after_it(usual, someone, load):
    hub, cluster = usual
    page = await someone.form()
    shown = dict(re.findall(r'id="moorage-(cpu|memory)"[^>]*?value="([^"]*)"', page, re.DOTALL))

    status, where = await someone.submit(**{**FORM, **shown})

    assert "No limit (1 GiB guaranteed)" in page
    assert status == 302, where
    assert amounts(await started(hub, cluster, load, someone.name)) == AS_CONFIGURED
    await stopped(hub, load, someone.name)
    _, user = await hub.api("GET", f"/users/{someone.name}?include_stopped_servers")
    assert user["servers"][""]["user_options"]["memory"] is None
    await hub.api("POST", f"/users/{someone.name}/server")
    assert amounts(await started(hub, cluster, load, someone.name)) == AS_CONFIGURED


async def test_what_is_not_chosen_beside_a_choice_stays_too(usual, someone, load):
    hub, cluster = usual

    await hub.api("POST", f"/users/{someone.name}/server", {"moorage": 1, "cpu": "2"})

    expected = {"limits": {"cpu": "2"}, "requests": {"cpu": "1", "memory": "1Gi"}}
    assert amounts(await started(hub, cluster, load, someone.name)) == expected


async def test_the_verdict_is_on_the_pod_without_a_limit(usual, someone, load):
    _, cluster = usual
    cluster.add(builders.node("narrow", cpu="4", memory="1.5Gi"))

    async def told():
        answer = await verdict(someone, cpu="", memory="")
        return answer if "narrow" in fitting(answer) else None

    try:
        answer = await load("moorage_test_rig").until(told)
        larger = await verdict(someone, cpu="", memory="2Gi")
    finally:
        cluster.delete("nodes", None, "narrow")

    assert answer["understood"] == {"cpu": "No limit", "memory": "No limit (1 GiB guaranteed)"}
    assert "narrow" not in fitting(larger)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def required(load, tmp_path_factory):
    """Nodes for users alone, other names, and a class that binds claims at once."""
    choices = {"fullname": "lab", "node_purpose": "require", "storage_class": "at-once"}
    async with load("moorage_test_z2jh").standing(load, tmp_path_factory.mktemp("z2jh-lab"), **choices) as made:
        yield made


async def test_required_node_purpose_and_overridden_names_are_judged_as_they_are(required, log_in, load):
    hub, cluster = required
    person = await log_in(hub, "ada")

    told = await verdict(person)
    status, where = await person.submit(**FORM)

    assert fitting(told) == ["user-1", "user-2"]
    assert status == 302, where
    pod = await started(hub, cluster, load, "ada")
    assert pod["spec"]["nodeName"] in fitting(told)
    assert pod["spec"]["schedulerName"] == "lab-user-scheduler"
    assert claim_of(cluster, pod)["spec"]["storageClassName"] == "at-once"


async def test_a_class_that_binds_at_once_is_judged_by_its_topologies(required, log_in, load):
    hub, cluster = required
    person = await log_in(hub, "bob")
    only = [{"matchLabelExpressions": [{"key": "topology.kubernetes.io/zone", "values": ["b"]}]}]
    cluster.patch("storageclass", None, "at-once", {"allowedTopologies": only})

    async def heard():
        return fitting(await verdict(person)) == ["user-2"]

    await load("moorage_test_rig").until(heard)
    await person.submit(**FORM)

    pod = await started(hub, cluster, load, "bob")
    cluster.patch("storageclass", None, "at-once", {"allowedTopologies": None})
    assert pod["spec"]["nodeName"] == "user-2"


OWN = """
import pathlib
spawner = c.KubeSpawner
spawner.volumes = list(spawner.volumes.values())
spawner.volume_mounts = list(spawner.volume_mounts.values())
spawner.init_containers = {
    "10-net": spawner.init_containers[0],
    "20-data": {"name": "data", "image": "registry.example/data:1", "resources": {"requests": {"cpu": "10"}}},
}


def modify(spawner, pod):
    if spawner.user.name == "zoned":
        pod.spec.node_selector = {**(pod.spec.node_selector or {}), "topology.kubernetes.io/zone": "a"}
    return pod


async def created(spawner, pod):
    with (folder / "created").open("a") as file:
        file.write(spawner.user.name + "\\n")


spawner.modify_pod_hook = modify
spawner.after_pod_created_hook = created


class Aged(BaseHandler):
    # As a hub of KubeSpawner 6 left a server that was stopped.
    def get(self):
        user = self.find_user(self.get_argument("user"))
        user.spawner.orm_spawner.state = {"pod_name": "jupyter-" + user.name}
        self.db.commit()
        user.spawners.pop("")
        self.finish("done")


c.JupyterHub.extra_handlers.append((r"/test/aged", Aged))
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own(load, tmp_path_factory):
    """Lists for dictionaries and the other way round, a large init container, and an administrator's own hooks."""
    folder = tmp_path_factory.mktemp("z2jh-own")
    async with load("moorage_test_z2jh").standing(load, folder, more=OWN) as (hub, cluster):
        yield hub, cluster, folder


async def test_init_containers_count_and_volumes_may_be_a_list(own, log_in, load):
    hub, cluster, _ = own
    person = await log_in(hub, "eve")

    told = await verdict(person)
    await person.submit(**FORM)

    assert fitting(told) == ["user-2"]
    pod = await started(hub, cluster, load, "eve")
    assert pod["spec"]["nodeName"] == "user-2"
    assert [container["name"] for container in pod["spec"]["initContainers"]] == ["block-cloud-metadata", "data"]
    await stopped(hub, load, "eve")


async def test_the_hook_that_changes_the_pod_counts_and_the_one_after_it_runs_for_real_pods_alone(own, log_in, load):
    hub, cluster, folder = own
    zoned, plain = await log_in(hub, "zoned"), await log_in(hub, "plain")

    refused = await verdict(zoned)
    told = await verdict(plain)
    await plain.submit(**FORM)
    await started(hub, cluster, load, "plain")

    assert (refused["fits"], fitting(told)) == (False, ["user-2"])
    assert (folder / "created").read_text().split().count("plain") == 1
    assert "zoned" not in (folder / "created").read_text()


async def test_a_claim_of_a_former_name_is_the_one_that_is_judged_and_used(own, log_in, load):
    hub, cluster, _ = own
    person = await log_in(hub, "old.name")
    cluster.add(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": "claim-old-2ename",
                "namespace": "jupyter",
                "annotations": {"pv.kubernetes.io/bind-completed": "yes"},
            },
            "spec": {"storageClassName": "gone", "accessModes": ["ReadWriteOnce"], "volumeName": "theirs"},
        }
    )
    async with person.http.get(f"{hub.url}/hub/test/aged?user=old.name") as answer:
        assert answer.status == 200

    async def heard():
        return "The volume theirs" in str((await verdict(person))["reasons"])

    await load("moorage_test_rig").until(heard)
    status, where = await person.submit(**FORM)

    assert status == 302, where
    pod = await load("moorage_test_rig").until(lambda: load("moorage_test_pods").pod_of(cluster, "old.name"))
    assert claim_of(cluster, pod)["metadata"]["name"] == "claim-old-2ename"


async def test_the_row_of_a_node_that_a_placeholder_keeps_says_so(usual, someone, load):
    _, cluster = usual
    keeps = builders.pod("user-placeholder-0", on="berth", cpu="4", namespace="jupyter")
    keeps["metadata"]["labels"] = {"component": "user-placeholder"}
    keeps["spec"] |= {"priority": -10, "terminationGracePeriodSeconds": 0}
    cluster.add(builders.node("berth", cpu="4", memory="16Gi"), keeps)

    async def told():
        answer = await verdict(someone, node="berth")
        return answer if "berth" in answer.get("nodes", {}) and answer["after_eviction"] else None

    answer = await load("moorage_test_rig").until(told)
    cluster.delete("pods", "jupyter", "user-placeholder-0")
    cluster.delete("nodes", None, "berth")

    assert answer["kinds"][answer["nodes"]["berth"]]["room"] == "at_once"
    assert answer["after_eviction"]["text"] == "Placeholders make room at once on berth."
