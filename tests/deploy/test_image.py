import re
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def copied(root, tmp_path_factory):
    """What the image keeps for the hub, made with the line of the recipe (without fetching the build tool)."""
    recipe = (root / "deploy/image/Containerfile").read_text()
    [line] = re.findall(r"pip install (.*--target.*)", recipe)
    target = tmp_path_factory.mktemp("hub")
    arguments = line.replace("/opt/moorage-hub", str(target)).split()
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation", *arguments],
        check=True,
        cwd=root,
        timeout=100,
    )
    return target


def test_what_the_hub_gets_runs_on_any_python(copied):
    files = [path for path in copied.rglob("*") if path.is_file()]

    assert not [path for path in files if path.suffix in (".so", ".pyd", ".pyc")]


def test_what_the_hub_gets_is_complete(copied):
    found = {str(path.relative_to(copied)) for path in copied.rglob("*") if path.is_file()}

    assert {
        "moorage/hub/spawner.py",
        "moorage/hub/pages/templates/form.html",
        "moorage/hub/pages/static/form.js",
        "moorage/web/stream.js",
    } <= found
    [entry_points] = list(copied.rglob("entry_points.txt"))
    assert "moorage = moorage.hub.spawner:MoorageSpawner" in entry_points.read_text()


def test_what_the_hub_gets_fits_into_its_volume(copied, deploy):
    import yaml

    [volume] = yaml.safe_load((deploy / "zero-to-jupyterhub/values.yaml").read_text())["hub"]["extraVolumes"]
    size = sum(path.stat().st_size for path in copied.rglob("*") if path.is_file())

    assert volume["emptyDir"]["sizeLimit"] == "32Mi"
    assert size < 8 << 20


def test_what_the_recipes_copy_is_in_the_tree_and_not_ignored(root):
    for recipe in ("Containerfile", "hub.Containerfile"):
        text = (root / "deploy/image" / recipe).read_text()
        allowed = (root / "deploy/image" / f"{recipe}.containerignore").read_text().splitlines()
        for words in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
            for source in words.split()[:-1]:
                assert (root / source).exists()
                assert f"!{source}" in allowed


def test_the_image_runs_as_a_number_and_serves(root):
    text = (root / "deploy/image/Containerfile").read_text()

    assert "\nUSER 10001:10001\n" in text
    assert 'ENTRYPOINT ["moorage"]' in text


@pytest.mark.parametrize(("recipe", "base"), [("Containerfile", "BASE"), ("hub.Containerfile", "HUB_IMAGE")])
def test_an_image_says_what_it_is_and_what_it_was_built_from(root, recipe, base):
    import moorage

    text = (root / "deploy/image" / recipe).read_text()
    last = text[text.rindex("\nFROM ") :]
    labels = dict(re.findall(r'org\.opencontainers\.image\.([\w.]+)="([^"]*)"', last))

    assert f"\nFROM ${{{base}}}\n" in text
    assert f"ARG {base}\n" in last
    assert f"ARG VERSION={moorage.__version__}\n" in last
    assert labels.keys() >= {"title", "description", "licenses", "version", "revision", "base.name"}
    assert (labels["version"], labels["revision"], labels["base.name"]) == ("${VERSION}", "${REVISION}", f"${{{base}}}")


def test_every_base_that_is_not_the_charts_can_be_pinned_by_one_argument(root):
    for recipe in ("Containerfile", "hub.Containerfile"):
        text = (root / "deploy/image" / recipe).read_text()

        assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) <= {"${BASE}", "${HUB_IMAGE}"}
        assert "\nARG BASE=docker.io/library/python:3.13-slim\nFROM ${BASE} AS build\n" in text
