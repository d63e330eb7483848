"""The chart, as far as it can be held without Helm; tests/e2e/test_chart.py renders and installs it."""

import asyncio
import hashlib
import json
import re
import sys

import jsonschema
import pytest
import yaml

import moorage
from moorage.hub import metrics


@pytest.fixture(scope="module")
def chart(root):
    return root / "charts/moorage"


@pytest.fixture(scope="module")
def templates(chart):
    return {
        str(path.relative_to(chart / "templates")): path.read_text()
        for path in sorted((chart / "templates").rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def chartvalues(root):
    sys.path.insert(0, str(root / "tools"))
    import chartvalues

    yield chartvalues
    sys.path.remove(str(root / "tools"))


@pytest.fixture(scope="module")
def rules(chart):
    groups = yaml.safe_load((chart / "files/alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.fixture(scope="module")
def schema(chart):
    return json.loads((chart / "values.schema.json").read_text())


@pytest.fixture
async def series(simulator, node, pod):
    """Every name that /metrics has, as Prometheus calls it."""
    import aiohttp

    from moorage.service.run import serving
    from moorage.service.settings import Settings

    refused = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no room"}
    waits = [pod(name, cpu="1") | {"status": {"phase": "Pending", "conditions": [refused]}} for name in ("a", "b")]
    simulator.add(node("n1", cpu="4"), *waits)
    async with (
        serving(Settings(port=0, api_server=simulator.url)) as (url, _),
        aiohttp.ClientSession(url, raise_for_status=True) as client,
    ):
        async with asyncio.timeout(20):
            while "moorage_node_available_gpu{" not in await _metrics(client):
                await asyncio.sleep(0.02)
            simulator.delete("pods", "default", "a")
            while "moorage_wait_seconds_bucket{" not in await _metrics(client):
                await asyncio.sleep(0.02)
        return set(re.findall(r"(?m)^(moorage_\w+)[{ ]", await _metrics(client)))


async def _metrics(client):
    async with client.get("/metrics") as answer:
        return await answer.text()


def test_the_manifests_are_those_that_were_rendered_from_this_chart(root, chart):
    """Without Helm only what was recorded when they were rendered can be compared; the end-to-end tests render anew."""
    recorded = {
        path: digest
        for digest, path in (
            line.split() for line in (root / "deploy/kubernetes/rendered.sha256").read_text().splitlines()
        )
    }
    sources = [*chart.glob("templates/**/*.yaml"), *chart.glob("templates/*.tpl"), chart / "values.yaml"]
    manifests = [path for path in (root / "deploy/kubernetes").rglob("*.yaml") if path.name != "kustomization.yaml"]

    assert {str(path.relative_to(root)) for path in (*sources, *manifests)} <= recorded.keys(), "call tools/manifests"
    stale = [
        path for path, digest in recorded.items() if hashlib.sha256((root / path).read_bytes()).hexdigest() != digest
    ]
    assert stale == [], "call tools/manifests"


def test_the_chart_has_the_version_of_the_package(chart):
    about = yaml.safe_load((chart / "Chart.yaml").read_text())

    assert (about["version"], about["appVersion"]) == (moorage.__version__, moorage.__version__)


def test_every_value_has_a_description(chartvalues):
    assert [value.path for value in chartvalues.values() if not value.group and not value.description] == []


def test_every_value_is_used_by_a_template_and_every_value_that_a_template_uses_exists(chartvalues, templates):
    known = {value.path: value.group for value in chartvalues.values()}
    text = "\n".join(templates.values())
    used = set(re.findall(r"\.Values\.([\w.]+\w)", text))
    # A template may enter a group and name its values alone.
    opened = {path for path in known if known[path] and re.search(rf"with \.Values\.{re.escape(path)} ", text)}
    short = {path for path in known if path.rpartition(".")[0] in opened and f".{path.rpartition('.')[2]}" in text}

    assert sorted(path for path in known if not known[path] and path not in used | short) == []
    assert sorted(used - known.keys()) == []


def test_the_defaults_fit_the_schema(chart, schema):
    jsonschema.validate(yaml.safe_load((chart / "values.yaml").read_text()), schema)


@pytest.mark.parametrize(
    "values",
    [
        {"replica": 3},
        {"settings": {"log_levell": "info"}},
        {"settings": {"log_level": "loud"}},
        {"settings": {"registry_password": "in a ConfigMap"}},
        {"settings": {"port": 9000}},
        {"tokens": {"names": {"hub": "root"}}},
        {"tokens": {"names": {"admin": "admin"}}},
        {"tokens": {"names": {"hub": "reader", "tokens": "admin"}}},
        {"image": {"digest": "latest"}},
        {"fullnameOverride": "Not A Name"},
        {"rights": {"quotaNamespaces": "jupyterhub"}},
    ],
    ids=json.dumps,
)
def test_a_value_that_would_do_nothing_or_harm_is_refused(schema, values):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, schema)


@pytest.mark.parametrize(
    "values",
    [
        {"global": {"imageRegistry": "of another chart"}},
        {"settings": {"images": ["a/b:1", {"name": "c"}], "label_allow_list": "a,b", "schedulers": ["mine"]}},
        {"settings": {"gpu_dcgm": True, "gpu_poll_seconds": 2.5, "default_cpu": "2"}},
        {"runAsUser": None},
        {"tokens": {"names": {"hub": "reader+holders", "tv-screen": "reader"}}},
        {"image": {"digest": f"sha256:{'0' * 64}"}},
    ],
    ids=json.dumps,
)
def test_a_value_that_makes_sense_is_taken(schema, values):
    jsonschema.validate(values, schema)


def test_one_value_moves_every_image_to_another_registry(templates):
    for name, text in templates.items():
        for image in re.findall(r"(?m)^ +(?:- )?image: (.*)$", text):
            assert image == '{{ include "moorage.image" . }}', name


def test_every_container_and_pod_is_confined_by_the_same_words(templates):
    text = "\n".join(templates.values())

    assert len(re.findall(r"(?m)^ +image: ", text)) == len(re.findall(r'include "moorage.container"', text))
    assert not re.search(r"privileged: true|hostNetwork|hostPID", text)


def hub_series():
    """Every name that the hub's /metrics can have of ours, and the labels that it has."""
    ends = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
    found = {}
    for name, one in vars(metrics).items():
        if name.isupper():
            [family] = one.describe()
            found |= {family.name + end: set(one._labelnames) for end in ends[family.type]}
    return found


async def test_alerts_and_dashboard_ask_for_series_that_exist(chart, rules, series):
    panels = json.loads((chart / "files/dashboard.json").read_text())["panels"]
    asked = [rule["expr"] for rule in rules] + [target["expr"] for panel in panels for target in panel["targets"]]
    named = {name for expression in asked for name in re.findall(r"moorage_\w+", expression)}

    # Only there where a registry is configured.
    assert named - series - hub_series().keys() <= {"moorage_images_age_seconds"}
    assert all(re.search(r"moorage_\w+", expression) for expression in asked)


def test_an_outcome_that_an_alert_names_is_one_that_the_hub_counts(root, rules):
    asked = {
        (name, outcome)
        for rule in rules
        for name, outcome in re.findall(r'(moorage_hub_\w+)\{outcome="(\w+)"\}', rule["expr"])
    }
    code = {path.name: path.read_text() for path in (root / "src/moorage/hub").glob("*.py")}
    counted = {
        ("moorage_hub_starts_total", word) for word in re.findall(r'STARTS\.labels\("(\w+)"\)', code["outcome.py"])
    }
    counted |= {("moorage_hub_verdicts_total", word) for word in re.findall(r'return "(\w+)"', code["metrics.py"])}

    assert len(asked) > 3
    assert asked <= counted


def test_every_alert_has_its_runbook_and_no_runbook_is_left_over(root, rules):
    headings = re.findall(r"(?m)^## (Moorage\w+)$", (root / "docs/alerts.md").read_text())

    assert headings == [rule["alert"] for rule in rules]
    assert all(rule["labels"]["severity"] in ("critical", "warning", "info") for rule in rules)


def test_every_alert_fires_in_a_case_of_its_own_tests(root, rules):
    """`make alerts` runs them, with Prometheus' own program."""
    cases = yaml.safe_load((root / "tests/deploy/alerts.yaml").read_text())["tests"]
    expected = str([sample for case in cases for asked in case["promql_expr_test"] for sample in asked["exp_samples"]])

    assert [rule["alert"] for rule in rules if f'alertname="{rule["alert"]}"' not in expected] == []
