"""The chart with the real Helm: what it renders from many values, whether a real API server takes that, and a release's life.

No container runs here: the pods of the service and of `helm test` are processes of this machine, started by the rig's
kubelet with the environment and the files that their pods say; the hub's pod only says that it runs.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from rig.charts import repository
from rig.controlplane import ControlPlane
from rig.kubelet import Kubelet, kubelet
from rig.pages import ROOT, commands, section
from rig.processes import until

CHART = ROOT / "charts" / "moorage"
EVERYTHING = {
    "namespace": {"create": True},
    "settings": {
        "log_level": "debug",
        "images": ["a/b:1", {"name": "c", "reference": "c:2"}],
        "label_allow_list": ["a", "b/*"],
        "replay_megabytes": 1000000,
        "gpu_dcgm": True,
    },
    "tokens": {"names": {"hub": "reader+holders", "tv-screen": "reader"}},
    "hub": {"namespace": "jupyterhub"},
    "imagePullSecrets": ["registry"],
    "rights": {
        "quotaNamespaces": ["jupyterhub", "gpu-operator"],
        "runtimeClasses": True,
        "karpenter": True,
        "clusterAutoscalerNamespace": "kube-system",
        "stateConfigMap": True,
        "tokenReview": True,
        "gpuExecNamespace": "gpu-operator",
        "resize": True,
        "usage": True,
        "schedulerConfigMap": "jupyterhub/user-scheduler",
    },
    "gpuAgent": {"enabled": True},
    "service": {"annotations": {"a": "b"}, "port": 80},
    "networkPolicy": {"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
    "metrics": {
        "namespace": "monitoring",
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "rules": {"enabled": True, "labels": {"release": "prometheus"}},
        "dashboard": {"enabled": True},
    },
    "ingress": {"enabled": True, "className": "nginx", "annotations": {"a": "b"}, "tlsSecret": "moorage-tls"},
    "httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}], "hostnames": ["moorage.example.org"]},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"operator": "Exists"}],
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "priorityClassName": "system-cluster-critical",
    "podAnnotations": {"a": "b"},
    "podLabels": {"team": "hub"},
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca"}],
    "extraObjects": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": "{{ .Release.Namespace }}"}}
    ],
}
MATRIX: dict[str, dict[str, Any]] = {
    "defaults": {},
    "everything": EVERYTHING,
    "agent-with-holders": {"gpuAgent": {"enabled": True, "holders": True, "runtimeClassName": ""}},
    "rendered-elsewhere": {"namespace": {"create": True}, "tokens": {"existingSecret": "mine"}, "hub": {"namespace": ""}},
    "openshift": {"runAsUser": None, "resources": {}},
    "as-little-as-possible": {
        "replicas": 1,
        "networkPolicy": {"enabled": False},
        "podDisruptionBudget": {"enabled": False},
        "spreadOver": [],
    },
    "by-digest": {"image": {"registry": "localhost:5000/mirror/", "digest": f"sha256:{'0' * 64}"}},
    "another-name": {"fullnameOverride": "berths", "spreadOver": ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]},
}  # fmt: skip
NAMESPACES = ("jupyterhub", "monitoring", "gpu-operator")
OF_OTHERS = {"ServiceMonitor": "monitoring.coreos.com", "PrometheusRule": "monitoring.coreos.com", "HTTPRoute": "gateway.networking.k8s.io"}  # fmt: skip
RESTLESS = {"events", "events.events.k8s.io", "leases.coordination.k8s.io"}


class Shell:
    """Helm and kubectl as a person calls them, in a folder with the chart and a values file."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.folder = folder
        (folder / "charts").symlink_to(ROOT / "charts")
        path = os.pathsep.join([str(plane.programs), str(Path(sys.executable).parent), os.environ["PATH"]])
        self._environment = {**os.environ, "PATH": path, "KUBECONFIG": str(plane.kubeconfig), "HOME": str(folder)}

    def run(self, *lines: str, stdin: str | None = None, fails: bool = False) -> subprocess.CompletedProcess[str]:
        script = "\n".join(lines)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder, env=self._environment, input=stdin, capture_output=True, text=True, timeout=110, check=False,
        )  # fmt: skip
        assert (done.returncode != 0) == fails, f"{script}\n{done.stdout}{done.stderr}"
        return done

    def get(self, kind: str, name: str, namespace: str = "moorage") -> dict[str, Any]:
        return json.loads(self.run(f"kubectl --namespace {namespace} get {kind} {name} --output=json").stdout)

    def tokens(self) -> dict[str, str]:
        """The tokens by name, as the service reads them from its file."""
        data = {key: base64.b64decode(text).decode() for key, text in self.get("secret", "moorage-tokens")["data"].items()}  # fmt: skip
        found = {name: token for name, _, token in (line.split(":") for line in data.pop("tokens").splitlines())}
        assert found == data, "each token is there by its name, too"
        return found

    def objects(self) -> dict[str, str]:
        """kind/namespace/name of everything in the cluster, with its uid."""
        kinds = set(self.run("kubectl api-resources --verbs=list --output=name").stdout.split()) - RESTLESS
        found = json.loads(self.run(f"kubectl get {','.join(sorted(kinds))} --all-namespaces --output=json").stdout)
        return {
            f"{one['kind']}/{one['metadata'].get('namespace', '')}/{one['metadata']['name']}": one["metadata"].get("uid", "")
            for one in found["items"]
        }  # fmt: skip

    def template(self, values: dict[str, Any], *, version: str = "1.34.0") -> str:
        command = f"helm template moorage charts/moorage --namespace moorage --kube-version {version} --values -"
        return self.run(command, stdin=json.dumps(values)).stdout


