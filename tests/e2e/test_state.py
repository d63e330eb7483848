"""What replicas keep together, on a real API server: one ConfigMap, with the optional right on it and no other."""

import json
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from rig.api import Api
from rig.controlplane import ControlPlane
from rig.objects import add_node, node
from rig.processes import until
from rig.rights import DEPLOY, grant, manifests, revoke
from rig.service import Service, service

CONFIG = "/api/v1/jupyterhub/config"
PLACE = {"namespace": "moorage"}
NAME = "moorage-state"
LABELS = {"eks.amazonaws.com/nodegroup": "cpus", "node.kubernetes.io/instance-type": "m5.large"}


def put(replica: Service, **values: Any) -> tuple[int, Any]:
    status, _, body = replica.request(CONFIG, values, method="PUT")
    return status, json.loads(body)


def data(admin: Api) -> dict[str, Any]:
    found = admin.get("ConfigMap", NAME, **PLACE).get("data") or {}
    return {key: json.loads(text) for key, text in found.items()}


@pytest.fixture(scope="module")
def replicas(shared: ControlPlane) -> Iterator[list[Service]]:
    """Two services on a cluster with one node, which share a ConfigMap."""
    admin = shared.admin
    kubeconfig = shared.write_kubeconfig(shared.folder / "state.kubeconfig", token=grant(admin))
    for made in manifests("optional/state.yaml"):
        admin.apply(made)
    add_node(admin, node("state-1", cpu="4", labels=LABELS))
    options = ("--state-configmap", f"moorage/{NAME}")
    with (
        service(kubeconfig, folder=shared.folder, options=options) as one,
        service(kubeconfig, folder=shared.folder, options=options) as other,
    ):
        yield [one, other]
    admin.delete("Node", "state-1")
    for made in manifests("optional/state.yaml"):
        admin.delete(made["kind"], made["metadata"]["name"], **PLACE)
    revoke(admin)


def test_changes_on_both_at_once_are_all_kept_and_told_by_both(replicas: list[Service], shared: ControlPlane) -> None:
    fields: tuple[tuple[Service, str, list[str]], ...] = (
        (replicas[0], "default_cpu", [str(number) for number in range(1, 21)]),
        (replicas[1], "default_memory", [f"{number}Gi" for number in range(1, 21)]),
    )
    refused = []

    def change(replica: Service, field: str, values: list[str]) -> None:
        for value in values:
            status, body = put(replica, **{field: value})
            if status != 200 or body[field] != value or body["warnings"]:
                refused.append((status, body))

    threads = [threading.Thread(target=change, args=each) for each in fields]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    wanted = {"default_cpu": "20", "default_memory": "20Gi"}
    assert refused == []
    assert data(shared.admin)["form-defaults.json"].items() >= wanted.items()
    for replica in replicas:
        until(lambda it=replica: it.get(CONFIG).items() >= wanted.items(), within=10, what="both tell the same")


def test_what_was_seen_of_machines_is_kept_there(replicas: list[Service], shared: ControlPlane) -> None:
    def kinds() -> list[str]:
        return [kind["kind"] for kind in data(shared.admin).get("machines.json", {}).get("kinds", [])]

    until(lambda: "m5.large" in kinds(), within=40, what="the kind of the node is kept")


def test_applying_the_manifest_again_keeps_what_is_in_it(replicas: list[Service], shared: ControlPlane) -> None:
    put(replicas[0], default_gpu=2)

    for options in ([], ["--server-side", "--force-conflicts"]):
        kubectl = [shared.programs / "kubectl", "--kubeconfig", shared.kubeconfig_of("admin")]
        subprocess.run([*kubectl, "apply", *options, "-f", DEPLOY / "optional/state.yaml"], check=True)

    assert data(shared.admin)["form-defaults.json"]["default_gpu"] == 2


def test_a_configmap_that_is_deleted_is_told_and_one_that_is_made_again_is_used(
    replicas: list[Service], shared: ControlPlane
) -> None:
    put(replicas[0], default_gpu=3)
    shared.admin.delete("ConfigMap", NAME, **PLACE)
    for replica in replicas:
        until(lambda it=replica: it.get(CONFIG)["default_gpu"] == 0, within=10, what="the settings hold again")

    status, body = put(replicas[1], default_gpu=4)
    for made in manifests("optional/state.yaml"):
        shared.admin.apply(made)

    assert (status, body["error"]["code"]) == (503, "not_kept")
    assert "There is no ConfigMap moorage/moorage-state, and moorage may not make it." in body["error"]["message"]
    until(lambda: put(replicas[1], default_gpu=4)[0] == 200, within=10, what="a change is kept again")
    until(lambda: replicas[0].get(CONFIG)["default_gpu"] == 4, within=10, what="the other one tells it")


def test_without_the_right_the_last_values_stay_and_that_is_said(replicas: list[Service], shared: ControlPlane) -> None:
    put(replicas[0], default_gpu=1)
    until(lambda: replicas[1].get(CONFIG)["default_gpu"] == 1, within=10, what="both tell it")
    shared.admin.delete("RoleBinding", NAME, **PLACE)

    # The API server's authorizer follows the bindings, too.
    until(lambda: put(replicas[0], default_gpu=5)[0] == 503, within=10, what="a change is refused")
    said = until(lambda: replicas[0].get(CONFIG)["warnings"], within=10, what="it is said")
    told = {replica.get(CONFIG)["default_gpu"] for replica in replicas}
    for made in manifests("optional/state.yaml"):
        if made["kind"] == "RoleBinding":
            shared.admin.apply(made)

    assert "moorage-state" in said[0]
    assert told <= {1, 5}
    until(lambda: put(replicas[0], default_gpu=6)[0] == 200, within=10, what="a change is kept again")
