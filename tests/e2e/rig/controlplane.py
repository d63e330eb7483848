"""A private Kubernetes on 127.0.0.1: etcd, API server with RBAC, scheduler and controllers, each with a log of its own.

No kubelet: nodes are objects that the tests write, and what a kubelet would do to them is left undone. The controllers that would
punish such nodes for it (taints of silence, evictions, collection of orphans) are therefore off unless asked for.
"""

import contextlib
import secrets
import signal
import tempfile
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rig.api import Api, Obj, Refused
from rig.ports import free_ports
from rig.processes import Program, until

UNKIND_TO_FAKE_NODES = (
    "node-lifecycle-controller",
    "taint-eviction-controller",
    "pod-garbage-collector-controller",
    "persistentvolume-attach-detach-controller",
)
STARTS_WITHIN = 30


class ControlPlane:
    """Started by `start`, gone without a trace of processes after `stop`. Its state lies in `folder`, which outlives it."""

    def __init__(self, programs: Path, *, folder: Path, kubelets: bool = False) -> None:
        self.programs, self.folder, self.kubelets = programs, folder, kubelets
        self.port, self.etcd_port, self._peer_port, self._scheduler_port, self._controllers_port = free_ports(5)
        self.server = f"https://127.0.0.1:{self.port}"
        self.ca = folder / "certs" / "apiserver.crt"
        self.kubeconfig = folder / "admin.kubeconfig"
        self._tokens = {
            "admin": (secrets.token_hex(16), "system:masters"),
            "system:kube-scheduler": (secrets.token_hex(16), ""),
            "system:kube-controller-manager": (secrets.token_hex(16), ""),
            "system:node:real-1": (secrets.token_hex(16), "system:nodes"),
        }
        self.etcd = self._program("etcd", *self._etcd_options())
        self.apiserver = self._program("kube-apiserver", *self._apiserver_options())
        self.scheduler = self._program("kube-scheduler", *self._scheduler_options())
        self.controllers = self._program("kube-controller-manager", *self._controllers_options())
        self.admin = Api(self.server, token=self._tokens["admin"][0], ca=self.ca)

    # -- options -----------------------------------------------------------------------------------------------------

    def _program(self, name: str, *options: str) -> Program:
        return Program(self.programs / name, *options, log=self.folder / f"{name}.log")

    def _etcd_options(self) -> list[str]:
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{self._peer_port}"
        return [
            f"--data-dir={self.folder / 'etcd'}",
            "--unsafe-no-fsync",
            # Without it kinds in which nothing happens get no bookmarks.
            "--watch-progress-notify-interval=5s",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
        ]

    def _apiserver_options(self) -> list[str]:
        return [
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            f"--cert-dir={self.folder / 'certs'}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--allow-privileged=true",
            "--authorization-mode=Node,RBAC",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            f"--service-account-issuer={self.server}/",
            f"--service-account-key-file={self.folder / 'accounts.pub'}",
            f"--service-account-signing-key-file={self.folder / 'accounts.key'}",
            # `exec` and `logs` on the real node must not need name resolution.
            "--kubelet-preferred-address-types=InternalIP",
            # Another API server behind this one, such as Kueue's, believes whom this one names.
            f"--proxy-client-cert-file={self.folder / 'front.crt'}",
            f"--proxy-client-key-file={self.folder / 'front.key'}",
            f"--requestheader-client-ca-file={self.folder / 'front.crt'}",
            "--requestheader-allowed-names=front",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--shutdown-delay-duration=0s",
        ]

    def _client_options(self, user: str) -> list[str]:
        kubeconfig = self.folder / f"{user.replace(':', '-')}.kubeconfig"
        names = ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
        return [*(f"--{name}={kubeconfig}" for name in names), "--bind-address=127.0.0.1", "--leader-elect=false"]

    def _scheduler_options(self) -> list[str]:
        # The default of 50 requests a second would pace the tests, not the scheduler.
        pace = ["--kube-api-qps=2000", "--kube-api-burst=2000"]
        return [*self._client_options("system:kube-scheduler"), f"--secure-port={self._scheduler_port}", *pace]

    def _controllers_options(self) -> list[str]:
        off = () if self.kubelets else UNKIND_TO_FAKE_NODES
        return [
            *self._client_options("system:kube-controller-manager"),
            f"--secure-port={self._controllers_port}",
            f"--service-account-private-key-file={self.folder / 'accounts.key'}",
            f"--root-ca-file={self.ca}",
            "--use-service-account-credentials=true",
            f"--controllers={','.join(['*', *(f'-{name}' for name in off)])}",
            "--kube-api-qps=500",
            "--kube-api-burst=500",
            "--pvclaimbinder-sync-period=1s",
            "--resource-quota-sync-period=5s",
        ]

    # -- files -------------------------------------------------------------------------------------------------------

    def write_kubeconfig(
        self, path: Path, *, token: str, server: str | None = None, namespace: str = "default"
    ) -> Path:
        """For whoever holds this token; `server` when they come through a proxy."""
        config: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "testbed", "cluster": {"server": server or self.server, "certificate-authority": str(self.ca)}}
            ],
            "users": [{"name": "user", "user": {"token": token}}],
            "contexts": [
                {"name": "testbed", "context": {"cluster": "testbed", "user": "user", "namespace": namespace}}
            ],
            "current-context": "testbed",
        }
        path.write_text(yaml.safe_dump(config))
        path.chmod(0o600)
        return path

    def kubeconfig_of(self, user: str) -> Path:
        return self.folder / f"{user.replace(':', '-')}.kubeconfig"

    def _write_files(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write_certificate(self.folder, "front")
        (self.folder / "accounts.key").write_bytes(private)
        (self.folder / "accounts.pub").write_bytes(public)
        rows = [f'{token},{user},{user},"{group}"' for user, (token, group) in self._tokens.items()]
        (self.folder / "tokens.csv").write_text("\n".join(rows) + "\n")
        for user, (token, _) in self._tokens.items():
            self.write_kubeconfig(self.kubeconfig_of(user), token=token)

    # -- life --------------------------------------------------------------------------------------------------------

    def start(self) -> "ControlPlane":
        self._write_files()
        self.etcd.start()
        self.apiserver.start()
        until(self._ready, within=STARTS_WITHIN, what="the API server is ready")
        self.scheduler.start()
        self.controllers.start()
        until(self._has_accounts, within=STARTS_WITHIN, what="the default service account is there")
        until(lambda: self._healthy(self._scheduler_port), within=STARTS_WITHIN, what="the scheduler is healthy")
        return self

    def stop(self) -> None:
        self.admin.close()
        for program in (self.scheduler, self.controllers, self.apiserver, self.etcd):
            program.kill()

    def _answers(self, path: str) -> bool:
        try:
            status, _ = self.admin.raw("GET", path)
        except OSError:
            return False
        return status == 200

    def _ready(self) -> bool:
        self.etcd.check()
        self.apiserver.check()
        return self.ca.exists() and self._answers("/readyz")

    def _has_store(self) -> bool:
        self.etcd.check()
        try:
            return bool(self._etcd("/v3/kv/range", {"key": "AA=="}))
        except (OSError, Refused):
            return False

    def _has_accounts(self) -> bool:
        self.controllers.check()
        return self.admin.find("ServiceAccount", "default", namespace="default") is not None

    def _healthy(self, port: int) -> bool:
        self.scheduler.check()
        api = Api(f"https://127.0.0.1:{port}", token="", ca=None)
        return answers_insecurely(f"{api.server}/readyz")

    # -- mishaps -----------------------------------------------------------------------------------------------------

    def restart_apiserver(self) -> None:
        """Killed, and started again on the same port with the same certificate."""
        self.apiserver.kill()
        self.admin.close()
        self.apiserver.start()
        until(self._ready, within=STARTS_WITHIN, what="the API server is ready again")

    def restart_etcd(self) -> None:
        self.etcd.kill()
        self.etcd.start()
        until(self._has_store, within=STARTS_WITHIN, what="the store answers again")
        until(self._ready, within=STARTS_WITHIN, what="the API server is ready with its store back")

    def compact(self) -> int:
        """Throws away the store's history up to now; returns the revision that is the oldest now."""
        status = self._etcd("/v3/maintenance/status", {})
        revision = int(status["header"]["revision"])
        self._etcd("/v3/kv/compaction", {"revision": revision, "physical": True})
        return revision

    def _etcd(self, path: str, body: Obj) -> Obj:
        api = Api(f"http://127.0.0.1:{self.etcd_port}", token="")
        try:
            return api.call("POST", path, body)
        finally:
            api.close()

    def signal_apiserver(self, number: signal.Signals) -> None:
        self.apiserver.signal(number)


def write_certificate(folder: Path, name: str) -> None:
    """A certificate that vouches for itself, for 127.0.0.1: `name.crt` and `name.key`."""
    key = ec.generate_private_key(ec.SECP256R1())
    whose = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    local = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]
    made = (
        x509.CertificateBuilder()
        .subject_name(whose)
        .issuer_name(whose)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(local), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    (folder / f"{name}.key").write_bytes(private)


def answers_insecurely(url: str) -> bool:
    """The scheduler makes itself a certificate that nobody can know beforehand; all that is asked is whether it is up."""
    import ssl

    anything = ssl.create_default_context()
    anything.check_hostname = False
    anything.verify_mode = ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=2, context=anything) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextlib.contextmanager
def control_plane(programs: Path, *, kubelets: bool = False) -> Iterator[ControlPlane]:
    """A control plane for the time of a `with`, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="moorage-e2e-") as folder:
        cluster = ControlPlane(programs, folder=Path(folder), kubelets=kubelets)
        try:
            yield cluster.start()
        finally:
            cluster.stop()
