"""Least rights, on a real API server with RBAC: the tree's own manifests are enough, and each of their lines is needed."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rig.api import Api, Refused
from rig.controlplane import ControlPlane
from rig.hub import NAMESPACE as HUB_NAMESPACE
from rig.hub import hub_account
from rig.objects import add_node, node, pod
from rig.processes import until
from rig.rights import ACCOUNT, grant, manifests, revoke
from rig.service import service

RIGHTS = Path(__file__).resolve().parents[2] / "docs" / "rights.md"


def _documented() -> set[tuple[str, str, str]]:
    """The table of docs/rights.md: group, kind, verb."""
    table = RIGHTS.read_text().partition("<!-- reference: rights -->")[2].partition("<!--")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| ([\w, ]+) \|", table, re.MULTILINE)
    return {("" if group == "core" else group, kind, verb) for kind, group, verbs in rows for verb in verbs.split(", ")}


DOCUMENTED = _documented()
LINES = sorted((kind, verb) for _, kind, verb in DOCUMENTED)


@pytest.fixture(scope="module")
def deployed(shared: ControlPlane) -> Iterator[ControlPlane]:
    grant(shared.admin)
    add_node(shared.admin, node("rights-1", cpu="4", gpu=1))
    shared.admin.create(pod("rights-pod", on="rights-1", cpu="1500m", memory="3Gi"))
    yield shared
    shared.admin.delete("Pod", "rights-pod", namespace="default", grace=0)
    shared.admin.delete("Node", "rights-1")
    revoke(shared.admin)


def _rules(api: Api, namespace: str) -> set[tuple[str, str, str]]:
    """What this account may do in this namespace, as the API server tells it: group, kind (with its name), verb."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    status = api.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review)["status"]
    assert not status["incomplete"], status
    return {
        (group, "/".join([kind, *rule.get("resourceNames", [])]), verb)
        for rule in status["resourceRules"]
        for group in rule["apiGroups"]
        for kind in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.fixture
def anybody(admin: Api, namespace: str) -> Api:
    """An account without a single binding: what everybody may do."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "anybody", "namespace": namespace}}
    admin.create(account)
    return admin.acting_as(admin.token_for(namespace, "anybody"))


def test_the_service_needs_nothing_but_the_trees_cluster_role(deployed: ControlPlane, tmp_path: Path) -> None:
    kubeconfig = deployed.write_kubeconfig(tmp_path / "kubeconfig", token=deployed.admin.token_for(*ACCOUNT))
    with service(kubeconfig, folder=tmp_path) as served:
        found = served.nodes()["rights-1"]
        verdict = served.fit({"ask": {"cpu": "2", "memory": "1Gi", "gpu": 1}})
        log = served.log()

    assert (found["available"]["cpu"], found["available"]["memory"], found["available"]["gpu"]) == (2.5, "29Gi", 1)
    assert verdict["nodes"]["rights-1"]["fits"]
    assert "right_missing" not in log


def test_the_service_may_do_the_documented_and_nothing_else(deployed: ControlPlane, anybody: Api) -> None:
    served = deployed.admin.acting_as(deployed.admin.token_for(*ACCOUNT))

    assert _rules(served, "default") - _rules(anybody, "default") == DOCUMENTED


def test_the_service_may_not_read_secrets_or_open_a_shell(deployed: ControlPlane) -> None:
    served = deployed.admin.acting_as(deployed.admin.token_for(*ACCOUNT))

    with pytest.raises(Refused, match=r"403.*secrets"):
        served.list("Secret")
    with pytest.raises(Refused, match=r"403.*pods/exec"):
        served.call("POST", "/api/v1/namespaces/default/pods/rights-pod/exec", command="id")


def test_tokens_of_the_server_let_in_whoever_may_list_nodes(
    deployed: ControlPlane, admin: Api, namespace: str, tmp_path: Path
) -> None:
    group = "rbac.authorization.k8s.io"
    review = manifests("optional/token-review.yaml")
    for obj in review:
        admin.apply(obj)
    for name in ("sees-nodes", "sees-nothing"):
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
        admin.create(account)
    subject = {"kind": "ServiceAccount", "name": "sees-nodes", "namespace": namespace}
    role = {"metadata": {"name": f"sees-nodes-{namespace}"}}
    rules = [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}]
    admin.create({"apiVersion": f"{group}/v1", "kind": "ClusterRole", **role, "rules": rules})
    reference = {"apiGroup": group, "kind": "ClusterRole", **role["metadata"]}
    bound = {**role, "roleRef": reference, "subjects": [subject]}
    admin.create({"apiVersion": f"{group}/v1", "kind": "ClusterRoleBinding", **bound})
    kubeconfig = deployed.write_kubeconfig(tmp_path / "kubeconfig", token=admin.token_for(*ACCOUNT))
    told = {}
    with service(kubeconfig, folder=tmp_path, options=("--kubernetes-tokens",)) as served:
        for name in ("sees-nodes", "sees-nothing"):
            headers = {"Authorization": f"Bearer {admin.token_for(namespace, name)}"}
            read, _, _ = served.request("/api/v1/cluster/resources", headers=headers)
            changed, _, _ = served.request(
                "/api/v1/jupyterhub/config", {"default_gpu": 1}, headers=headers, method="PUT"
            )
            told[name] = read, changed
        unknown, _, _ = served.request("/api/v1/cluster/resources", headers={"Authorization": "Bearer nonsense"})

    for obj in reversed(review):
        admin.delete(obj["kind"], obj["metadata"]["name"])

    assert told == {"sees-nodes": (200, 403), "sees-nothing": (401, 401)}
    assert unknown == 401


@pytest.fixture(scope="module")
def hub(deployed: ControlPlane) -> Iterator[Api]:
    """The account of a hub, with the rights that zero-to-jupyterhub's chart gives it in its own namespace."""
    yield deployed.admin.acting_as(hub_account(deployed.admin))
    deployed.admin.delete("Namespace", HUB_NAMESPACE)


def test_the_hub_may_do_nothing_outside_its_namespace(hub: Api, anybody: Api) -> None:
    assert _rules(hub, "default") == _rules(anybody, "default")
    assert _rules(hub, HUB_NAMESPACE) > _rules(anybody, HUB_NAMESPACE)


def test_the_hub_may_not_read_nodes_or_all_pods(hub: Api) -> None:
    for kind in ("Node", "Pod", "PersistentVolume", "StorageClass"):
        with pytest.raises(Refused, match="403"):
            hub.list(kind)


@pytest.fixture
def poorer(
    deployed: ControlPlane, admin: Api, namespace: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Path]:
    """A kubeconfig whose account has the tree's ClusterRole less one verb on one kind."""
    kind, verb = request.param
    group = "rbac.authorization.k8s.io"
    role = next(obj for obj in manifests("cluster-role.yaml") if obj["kind"] == "ClusterRole")
    rules = []
    for rule in role["rules"]:
        others = [other for other in rule["resources"] if other != kind]
        if others:
            rules.append({**rule, "resources": others})
        if len(others) < len(rule["resources"]):
            rules.append({**rule, "resources": [kind], "verbs": [other for other in rule["verbs"] if other != verb]})
    name = f"poorer-{namespace}"
    admin.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "poorer", "namespace": namespace}})
    admin.create({"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules})
    admin.create(
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": "poorer", "namespace": namespace}],
        }
    )
    token = admin.token_for(namespace, "poorer")
    until(lambda: _rules(admin.acting_as(token), "default") & DOCUMENTED, within=5, what="the role is in force")
    yield deployed.write_kubeconfig(tmp_path / "kubeconfig", token=token)
    admin.delete("ClusterRoleBinding", name)
    admin.delete("ClusterRole", name)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def closing() -> AsyncIterator[None]:
    """TLS connections say goodbye after their session is closed; the loop has to turn until the last one has."""
    yield
    await asyncio.sleep(0.5)


async def _live(kubeconfig: Path, ready: Any) -> Any:
    """The service's own picture of the cluster, once it is as asked."""
    from moorage.cluster.live import LiveCluster
    from moorage.kube.connect import connect

    client = await connect(kubeconfig=str(kubeconfig))
    live = LiveCluster(client)
    running = asyncio.create_task(live.run())
    try:
        async with asyncio.timeout(10):
            while not ready(live):
                await asyncio.sleep(0.02)
        return live.status, live.snapshot
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await client.close()


@pytest.mark.usefixtures("closing")
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("poorer", LINES, indirect=True, ids=[f"{verb}-{kind}" for kind, verb in LINES])
async def test_each_right_that_is_missing_is_named(poorer: Path, request: pytest.FixtureRequest) -> None:
    kind, _ = request.node.callspec.params["poorer"]
    needed = kind in ("nodes", "pods")

    status, _ = await _live(poorer, lambda live: live.status.missing_rights and (needed or not live.status.stale))

    assert status.missing_rights == [f"not allowed to list {kind} cluster-wide: grant list and watch on {kind}"]
    assert status.stale == needed
    if needed:
        assert f"grant list and watch on {kind}" in status.reason


@pytest.mark.usefixtures("closing")
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("poorer", [("persistentvolumes", "list")], indirect=True)
async def test_numbers_are_right_without_a_right_that_only_verdicts_need(poorer: Path) -> None:
    status, snapshot = await _live(poorer, lambda live: live.snapshot is not None and live.status.missing_rights)

    assert not status.stale
    assert b'"cpu":2.5' in snapshot.nodes["rights-1"]


@pytest.mark.parametrize("poorer", [("pods", "list")], indirect=True)
def test_a_service_that_may_not_list_pods_says_what_to_grant(poorer: Path, tmp_path: Path) -> None:
    with service(poorer, folder=tmp_path, ready=False) as served:
        until(
            lambda: b"grant list and watch on pods" in served.request("/readyz")[2],
            within=10,
            what="/readyz names the right",
        )
        status, _, body = served.request("/api/v1/cluster/resources")

    assert status == 503
    assert b"grant list and watch on pods" in body
