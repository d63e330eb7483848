"""Plain words for what the scheduler says."""

from __future__ import annotations

import re

import pytest

from moorage.objects import Taint
from moorage.scheduling.filters import PLUGINS
from moorage.scheduling.verdict import Shortage
from moorage.scheduling.words import sentences as words
from moorage.scheduling.words.reasons import TABLE

REASONS = [
    (plugin.NAME, value)
    for plugin in PLUGINS
    for name, value in vars(plugin).items()
    if name == "REASON" or name.startswith("REASON_")
]


def _filled(template: str) -> str:
    return re.sub(r"\{(\w+)\}", r"some-\1", template).replace("{{", "{").replace("}}", "}")


def test_every_plugin_names_its_reasons():
    assert {plugin for plugin, _ in REASONS} == {plugin.NAME for plugin in PLUGINS}


@pytest.mark.parametrize(("plugin", "reason"), REASONS)
def test_every_reason_that_a_plugin_can_give_has_a_sentence(plugin, reason):
    said = words.sentence(plugin, _filled(reason))

    assert said != _filled(reason)
    assert said.endswith(".")
    assert "{" not in said


@pytest.mark.parametrize(("plugin", "reason"), [(plugin, reason) for plugin, reason, _ in TABLE])
def test_every_line_of_the_table_is_found_with_and_without_its_plugin(plugin, reason):
    said = words.sentence(plugin, _filled(reason))

    assert said != _filled(reason)
    assert words.sentence(None, _filled(reason)) != _filled(reason)


def test_every_reason_in_the_real_answers_has_a_sentence(vectors):
    for case in vectors("vectors/fit"):
        for verdict in [case["prefilter"], *case["verdicts"].values()]:
            for reason in (verdict or {}).get("reasons", ()):
                assert words.sentence(verdict["plugin"], reason) != reason


def test_an_unknown_reason_is_passed_on_as_it_is():
    assert words.sentence("SomePlugin", "node(s) were made of cheese") == "node(s) were made of cheese"


@pytest.mark.parametrize(
    ("taint", "shown"),
    [
        (Taint(key="dedicated", value="lab", effect="NoSchedule"), "dedicated=lab:NoSchedule"),
        (Taint(key="gpu", effect="NoExecute"), "gpu:NoExecute"),
        (Taint(key="{odd}", value="{0}", effect="NoSchedule"), "{odd}={0}:NoSchedule"),
    ],
)
def test_a_taint_is_named_where_it_is_known(taint, shown):
    said = words.sentence("TaintToleration", "node(s) had untolerated taint(s)", taint=taint)

    assert said == f"Has the taint {shown}, which the pod does not tolerate."


def test_what_is_variable_in_a_reason_stands_in_the_sentence():
    said = words.sentence("TaintToleration", "node(s) had untolerated taint {dedicated: batch}")

    assert "dedicated: batch" in said


def test_a_name_with_braces_is_no_template():
    said = words.sentence("VolumeBinding", 'persistentvolumeclaim "{0}{claim!r}" not found')

    assert "{0}{claim!r}" in said


@pytest.mark.parametrize(
    ("shortage", "said"),
    [
        (Shortage("memory", 60 * 2**30, 54 * 2**30, 62 * 2**30), "6 GiB short of memory (60 asked, 54 free)"),
        (Shortage("cpu", 4000, 1500, 8000), "2.5 CPU short (4 asked, 1.5 free)"),
        (Shortage("memory", 64 * 2**30, 2**30, 32 * 2**30), "has only 32 GiB of memory (64 asked)"),
        (Shortage("memory", 2**40, 2**30, 32 * 2**30), "has only 32 GiB of memory (1 TiB asked)"),
        (Shortage("nvidia.com/gpu", 1, 0, 0), "has no GPU (1 asked)"),
        (Shortage("memory", 2**30, 0, 0), "has no memory (1 GiB asked)"),
        (Shortage("nvidia.com/gpu", 1, 0, 1), "no GPU free (1 asked)"),
        (Shortage("amd.com/gpu", 2, -1, 4), "no GPU free (2 asked)"),
        (Shortage("nvidia.com/mig-1g.5gb", 3, 1, 7), "2 nvidia.com/mig-1g.5gb short (3 asked, 1 free)"),
        (Shortage("memory", 60 * 2**30, -5, 64 * 2**30), "no memory free (60 GiB asked)"),
        (Shortage("pods", 1, 0, 110), "pod limit of 110 reached"),
        (
            Shortage("memory", 2**30, 2**30 - 1, 2**31),
            "1 B short of memory (1 GiB asked, 1023.99 MiB free)",
        ),
    ],
)
def test_a_shortage_says_by_how_much(shortage, said):
    assert words.sentence("NodeResourcesFit", "Insufficient cpu", shortage=shortage) == said
