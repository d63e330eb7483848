import json
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from moorage.kube.resources import ADDONS, FOLLOWED

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
MANIFESTS = sorted(
    str(path.relative_to(KUBERNETES)) for path in KUBERNETES.rglob("*.yaml") if path.name != "kustomization.yaml"
)
RESTRICTED_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def granted(roles):
    """(group, resource) -> verbs of a list of Roles."""
    return {
        (group, resource): set(rule["verbs"])
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


@pytest.mark.parametrize("version", [f"1.{minor}" for minor in range(30, 38)])
@pytest.mark.parametrize("manifest", MANIFESTS)
def test_every_manifest_fits_the_schema_of_every_kubernetes_that_is_supported(objects, manifest, version):
    found = objects(manifest)

    assert found
    for candidate in found:
        kubernetes_validate.validate(candidate, version, strict=True)


def test_every_manifest_is_applied_or_optional(root):
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]

    assert sorted(listed) == [name for name in MANIFESTS if "/" not in name]
    assert all(name.startswith("optional/") for name in MANIFESTS if name not in listed)


def test_the_cluster_role_is_list_and_watch_on_the_kinds_that_the_feed_follows_and_nothing_else(one):
    followed = {}
    for resource in FOLLOWED:
        api, _, name = resource.path.rpartition("/")
        followed[("" if api == "/api/v1" else api.split("/")[2], name)] = {"list", "watch"}

    assert granted([one("cluster-role.yaml", "ClusterRole")]) == followed


def test_the_optional_rights_are_those_that_their_setting_uses(one):
    from moorage.objects import LimitRange, ResourceQuota, RuntimeClass

    assert granted([one("optional/runtime-classes.yaml", "ClusterRole")]) == {
        ("node.k8s.io", RuntimeClass.PLURAL): {"list"}
    }
    assert granted([one("optional/karpenter.yaml", "ClusterRole")]) == {
        ("karpenter.sh", kind.name): {"list", "watch"} for kind in ADDONS if "/karpenter.sh/" in kind.path
    }
    assert granted([one("optional/kueue.yaml", "ClusterRole")]) == {
        **{("kueue.x-k8s.io", kind.name): {"list", "watch"} for kind in ADDONS if "/kueue.x-k8s.io/" in kind.path},
        ("visibility.kueue.x-k8s.io", "clusterqueues/pendingworkloads"): {"get"},
    }
    autoscaler = one("optional/cluster-autoscaler.yaml", "Role")
    assert granted([autoscaler]) == {("", "configmaps"): {"list", "watch"}}
    assert [rule["resourceNames"] for rule in autoscaler["rules"]] == [["cluster-autoscaler-status"]]
    assert granted([one("optional/limits.yaml", "Role")]) == {
        ("", kind.PLURAL): {"list"} for kind in (LimitRange, ResourceQuota)
    }
    assert granted([one("optional/hub-resize.yaml", "Role")]) == {("", "pods/resize"): {"patch"}}
    assert granted([one("optional/hub-usage.yaml", "Role")]) == {("metrics.k8s.io", "pods"): {"get"}}
    scheduler = one("optional/scheduler.yaml", "Role")
    assert granted([scheduler]) == {("", "configmaps"): {"get"}}
    assert scheduler["rules"][0]["resourceNames"] == ["user-scheduler"]
    state = one("optional/state.yaml", "Role")
    assert granted([state]) == {("", "configmaps"): {"get", "list", "watch", "patch"}}
    assert state["rules"][0]["resourceNames"] == [one("optional/state.yaml", "ConfigMap")["metadata"]["name"]]


@pytest.mark.parametrize("manifest", [name for name in MANIFESTS if "/hub-" not in name])
def test_the_one_thing_that_may_be_changed_is_the_services_own_configmap(objects, manifest):
    roles = [found for found in objects(manifest) if found["kind"] in ("Role", "ClusterRole")]
    writing = {(key, verb) for key, verbs in granted(roles).items() for verb in verbs - {"get", "list", "watch"}}

    reviews = {
        (("authentication.k8s.io", "tokenreviews"), "create"),
        (("authorization.k8s.io", "subjectaccessreviews"), "create"),
    }
    assert writing <= {(("", "configmaps"), "patch"), (("", "pods/exec"), "create"), *reviews}
    assert ((("", "configmaps"), "patch") in writing) == (manifest == "optional/state.yaml")


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_exec_is_given_in_one_namespace_by_its_own_file_and_nowhere_else(objects, manifest):
    roles = [found for found in objects(manifest) if found["kind"] == "Role"]

    assert ("pods/exec" in {resource for _, resource in granted(roles)}) == (manifest == "optional/gpu-exec.yaml")


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_no_cluster_role_writes_or_reaches_a_secret_or_a_shell(objects, manifest):
    roles = [found for found in objects(manifest) if found["kind"] == "ClusterRole"]

    for (_, resource), verbs in granted(roles).items():
        # A review is created to be answered, and is not kept.
        assert verbs <= {"list", "watch", "get"} or (resource.endswith("reviews") and verbs == {"create"})
        assert resource != "secrets"
        assert resource != "*"
        # Kueue's places are told as a part of its queues; every other part of an object does something.
        assert "/" not in resource or (resource, verbs) == ("clusterqueues/pendingworkloads", {"get"})


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_every_binding_binds_a_role_of_its_own_file_to_the_service_account(objects, manifest):
    found = objects(manifest)
    roles = {(candidate["kind"], candidate["metadata"]["name"]) for candidate in found}

    for binding in found:
        if binding["kind"] in ("ClusterRoleBinding", "RoleBinding"):
            assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) in roles
            whose = ("hub", "jupyterhub") if "/hub-" in manifest else ("moorage", "moorage")
            assert binding["subjects"] == [{"kind": "ServiceAccount", "name": whose[0], "namespace": whose[1]}]


