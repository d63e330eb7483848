import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import Callable
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


@pytest.fixture(scope="session")
def rendered(deploy: Path) -> Callable[..., str]:
    """A template of the role with its defaults and these variables, as far as Ansible's filters are plain ones."""
    import jinja2

    role = deploy / "ansible" / "roles" / "moorage"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(role / "templates"),
        undefined=jinja2.ChainableUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "to_json": json.dumps,
        "hash": lambda text, name: hashlib.new(name, text.encode()).hexdigest(),
        "bool": lambda value: str(value).lower() in ("true", "yes", "1"),
    }

    def render(name: str, **variables: Any) -> str:
        defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text())
        return environment.get_template(name).render({**defaults, **variables})

    return render


@pytest.fixture(scope="session")
def filters(deploy: Path) -> dict[str, Callable[..., Any]]:
    """The role's own filters, by the names that its tasks call."""
    path = deploy / "ansible/roles/moorage/filter_plugins/moorage.py"
    spec = importlib.util.spec_from_file_location("moorage_filters", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FilterModule().filters()


@pytest.fixture(scope="session")
def fits_the_chart() -> Callable[[dict[str, Any]], Any]:
    """Values as zero-to-jupyterhub 4.x takes them: the shapes of its keys, the pod and the policy that it would make of them,
    and the configuration that the hub would read. Returns that configuration."""
    import kubernetes_validate
    from traitlets.config import Config

    from moorage.hub.spawner import MoorageSpawner

    shapes = {
        "initContainers": list,
        "annotations": dict,
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
