"""A real JupyterHub with its real proxy and moorage's spawner, an account of its own in the cluster, and people at it."""

import contextlib
import json
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import httpx2

from rig.api import Api, Obj
from rig.controlplane import ControlPlane
from rig.ports import free_ports
from rig.processes import Program, until

ROOT = Path(__file__).resolve().parents[3]
Z2JH = ROOT / "tests" / "hub" / "z2jh.py"
PROXY = ROOT / "node_modules" / ".bin" / "configurable-http-proxy"
NAMESPACE = "jupyter"
IMAGE = "localhost/notebook:1"
IMAGES = [
    {"name": "notebook", "reference": IMAGE, "display_name": "Notebook", "default": True},
    {"name": "missing", "reference": "localhost/missing:1", "display_name": "An image that nobody has"},
]


def hub_account(admin: Api) -> str:
    """The namespace and the rights that zero-to-jupyterhub's chart gives a hub; returns the account's token."""
    group = "rbac.authorization.k8s.io"
    rules: list[Obj] = [
        {
            "apiGroups": [""],
            "resources": ["pods", "persistentvolumeclaims", "secrets", "services"],
            "verbs": ["get", "watch", "list", "create", "delete"],
        },
        {"apiGroups": [""], "resources": ["events"], "verbs": ["get", "watch", "list"]},
    ]
    metadata = {"name": "hub", "namespace": NAMESPACE}
    for obj in (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "hub"},
            "subjects": [{"kind": "ServiceAccount", **metadata}],
        },
    ):
        admin.apply(obj)
    until(
        lambda: admin.find("ServiceAccount", "default", namespace=NAMESPACE),
        within=20,
        what="the namespace has an account",
    )
    return admin.token_for(NAMESPACE, "hub", seconds=24 * 3600)


