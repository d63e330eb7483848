"""The homelab's page, command by command as it is written, on the simulator.

kubectl and moorage are the real ones. Helm needs Go here, so a stand-in takes its place that notes what it is given, and what the
charts make of that is put there by hand; the end-to-end tests install with the real one.
"""

import asyncio
import importlib.util
import json
import os
import re
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from rig.pages import ROOT, commands, section

PAGE = "docs/homelab.md"
HELM = """#!{python}
import json, sys
from pathlib import Path
words = sys.argv[1:]
files = [Path(value) for flag, value in zip(words, words[1:]) if flag == "--values"]
with open({log!r}, "a") as log:
    log.write(json.dumps([words, [file.read_text() for file in files]]) + "\\n")
"""


@pytest.fixture(scope="module")
def objects():
    """The objects of a hub and of the service, as the tests of the doctor make them."""
    spec = importlib.util.spec_from_file_location("of_the_doctor", ROOT / "tests/cli/test_doctor.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["of_the_doctor"] = module
    spec.loader.exec_module(module)
    return module


def block_of(text, first):
    [found] = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if block.startswith(first)]
    return found


@pytest.fixture
async def bench(simulator, node, kubectl, objects, tmp_path):
    """A folder and an environment in which somebody follows the page, on a cluster with one GPU and a hub."""
    of_gpu = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "nvidia"}}
    simulator.add(node("vilanova1", cpu="16", memory="64Gi", gpu=1), {**of_gpu, "handler": "nvidia"})
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(kubectl)
    (programs / "moorage").symlink_to(Path(sys.executable).parent / "moorage")
    helm = programs / "helm"
    helm.write_text(HELM.format(python=sys.executable, log=str(tmp_path / "helm.log")))
    helm.chmod(0o755)
    (tmp_path / "charts").symlink_to(ROOT / "charts")
    (tmp_path / "moorage-values.yaml").write_text(block_of(section(PAGE, "Install"), "# moorage-values.yaml"))
    (tmp_path / "your-values.yaml").write_text("singleuser: {memory: {guarantee: 1G}}\n")
    kubeconfig = simulator.kubeconfig(tmp_path / "kubeconfig", token=objects.ADMIN)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "KUBECONFIG": str(kubeconfig)}

    async def bash(*lines):
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", "\n".join(["set -euo pipefail", *lines]), cwd=tmp_path, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    return bash


async def test_the_card_is_seen_and_named_as_the_page_says(bench, simulator):
    told = commands(section(PAGE, "NVIDIA's runtime")) + commands(section(PAGE, "Labels"))

    status, out, err = await bench(*told, "moorage nodes --cards")

    assert (status, len(told)) == (0, 3), err
    assert re.search(r"^vilanova1 +1$", out, re.MULTILINE)
    assert "node/vilanova1 labeled" in out
    assert "RTX 4090" in out


async def test_the_commands_that_install_run_as_written_and_the_doctor_is_content(bench, simulator, objects, tmp_path):
    *install, doctor = commands(section(PAGE, "Install"))

    status, _, err = await bench(*commands(section(PAGE, "Labels")), *install)

    assert status == 0, err
    told = [json.loads(line) for line in (tmp_path / "helm.log").read_text().splitlines()]
    [(first, (ours,)), (second, (hubs,))] = told
    assert first[:3] == ["install", "moorage", "charts/moorage"]
    assert second[:3] == ["upgrade", "jupyterhub", "jupyterhub/jupyterhub"]
    jsonschema.validate(yaml.safe_load(ours), json.loads((ROOT / "charts/moorage/values.schema.json").read_text()))
    values = yaml.safe_load(hubs)
    assert values["singleuser"] == {"memory": {"guarantee": "1G"}}

    settings = (ROOT / "deploy/kubernetes/settings.env").read_text().splitlines()
    simulator.add(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "moorage-settings", "namespace": "moorage"},
            "data": dict(line.split("=", 1) for line in settings),
        },
        objects.release(values, name="jupyterhub", namespace="jupyterhub"),
        objects.deployment(values, namespace="jupyterhub", release="jupyterhub"),
        *objects.moorages_objects(),
        objects.storage_class(),
        objects.secret("moorage-hub", "jupyterhub", token=objects.TOKEN),
        objects.secret("moorage-tokens", "moorage", tokens=f"hub:reader+holders:{objects.TOKEN}\n"),
    )
    # From here on rights count, and kubectl shows its token to no address without TLS.
    simulator.authorizer.add(objects.ADMIN, "admin")
    simulator.authorizer.add("service-token", objects.SERVICE, objects.granted("cluster-role"))
    status, out, err = await bench(doctor)
    assert (status, err) == (0, ""), out
    assert out.startswith("Release jupyterhub in the namespace jupyterhub\n")
    assert out.endswith("All is well.\n")
