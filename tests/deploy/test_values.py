import importlib.metadata
import subprocess
import sys

import pytest
import yaml


@pytest.fixture(scope="module")
def values(deploy):
    return yaml.safe_load((deploy / "zero-to-jupyterhub/values.yaml").read_text())


def test_the_values_fit_the_chart_and_make_moorage_the_spawner(values, fits_the_chart):
    config = fits_the_chart(values)

    assert config.JupyterHub.spawner_class == "moorage"
    assert config.MoorageSpawner.service_url == "http://moorage.moorage:8000"


def test_the_spawner_that_the_values_name_is_an_entry_point():
    [point] = importlib.metadata.entry_points(group="jupyterhub.spawners", name="moorage")

    assert point.load().__name__ == "MoorageSpawner"


def test_the_token_reaches_the_spawner_by_the_variable_that_it_reads(values, monkeypatch):
    from moorage.hub.spawner import MoorageSpawner

    monkeypatch.setenv("MOORAGE_SERVICE_TOKEN", "from-the-secret")

    assert "MOORAGE_SERVICE_TOKEN" in values["hub"]["extraEnv"]
    assert MoorageSpawner.__new__(MoorageSpawner).service_token == "from-the-secret"


def test_the_way_to_the_service_is_the_service_of_the_manifests(values, one):
    service = one("service.yaml", "Service")
    [rule] = values["hub"]["networkPolicy"]["egress"]

    assert f"http://{service['metadata']['name']}.moorage:{service['spec']['ports'][0]['port']}" in str(values)
    assert rule["to"][0]["podSelector"]["matchLabels"].items() <= service["spec"]["selector"].items()


def test_the_copy_in_the_pod_is_made_where_python_looks_for_it(values, deploy):
    hub = values["hub"]
    [init] = hub["initContainers"]
    [volume], [mount] = hub["extraVolumes"], hub["extraVolumeMounts"]
    source = init["command"][-2].removesuffix("/.")

    assert init["command"][-1] == init["volumeMounts"][0]["mountPath"]
    assert init["volumeMounts"][0]["name"] == mount["name"] == volume["name"]
    assert mount["mountPath"] == hub["extraEnv"]["PYTHONPATH"]
    assert f"--target {source} ." in (deploy / "image/Containerfile").read_text()


def test_a_hub_that_lacks_what_the_service_needs_can_load_the_spawner():
    """The hub image has no msgspec, FastAPI or click; what the copy imports must do without them."""
    blocked = "import sys\nfor name in ('msgspec', 'fastapi', 'click', 'rich', 'uvicorn', 'pydantic_settings'):\n    sys.modules[name] = None\n"

    subprocess.run(
        [sys.executable, "-c", f"{blocked}from moorage.hub.spawner import MoorageSpawner"], check=True, timeout=60
    )