def stub(kind: str, group: str) -> dict[str, Any]:
    """A kind that another project brings, of any shape."""
    plural = f"{kind.lower()}s"
    any_shape = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": any_shape}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "versions": [version],
        },
    }


@pytest.fixture(scope="module")
def shell(own: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    shell = Shell(own, tmp_path_factory.mktemp("person"))
    shell.run(*(f"kubectl create namespace {name}" for name in NAMESPACES))
    crds = json.dumps({"apiVersion": "v1", "kind": "List", "items": [stub(*each) for each in OF_OTHERS.items()]})
    shell.run("kubectl create --filename=-", stdin=crds)
    shell.run("kubectl wait --for=condition=Established crd --all --timeout=30s")
    until(lambda: len([one for one in shell.objects() if one.startswith("ServiceAccount/") and one.endswith("/default")]) >= 3 + len(NAMESPACES), within=30, what="namespaces are ready")  # fmt: skip
    return shell


@pytest.fixture(scope="module")
def yard(own: ControlPlane, shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubelet]:
    with kubelet(own, folder=tmp_path_factory.mktemp("pods")) as made:
        made.runs_hubs = False
        yield made


@pytest.fixture
def restricted(shell: Shell) -> Iterator[Callable[[str], str]]:
    """`kubectl apply --dry-run=server`, in namespaces that are restricted; returns what the API server warned of."""
    lock = "pod-security.kubernetes.io"
    shell.run(
        "kubectl create namespace moorage",
        f"kubectl label namespace moorage {lock}/enforce=restricted {lock}/warn=restricted",
        "kubectl create namespace moorage-gpu",
    )
    yield lambda text: shell.run("kubectl apply --dry-run=server --filename=-", stdin=text).stderr
    shell.run("kubectl delete namespace moorage moorage-gpu")


def test_the_manifests_are_what_the_chart_renders(shell: Shell) -> None:
    shell.run(f"{sys.executable} {ROOT / 'tools/manifests'} --check")


@pytest.mark.parametrize("case", MATRIX)
def test_helm_finds_nothing_to_say_about_the_chart(shell: Shell, case: str) -> None:
    values = shell.folder / f"{case}.json"
    values.write_text(json.dumps(MATRIX[case]))

    said = shell.run(f"helm lint --strict --kube-version 1.34.0 charts/moorage --values {values}").stdout

    assert "0 chart(s) failed" in said
    assert "[WARNING]" not in said


@pytest.fixture(scope="module")
def rendered(shell: Shell) -> dict[str, str]:
    """Every case of the matrix."""
    return {case: shell.template(values) for case, values in MATRIX.items()}


@pytest.mark.parametrize("version", [f"1.{minor}" for minor in range(30, 38)])
def test_what_is_rendered_fits_the_schema_of_every_kubernetes_that_is_supported(
    rendered: dict[str, str], version: str
) -> None:
    # Most objects are the same in all cases.
    objects = {json.dumps(one) for text in rendered.values() for one in yaml.safe_load_all(text) if one}

    for one in map(json.loads, sorted(objects)):
        if one["kind"] not in OF_OTHERS:
            kubernetes_validate.validate(one, version, strict=True)


def test_a_real_api_server_takes_what_is_rendered_where_pods_are_restricted(
    rendered: dict[str, str], restricted: Callable[[str], str]
) -> None:
    warned = {case: restricted(text).splitlines() for case, text in rendered.items()}

    # The namespaces were made by `kubectl create`.
    said = {case: [line for line in lines if "last-applied" not in line] for case, lines in warned.items()}
    assert said == {case: [] for case in MATRIX}


def test_a_pod_that_is_not_restricted_would_be_seen(shell: Shell, restricted: Callable[[str], str]) -> None:
    text = shell.template({"gpuAgent": {"enabled": True, "holders": True, "holdersNamespace": "moorage"}})

    agent = [one for one in yaml.safe_load_all(text) if one and one["kind"] == "DaemonSet"]

    assert "would violate PodSecurity" in restricted(json.dumps(agent[0]))


def test_one_value_moves_every_image_to_another_registry(shell: Shell) -> None:
    values = EVERYTHING | {"image": {"registry": "registry.internal:5000/mirror"}}

    images = {line.split()[-1] for line in shell.template(values).splitlines() if " image: " in line}

    assert images == {"registry.internal:5000/mirror/moorage:0.1.0"}


def test_a_second_name_leads_to_no_object_of_the_first(shell: Shell) -> None:
    def made(values: dict[str, Any]) -> set[tuple[str, str]]:
        found = [one for one in yaml.safe_load_all(shell.template(values)) if one]
        return {(one["kind"], one["metadata"]["name"]) for one in found if one["kind"] != "Namespace"} - the_hubs

    # The hub looks for its token under this one name.
    the_hubs = {("Secret", "moorage-hub")}
    everything = {key: value for key, value in EVERYTHING.items() if key != "extraObjects"}

    assert made(everything) & made(everything | {"fullnameOverride": "berths"}) == set()


def test_the_settings_that_are_rendered_are_read_by_the_service_as_they_were_meant(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moorage.service.settings import Settings

    objects = [one for one in yaml.safe_load_all(shell.template(EVERYTHING)) if one]
    [settings] = [one for one in objects if one["metadata"]["name"] == "moorage-settings"]
    for name, value in settings["data"].items():
        monkeypatch.setenv(name, value)
    read = Settings()

    assert read.images == EVERYTHING["settings"]["images"]
    assert read.label_allow_list == ["a", "b/*"]
    assert read.replay_megabytes == 1000000
    assert read.quota_namespaces == ["jupyterhub", "gpu-operator"]
    assert (read.gpu_dcgm, read.gpu_agent, read.gpu_agent_namespace) == (True, True, "moorage")
    assert read.gpu_exec_namespace == "gpu-operator"


def test_the_chart_can_be_part_of_another_one(shell: Shell, tmp_path: Path) -> None:
    about = {"apiVersion": "v2", "name": "campus", "version": "1.0.0"}
    (tmp_path / "Chart.yaml").write_text(
        yaml.safe_dump(about | {"dependencies": [{"name": "moorage", "version": "0.x"}]})
    )
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "moorage").symlink_to(CHART)
    values = {"moorage": EVERYTHING, "global": {"imageRegistry": "elsewhere"}}

    whole = shell.run(f"helm template hub {tmp_path} --namespace moorage --kube-version 1.34.0 --values -", stdin=json.dumps(values)).stdout  # fmt: skip

    def names(text: str) -> set[tuple[str, str]]:
        return {(one["kind"], one["metadata"]["name"]) for one in yaml.safe_load_all(text) if one}

    assert names(whole) == names(shell.template(EVERYTHING))


@pytest.fixture
def typed(shell: Shell) -> Iterator[list[str]]:
    """The commands of the page, with the values that it shows; the cluster is as it was before, afterwards."""
    text = section("docs/install.md", "With the chart")
    (shell.folder / "moorage-values.yaml").write_text(text.partition("```yaml\n")[2].partition("```")[0])
    before = shell.objects()
    yield commands(text)
    shell.run("kubectl delete namespace moorage --ignore-not-found")
    until(lambda: shell.objects() == before, within=60, what="all is as it was before")


def test_a_release_is_installed_and_tested_by_the_pages_commands_and_leaves_nothing(
    shell: Shell, yard: Kubelet, typed: list[str], own: ControlPlane, tmp_path: Path
) -> None:
    before = shell.objects()
    install, test, lock = typed

    notes = shell.run(install).stdout
    tested = shell.run(test).stdout
    shell.run(lock)
    with repository(own.programs / "helm", tmp_path) as charts:
        doctor = _doctor(shell, charts)
    shell.run("helm uninstall jupyterhub --namespace jupyterhub --wait")
    uninstall, _ = commands(section("docs/rollback.md", "Uninstall the chart"))
    shell.run(uninstall)
    until(lambda: not _pods(shell), within=30, what="pods are gone")
    left = shell.objects().keys() - before.keys()

    assert "http://moorage.moorage:8000" in notes
    assert "Phase:          Succeeded" in tested
    troubles = [one for one in doctor.values() if one["state"] not in ("ok", "skipped")]
    # The hub's pod is no hub, a loopback address makes no endpoint, and nodes of other tests have cards without labels.
    assert {one["subject"] for one in troubles} - {"devices"} == {"versions", "service"}, troubles
    assert doctor["token"]["says"] == "Both Secrets have the same token, of “hub” with the role reader+holders."
    assert {one for one in left if not one.endswith(("/default", "/kube-root-ca.crt"))} == {"Namespace//moorage"}


def test_an_upgrade_keeps_tokens_makes_those_of_new_names_and_ends_those_of_old_ones(
    shell: Shell, typed: list[str]
) -> None:
    # Nobody runs them here.
    install = typed[0].replace(" --wait", " --set replicas=0 --set rights.stateConfigMap=true")
    upgrade = install.replace("helm install", "helm upgrade").replace(" --create-namespace", "")

    shell.run(install)
    first = shell.tokens()
    kept = {"form-defaults.json": '{"default_gpu": 2}'}
    shell.run(
        f"kubectl --namespace moorage patch configmap moorage-state --type merge --patch '{json.dumps({'data': kept})}'"
    )
    shell.run(f"{upgrade} --set settings.log_level=debug --set tokens.names.tv-screen=reader")
    second = shell.tokens()
    shell.run(f"{upgrade} --set tokens.names.admin=null")
    third = shell.tokens()
    shell.run("helm rollback moorage 1 --namespace moorage")
    rolled = shell.tokens()
    shell.run("kubectl --namespace moorage delete secret moorage-tokens", upgrade)
    fresh = shell.tokens()
    still = shell.get("configmap", "moorage-state")["data"]
    hubs = base64.b64decode(shell.get("secret", "moorage-hub", "jupyterhub")["data"]["token"]).decode()
    refused = shell.run(f"{upgrade} --set settings.log_levell=debug", fails=True).stderr
    shell.run("helm uninstall moorage --namespace moorage --wait")

    assert first.keys() == {"hub", "admin"}
    assert min(map(len, first.values())) >= 40
    assert len(set(first.values())) == 2
    assert second == {**first, "tv-screen": second["tv-screen"]}
    assert third == {"hub": first["hub"]}
    assert rolled == first
    assert fresh.keys() == first.keys()
    assert not set(fresh.values()) & set(first.values())
    assert hubs == fresh["hub"]
    assert still == kept
    assert "log_levell" in refused


def _pods(shell: Shell) -> list[str]:
    return shell.run("kubectl --namespace moorage get pods --output=name").stdout.split()


def test_a_release_takes_over_what_kubectl_made_with_its_tokens_and_its_pods(shell: Shell, typed: list[str]) -> None:
    (shell.folder / "deploy").symlink_to(ROOT / "deploy")
    before = shell.objects()
    lines = commands(section("docs/install.md", "The service"))
    shell.run(*(line for line in lines if line.startswith(("kubectl apply", "printf"))))
    deployment = shell.get("deployment", "moorage")
    file = base64.b64decode(shell.get("secret", "moorage-tokens")["data"]["tokens"]).decode()

    shell.run(*commands(section("docs/chart.md", "From the plain manifests")))
    tokens, taken = shell.tokens(), shell.get("deployment", "moorage")
    shell.run("helm uninstall moorage --namespace moorage --wait")
    left = {
        one for one in shell.objects().keys() - before.keys() if one.startswith(("ConfigMap/", "Cluster", "Deploy"))
    }

    assert {f"{name}:{token}" for name, token in tokens.items()} == {
        f"{name}:{token}" for name, _, token in (line.split(":") for line in file.splitlines())
    }
    assert taken["metadata"]["uid"] == deployment["metadata"]["uid"]
    assert taken["spec"]["selector"] == deployment["spec"]["selector"]
    assert {one.rpartition("-")[0] for one in left} == {
        "ConfigMap/moorage/moorage-settings",
        "ConfigMap/moorage/kube-root",
    }


def _doctor(shell: Shell, charts: str) -> dict[str, Any]:
    """What `moorage doctor` finds once a hub has moorage's values, by subject."""
    (shell.folder / "your-values.yaml").write_text("{}\n")
    found = shell.run(
        f"helm repo add jupyterhub {charts} >/dev/null",
        "moorage hub-values your-values.yaml --image registry.example.org/moorage:0.1.0 > hub-values.yaml",
        "helm install jupyterhub jupyterhub/jupyterhub --namespace jupyterhub --version 4.4.0 --values hub-values.yaml --wait --timeout 60s >/dev/null",
        "moorage doctor --namespace jupyterhub -o json || true",
    ).stdout
    return {one["subject"]: one for one in json.loads(found)["findings"]}
