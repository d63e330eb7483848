"""Phase 1 on the real API server: what each run says, and what stands before and after it, object by object.

A run of Ansible takes seconds, so that all of them are played once, in the order of an operator's day.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rig.controlplane import ControlPlane
from rig.kubelet import Kubelet

pytestmark = pytest.mark.timeout(1500)

# The card of berth-2 has no labels: by default the check of the service fails for it.
CARDLESS: dict[str, Any] = {"moorage_check_gpu_facts": []}
# Whoever knows a token keeps it, and a namespace may have things of others in it.
STAY = {"Namespace /moorage": "made", "Secret moorage/moorage-tokens": "made"}
MADE = {
    "ClusterRole /moorage",
    "ClusterRoleBinding /moorage",
    "ConfigMap moorage/moorage-settings",
    "Deployment moorage/moorage",
    "NetworkPolicy moorage/moorage",
    "PodDisruptionBudget moorage/moorage",
    "Secret moorage/moorage-record-api",
    "Service moorage/moorage",
    "ServiceAccount moorage/moorage",
}


@pytest.fixture(scope="module")
def day(play: Callable[..., Any], shared: ControlPlane, yard: Kubelet, kubectl: Callable[..., str]) -> dict[str, Any]:
    runs = {"looked": play("--tags", "api", "--check")}
    runs["failed first"] = play("--tags", "api")
    runs["deployed"] = play("--tags", "api", **CARDLESS)
    runs["again"] = play("--tags", "api", **CARDLESS)
    runs["label missing"] = play("--tags", "api")
    runs["check alone"] = play("--tags", "check-api")
    another = {
        "moorage_image": "mirror.example.org:5000/moorage",
        "moorage_image_tag": "9",
        "moorage_values": {"imagePullSecrets": ["registry"]},
    }
    runs["looked again"] = play("--tags", "api", "--check", **another)
    broken = {
        "moorage_image_tag": "broken",
        "moorage_settings": {"label_allow_list": "a"},
        "moorage_rollout_timeout": 3,
    }
    runs["failed later"] = play("--tags", "api", **broken)
    runs["changed"] = play(
        *("--tags", "api", "--skip-tags", "check-api"), moorage_settings={"label_allow_list": "b"}, **CARDLESS
    )
    patch = '{"metadata": {"labels": {"mine": "yes"}}, "spec": {"replicas": 0}}'
    kubectl(shared.kubeconfig, "-n", "moorage", "patch", "deployment", "moorage", "--patch", patch)
    runs["touched"] = play("--tags", "rollback-api")
    patch = '{"metadata": {"labels": {"mine": null}}, "spec": {"replicas": 1}}'
    kubectl(shared.kubeconfig, "-n", "moorage", "patch", "deployment", "moorage", "--patch", patch)
    runs["back"] = play("--tags", "rollback-api")
    runs["back twice"] = play("--tags", "rollback-api")
    runs["back to the start"] = play("--tags", "rollback-api", moorage_rollback_to="before-moorage")
    return runs


def test_check_mode_on_an_empty_cluster_shows_what_would_be_made_and_makes_nothing(day: dict[str, Any]) -> None:
    run = day["looked"]

    assert run.played.rc == 0, run.played.output
    assert "New: Namespace moorage, NetworkPolicy moorage, " in run.text
    assert run.played.changed > 0
    assert run.changes == {}


def test_a_failed_first_run_takes_back_all_but_the_namespace_and_the_tokens(day: dict[str, Any]) -> None:
    run = day["failed first"]

    assert run.played.rc != 0
    assert "Not known: berth-2, card 0: model" in run.text
    assert "The service was taken back to what was there before this run." in run.text
    assert run.changes == STAY


def test_the_next_run_makes_the_service_with_the_tokens_that_are_there(day: dict[str, Any]) -> None:
    run = day["deployed"]

    assert run.played.rc == 0, run.played.output
    assert run.changes == dict.fromkeys(MADE, "made")
    assert run.after["Deployment moorage/moorage"]["metadata"]["annotations"]["meta.helm.sh/release-name"] == "moorage"


def test_a_second_run_changes_nothing(day: dict[str, Any]) -> None:
    run = day["again"]

    assert (run.played.rc, run.played.changed) == (0, 0), run.played.output
    assert run.changes == {}


@pytest.mark.parametrize("name", ["label missing", "check alone"])
def test_a_failed_check_of_a_run_that_changed_nothing_leaves_a_healthy_service_alone(
    day: dict[str, Any], name: str
) -> None:
    run = day[name]

    assert run.played.rc != 0
    assert "Not known: berth-2, card 0: model" in run.text
    assert "This run had changed nothing of the service, so nothing was taken back." in run.text
    assert run.changes == {}


def test_check_mode_shows_what_would_differ(day: dict[str, Any]) -> None:
    run = day["looked again"]

    assert run.played.rc == 0, run.played.output
    assert "- image: registry.example.org/moorage:0.1.0" in run.text
    assert "+ image: mirror.example.org:5000/moorage:9" in run.text
    assert "+ - name: registry" in run.text
    assert run.played.changed > 0
    assert run.changes == {}


def test_a_failed_change_is_taken_back_to_exactly_what_was_there(day: dict[str, Any]) -> None:
    run = day["failed later"]

    assert run.played.rc != 0
    assert "timed out waiting for the condition" in run.text
    assert run.changes == {}


def test_a_change_replaces_what_it_names_and_nothing_else(day: dict[str, Any]) -> None:
    run = day["changed"]

    assert run.played.rc == 0, run.played.output
    assert run.changes == {
        "ConfigMap moorage/moorage-settings": "changed",
        "Deployment moorage/moorage": "changed",
        "Secret moorage/moorage-record-api": "changed",
    }


def test_a_rollback_touches_nothing_that_somebody_else_has_changed_since(day: dict[str, Any]) -> None:
    run = day["touched"]

    assert run.played.rc != 0
    assert "has been changed since, so nothing was taken back" in run.text
    assert run.changes == {}


def test_a_rollback_takes_back_the_last_run_that_changed_something(day: dict[str, Any]) -> None:
    run = day["back"]
    record = "Secret moorage/moorage-record-api"

    assert run.played.rc == 0, run.played.output
    assert {key: obj for key, obj in run.after.items() if key != record} == {
        key: obj for key, obj in day["changed"].before.items() if key != record
    }


def test_a_second_rollback_changes_nothing_and_names_the_way_further_back(day: dict[str, Any]) -> None:
    run = day["back twice"]

    assert (run.played.rc, run.played.changed) == (0, 0), run.played.output
    assert "moorage_rollback_to=before-moorage" in run.text
    assert run.changes == {}


def test_before_moorage_nothing_was_there_but_tokens_are_never_deleted(day: dict[str, Any]) -> None:
    run = day["back to the start"]

    assert run.played.rc == 0, run.played.output
    assert run.changes == dict.fromkeys(MADE, "gone")
    assert {key for key in run.after if "moorage" in key} == set(STAY)


def test_the_tokens_are_long_made_once_and_never_printed(day: dict[str, Any]) -> None:
    import base64
    import re

    kept = {str(run.after["Secret moorage/moorage-tokens"]["data"]) for name, run in day.items() if name != "looked"}
    text = base64.b64decode(yaml.safe_load(next(iter(kept)))["tokens"]).decode()
    tokens = re.findall(r"^\w+:(?:reader\+holders|admin):([A-Za-z0-9]{48})$", text, re.MULTILINE)

    assert len(kept) == 1
    assert len(set(tokens)) == 2
    assert all(token not in run.played.output for token in tokens for run in day.values())


def test_the_port_forward_of_the_check_is_closed_after_it(day: dict[str, Any]) -> None:
    listed = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]

    assert not [line for line in listed if b"port-forward" in line and b"moorage" in line]
