"""Phase 1 on a release of the chart that somebody has installed by hand, with tokens that the chart has made."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from rig.controlplane import ControlPlane
from rig.hub import ROOT
from rig.kubelet import Kubelet

pytestmark = pytest.mark.timeout(1500)

TOKENS, RECORD = "Secret moorage/moorage-tokens", "Secret moorage/moorage-record-api"
UNCHECKED = ("--tags", "api", "--skip-tags", "check-api")
BY_HAND: dict[str, Any] = {
    "replicas": 1,
    "tokens": {"names": {"hub": "reader+holders", "admin": "admin", "screen": "reader"}},
    "podLabels": {"team": "hub"},
}


@pytest.fixture(scope="module")
def day(
    play: Callable[..., Any],
    shared: ControlPlane,
    yard: Kubelet,
    helm: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    values = tmp_path_factory.mktemp("values") / "values.yaml"
    values.write_text(yaml.safe_dump(BY_HAND))
    where = ("--namespace", "moorage", "--create-namespace", "--wait", "--timeout", "120s")
    helm("install", "moorage", ROOT / "charts" / "moorage", *where, "--values", values)
    runs = {"refused": play(*UNCHECKED)}
    given = {"moorage_values": {"tokens": BY_HAND["tokens"], "podLabels": BY_HAND["podLabels"]}}
    runs["failed"] = play(*UNCHECKED, **given, moorage_image_tag="broken", moorage_rollout_timeout=3)
    runs["upgraded"] = play(*UNCHECKED, **given)
    runs["again"] = play(*UNCHECKED, **given)
    runs["away"] = play("--tags", "uninstall", **given)
    runs["back"] = play("--tags", "rollback-api", **given)
    return runs


def test_values_that_no_variable_names_are_refused_by_name(day: dict[str, Any]) -> None:
    run = day["refused"]

    assert run.played.rc != 0
    for path in ("podLabels.team", "tokens.names.hub", "tokens.names.admin", "tokens.names.screen"):
        assert path in run.text
    assert run.changes == {}


def test_a_failure_goes_back_to_the_revision_that_ran(day: dict[str, Any]) -> None:
    run = day["failed"]

    assert run.played.rc != 0
    assert "The service was taken back to what was there before this run." in run.text
    assert {key: what for key, what in run.changes.items() if key != "Namespace /moorage"} == {}


def test_tokens_of_the_chart_stay_the_charts_and_the_same(day: dict[str, Any]) -> None:
    assert day["upgraded"].played.rc == 0, day["upgraded"].played.output
    assert all(run.after[TOKENS] == run.before[TOKENS] for run in day.values())
    assert day["upgraded"].after[TOKENS]["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"


def test_a_second_run_changes_nothing(day: dict[str, Any]) -> None:
    assert (day["again"].played.rc, day["again"].played.changed) == (0, 0), day["again"].played.output
    assert day["again"].changes == {}


def test_a_release_that_was_there_before_the_role_is_not_uninstalled(day: dict[str, Any]) -> None:
    run = day["away"]

    assert run.played.rc != 0
    assert "was there before this role. Nothing was changed." in run.text
    assert run.changes == {}


def test_a_rollback_goes_back_to_what_was_made_by_hand(day: dict[str, Any]) -> None:
    run = day["back"]
    before = {key: obj for key, obj in day["upgraded"].before.items() if key != RECORD}

    assert run.played.rc == 0, run.played.output
    assert {key: obj for key, obj in run.after.items() if key != RECORD} == before
