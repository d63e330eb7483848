"""Phase 1 where an earlier version of the role has applied manifests: what the release takes over, what is refused, and the
way back, object by object; then each further right; and at last the way out.
"""

import base64
import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rig.controlplane import ControlPlane
from rig.hub import ROOT
from rig.kubelet import Kubelet

pytestmark = pytest.mark.timeout(1500)

# A line that no version of the role has made.
TOKENS = "hub:reader+holders:a-token-of-forty-eight\nadmin:admin:another-token-of-the-same\nscreen:reader:of-the-screen-in-the-corridor\n"
SETTINGS: dict[str, Any] = {"quota_namespaces": "jupyterhub", "scheduler_configmaps": "jupyterhub/user-scheduler"}
TAKEN = {
    "ClusterRole /moorage",
    "ClusterRoleBinding /moorage",
    "Deployment moorage/moorage",
    "NetworkPolicy moorage/moorage",
    "PodDisruptionBudget moorage/moorage",
    "Service moorage/moorage",
    "ServiceAccount moorage/moorage",
}
RECORD, SETTINGS_NOW = "Secret moorage/moorage-record-api", "ConfigMap moorage/moorage-settings"
RIGHTS = {
    "tokenReview": ("ClusterRole /moorage-token-review", "ClusterRoleBinding /moorage-token-review"),
    "kueue": ("ClusterRole /moorage-kueue", "ClusterRoleBinding /moorage-kueue"),
    "karpenter": ("ClusterRole /moorage-karpenter", "ClusterRoleBinding /moorage-karpenter"),
    "runtimeClasses": ("ClusterRole /moorage-runtime-classes", "ClusterRoleBinding /moorage-runtime-classes"),
    "stateConfigMap": (
        "ConfigMap moorage/moorage-state",
        "Role moorage/moorage-state",
        "RoleBinding moorage/moorage-state",
    ),
    # In a namespace that is not looked at here.
    "clusterAutoscalerNamespace": (),
}
UNCHECKED = ("--tags", "api", "--skip-tags", "check-api")


