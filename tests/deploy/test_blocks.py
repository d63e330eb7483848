"""Code on our pages is what it says: values of the chart pass its schema, and options of the spawner exist."""

import json
import re

import jsonschema
import pytest
import yaml
from kubespawner import KubeSpawner

from moorage.hub.settings import Settings
from rig.pages import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SCHEMA = json.loads((ROOT / "charts/moorage/values.schema.json").read_text())
# Keys that no other file on these pages has; blocks for the hub's chart say so in their first line.
OURS = {"settings", "rights", "gpuAgent", "replicas", "metrics"}


def of_the_chart():
    for page in PAGES:
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
            found = yaml.safe_load(block) if not block.startswith("# of the hub") else None
            if isinstance(found, dict) and OURS & set(found):
                yield pytest.param(found, id=f"{page.name}: {', '.join(found)}")


@pytest.mark.parametrize("values", list(of_the_chart()))
def test_values_of_the_chart_on_a_page_pass_its_schema(values):
    jsonschema.validate(values, SCHEMA)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_an_option_of_the_spawner_on_a_page_exists(page):
    named = re.findall(r"\bc\.(MoorageSpawner|KubeSpawner)\.([a-z]\w*)", page.read_text())
    known = {"KubeSpawner": set(KubeSpawner.class_trait_names())}
    known["MoorageSpawner"] = known["KubeSpawner"] | set(Settings.class_trait_names())

    assert [f"{of}.{name}" for of, name in named if name not in known[of]] == []


def test_the_pages_have_such_values():
    assert len(list(of_the_chart())) > 6
