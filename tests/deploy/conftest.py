import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def deploy(root: Path) -> Path:
    return root / "deploy"


@pytest.fixture(scope="session")
def objects(deploy: Path) -> Callable[[str], list[dict[str, Any]]]:
    """Every object of a manifest below deploy/kubernetes."""

    def read(name: str) -> list[dict[str, Any]]:
        return [found for found in yaml.safe_load_all((deploy / "kubernetes" / name).read_text()) if found]

    return read


@pytest.fixture(scope="session")
def one(objects: Callable[[str], list[dict[str, Any]]]) -> Callable[[str, str], dict[str, Any]]:
    """The one object of a kind in a manifest."""

    def read(name: str, kind: str) -> dict[str, Any]:
        [found] = [candidate for candidate in objects(name) if candidate["kind"] == kind]
        return found

    return read


@dataclass
class Played:
    """What a run of the playbook did."""

    rc: int
    output: str

    @property
    def text(self) -> str:
        """The output in one line, since Ansible breaks long messages."""
        return " ".join(self.output.split())

    @property
    def changed(self) -> int:
        return int(re.findall(r"changed=(\d+)", self.output)[-1])


class Playbook:
    """deploy/ansible/moorage.yml against fakes of kubectl and helm that keep their state in files."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.state.mkdir()
        self._folder = folder
        self._inventory = folder / "inventory.yml"
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "ANSIBLE_CONFIG": str(ROOT / "deploy/ansible/ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
            "FAKE_STATE": str(self.state),
        }
        for tool in ("kubectl", "helm"):
            wrapper = folder / tool
            wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT}/tests/deploy/fakes/{tool}.py "$@"\n')
            wrapper.chmod(0o755)

    async def run(self, *arguments: str, environment: dict[str, str] | None = None, **variables: Any) -> Played:
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "moorage_kubectl": str(self._folder / "kubectl"),
            "moorage_helm": str(self._folder / "helm"),
            "moorage_check_delay": 1,
            "moorage_check_retries": 5,
            **variables,
        }
        self._inventory.write_text(yaml.safe_dump({"moorage": {"hosts": {"localhost": variables}}}))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ansible", "playbook", "--inventory", str(self._inventory), *arguments),
            str(ROOT / "deploy/ansible/moorage.yml"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            stdin=asyncio.subprocess.DEVNULL,
            env={**self._environment, **(environment or {})},
        )
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        return Played(process.returncode or 0, output.decode())

    def objects(self) -> dict[str, Any]:
        found = self.state / "objects.json"
        return json.loads(found.read_text()) if found.exists() else {}

    def add(self, *found: dict[str, Any]) -> None:
        """Objects that are in the cluster already."""
        objects = self.objects() | {
            f"{one['kind'].lower()}/{one['metadata'].get('namespace', '')}/{one['metadata']['name']}": one
            for one in found
        }
        (self.state / "objects.json").write_text(json.dumps(objects))

    def releases(self) -> dict[str, Any]:
        found = self.state / "releases.json"
        return json.loads(found.read_text()) if found.exists() else {}

    def called(self, tool: str) -> list[str]:
        log = self.state / f"{tool}.log"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture(scope="session")
def new_playbook(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Playbook]:
    """A playbook with a cluster of its own, which is empty."""
    return lambda: Playbook(tmp_path_factory.mktemp("playbook"))


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """`async with serving(simulator, tokens=…)`: the real service on a simulated cluster, and where the fakes find it."""
    import uvicorn

    from moorage.service import Settings, create_app

    @asynccontextmanager
    async def running(simulator: Any, *, tokens: str | None = None) -> AsyncIterator[dict[str, str]]:
        settings: dict[str, Any] = {"api_server": simulator.url}
        if tokens is not None:
            settings["token_file"] = tmp_path_factory.mktemp("tokens") / "tokens"
            settings["token_file"].write_text(tokens)
        server = uvicorn.Server(
            uvicorn.Config(create_app(Settings(**settings)), host="127.0.0.1", port=0, log_config=None)
        )
        task = asyncio.create_task(server.serve())
        async with asyncio.timeout(20):
            while not server.started:
                await asyncio.sleep(0.02)
        yield {"FAKE_PORT": str(server.servers[0].sockets[0].getsockname()[1]), "FAKE_API": simulator.url}
        server.should_exit = True
        await task

    return running


@pytest.fixture(scope="session")
def fits_the_chart() -> Callable[[dict[str, Any]], Any]:
    """Values as zero-to-jupyterhub 4.x takes them: the shapes of its keys, the pod and the policy that it would make of them,
    and the configuration that the hub would read. Returns that configuration."""
    import kubernetes_validate
    from traitlets.config import Config

    from moorage.hub.spawner import MoorageSpawner

    shapes = {
        "initContainers": list,
        "labels": dict,
        "extraVolumes": list,
        "extraVolumeMounts": list,
        "extraEnv": dict,
        "extraConfig": dict,
        "networkPolicy": dict,
        "services": dict,
        "loadRoles": dict,
    }

    def check(values: dict[str, Any]) -> Any:
        hub = values["hub"]
        assert set(values) == {"hub"}
        assert {name: type(value) for name, value in hub.items()} == {name: shapes[name] for name in hub}
        env = [
            {"name": name, **(value if isinstance(value, dict) else {"value": value})}
            for name, value in hub["extraEnv"].items()
        ]
        container = {"name": "hub", "image": "hub", "env": env, "volumeMounts": hub["extraVolumeMounts"]}
        spec = {"containers": [container], "initContainers": hub["initContainers"], "volumes": hub["extraVolumes"]}
        policy = {"podSelector": {}, "policyTypes": ["Egress"], "egress": hub["networkPolicy"]["egress"]}
        for made in (
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "hub"}, "spec": spec},
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": "hub"},
                "spec": policy,
            },
        ):
            kubernetes_validate.validate(made, "1.34", strict=True)
        c = Config()
        for name in sorted(hub["extraConfig"]):
            exec(compile(hub["extraConfig"][name], name, "exec"), {"c": c})
        assert set(c.MoorageSpawner) <= set(MoorageSpawner.class_trait_names(config=True))
        return c

    return check


@pytest.fixture
def kubectl():
    """Where kubectl is."""
    program = os.environ.get("MOORAGE_KUBECTL") or shutil.which("kubectl")
    if program is None:
        pytest.fail("kubectl is missing: install it, or name it in MOORAGE_KUBECTL")
    return program