def test_the_pod_meets_the_restricted_pod_security_standard(one):
    pod = one("deployment.yaml", "Deployment")["spec"]["template"]["spec"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert [container["securityContext"] for container in pod["containers"]] == [RESTRICTED_CONTAINER]
    assert {kind for volume in pod["volumes"] for kind in volume if kind != "name"} == {"secret", "emptyDir"}
    assert (
        one("namespace.yaml", "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    )


def test_a_service_called_moorage_does_not_reach_the_settings_by_its_environment_variables(one):
    pod = one("deployment.yaml", "Deployment")["spec"]["template"]["spec"]

    assert pod["enableServiceLinks"] is False


def test_the_probes_the_service_and_the_policy_lead_to_the_port_that_is_listened_on(one):
    deployment = one("deployment.yaml", "Deployment")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    [port] = container["ports"]
    [served] = one("service.yaml", "Service")["spec"]["ports"]
    [ingress] = one("network-policy.yaml", "NetworkPolicy")["spec"]["ingress"]

    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": port["name"]}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": port["name"]}
    assert served["targetPort"] == port["name"]
    assert [allowed["port"] for allowed in ingress["ports"]] == [port["name"]]
    assert f"MOORAGE_PORT={port['containerPort']}\n" in (KUBERNETES / "settings.env").read_text()


def test_every_selector_finds_the_pods_of_the_deployment(one):
    deployment = one("deployment.yaml", "Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"].items()

    for selector in (
        deployment["selector"]["matchLabels"],
        one("service.yaml", "Service")["spec"]["selector"],
        one("disruption.yaml", "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one("network-policy.yaml", "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= labels


def test_the_settings_are_settings_of_the_service_and_listen_only_with_tokens(monkeypatch):
    from moorage.service.settings import Settings

    lines = [line.split("=", 1) for line in (KUBERNETES / "settings.env").read_text().splitlines() if line]
    for name, value in lines:
        monkeypatch.setenv(name, value)

    settings = Settings()

    assert {name.removeprefix("MOORAGE_").lower() for name, _ in lines} <= set(Settings.model_fields)
    assert settings.host == "0.0.0.0"
    assert settings.token_file is not None
    assert settings.allow_anonymous_access_from_everywhere is False


def test_the_tokens_are_mounted_where_the_settings_look_for_them(one):
    pod = one("deployment.yaml", "Deployment")["spec"]["template"]["spec"]
    [mount] = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "tokens"]

    assert f"MOORAGE_TOKEN_FILE={mount['mountPath']}/tokens\n" in (KUBERNETES / "settings.env").read_text()


def test_no_secret_lies_in_the_tree(deploy):
    for path in deploy.rglob("*.yaml"):
        for found in yaml.safe_load_all(path.read_text()):
            assert not (isinstance(found, dict) and found.get("kind") == "Secret"), path


def test_kustomize_gives_every_namespaced_object_the_namespace_and_the_pod_its_settings(kubectl):
    built = subprocess.run(
        [kubectl, "kustomize", str(KUBERNETES)], check=True, capture_output=True, text=True, timeout=60
    ).stdout

    found = list(yaml.safe_load_all(built))
    [settings] = [candidate for candidate in found if candidate["kind"] == "ConfigMap"]
    cluster_wide = {"Namespace", "ClusterRole", "ClusterRoleBinding"}
    assert {candidate["metadata"].get("namespace") for candidate in found if candidate["kind"] not in cluster_wide} == {
        "moorage"
    }
    assert json.dumps({"configMapRef": {"name": settings["metadata"]["name"]}}) in json.dumps(found)
    assert "image: registry.example.org/moorage:" in built


def test_prometheus_is_admitted_to_the_port_that_serves_its_metrics(one):
    policy = one("optional/prometheus.yaml", "NetworkPolicy")["spec"]
    pod = one("deployment.yaml", "Deployment")["spec"]["template"]
    [rule] = policy["ingress"]

    assert policy["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert [port["port"] for port in rule["ports"]] == [pod["spec"]["containers"][0]["ports"][0]["name"]]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]


def test_the_overlay_moves_everything_the_cluster_roles_subject_included(kubectl, root):
    built = subprocess.run(
        [kubectl, "kustomize", str(root / "deploy/overlay")], check=True, capture_output=True, text=True, timeout=60
    ).stdout

    found = list(yaml.safe_load_all(built))
    [binding] = [one for one in found if one["kind"] == "ClusterRoleBinding"]
    namespaces = {one["metadata"].get("namespace") for one in found}
    assert binding["subjects"][0]["namespace"] == "spawn"
    assert namespaces == {None, "spawn"}
    assert [one["metadata"]["name"] for one in found if one["kind"] == "Namespace"] == ["spawn"]
