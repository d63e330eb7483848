"""What a person may set, call or type is told on some page."""

import importlib.util
import json
import re
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def reference(root):
    spec = importlib.util.spec_from_file_location("reference", root / "docs/reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(root):
    return {page.name: page.read_text() for page in sorted((root / "docs").glob("*.md"))}


def test_the_generated_parts_of_the_pages_are_what_the_code_says_now(reference):
    stale = [page.name for page, now, text in reference.pages() if now != text]

    assert stale == [], "run `python docs/reference.py`"


def test_every_setting_of_the_service_is_documented(pages):
    from moorage.service.settings import Settings

    missing = [name for name in Settings.model_fields if f"`MOORAGE_{name.upper()}`" not in pages["service.md"]]

    assert missing == []


def test_every_option_of_the_spawner_is_documented(pages):
    from moorage.hub.settings import Settings

    traits = Settings.class_own_traits(config=True)

    assert [name for name in traits if f"`c.MoorageSpawner.{name}`" not in pages["hub.md"]] == []
    assert [name for name, trait in traits.items() if not trait.help] == []


def test_every_command_and_each_of_its_options_is_documented(pages):
    import click

    from moorage.cli.commands import NAMES, main

    missing = []
    for name in NAMES:
        command = main.get_command(click.Context(main), name)
        section = pages["cli.md"].partition(f"## moorage {name}\n")[2].partition("\n## ")[0]
        options = [text for option in command.params for text in option.opts]
        missing += [f"{name} {text}" for text in options if text not in section]

    assert missing == []


def test_every_path_of_the_api_is_documented(pages):
    from moorage.service import Settings, create_app

    paths = create_app(Settings()).openapi()["paths"]

    assert [path for path in paths if path.removesuffix("/{name}") not in pages["api.md"]] == []


def test_every_field_of_the_answers_is_documented(pages):
    from moorage.service.http import inputs, schemas

    answers = (
        schemas.FitAnswer,
        schemas.NodeVerdict,
        schemas.Reason,
        inputs.Ask,
        schemas.Image,
        schemas.FormDefaultsAnswer,
    )

    named = {name for answer in answers for name in answer.model_fields}
    assert sorted(name for name in named if not re.search(rf"\b{name}\b", pages["api.md"])) == []


def test_every_field_of_a_node_is_documented(pages):
    from moorage.cluster.node_json import NodeJson
    from moorage.gpus.cards import Cards
    from moorage.scheduling.cluster import Cluster
    from moorage.simulator import builders

    cluster = Cluster.from_objects(nodes=[builders.node("n1", cpu="4", gpu=1)])
    node = json.loads(NodeJson(cluster, gpu_details=Cards().details).of("n1"))

    assert [name for name in node if f"`{name}`" not in pages["api.md"] and f'"{name}"' not in pages["api.md"]] == []
    assert [name for name in node["gpu_details"][0] if f"`{name}`" not in pages["gpus.md"]] == []


def test_every_kind_that_is_followed_is_documented(pages):
    from moorage.kube.resources import ADDONS, FOLLOWED

    assert [kind.name for kind in (*FOLLOWED, *ADDONS) if f"`{kind.name}`" not in pages["rights.md"]] == []


def test_every_variable_of_the_environment_that_a_page_names_exists(pages, root):
    from moorage.service.settings import Settings

    known = {f"MOORAGE_{name.upper()}" for name in Settings.model_fields}
    source = "\n".join(path.read_text() for path in (root / "src").rglob("*.py"))
    named = {name for text in pages.values() for name in re.findall(r"MOORAGE_[A-Z_]*[A-Z]\b", text)}

    assert sorted(name for name in named - known if name not in source and f"{name}_" not in " ".join(known)) == []


def test_every_limit_that_a_page_promises_is_measured_by_a_benchmark(pages, root):
    measured = "\n".join(path.read_text() for path in (root / "bench").glob("*.py"))
    rows = [line for line in pages["performance.md"].splitlines() if line.startswith("| `")]
    promised = [name for row in rows for name in re.findall(r"`([a-z]+\.[\w.]+)`", row.split("|")[1])]

    assert len(promised) > 10
    assert [name for name in promised if re.sub(r"\.\d+$", "", name) not in measured] == []


def test_every_file_of_the_tree_that_a_page_names_exists(pages, root):
    texts = {
        **pages,
        "CONTRIBUTING.md": (root / "CONTRIBUTING.md").read_text(),
        "README.md": (root / "README.md").read_text(),
    }
    missing = [
        f"{name}: {path}"
        for name, text in texts.items()
        for path in re.findall(r"(?:deploy|docs|tests|src|bench|testbed|tools)/[\w./-]*\w", text)
        if not (root / path).exists() and path != "bench/results.json"
    ]

    assert missing == []


def test_the_pages_build_without_a_warning(root, tmp_path):
    built = subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-W",
            "-n",
            "-q",
            "-d",
            str(tmp_path / "trees"),
            str(root / "docs"),
            str(tmp_path / "html"),
        ],
        capture_output=True,
        text=True,
        timeout=110,
    )

    assert built.returncode == 0, built.stderr
