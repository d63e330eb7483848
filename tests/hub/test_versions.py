"""Several versions of JupyterHub are tested: each run on the one that it is named after."""

import asyncio
import os

import jupyterhub
import pytest
from traitlets import TraitError

from moorage.hub import versions

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_hub_is_the_version_that_these_tests_stand_on(hub):
    _, about = await hub.api("GET", "/")

    assert about["version"] == jupyterhub.__version__


@pytest.mark.parametrize(
    ("hub", "kubespawner", "works"),
    [("5.2.1", "7.0.0", False), ("5.3.0", "6.2.0", False), ("4", "6", False), ("5.3.0", "7.0.0", True),
     ("5.3.0b1", "7.0", True), ("10.0", "7.10.dev0", True), (None, None, True), ("unreadable", "7.1.0", True)],
)  # fmt: skip
async def test_below_either_version_the_spawner_refuses_to_load(hub, kubespawner, works):
    found = {"jupyterhub": hub, "jupyterhub-kubespawner": kubespawner}

    try:
        versions.refuse_old(found)
        refused = None
    except TraitError as error:
        refused = str(error)

    assert (refused is None) is works
    if refused:
        for word in (
            "JupyterHub 5.3 ",
            "KubeSpawner 7.0 ",
            f"JupyterHub {hub} ",
            f"KubeSpawner {kubespawner}",
            "4.2.0",
        ):
            assert word in refused


@pytest.mark.parametrize("name", ["moorage", "moorage.hub.spawner.MoorageSpawner"])
async def test_an_old_hub_ends_with_one_sentence_in_its_log(tmp_path, load, name):
    rig = load("moorage_test_rig")
    old = tmp_path / "packages" / "jupyterhub-5.2.1.dist-info"
    old.mkdir(parents=True)
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: jupyterhub\nVersion: 5.2.1\n")
    config = tmp_path / "config.py"
    config.write_text(f'c.JupyterHub.spawner_class = "{name}"\n')
    around = rig.surroundings()
    around["PYTHONPATH"] = f"{old.parent}{os.pathsep}{around['PYTHONPATH']}"

    hub = await asyncio.create_subprocess_exec(
        rig.PYTHON, "-m", "jupyterhub", "-f", str(config), env=around, cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(60):
        said = (await hub.communicate())[0].decode()

    assert hub.returncode == 1
    assert "needs JupyterHub 5.3 and KubeSpawner 7.0 or newer, but this hub has JupyterHub 5.2.1" in said
    assert "Traceback" not in said
