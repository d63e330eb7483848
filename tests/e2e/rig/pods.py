"""What runs in the pods of an installation: the real service and a real hub as processes of this machine, with the
environment and the files that their pods say, and an answer for everybody's servers.
"""

import json
import os
import secrets
import shutil
import sys
import threading
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from rig.api import Obj
from rig.hub import PROXY, ROOT
from rig.ports import free_port
from rig.processes import Program

if TYPE_CHECKING:
    from rig.kubelet import Kubelet


class Pod:
    """A pod that only says that it runs."""

    phase = "Running"

    def __init__(self, kubelet: "Kubelet", made: Obj) -> None:
        self.kubelet, self.made = kubelet, made
        self.told = False
        self.address = kubelet.address()
        self.namespace = made["metadata"]["namespace"]
        self.folder = kubelet.folder / made["metadata"]["uid"]
        self.begin()

    def begin(self) -> None:
        pass

    def ready(self) -> bool:
        return True

    def end(self) -> None:
        pass


class Broken(Pod):
    def ready(self) -> bool:
        return False


class Server(Pod):
    """Somebody's server: answers 200 to whatever the hub asks."""

    def begin(self) -> None:
        self._server = ThreadingHTTPServer((self.address, 8888), _Answers)
        self._thread = threading.Thread(target=self._server.serve_forever, name="server", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Process(Pod, ABC):
    """A pod whose first container is a process here. It restarts when it ends, as pods of a Deployment do."""

    def begin(self) -> None:
        self.folder.mkdir(parents=True)
        self.container = self.made["spec"]["containers"][0]
        self.mounts = {}
        self.mount()
        account = self.made["spec"].get("serviceAccountName", "default")
        self.kubeconfig = self.kubelet.kubeconfig(self.namespace, account, self.folder / "kubeconfig")
        log = self.kubelet.folder / f"{self.made['metadata']['name']}.log"
        env = {**self.environment(), "KUBECONFIG": str(self.kubeconfig), **self.more()}
        self.program = Program(*map(str, self.command()), log=log, env=env, cwd=self.folder).start()

    def more(self) -> dict[str, str]:
        return {}

    @abstractmethod
    def command(self) -> list[str | Path]:
        """What runs in place of the container's own command."""

    def mount(self) -> None:
        volumes = {volume["name"]: volume for volume in self.made["spec"].get("volumes", [])}
        inits = {each["name"] for each in self.made["spec"].get("initContainers", [])}
        for mount in self.container.get("volumeMounts", []):
            volume = volumes[mount["name"]]
            folder = self.folder / mount["name"]
            if "persistentVolumeClaim" in volume:
                folder = self.kubelet.folder / self.namespace / volume["persistentVolumeClaim"]["claimName"]
            if mount["name"] == "moorage" and "moorage" in inits:
                folder = ROOT / "src"
            folder.mkdir(parents=True, exist_ok=True)
            self.mounts[mount["mountPath"]] = folder
            for kind, key, field in (("Secret", "secret", "secretName"), ("ConfigMap", "configMap", "name")):
                if key in volume:
                    for name, data in self.kubelet.data(kind, self.namespace, volume[key][field]).items():
                        (folder / name).write_bytes(data)

    def environment(self) -> dict[str, str]:
        found = {}
        for source in self.container.get("envFrom", []):
            data = self.kubelet.data("ConfigMap", self.namespace, source["configMapRef"]["name"])
            found |= {name: text.decode() for name, text in data.items()}
        for each in self.container.get("env", []):
            origin = each.get("valueFrom", {})
            if "secretKeyRef" in origin:
                reference = origin["secretKeyRef"]
                data = self.kubelet.data("Secret", self.namespace, reference["name"])
                if reference["key"] in data:
                    found[each["name"]] = data[reference["key"]].decode()
            else:
                found[each["name"]] = self.namespace if origin else each.get("value", "")
        return {name: self._here(text) for name, text in found.items()}

    def _here(self, text: str) -> str:
        return ":".join(map(self._place, text.split(":")))

    def _place(self, path: str) -> str:
        for mounted, folder in self.mounts.items():
            if path == mounted or path.startswith(f"{mounted}/"):
                return f"{folder}{path.removeprefix(mounted)}"
        return path

    def answers(self, url: str) -> bool:
        if not self.program.running:
            self.program.start()
            return False
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return answer.status == 200
        except (OSError, urllib.error.HTTPError):
            return False

    def end(self) -> None:
        self.program.stop(patience=5)
        shutil.rmtree(self.folder, ignore_errors=True)


class Service(Process):
    """The real service."""

    def begin(self) -> None:
        self.port = free_port()
        super().begin()

    def command(self) -> list[str | Path]:
        return [sys.executable, "-m", "moorage.cli", "serve", "--kubeconfig", self.kubeconfig]

    def more(self) -> dict[str, str]:
        return {"MOORAGE_HOST": "127.0.0.1", "MOORAGE_PORT": str(self.port)}

    def ready(self) -> bool:
        return self.answers(f"http://127.0.0.1:{self.port}/readyz")


class Check(Process):
    """What `helm test` runs: the image's own command, to its end. The Service's name leads to the service that runs here."""

    def command(self) -> list[str | Path]:
        service = f"http://127.0.0.1:{self.kubelet.service_port}"
        words = [service if word.startswith("http://") else word for word in self.container["args"]]
        return [sys.executable, "-m", "moorage.cli", *words]

    def ready(self) -> bool:
        if self.program.running:
            return False
        self.phase = "Succeeded" if self.program.wait(within=5) == 0 else "Failed"
        return True


class Hub(Process):
    """A real hub, with its proxy, by the configuration that its chart gives it."""

    def command(self) -> list[str | Path]:
        return [sys.executable, "-m", "jupyterhub", "-f", self.mounts["/srv/config"] / "jupyterhub_config.py"]

    def more(self) -> dict[str, str]:
        mounts = {path: str(folder) for path, folder in self.mounts.items()}
        return {
            "MOUNTS": json.dumps(mounts),
            "PORTS": json.dumps(self.kubelet.ports()),
            "PROXY": str(PROXY),
            "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(16),
            "PATH": os.environ["PATH"],
        }

    def ready(self) -> bool:
        return self.answers(f"http://127.0.0.1:{self.kubelet.hub_port}/hub/health")
