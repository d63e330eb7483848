"""Phase 2 with its checks, on a real hub that runs in the pod that the chart makes."""

import base64
import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from rig.charts import OLD
from rig.controlplane import ControlPlane
from rig.kubelet import Kubelet

pytestmark = pytest.mark.timeout(1500)

NAMESPACE = "jupyterhub"
PURPOSE = "hub.jupyter.org/node-purpose"
REQUIRED = [{"matchExpressions": [{"key": PURPOSE, "operator": "In", "values": ["user"]}]}]
OWN: dict[str, Any] = {
    "hub": {
        "config": {"Spawner": {"start_timeout": 8}, "KubeSpawner": {"node_affinity_required": REQUIRED}},
        "services": {"tests": {}},
        "loadRoles": {"tests": {"services": ["tests"], "scopes": ["list:users"]}},
    }
}


def _people(yard: Kubelet, objects: dict[str, Any]) -> list[str]:
    token = base64.b64decode(objects[f"Secret {NAMESPACE}/hub"]["data"]["hub.services.tests.apiToken"]).decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{yard.hub_port}/hub/api/users", headers={"Authorization": f"token {token}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return [person["name"] for person in json.load(answer)]


@pytest.fixture(scope="module")
def day(
    shared: ControlPlane,
    yard: Kubelet,
    play: Callable[..., Any],
    helm: Callable[..., str],
    charts: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    yard.runs_hubs = True
    # Nodes for people; the service alone would choose the first one.
    shared.admin.patch("Node", "berth-2", {"metadata": {"labels": {PURPOSE: "user"}}})
    own = tmp_path_factory.mktemp("values") / "own.yaml"
    own.write_text(yaml.safe_dump(OWN))
    runs: dict[str, Any] = {}
    runs["service"] = play("--tags", "api", "--skip-tags", "check-api")
    where = ("--namespace", NAMESPACE, "--create-namespace", "--repo", charts, "--version", OLD)
    helm("install", "jupyterhub", "jupyterhub", *where, "--values", own, "--wait", "--timeout", "40s")
    files = {"moorage_hub_values_files": [str(own)]}
    options = {"service_url": f"http://127.0.0.1:{yard.service_port}"}
    runs["failed"] = play(
        "--tags", "hub", **files, moorage_hub_options={**options, "image": "broken"}, moorage_check_spawn_timeout=4
    )
    runs["pods after a failure"] = shared.admin.list("Pod", namespace=NAMESPACE)
    runs["people after a failure"] = _people(yard, runs["failed"].after)
    runs["done"] = play("--tags", "hub", **files)
    runs["pods"] = shared.admin.list("Pod", namespace=NAMESPACE)
    runs["people"] = _people(yard, runs["done"].after)
    runs["check alone"] = play("--tags", "check-hub", **files)
    shared.admin.delete("Secret", "moorage-tokens", namespace="moorage")
    runs["rotated"] = play("--tags", "api,hub", "--skip-tags", "check-api", **files)
    return runs


def test_a_start_that_fails_leaves_neither_person_nor_pod_nor_claim_and_takes_the_hub_back(day: dict[str, Any]) -> None:
    run = day["failed"]

    assert run.played.rc != 0
    assert "The hub took the choice, but the server did not come up." in run.text
    assert "The hub was taken back to what was there before this run." in run.text
    assert run.changes == {}
    assert day["people after a failure"] == []
    assert [pod["metadata"]["labels"]["component"] for pod in day["pods after a failure"]] == ["hub"]


def test_the_hub_is_asked_where_the_very_pod_fits_and_the_pod_is_compared(day: dict[str, Any]) -> None:
    run = day["done"]

    assert run.played.rc == 0, run.played.output
    assert "Node, CPU, Memory, Image, with what is free now" in run.text
    assert '"node": "berth-2", "cpu limit": "0.5", "memory limit": "536870912"' in run.text.replace("\\", "")


def test_a_check_that_succeeds_leaves_neither_person_nor_pod_nor_claim(day: dict[str, Any]) -> None:
    assert day["people"] == []
    assert [pod["metadata"]["labels"]["component"] for pod in day["pods"]] == ["hub"]
    assert [key for key in day["done"].after if key.startswith("PersistentVolumeClaim")] == [
        f"PersistentVolumeClaim {NAMESPACE}/hub-db-dir"
    ]


def test_a_check_alone_changes_nothing(day: dict[str, Any]) -> None:
    assert day["check alone"].played.rc == 0, day["check alone"].played.output
    assert day["check alone"].changes == {}


def test_a_token_that_was_made_anew_reaches_the_service_and_the_hub(day: dict[str, Any]) -> None:
    run = day["rotated"]
    token = base64.b64decode(run.after[f"Secret {NAMESPACE}/moorage-hub"]["data"]["token"]).decode()
    tokens = base64.b64decode(run.after["Secret moorage/moorage-tokens"]["data"]["tokens"]).decode()

    assert run.played.rc == 0, run.played.output
    assert f"hub:reader+holders:{token}\n" in tokens
    assert run.before[f"Secret {NAMESPACE}/moorage-hub"] != run.after[f"Secret {NAMESPACE}/moorage-hub"]
    assert "with what is free now" in run.text
