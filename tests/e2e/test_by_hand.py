"""The pages' own commands, as a person types them, on the real API server: what they make, and what uninstalling leaves."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rig.charts import repository
from rig.controlplane import ControlPlane
from rig.pages import ROOT, commands, section
from rig.processes import until

# What changes by itself.
RESTLESS = {"events", "events.events.k8s.io", "leases.coordination.k8s.io"}
# Made anew at each change of the hub, and kept by those who made them.
HISTORY = ("ReplicaSet/jupyterhub/", "Pod/jupyterhub/", "Secret/jupyterhub/sh.helm.release.")
# No kubelet runs the pods.
NOT_HERE = ("rollout status", "port-forward", "curl ", "moorage doctor", "get pod ")


class Shell:
    """A person's shell in a copy of the checkout, with the cluster as its kubeconfig."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.folder = folder
        for name in ("deploy", "docs"):
            (folder / name).symlink_to(ROOT / name)
        (folder / "your-values.yaml").write_text("hub: {extraEnv: [{name: MINE, value: mine}]}\n")
        path = os.pathsep.join([str(plane.programs), str(Path(sys.executable).parent), os.environ["PATH"]])
        self._environment = {**os.environ, "PATH": path, "KUBECONFIG": str(plane.kubeconfig), "HOME": str(folder)}

    def run(self, *lines: str, everything: bool = False) -> str:
        """Run these lines one after the other, as far as they can be run here; variables stay."""
        script = "\n".join(line for line in lines if everything or not any(word in line for word in NOT_HERE))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=110, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def objects(self) -> dict[str, str]:
        """kind/namespace/name of everything in the cluster, with its uid."""
        kinds = set(self.run("kubectl api-resources --verbs=list --output=name").split()) - RESTLESS
        found = json.loads(self.run(f"kubectl get {','.join(sorted(kinds))} --all-namespaces --output=json"))
        return {
            f"{one['kind']}/{one['metadata'].get('namespace', '')}/{one['metadata']['name']}": one["metadata"].get(
                "uid", ""
            )
            for one in found["items"]
            if not f"{one['kind']}/{one['metadata'].get('namespace', '')}/{one['metadata']['name']}".startswith(HISTORY)
        }

    def get(self, kind: str, name: str, namespace: str = "moorage") -> dict:
        return json.loads(self.run(f"kubectl --namespace {namespace} get {kind} {name} --output=json"))

    def hub(self) -> dict:
        """What the hub's pod is made of."""
        return self.get("deployment", "hub", "jupyterhub")["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def charts(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with repository(programs / "helm", tmp_path_factory.mktemp("charts")) as url:
        yield url


@pytest.fixture(scope="module")
def shell(own: ControlPlane, charts: str, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """In a cluster with a hub of the chart that the pages name, and its operator's values."""
    shell = Shell(own, tmp_path_factory.mktemp("checkout"))
    shell.run(*(f"kubectl create namespace {name}" for name in ("jupyterhub", "monitoring", "gpu-operator")))
    made = [f"{kind}/{name}/{of}" for name in ("jupyterhub", "monitoring", "gpu-operator") for kind, of in (("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt"))]  # fmt: skip
    until(lambda: set(made) <= shell.objects().keys(), within=30, what="namespaces are ready")
    install = (
        "helm install jupyterhub jupyterhub/jupyterhub --namespace jupyterhub --version 4.4.0 --values your-values.yaml"
    )
    shell.run(f"helm repo add jupyterhub {charts}", install)
    return shell


@pytest.fixture
def before(shell: Shell) -> Iterator[dict[str, str]]:
    found = shell.objects()
    yield found
    shell.run("kubectl delete namespace moorage spawn moorage-gpu --ignore-not-found")


def test_the_commands_of_the_pages_install_moorage_and_uninstalling_leaves_what_was_there(
    shell: Shell, before: dict[str, str]
) -> None:
    before_hub = shell.hub()
    install = [*commands(section("docs/install.md", "The service")), *commands(section("docs/install.md", "The hub"))]
    shell.run(*install)
    shell.run(*commands(section("docs/service.md", "Monitoring")))
    shell.run('password="secret"', *commands(section("docs/registries.md", "A private registry")))
    shell.run("kubectl apply -f deploy/kubernetes/optional", "kubectl apply -k deploy/kubernetes")
    made = shell.objects().keys() - before.keys()
    tokens = shell.get("secret", "moorage-tokens")["data"]["tokens"]
    account = shell.get("serviceaccount", "moorage")
    hub = shell.hub()
    found = json.loads(
        shell.run(f"{commands(section('docs/install.md', 'The hub'))[-2]} -o json || true", everything=True)
    )

    shell.run(*commands(section("docs/rollback.md", "Uninstall by hand")))
    shell.run("kubectl --namespace monitoring delete secret moorage-scrape")

    assert {
        "Namespace//moorage", "Namespace//moorage-gpu", "ClusterRole//moorage", "ClusterRoleBinding//moorage",
        "ClusterRole//moorage-runtime-classes", "Role/jupyterhub/moorage-limits", "Role/gpu-operator/moorage-gpu-exec",
        "Deployment/moorage/moorage", "Secret/jupyterhub/moorage-hub", "NetworkPolicy/moorage/moorage-prometheus",
        "DaemonSet/moorage-gpu/moorage-gpu-agent",
    } <= made  # fmt: skip
    assert len(subprocess.run(["base64", "-d"], input=tokens.encode(), capture_output=True, check=True).stdout.splitlines()) == 3  # fmt: skip
    assert account["imagePullSecrets"] == [{"name": "registry"}]
    assert [one["name"] for one in hub["containers"][0]["env"]][1:3] == ["MINE", "PYTHONPATH"]
    assert [one["name"] for one in hub["initContainers"]] == ["moorage"]
    doctor = {one["subject"]: one for one in found["findings"]}
    assert {subject for subject, one in doctor.items() if one["state"] not in ("ok", "skipped")} == {
        "hub", "versions", "service", "storage",  # no pod runs, the image is no hub's, and there is no class
    }  # fmt: skip
    assert doctor["token"]["says"] == "Both Secrets have the same token, of “hub” with the role reader+holders."
    assert shell.hub() == before_hub
    until(lambda: shell.objects() == before, within=30, what="all is as it was before")


def test_a_copy_of_the_overlay_puts_all_of_moorage_into_another_namespace_and_takes_it_away_again(
    shell: Shell, before: dict[str, str]
) -> None:
    shell.run("kubectl apply -k deploy/overlay")
    made = shell.objects().keys() - before.keys()
    subjects = shell.get("clusterrolebinding", "moorage")["subjects"]
    may = shell.run(
        "kubectl auth can-i list pods --all-namespaces --as system:serviceaccount:spawn:moorage",
        "kubectl auth can-i list pods --all-namespaces --as system:serviceaccount:moorage:moorage || true",
    )

    shell.run("kubectl delete -k deploy/overlay")

    assert subjects == [{"kind": "ServiceAccount", "name": "moorage", "namespace": "spawn"}]
    assert may.split() == ["yes", "no"]
    assert {name.split("/")[1] for name in made} <= {"", "spawn"}
    until(lambda: shell.objects() == before, within=30, what="all is as it was before")


def test_a_namespace_that_had_other_things_in_it_keeps_them(shell: Shell, before: dict[str, str]) -> None:
    _, patch = section("docs/rollback.md", "Uninstall by hand").split("```yaml\n")
    overlay = shell.folder / "deploy-mine"
    overlay.mkdir()
    base = yaml.safe_load((ROOT / "deploy/overlay/kustomization.yaml").read_text())
    base["resources"] = ["../kubernetes"]
    (shell.folder / "kubernetes").symlink_to(ROOT / "deploy/kubernetes")
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(base | yaml.safe_load(patch.partition("```")[0])))
    shell.run("kubectl create namespace spawn", "kubectl --namespace spawn create configmap theirs")
    until(
        lambda: {"ServiceAccount/spawn/default", "ConfigMap/spawn/kube-root-ca.crt"} <= shell.objects().keys(),
        within=30,
        what="the namespace is ready",
    )
    theirs = shell.objects()

    shell.run("kubectl apply -k deploy-mine")
    made = shell.objects().keys() - theirs.keys()
    shell.run("kubectl delete -k deploy-mine")

    assert "Deployment/spawn/moorage" in made
    until(lambda: shell.objects() == theirs, within=30, what="all is as it was before")
