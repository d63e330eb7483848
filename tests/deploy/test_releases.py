"""What runs on a push and on a tag, and how a release is cut."""

import datetime as dt
import importlib.util
import re
import shutil
import subprocess
import tomllib

import jsonschema
import pytest
import yaml

import moorage


@pytest.fixture(scope="module")
def workflows(root):
    # `on` is true to YAML 1.1.
    return {path.name: yaml.safe_load(path.read_text()) for path in sorted((root / ".github/workflows").glob("*.yml"))}


@pytest.fixture(scope="module")
def steps(workflows):
    return [
        (f"{name}: {job}", step)
        for name, workflow in workflows.items()
        for job, about in workflow["jobs"].items()
        for step in about["steps"]
    ]


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def release(root):
    spec = importlib.util.spec_from_file_location("release", root / "tools/release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copied(root, tmp_path):
    """The tracked files of the checkout, as a repository of their own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "README.md", "CHANGELOG.md", "charts", "deploy", "docs", "src", "tools", "tests/deploy"],
        cwd=root, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in listed.split("\0"):
        if name and (root / name).exists():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, tmp_path / name)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)
    return tmp_path


def test_the_matrix_the_classifiers_and_the_lowest_python_agree(workflows, project):
    tested = workflows["ci.yml"]["jobs"]["test"]["strategy"]["matrix"]["python"]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))

    assert tested == named
    assert project["requires-python"] == f">={tested[0]}"


def test_every_action_is_pinned_by_its_commit_and_the_same_one_everywhere(root):
    pins = {}
    for path in (root / ".github/workflows").glob("*.yml"):
        for action, commit, version in re.findall(r"uses: (\S+)@(\S+)(?: # (v\S+))?", path.read_text()):
            assert re.fullmatch(r"[0-9a-f]{40}", commit), f"{path.name}: {action}"
            assert version, f"{path.name}: {action} has no version beside its commit"
            pins.setdefault(action, set()).add((commit, version))

    assert {action: found for action, found in pins.items() if len(found) > 1} == {}
    assert "actions/checkout" in pins


def test_a_script_ends_where_any_program_of_a_pipe_fails(workflows):
    assert {workflow["defaults"]["run"]["shell"] for workflow in workflows.values()} == {"bash"}


def test_every_job_has_an_end_and_no_right_that_it_does_not_name(workflows):
    for name, workflow in workflows.items():
        assert workflow["permissions"] in ({}, {"contents": "read"})
        for job, about in workflow["jobs"].items():
            assert about["timeout-minutes"] <= 90, f"{name}: {job}"
            writes = {right for right, what in about.get("permissions", {}).items() if what == "write"}
            assert writes <= ({"contents"} if job == "announce" else {"id-token"}), f"{name}: {job}"


def test_what_a_workflow_calls_is_there(root, steps):
    targets = set(re.findall(r"(?m)^([a-z0-9-]+):", (root / "Makefile").read_text()))
    for where, step in steps:
        script = step.get("run", "")
        assert set(re.findall(r"\bmake ([a-z0-9-]+)", script)) <= targets, where
        for path in re.findall(r"(?<![\w-])(?:tools|requirements|charts|deploy|testbed)/[\w./-]+\w", script):
            assert (root / path).exists(), f"{where}: {path}"
        if file := step.get("with", {}).get("file"):
            assert (root / file).exists()


def test_a_value_of_an_expression_reaches_a_script_by_its_environment_alone(steps):
    assert [where for where, step in steps if "${{" in step.get("run", "")] == []


def test_nothing_that_a_pull_request_could_have_stored_gets_into_a_release(workflows):
    text = yaml.safe_dump(workflows["release.yml"])

    assert "actions/cache" not in text
    assert "no-cache: true" in text
    assert re.findall(r"cache: (\w+)", text.replace("no-cache", "")) in (["false"], ["false", "true"])


def test_a_release_is_built_with_the_versions_that_the_checkout_has(root):
    ours = set((root / "requirements/dev.txt").read_text().split())
    build = set((root / "requirements/build.txt").read_text().split())

    assert {pin.partition("==")[0] for pin in build - ours} == {"uv"}


def test_everything_that_is_pinned_somewhere_is_looked_after(root):
    updates = yaml.safe_load((root / ".github/dependabot.yml").read_text())["updates"]
    places = {(one["package-ecosystem"], place) for one in updates for place in one.get("directories", [one.get("directory")])}  # fmt: skip

    assert all((root / place.lstrip("/")).is_dir() for _, place in places)
    assert {kind for kind, _ in places} == {"github-actions", "pip", "npm", "gomod", "docker"}


def test_a_commit_hook_calls_only_what_make_setup_installs(root):
    hooks = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"]

    assert [repo["repo"] for repo in hooks] == ["local"]
    for hook in hooks[0]["hooks"]:
        assert hook["language"] == "system"
        program = hook["entry"].split()[0]
        assert program.startswith((".venv/bin/", "node_modules/.bin/")) or (root / program).exists()


def test_the_chart_that_a_release_packs_knows_its_registry_and_nothing_else_of_it(root, tmp_path, steps):
    """The line of the workflow that writes the registry into the packed chart's values."""
    [script] = [step["run"] for _, step in steps if "charts/moorage/values.yaml" in step.get("run", "")]
    [line] = [line for line in script.splitlines() if line.startswith("sed ")]
    shutil.copytree(root / "charts/moorage", tmp_path / "charts/moorage")
    environment = {"IMAGE_REGISTRY": "registry.example.com/team", "PATH": "/usr/bin:/bin"}

    subprocess.run(["bash", "-eu", "-c", line], cwd=tmp_path, env=environment, check=True, timeout=20)

    values = yaml.safe_load((tmp_path / "charts/moorage/values.yaml").read_text())
    before = yaml.safe_load((root / "charts/moorage/values.yaml").read_text())
    assert values["image"].pop("registry") == "registry.example.com/team"
    before["image"].pop("registry")
    assert values == before


def test_a_cut_writes_the_version_wherever_ours_stands_and_closes_the_changelog(copied, release):
    import json

    old = moorage.__version__
    before = release.notes(copied, "Unreleased")

    release.cut(copied, "1.2.0rc1", today=dt.date(2027, 2, 3))

    left = subprocess.run(
        ["git", "grep", "-nE", rf"moorage(-hub)?:{re.escape(old)}|^(appVersion|version): {re.escape(old)}|newTag: {re.escape(old)}|VERSION={re.escape(old)}", "--", "README.md", "charts", "deploy", "docs", "src"],
        cwd=copied, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert left == ""
    assert release.version(copied) == "1.2.0rc1"
    assert "## Unreleased\n\n## 1.2.0rc1 (2027-02-03)\n" in (copied / "CHANGELOG.md").read_text()
    assert release.notes(copied, "1.2.0rc1") == before
    assert release.notes(copied, "Unreleased").strip() == ""
    chart = yaml.safe_load((copied / "charts/moorage/Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == ("1.2.0rc1", "1.2.0rc1")
    assert "registry.example.org/moorage:1.2.0rc1" in (copied / "deploy/kubernetes/deployment.yaml").read_text()
    assert "--version 4.4.0" in (copied / "docs/install.md").read_text()
    summed = subprocess.run(
        ["sha256sum", "--check", "--quiet", "deploy/kubernetes/rendered.sha256"],
        cwd=copied,
        capture_output=True,
        text=True,
    )
    assert summed.returncode == 0, summed.stdout
    jsonschema.validate({}, json.loads((copied / "charts/moorage/values.schema.json").read_text()))
    release.check(copied, "v1.2.0rc1")


@pytest.mark.parametrize("version", ["0.1.0", "v1.0.0", "1.0", "next"])
def test_a_cut_refuses_what_is_no_next_version(copied, release, version):
    with pytest.raises(SystemExit):
        release.cut(copied, version, today=dt.date(2027, 2, 3))

    assert release.version(copied) == moorage.__version__


def test_a_tag_that_is_not_the_trees_version_is_no_release(copied, release):
    with pytest.raises(SystemExit, match="not the version"):
        release.check(copied, "v9.9.9")
    with pytest.raises(SystemExit, match="no part"):
        release.check(copied, f"v{moorage.__version__}")