def _applied_by_kubectl(plane: ControlPlane, folder: Path) -> None:
    """What version 0.1.0 of the role did: an overlay, applied, with its record beside it."""
    kubectl = [plane.programs / "kubectl", "--kubeconfig", plane.kubeconfig]

    def run(*words: str, stdin: str = "") -> str:
        command = [*kubectl, *words]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True, timeout=90).stdout

    (folder / "base").symlink_to(ROOT / "deploy" / "kubernetes")
    total = hashlib.sha256(TOKENS.encode()).hexdigest()[:16]
    template = {"metadata": {"annotations": {"moorage.io/tokens": total}}}
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "moorage"},
        "spec": {"template": template},
    }
    literals = [f"MOORAGE_{name.upper()}={text}" for name, text in {**SETTINGS, "log_level": "debug"}.items()]
    overlay = {
        "namespace": "moorage",
        "resources": ["base"],
        "patches": [{"target": {"kind": "Deployment", "name": "moorage"}, "patch": yaml.safe_dump(patch)}],
        "replicas": [{"name": "moorage", "count": 1}],
        "configMapGenerator": [{"name": "moorage-settings", "behavior": "merge", "literals": literals}],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    objects = [one for one in yaml.safe_load_all(run("kustomize", str(folder))) if one]
    made = [
        {key: one[key] for key in ("apiVersion", "kind", "metadata")} for one in objects if one["kind"] != "Namespace"
    ]
    state = {"found": [], "made": made}
    record = {"before_moorage": state, "last_run": state, "applied": objects}
    for name, key, text in (("moorage-tokens", "tokens", TOKENS), ("moorage-record-api", "record", json.dumps(record))):
        metadata = {"name": name, "namespace": "moorage", "labels": {"app.kubernetes.io/name": "moorage"}}
        data = {key: base64.b64encode(text.encode()).decode()}
        objects.append({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
    run("apply", "--filename", "-", stdin=yaml.safe_dump_all(objects))
    run("--namespace", "moorage", "rollout", "status", "deployment/moorage", "--timeout", "60s")


@pytest.fixture(scope="module")
def day(
    play: Callable[..., Any],
    shared: ControlPlane,
    yard: Kubelet,
    helm: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    _applied_by_kubectl(shared, tmp_path_factory.mktemp("manifests"))
    kept = {"moorage_settings": {"log_level": "debug"}}
    runs: dict[str, Any] = {"looked": play("--tags", "api", "--check", **kept)}
    runs["lost"] = play(*UNCHECKED)
    runs["failed"] = play(*UNCHECKED, **kept, moorage_image_tag="broken", moorage_rollout_timeout=3)
    runs["releases"] = [helm("list", "--all", "--namespace", "moorage", "--output", "json")]
    runs["taken over"] = play(*UNCHECKED, **kept)
    runs["again"] = play(*UNCHECKED, **kept)
    runs["back"] = play("--tags", "rollback-api", **kept)
    runs["releases"].append(helm("list", "--all", "--namespace", "moorage", "--output", "json"))
    rights = {**dict.fromkeys(RIGHTS, True), "clusterAutoscalerNamespace": "kube-system"}
    runs["rights"] = play(*UNCHECKED, **kept, moorage_rights=rights)
    release = ("moorage", str(ROOT / "charts/moorage"), "--namespace", "moorage")
    helm("upgrade", *release, "--reuse-values", "--set", "priorityClassName=system-cluster-critical")
    runs["by hand"] = play(*UNCHECKED, **kept, moorage_rights=rights)
    helm("rollback", "moorage", "--namespace", "moorage")
    runs["rights gone"] = play(*UNCHECKED, **kept)
    runs["uninstall, looked"] = play("--tags", "uninstall", "--check", **kept)
    runs["uninstalled"] = play("--tags", "uninstall", **kept)
    return runs


def _record(objects: dict[str, Any]) -> Any:
    return json.loads(base64.b64decode(objects[RECORD]["data"]["record"]))


def _of_manifests(objects: dict[str, Any]) -> set[str]:
    return {key for key in objects if "moorage-settings-" in key}


def test_check_mode_says_what_the_release_would_take_over_and_changes_nothing(day: dict[str, Any]) -> None:
    run = day["looked"]

    assert run.played.rc == 0, run.played.output
    assert "Taken over by the release moorage: " in run.text
    assert "Deployment moorage" in run.text
    assert "+ name: moorage-settings" in run.text
    assert run.played.changed > 0
    assert run.changes == {}


def test_a_setting_of_the_manifests_that_no_variable_names_is_refused_and_not_lost(day: dict[str, Any]) -> None:
    run = day["lost"]

    assert run.played.rc != 0
    assert "would be lost: settings.log_level. Nothing was changed." in run.text
    assert run.changes == {}


def test_a_failure_leaves_the_objects_of_the_manifests_as_they_were_and_no_release(day: dict[str, Any]) -> None:
    run = day["failed"]

    assert run.played.rc != 0
    assert "The service was taken back to what was there before this run." in run.text
    assert set(run.changes) <= {RECORD}
    assert _record(run.after) == _record(run.before)


def test_the_release_takes_over_what_is_there_by_its_names_and_nothing_is_deleted(day: dict[str, Any]) -> None:
    run = day["taken over"]

    assert run.played.rc == 0, run.played.output
    assert run.changes == {**dict.fromkeys(TAKEN | {RECORD}, "changed"), SETTINGS_NOW: "made"}
    assert len(_of_manifests(run.after)) == 1


def test_the_tokens_stay_as_they_are(day: dict[str, Any]) -> None:
    plays = [run for name, run in day.items() if name != "releases"]
    for run in plays:
        if (found := run.after.get("Secret moorage/moorage-tokens")) is not None:
            assert base64.b64decode(found["data"]["tokens"]).decode() == TOKENS
    assert "Secret moorage/moorage-tokens" in day["rights gone"].after
    assert all("a-token-of-forty-eight" not in run.played.output for run in plays)


def test_a_second_run_changes_nothing(day: dict[str, Any]) -> None:
    assert (day["again"].played.rc, day["again"].played.changed) == (0, 0), day["again"].played.output
    assert day["again"].changes == {}


def test_a_rollback_gives_the_objects_back_to_the_manifests(day: dict[str, Any]) -> None:
    run = day["back"]

    assert run.played.rc == 0, run.played.output
    for key, obj in day["taken over"].before.items():
        assert key == RECORD or run.after[key] == obj
    assert set(run.after) == set(day["taken over"].before)


def test_where_there_was_no_release_none_is_left_by_a_failure_or_a_rollback(day: dict[str, Any]) -> None:
    assert [json.loads(text) for text in day["releases"]] == [[], []]


@pytest.mark.parametrize("right", RIGHTS)
def test_each_right_is_given_with_the_setting_that_uses_it(day: dict[str, Any], right: str) -> None:
    run = day["rights"]
    settings = run.after[SETTINGS_NOW]["data"]
    brought = {
        "tokenReview": ("MOORAGE_KUBERNETES_TOKENS", "true"),
        "stateConfigMap": ("MOORAGE_STATE_CONFIGMAP", "moorage/moorage-state"),
        "clusterAutoscalerNamespace": ("MOORAGE_CLUSTER_AUTOSCALER_NAMESPACE", "kube-system"),
    }

    assert run.played.rc == 0, run.played.output
    assert {run.changes[key] for key in RIGHTS[right]} <= {"made"}
    if right in brought:
        name, text = brought[right]
        assert settings[name] == text


def test_no_other_right_is_given(day: dict[str, Any]) -> None:
    made = {key for key, what in day["rights"].changes.items() if what == "made"}

    assert made - {SETTINGS_NOW} == {key for keys in RIGHTS.values() for key in keys}


def test_a_value_that_somebody_gave_by_hand_is_refused_and_not_lost(day: dict[str, Any]) -> None:
    run = day["by hand"]

    assert run.played.rc != 0
    assert "would be lost: priorityClassName. Nothing was changed." in run.text
    # The service writes there what it has seen.
    assert set(run.changes) <= {"ConfigMap moorage/moorage-state"}


def test_a_right_that_is_no_longer_named_goes(day: dict[str, Any]) -> None:
    run = day["rights gone"]

    assert run.played.rc == 0, run.played.output
    assert {key for key, what in run.changes.items() if what == "gone"} == {k for keys in RIGHTS.values() for k in keys}


def test_uninstall_in_check_mode_says_what_would_go(day: dict[str, Any]) -> None:
    run = day["uninstall, looked"]

    assert run.played.rc == 0, run.played.output
    assert "Deployment moorage" in run.text
    assert "Secret moorage-tokens" in run.text
    assert run.changes == {}


def test_uninstall_leaves_the_namespace_alone(day: dict[str, Any]) -> None:
    run = day["uninstalled"]

    assert run.played.rc == 0, run.played.output
    assert {key for key in run.after if "moorage" in key} == {"Namespace /moorage"}
