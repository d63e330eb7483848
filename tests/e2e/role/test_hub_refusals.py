"""Phase 2 on a release that somebody else has made, with names of its own: what is refused, what is taken back, and what
stands before and after each run, object by object. No hub runs in the pods here.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rig.charts import NEW, OLD, TOO_OLD
from rig.controlplane import ControlPlane
from rig.kubelet import Kubelet

pytestmark = pytest.mark.timeout(1500)

NAMESPACE, RELEASE = "lab", "harbour"
TOKENS = "hub:reader+holders:a-token-of-forty-eight\nadmin:admin:another-token-of-the-same\n"
OWN: dict[str, Any] = {
    "fullnameOverride": "bay",
    "nameOverride": "quay",
    "hub": {
        "config": {"GitHubOAuthenticator": {"client_secret": "of-the-lab"}},
        "extraEnv": {"PYTHONPATH": "/srv/mine"},
        "extraVolumes": [{"name": "mine", "emptyDir": {}}],
    },
    "cull": {"every": 300},
}
RECORD = f"Secret {NAMESPACE}/moorage-record-hub"
BESIDE = {
    RECORD,
    f"Secret {NAMESPACE}/moorage-hub",
    f"Role {NAMESPACE}/moorage-limits",
    f"RoleBinding {NAMESPACE}/moorage-limits",
    f"Role {NAMESPACE}/moorage-scheduler",
    f"RoleBinding {NAMESPACE}/moorage-scheduler",
    f"Role {NAMESPACE}/moorage-hub-resize",
    f"RoleBinding {NAMESPACE}/moorage-hub-resize",
    f"Role {NAMESPACE}/moorage-hub-usage",
    f"RoleBinding {NAMESPACE}/moorage-hub-usage",
}
HUBS = {f"{kind} {NAMESPACE}/bay-hub" for kind in ("Deployment", "NetworkPolicy", "Secret")}


def _less(objects: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: obj for key, obj in objects.items() if key not in keys}


@pytest.fixture(scope="module")
def history(helm: Callable[..., str]) -> Callable[[], list[dict[str, Any]]]:
    return lambda: json.loads(helm("history", RELEASE, "--namespace", NAMESPACE, "--output", "json"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("values")


@pytest.fixture(scope="module")
def write(folder: Path) -> Callable[[str, Any], str]:
    def written(name: str, values: Any) -> str:
        (folder / name).write_text(yaml.safe_dump(values))
        return str(folder / name)

    return written


@pytest.fixture(scope="module")
def lab(shared: ControlPlane, yard: Kubelet, charts: str, helm: Callable[..., str], write: Callable[..., str]) -> None:
    """Tokens of phase 1; a hub in its revision 3, which is revision 1 again, since revision 2 was worse; and two more."""
    yard.runs_hubs = False
    for name in ("moorage", NAMESPACE, "listed"):
        shared.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    metadata = {"name": "moorage-tokens", "namespace": "moorage"}
    tokens = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"tokens": TOKENS}}
    shared.admin.create(tokens)
    chart = ("jupyterhub", "--repo", charts, "--version", OLD, "--wait", "--timeout", "30s")
    there = (*chart, "--namespace", NAMESPACE)
    helm("install", RELEASE, *there, "--values", write("own.yaml", OWN))
    helm("upgrade", RELEASE, *there, "--values", write("worse.yaml", {**OWN, "cull": {"every": 1}}))
    helm("rollback", RELEASE, "1", "--namespace", NAMESPACE, "--wait")
    listed = write("listed.yaml", {"hub": {"extraEnv": [{"name": "OAUTH_CLIENT_SECRET", "value": "s"}]}})
    helm("install", "listed", *chart, "--namespace", "listed", "--values", listed)


@pytest.fixture(scope="module")
def day(
    lab: None,
    play: Callable[..., Any],
    helm: Callable[..., str],
    charts: str,
    history: Callable[[], Any],
    write: Callable[..., str],
    folder: Path,
) -> dict[str, Any]:
    runs: dict[str, Any] = {}
    hub: dict[str, Any] = {"moorage_hub_namespace": NAMESPACE, "moorage_hub_release": RELEASE}
    rights = {"resize": True, "usage": "true"}
    own = {**hub, "moorage_hub_values_files": [str(folder / "own.yaml")], "moorage_rights": rights}
    unchecked = ("--tags", "hub", "--skip-tags", "check-hub")
    runs["no files"] = play("--tags", "hub", **hub)
    runs["live values"] = play("--tags", "live-values", **hub, moorage_live_values_file=str(folder / "live.yaml"))
    runs["list"] = play("--tags", "hub", **{**hub, "moorage_hub_values_files": [str(folder / "listed.yaml")]})
    runs["live list"] = play("--tags", "hub", moorage_hub_namespace="listed", moorage_hub_release="listed")
    runs["newer chart"] = play("--tags", "hub", **own, moorage_hub_chart_version=NEW)
    fresh = {"moorage_hub_namespace": "fresh", "moorage_hub_release": "fresh"}
    runs["old chart"] = play("--tags", "hub", **fresh, moorage_hub_chart_version=TOO_OLD)
    runs["looked"] = play("--tags", "hub", "--check", **own)
    invalid = write(
        "invalid.yaml",
        {"hub": {"extraVolumes": [{"name": "mine", "emptyDir": {}}, {"name": "Not_Valid", "emptyDir": {}}]}},
    )
    runs["refused by Helm"] = play(
        "--tags", "hub", **{**own, "moorage_hub_values_files": [str(folder / "own.yaml"), invalid]}
    )
    unreached = {"moorage_hub_url": "http://127.0.0.1:9", "moorage_check_retries": 1}
    runs["failed check"] = play("--tags", "hub", **own, **unreached)
    runs["history"] = history()
    runs["done"] = play(*unchecked, "-e", "moorage_check_spawn=false", **own)
    runs["again"] = play(*unchecked, "-e", "moorage_check_spawn=false", **own)
    options = ("jupyterhub", "--repo", charts, "--version", OLD, "--namespace", NAMESPACE, "--wait")
    helm("upgrade", RELEASE, *options, "--reuse-values", "--set", "cull.every=5")
    runs["moved on"] = play("--tags", "rollback-hub", **own)
    runs["done again"] = play(*unchecked, **own)
    runs["back"] = play("--tags", "rollback-hub", **own)
    runs["back to the start"] = play("--tags", "rollback-hub", **own, moorage_rollback_to="before-moorage")
    runs["new hub"] = play(
        "--tags",
        "hub",
        **fresh,
        moorage_hub_values_files=[write("broken.yaml", {"hub": {"image": "broken"}})],
        moorage_hub_helm_timeout=3,
    )
    return runs


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("no files", "would be lost: cull.every, fullnameOverride, hub.config.GitHubOAuthenticator.client_secret,"),
        (
            "no files",
            "hub.extraVolumes[mine], nameOverride. Nothing was changed. Run this playbook with --tags live-values",
        ),
        ("list", "hub.extraEnv is a list in"),
        ("live list", "hub.extraEnv is a list in the release listed"),
        ("old chart", "Chart 4.1.0 has a JupyterHub that ignores what people choose"),
        ("newer chart", "runs the chart jupyterhub 4.2.0, and would be moved to jupyterhub 4.4.0"),
    ],
)
def test_what_would_lose_or_move_something_is_refused_before_anything_is_changed(
    day: dict[str, Any], run: str, words: str
) -> None:
    assert day[run].played.rc != 0
    assert words in day[run].text
    assert "nothing was taken back" in day[run].text
    assert day[run].changes == {}


def test_no_secret_of_the_values_is_printed(day: dict[str, Any]) -> None:
    output = "".join(run.played.output for name, run in day.items() if name != "history")

    assert "of-the-lab" not in output
    assert "a-token-of-forty-eight" not in output


def test_the_values_of_the_release_are_written_to_a_file(day: dict[str, Any], folder: Path) -> None:
    written = folder / "live.yaml"

    assert day["live values"].played.rc == 0, day["live values"].played.output
    assert yaml.safe_load(written.read_text()) == OWN
    assert written.stat().st_mode & 0o777 == 0o600
    assert day["live values"].changes == {}


def test_check_mode_shows_what_helm_and_kubectl_would_change_and_changes_nothing(day: dict[str, Any]) -> None:
    run = day["looked"]

    assert run.played.rc == 0, run.played.output
    assert "Deployment/lab/bay-hub" in run.text or "Deployment/bay-hub" in run.text
    assert "+ value: /opt/moorage-hub:/srv/mine" in run.text
    assert "moorage-limits" in run.text
    assert run.played.changed > 0
    assert run.changes == {}


def test_helms_own_words_are_shown_where_it_fails(day: dict[str, Any]) -> None:
    assert 'spec.template.spec.volumes[4].name: Invalid value: "Not_Valid"' in day["refused by Helm"].text.replace(
        "\\", ""
    )


@pytest.mark.parametrize("run", ["refused by Helm", "failed check"])
def test_a_failure_takes_the_hub_back_to_exactly_what_was_there(day: dict[str, Any], run: str) -> None:
    assert day[run].played.rc != 0
    assert "The hub was taken back to what was there before this run." in day[run].text
    assert day[run].changes == {}


def test_it_is_the_revision_that_ran_and_not_a_worse_one_before_it(day: dict[str, Any]) -> None:
    told = [(each["revision"], each["status"], each["description"]) for each in day["history"]]

    assert told[2] == (3, "superseded", "Rollback to 1")
    assert told[3][1] == "failed"
    assert [each[2] for each in told[4:]] == ["Rollback to 3", "moorage 0.1.0", "Rollback to 5"]


def test_a_run_upgrades_the_release_and_adds_what_is_its_own(day: dict[str, Any]) -> None:
    run = day["done"]

    assert run.played.rc == 0, run.played.output
    assert run.changes == {**dict.fromkeys(BESIDE, "made"), **dict.fromkeys(HUBS, "changed")}


def test_rights_of_the_hub_are_given_to_the_account_that_it_runs_as(day: dict[str, Any]) -> None:
    hub = {"kind": "ServiceAccount", "name": "bay-hub", "namespace": NAMESPACE}

    for name in ("moorage-hub-resize", "moorage-hub-usage"):
        assert day["done"].after[f"RoleBinding {NAMESPACE}/{name}"]["subjects"] == [hub]
    service = {"kind": "ServiceAccount", "name": "moorage", "namespace": "moorage"}
    assert day["done"].after[f"RoleBinding {NAMESPACE}/moorage-limits"]["subjects"] == [service]


def test_false_on_the_command_line_is_false(day: dict[str, Any]) -> None:
    values = yaml.safe_load(
        __import__("base64").b64decode(day["done"].after[f"Secret {NAMESPACE}/bay-hub"]["data"]["values.yaml"])
    )

    assert values["hub"]["services"] == {}
    assert values["hub"]["extraEnv"]["PYTHONPATH"] == "/opt/moorage-hub:/srv/mine"
    assert values["hub"]["config"] == OWN["hub"]["config"]


def test_a_second_run_changes_nothing(day: dict[str, Any]) -> None:
    assert (day["again"].played.rc, day["again"].played.changed) == (0, 0), day["again"].played.output
    assert day["again"].changes == {}


def test_a_rollback_leaves_a_release_alone_that_somebody_has_upgraded_since(day: dict[str, Any]) -> None:
    run = day["moved on"]

    assert run.played.rc != 0
    assert "was not made by this role, and would be lost. Nothing was changed." in run.text
    assert run.changes == {}


def test_a_rollback_takes_back_the_last_run_and_keeps_what_was_there_before_it(day: dict[str, Any]) -> None:
    assert day["back"].played.rc == 0, day["back"].played.output
    assert _less(day["back"].after, RECORD) == _less(day["done again"].before, RECORD)


def test_a_rollback_goes_back_to_before_moorage_where_it_is_told_to(day: dict[str, Any]) -> None:
    assert day["back to the start"].played.rc == 0, day["back to the start"].played.output
    assert day["back to the start"].after == day["done"].before


def test_a_new_hub_that_does_not_come_up_is_removed_again(day: dict[str, Any]) -> None:
    run = day["new hub"]

    assert run.played.rc != 0
    assert "context deadline exceeded" in run.text
    assert run.changes == {"Namespace /fresh": "made"}