class Hub:
    def __init__(
        self,
        cluster: ControlPlane,
        *,
        service_url: str,
        folder: Path,
        address: str = "127.0.0.1",
        z2jh: Obj | None = None,
        more: str = "",
    ) -> None:
        self.port, hub_port, proxy_port = free_ports(3)
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = secrets.token_hex(16)
        kubeconfig = cluster.write_kubeconfig(
            folder / "hub.kubeconfig", token=hub_account(cluster.admin), namespace=NAMESPACE
        )
        settings = {
            "folder": str(folder),
            "service_url": service_url,
            "port": self.port,
            "hub_port": hub_port,
            "proxy_port": proxy_port,
            "hub_address": address,
            "proxy": str(PROXY),
            "token": self.token,
            "namespace": NAMESPACE,
            "image": IMAGE,
            "images": IMAGES,
            "z2jh": z2jh,
            "more": more,
            "z2jh_module": str(Z2JH),
        }
        settings_file = folder / "hub.json"
        settings_file.write_text(json.dumps(settings))
        env = {
            "KUBECONFIG": str(kubeconfig),
            "MOORAGE_E2E_SETTINGS": str(settings_file),
            "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(16),
        }
        config = Path(__file__).with_name("hub_config.py")
        self.program = Program(
            sys.executable, "-m", "jupyterhub", "-f", config, log=cluster.folder / "hub.log", env=env, cwd=folder
        )
        self.http = httpx2.Client(headers={"Authorization": f"token {self.token}"}, timeout=30)

    def start(self) -> "Hub":
        self.program.start()
        until(self._healthy, within=120, what="the hub answers", every=0.1)
        return self

    def stop(self) -> None:
        self.http.close()
        self.program.stop(patience=10)

    def _healthy(self) -> bool:
        self.program.check()
        with contextlib.suppress(httpx2.TransportError):
            return self.http.get(f"{self.url}/hub/health").status_code == 200
        return False

    def api(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = self.http.request(method, f"{self.url}/hub/api{path}", json=body)
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, answer.text

    def start_server(self, user: str, choice: Obj | None) -> tuple[int, Any]:
        self.api("POST", f"/users/{user}")
        return self.api("POST", f"/users/{user}/server", choice)

    def stop_server(self, user: str) -> None:
        self.api("DELETE", f"/users/{user}/server")

    @contextlib.contextmanager
    def person(self, name: str) -> Iterator["Person"]:
        person = Person(self, name)
        try:
            person.log_in()
            yield person
        finally:
            person.http.close()


class Person:
    """Somebody at a browser, less the browser."""

    def __init__(self, hub: Hub, name: str) -> None:
        self.hub, self.name = hub, name
        self.http = httpx2.Client(base_url=hub.url, timeout=30)

    def log_in(self) -> None:
        page = self.http.get("/hub/login").text
        token = re.search(r'name="_xsrf"\s+value="([^"]+)"', page)
        assert token, page
        answer = self.http.post("/hub/login", data={"username": self.name, "password": "", "_xsrf": token[1]})
        assert answer.status_code == 302, answer.text

    def form(self) -> str:
        answer = self.http.get("/hub/spawn")
        assert answer.status_code == 200, answer.text
        return answer.text

    def submit(self, **fields: str) -> httpx2.Response:
        """The form, filled in and sent."""
        action = re.search(r'<form[^>]*id="spawn_form"[^>]*action="([^"]+)"', self.form())
        assert action
        files = {name: (None, value) for name, value in fields.items()}
        return self.http.post(action[1].replace("&amp;", "&"), files=files)

    def verdict(self, **fields: str) -> Obj:
        """What the open form is told of a choice."""
        token = re.search(r'action="[^"]*_xsrf=([^"&]+)', self.form())
        assert token
        answer = self.http.post("/hub/moorage/fit", json=fields, headers={"X-XSRFToken": token[1]})
        assert answer.status_code == 200, answer.text
        found: Obj = answer.json()
        return found

    def progress(self, *, until_said: Callable[[list[Obj]], bool], within: float) -> list[Obj]:
        """What the page of a starting server is told, until it is told enough."""
        said: list[Obj] = []
        deadline = time.monotonic() + within
        with self.http.stream("GET", f"/hub/api/users/{self.name}/server/progress", timeout=within) as answer:
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    said.append(json.loads(line[5:]))
                    if until_said(said):
                        return said
                assert time.monotonic() < deadline, said
        return said


class Page:
    """An open spawn page: follows the hub's stream as the form's script does, and remembers how long it was wrong."""

    def __init__(self, person: Person, *, true: Callable[[dict[str, Obj]], bool] = lambda _nodes: True) -> None:
        self.nodes: dict[str, Obj] = {}
        self.status: Obj = {"live": False}
        self.true = true
        self.longest = 0.0
        self._person = person
        self._since: float | None = None
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._follow, self._watch)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        until(lambda: self.status.get("live"), within=10, what="the page is live")
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(15)

    def _follow(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(httpx2.TransportError):
                self._read()
            self._ended.wait(0.5)

    def _read(self) -> None:
        event = ""
        # The hub says something every second.
        timeout = httpx2.Timeout(5, read=3.5)
        with self._person.http.stream(
            "GET", "/hub/moorage/stream", timeout=timeout, headers={"Accept": "text/event-stream"}
        ) as answer:
            for line in answer.iter_lines():
                if self._ended.is_set():
                    return
                if line.startswith("event:"):
                    event = line[6:].strip()
                elif line.startswith("data:"):
                    self._take(event, json.loads(line[5:]))

    def _take(self, event: str, data: Obj) -> None:
        if event == "snapshot":
            self.nodes = {node["name"]: node for node in data["nodes"] or ()}
            self.status = data["status"]
        elif event == "nodes":
            gone = set(data["removed"])
            kept = {name: node for name, node in self.nodes.items() if name not in gone}
            self.nodes = {**kept, **{node["name"]: node for node in data["changed"]}}
        elif event == "status":
            self.status = data

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            now = time.monotonic()
            if not self.status.get("live") or self.true(self.nodes):
                self._since = None
                continue
            self._since = self._since or now
            self.longest = max(self.longest, now - self._since)


@contextlib.contextmanager
def hub(
    cluster: ControlPlane,
    *,
    service_url: str,
    folder: Path,
    address: str = "127.0.0.1",
    z2jh: Obj | None = None,
    more: str = "",
) -> Iterator[Hub]:
    """With `z2jh` as that chart makes one; these are the choices of its `configure`. `more` is further configuration."""
    made = Hub(cluster, service_url=service_url, folder=folder, address=address, z2jh=z2jh, more=more)
    try:
        yield made.start()
    finally:
        made.stop()
