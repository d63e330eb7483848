"""The real Kueue beside a private control plane, outside of any pod: its webhooks by address, its own API aggregated.

Kueue reads certificates and an account from fixed places. They are its own in a root of its own, in a mount namespace
that ends with it, so that nothing of the machine is touched.
"""

import base64
import contextlib
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from rig.api import Api, Obj, Refused
from rig.controlplane import ControlPlane, write_certificate
from rig.ports import free_ports
from rig.processes import Program, until

GPU = "nvidia.com/gpu"
QUEUE_NAME, PRIORITY_CLASS = "kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class"
SYSTEM = "kueue-system"
VISIBLE = "/apis/visibility.kueue.x-k8s.io/v1beta2"
_CERTIFICATES = ("tmp/k8s-webhook-server/serving-certs", "etc/kueue/metrics/certs", "visibility")
_ACCOUNT = "var/run/secrets/kubernetes.io/serviceaccount"
_OURS = "kueue.x-k8s.io"


def flavor(name: str) -> Obj:
    return _made("ResourceFlavor", name)


def cluster_queue(name: str, quotas: Mapping[str, str], *, flavor: str, preempts: bool = False) -> Obj:
    amounts = [{"name": resource, "nominalQuota": most} for resource, most in quotas.items()]
    group = {"coveredResources": list(quotas), "flavors": [{"name": flavor, "resources": amounts}]}
    preemption = {"preemption": {"withinClusterQueue": "LowerPriority"}} if preempts else {}
    return _made("ClusterQueue", name, spec={"namespaceSelector": {}, "resourceGroups": [group], **preemption})


def local_queue(name: str, *, behind: str, namespace: str = "default") -> Obj:
    return _made("LocalQueue", name, namespace=namespace, spec={"clusterQueue": behind})


def priority(name: str, value: int) -> Obj:
    return _made("WorkloadPriorityClass", name, value=value)


def _made(kind: str, name: str, *, namespace: str | None = None, **more: object) -> Obj:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": kind, "metadata": metadata, **more}


def places(api: Api, behind: str) -> list[tuple[str, int, int]]:
    """Kueue's own word: workload, place in the cluster queue, place in its own queue."""
    told = api.call("GET", f"{VISIBLE}/clusterqueues/{behind}/pendingworkloads")
    return [
        (each["metadata"]["name"], each["positionInClusterQueue"], each["positionInLocalQueue"])
        for each in told["items"]
    ]


def _kept(manifests: Path, *, port: int, authority: str) -> Iterator[Obj]:
    """Kueue's manifests as they can be had without pods: webhooks by their address, for pods and its own kinds."""
    for made in yaml.safe_load_all(manifests.read_text()):
        if made["kind"] in ("Deployment", "Service", "APIService"):
            continue
        if made["kind"] == "CustomResourceDefinition":
            made["spec"]["conversion"] = {"strategy": "None"}
        if made["kind"].endswith("WebhookConfiguration"):
            made["webhooks"] = [each for each in made["webhooks"] if _is_needed(each)]
            for each in made["webhooks"]:
                path = each["clientConfig"]["service"]["path"]
                each["clientConfig"] = {"url": f"https://127.0.0.1:{port}{path}", "caBundle": authority}
        yield made


def _is_needed(webhook: Obj) -> bool:
    return "pod.kb.io" in webhook["name"] or any(_OURS in rule["apiGroups"] for rule in webhook["rules"])


