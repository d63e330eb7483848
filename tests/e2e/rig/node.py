"""A real node beside the control plane: containerd and the kubelet, with a bridge whose address is the node's own.

Pods get addresses of the bridge's network, which this machine reaches and nobody else does. Everything that a node strews over a machine
(mounts, network namespaces, shims, cgroups, sockets) is written down or found again by the run's folder, and taken away by `stop`.
"""

import contextlib
import ctypes
import ipaddress
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from rig.api import Obj
from rig.controlplane import ControlPlane
from rig.processes import Program, until

ROOT = Path(__file__).resolve().parents[3]
NAME = "real-1"
BRIDGE = "moorage0"
CNI_PROGRAMS = Path("/usr/lib/cni")
DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")
NAMESPACES = Path("/run/netns")
CGROUPS = Path("/sys/fs/cgroup")
DEVICES = ("GPU-aaaa", "GPU-bbbb")
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class NoImage(AssertionError):
    """The image that notebooks start from could not be made here."""


def run(*command: str | Path, check: bool = True) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, env={**os.environ, "PATH": PATH}
    )
    if check and done.returncode:
        raise AssertionError(
            f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr or done.stdout}"
        )
    return done.stdout


def missing(*, install: bool = False) -> str | None:
    """Why this machine can't be a node, in words; None where it can."""
    if os.uname().sysname != "Linux":
        return "a kubelet needs Linux"
    if os.geteuid() != 0:
        return "a kubelet needs root"
    if "overlay" not in Path("/proc/filesystems").read_text():
        return "the kernel has no overlay file system"
    if not any((CGROUPS / name).exists() for name in ("memory", "cgroup.controllers")):
        return "no cgroups are mounted at /sys/fs/cgroup"
    if subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True, check=False
    ).returncode:
        return "the kernel lets nobody make namespaces here"
    if install:
        done = subprocess.run([ROOT / "testbed" / "node-packages"], stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            return done.stderr.strip() or "the packages of a node could not be installed"
    lacking = [name for name in ("containerd", "ctr", "runc", "ip") if shutil.which(name, path=PATH) is None]
    if lacking or not (CNI_PROGRAMS / "bridge").exists():
        return f"not installed: {', '.join(lacking) or 'the CNI plugins'} (testbed/node-packages installs them)"
    if (kubelet_socket := DEVICE_PLUGINS / "kubelet.sock").exists() and _listened(kubelet_socket):
        return "another kubelet runs on this machine"
    return None


def _listened(path: Path) -> bool:
    import socket

    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def notebook_image() -> Path:
    """The notebook's archive, made once of packages, beside the control plane."""
    image = ROOT / ".testbed" / "images" / f"notebook-{version('jupyterhub')}-{version('jupyterlab')}.tar"
    done = subprocess.run(
        [ROOT / "testbed" / "notebook-image", image, ROOT / ".venv" / "bin" / "python"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NoImage(done.stderr.strip() or "no reason was given")
    return image


def _free_network() -> ipaddress.IPv4Network:
    taken = [
        ipaddress.ip_network(route["dst"])
        for route in json.loads(run("ip", "-j", "-4", "route"))
        if route["dst"] != "default"
    ]
    for third in range(244, 0, -1):
        network = ipaddress.IPv4Network(f"10.244.{third}.0/24")
        if not any(network.overlaps(other) for other in taken if isinstance(other, ipaddress.IPv4Network)):
            return network
    raise AssertionError("no free network for pods")


def _cni_namespaces() -> set[str]:
    return {entry.name for entry in NAMESPACES.glob("cni-*")}


def limits(inside: Callable[..., str]) -> tuple[int, int]:
    """The CPU limit in thousandths and the memory limit in bytes, as the kernel has them; cgroup v2 or v1."""
    if inside("sh", "-c", "ls /sys/fs/cgroup/cgroup.controllers 2>/dev/null || true").strip():
        quota, period = inside("cat", "/sys/fs/cgroup/cpu.max").split()
        return int(quota) * 1000 // int(period), int(inside("cat", "/sys/fs/cgroup/memory.max"))
    quota, period = (inside("cat", f"/sys/fs/cgroup/cpu/cpu.cfs_{name}_us") for name in ("quota", "period"))
    return int(quota) * 1000 // int(period), int(inside("cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def enforced(container: str) -> tuple[int, int]:
    """The same of a container by its id, as this machine has it: sooner than by a command inside."""

    def read(controller: str, name: str) -> str:
        found = sorted(CGROUPS.glob(f"{controller}kubepods/**/{container.rpartition('/')[2]}/{name}"))
        return found[0].read_text().strip()

    if (CGROUPS / "cgroup.controllers").exists():
        quota, period = read("", "cpu.max").split()
        return int(quota) * 1000 // int(period), int(read("", "memory.max"))
    quota, period = (read("cpu/", f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    return int(quota) * 1000 // int(period), int(read("memory/", "memory.limit_in_bytes"))


class RealNode:
    def __init__(self, cluster: ControlPlane) -> None:
        self.cluster = cluster
        # Sockets have short names only, and mounts are found again by this folder.
        self.folder = cluster.folder / "node"
        self.network = _free_network()
        self.address = str(self.network[1])
        self.socket = self.folder / "containerd.sock"
        self.sick = self.folder / "sick"
        env = {"PATH": PATH}
        log = cluster.folder
        self.containerd = Program(
            "containerd", "-c", self.folder / "containerd.toml", log=log / "containerd.log", env=env
        )
        self.kubelet = Program(
            cluster.programs / "kubelet",
            f"--config={self.folder / 'kubelet.yaml'}",
            f"--kubeconfig={cluster.kubeconfig_of(f'system:node:{NAME}')}",
            f"--root-dir={self.folder / 'kubelet'}",
            f"--cert-dir={self.folder / 'kubelet-pki'}",
            f"--hostname-override={NAME}",
            f"--node-ip={self.address}",
            log=log / "kubelet.log",
            env=env,
        )
        self.plugin = Program(cluster.programs / "fakegpu", "-sick", self.sick, *DEVICES, log=log / "fakegpu.log")
        self._namespaces_before: set[str] = set()

    # -- files -------------------------------------------------------------------------------------------------------

    def _write_files(self) -> None:
        for folder in (self.folder, self.sick, self.folder / "cni"):
            folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "containerd.toml").write_text(
            f"""version = 2
root = "{self.folder}/containerd/root"
state = "{self.folder}/containerd/state"
[grpc]
  address = "{self.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  # Without CAP_SYS_RESOURCE no sandbox would start.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PROGRAMS}"
    conf_dir = "{self.folder}/cni"
"""
        )
        network: Obj = {
            "cniVersion": "0.4.0",
            "name": BRIDGE,
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": BRIDGE,
                    "isGateway": True,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": str(self.folder / "ipam"),
                        "ranges": [[{"subnet": str(self.network)}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                }
            ],
        }
        (self.folder / "cni" / "10-bridge.conflist").write_text(json.dumps(network))
        kubelet: Obj = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "containerRuntimeEndpoint": f"unix://{self.socket}",
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "address": self.address,
            "readOnlyPort": 0,
            "healthzPort": 0,
            "failSwapOn": False,
            "enforceNodeAllocatable": [],
            "localStorageCapacityIsolation": False,
            "nodeStatusUpdateFrequency": "1s",
            "makeIPTablesUtilChains": False,
            "podLogsDir": str(self.folder / "pod-logs"),
            # A full disk of the machine is none of the tests' business.
            "evictionHard": {
                "memory.available": "50Mi",
                "nodefs.available": "0%",
                "nodefs.inodesFree": "0%",
                "imagefs.available": "0%",
            },
            "imageGCHighThresholdPercent": 100,
        }
        (self.folder / "kubelet.yaml").write_text(yaml.safe_dump(kubelet))

    def images(self) -> list[Path]:
        """The archives that the node starts with."""
        pause = self.folder / "pause.tar"
        mapping = f"{self.cluster.programs / 'pause'}=/pause"
        subprocess.run([ROOT / "testbed" / "image", pause, "localhost/pause:1", "/pause", mapping], check=True)
        return [pause, notebook_image()]

    # -- life --------------------------------------------------------------------------------------------------------

    def start(self) -> "RealNode":
        self._namespaces_before = _cni_namespaces()
        self._write_files()
        (DEVICE_PLUGINS / "kubelet_internal_checkpoint").unlink(missing_ok=True)
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "addr", "add", f"{self.address}/24", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        self.containerd.start()
        until(self._containerd_answers, within=20, what="containerd answers")
        for image in self.images():
            self.ctr("images", "import", str(image))
        self.kubelet.start()
        until(self._is_ready, within=30, what="the node is ready")
        self.plugin.start()
        until(
            lambda: self.allocatable("nvidia.com/gpu") == len(DEVICES), within=20, what="the kubelet offers the devices"
        )
        return self

    def ctr(self, *words: str, check: bool = True) -> str:
        return run("ctr", "-a", self.socket, "-n", "k8s.io", *words, check=check)

    def _containerd_answers(self) -> bool:
        self.containerd.check()
        return self.socket.exists() and bool(self.ctr("version", check=False))

    def object(self) -> Obj | None:
        return self.cluster.admin.find("Node", NAME)

    def _is_ready(self) -> bool:
        self.kubelet.check()
        node = self.object()
        if node is None:
            return False
        conditions = {c["type"]: c["status"] for c in node["status"].get("conditions", [])}
        return conditions.get("Ready") == "True" and not node["spec"].get("taints")

    def allocatable(self, resource: str) -> int:
        self.plugin.check()
        node = self.object() or {}
        return int(node.get("status", {}).get("allocatable", {}).get(resource, 0))

    @contextlib.contextmanager
    def one_sick_device(self, name: str = DEVICES[1]) -> Any:
        marker = self.sick / name
        marker.touch()
        try:
            yield
        finally:
            marker.unlink()

    # -- the end -----------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        for step in (
            self.end_pods,
            self.plugin.kill,
            self.kubelet.kill,
            self._end_containers,
            lambda: self.containerd.stop(patience=5),
            self._end_leftover_processes,
            self._unmount,
            self._remove_namespaces,
            lambda: run("ip", "link", "del", BRIDGE, check=False),
            self._remove_files,
        ):
            # Whatever fails, the rest is still taken away.
            with contextlib.suppress(Exception):
                step()

    def end_pods(self) -> None:
        """Every pod, until the last one is gone."""
        admin = self.cluster.admin
        for pod in admin.list("Pod"):
            admin.delete("Pod", pod["metadata"]["name"], namespace=pod["metadata"]["namespace"], grace=1)
        until(lambda: not admin.list("Pod"), within=20, what="all pods are gone")

    def _end_containers(self) -> None:
        for task in self.ctr("task", "ls", "-q", check=False).split():
            self.ctr("task", "rm", "-f", task, check=False)
        for container in self.ctr("containers", "ls", "-q", check=False).split():
            self.ctr("containers", "rm", container, check=False)

    def _end_leftover_processes(self) -> None:
        """Shims have left their parent; they carry this run's folder in their command line."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    if str(self.folder).encode() in (entry / "cmdline").read_bytes():
                        os.kill(int(entry.name), signal.SIGKILL)

    def _unmount(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        points = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for point in sorted((p for p in points if p.startswith(f"{self.folder}/")), reverse=True):
            libc.umount2(point.encode(), 2)  # MNT_DETACH

    def _remove_namespaces(self) -> None:
        for name in _cni_namespaces() - self._namespaces_before:
            run("ip", "netns", "del", name, check=False)

    def _remove_files(self) -> None:
        for name in ("fakegpu.sock", "kubelet.sock", "kubelet_internal_checkpoint"):
            (DEVICE_PLUGINS / name).unlink(missing_ok=True)
        for cached in Path("/var/lib/cni/results").glob(f"{BRIDGE}-*"):
            cached.unlink()
        for link in Path("/var/log/containers").glob("*"):
            if link.is_symlink() and str(link.readlink()).startswith(str(self.folder)):
                link.unlink()
        for kubepods in (*CGROUPS.glob("*/kubepods"), *CGROUPS.glob("kubepods")):
            for folder, _, _ in os.walk(kubepods, topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()
        shutil.rmtree(self.folder, ignore_errors=True)