def _aggregated(port: int) -> list[Obj]:
    """Kueue's own API as part of the API server's, by a name that leads to this machine."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "visibility", "namespace": SYSTEM},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }
    spec = {
        "group": "visibility.kueue.x-k8s.io",
        "version": "v1beta2",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"name": "visibility", "namespace": SYSTEM, "port": port},
    }
    metadata = {"name": "v1beta2.visibility.kueue.x-k8s.io"}
    return [
        service,
        {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": metadata, "spec": spec},
    ]


class Kueue:
    def __init__(self, cluster: ControlPlane) -> None:
        self._cluster = cluster
        self._webhooks, self._health, self._metrics, self.visible = free_ports(4)
        self._root = cluster.folder / "kueue"
        words = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), f"--root={self._root}"]
        self.program = Program(
            *words,
            "/kueue",
            "--config=/config.yaml",
            "--kubeconfig=/kubeconfig",
            f"--visibility-server-port={self.visible}",
            log=cluster.folder / "kueue.log",
            env={
                "KUBERNETES_SERVICE_HOST": "127.0.0.1",
                "KUBERNETES_SERVICE_PORT": str(cluster.port),
                "KUBECONFIG": "/kubeconfig",
            },
        )

    def start(self) -> "Kueue":
        self._furnish()
        manifests = self._cluster.folder / "kueue.yaml"
        authority = base64.b64encode((self._root / "tls.crt").read_bytes()).decode()
        found = _kept(self._cluster.programs.parent / "kueue.yaml", port=self._webhooks, authority=authority)
        manifests.write_text(yaml.safe_dump_all([*found, *_aggregated(self.visible)]))
        self._kubectl("apply", "--server-side", "-f", manifests)
        for kind in ("LocalQueue", "ClusterQueue", "Workload", "ResourceFlavor"):
            until(lambda kind=kind: self._is_served(kind), within=30, what=f"{kind} is served")
        self.program.start()
        until(self._is_ready, within=60, what="Kueue is ready")
        until(self._tells_places, within=30, what="the API server passes on to Kueue's own API")
        return self

    def _kubectl(self, *words: object) -> None:
        command = [self._cluster.programs / "kubectl", "--kubeconfig", self._cluster.kubeconfig_of("admin"), *words]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def _furnish(self) -> None:
        """The root that Kueue sees."""
        root, cluster = self._root, self._cluster
        for folder in (*_CERTIFICATES, _ACCOUNT):
            (root / folder).mkdir(parents=True)
        write_certificate(root, "tls")
        for folder in _CERTIFICATES:
            for name in ("tls.crt", "tls.key"):
                shutil.copy(root / name, root / folder / name)
        config = yaml.safe_load(cluster.kubeconfig_of("admin").read_text())
        for each in config["clusters"]:
            authority = Path(each["cluster"].pop("certificate-authority")).read_bytes()
            each["cluster"]["certificate-authority-data"] = base64.b64encode(authority).decode()
        (root / "kubeconfig").write_text(yaml.safe_dump(config))
        (root / _ACCOUNT / "token").write_text(config["users"][0]["user"]["token"])
        (root / _ACCOUNT / "namespace").write_text(SYSTEM)
        shutil.copy(cluster.ca, root / _ACCOUNT / "ca.crt")
        (root / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
        (root / "config.yaml").write_text(yaml.safe_dump(self._configuration()))
        shutil.copy(cluster.programs / "kueue", root / "kueue")

    def _configuration(self) -> Obj:
        others = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", SYSTEM]}
        return {
            "apiVersion": "config.kueue.x-k8s.io/v1beta2",
            "kind": "Configuration",
            "health": {"healthProbeBindAddress": f"127.0.0.1:{self._health}"},
            "metrics": {"bindAddress": f"127.0.0.1:{self._metrics}"},
            "webhook": {"port": self._webhooks, "host": "127.0.0.1"},
            "visibilityServer": {"bindAddress": "127.0.0.1"},
            "leaderElection": {"leaderElect": False},
            "internalCertManagement": {"enable": False},
            "integrations": {"frameworks": ["pod"]},
            "managedJobsNamespaceSelector": {"matchExpressions": [others]},
        }

    def _is_served(self, kind: str) -> bool:
        try:
            self._cluster.admin.list(kind)
        except Refused:
            return False
        return True

    def _is_ready(self) -> bool:
        self.program.check()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._health}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _tells_places(self) -> bool:
        return self._cluster.admin.raw("GET", VISIBLE)[0] == 200


@contextlib.contextmanager
def kueue(cluster: ControlPlane) -> Iterator[Kueue]:
    """Kueue for the time of a `with`."""
    made = Kueue(cluster)
    try:
        yield made.start()
    finally:
        made.program.kill()
