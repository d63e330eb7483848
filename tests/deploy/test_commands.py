"""Commands on our pages and in our files name the namespace and the chart's version, and no flag that harms or is none."""

import re
import shlex

import click
import pytest

from moorage.cli.commands import NAMES, main
from rig.pages import ROOT, commands

FILES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "deploy").rglob("*.yaml"))]
# Of helm v3.22: `helm VERB --help`.
SHARED = {
    "--namespace",
    "--version",
    "--values",
    "--wait",
    "--timeout",
    "--output",
    "--set",
    "--dry-run",
    "--create-namespace",
    "--take-ownership",
}
OF_A_RELEASE = {"upgrade", "install", "rollback", "history", "get", "list", "uninstall", "test"}
WITHOUT_A_RELEASE = {"template", "pull", "show", "repo", "VERB"}


def invocations(text, program):
    """Words of each call of a program in console blocks, code in prose, and comments of files."""
    prose = re.sub(r"(?s)```.*?```", "", text)
    lines = [*commands(text), *re.findall(rf"`({program} [^`]+)`", prose), *re.findall(rf"(?m)^#\s+({program} [^\n]*(?:\\\n#[^\n]*)*)", text)]  # fmt: skip
    for line in lines:
        plain = re.sub(r"\\\n#?|\s#[^\n]*$", " ", line)
        for call in re.findall(rf"(?:^|[|(`]\s*)({program} [^|`]*)", plain):
            yield shlex.split(re.sub(r"\s[<>&].*$", "", call.replace(")", " ")))


def calls(program):
    return [
        pytest.param(words, id=f"{file.relative_to(ROOT)}: {' '.join(words)[:60]}")
        for file in FILES
        for words in invocations(file.read_text(), program)
        if len(words) > 2  # a name alone is no command
    ]


def flags(words):
    return {word.partition("=")[0] for word in words if word.startswith("-")}


def names(words, long, short):
    return bool(flags(words) & {long, short})


def test_the_pages_have_such_commands():
    assert len(calls("helm")) > 8
    assert len(calls("kubectl")) > 25
    assert len(calls("moorage")) > 20


@pytest.mark.parametrize("words", calls("helm"))
def test_a_helm_command_names_release_namespace_and_version(words):
    verb = words[1]
    assert verb in OF_A_RELEASE | WITHOUT_A_RELEASE
    assert flags(words) <= SHARED | {"--all-namespaces"}, "reuse-values and the like lose what a newer chart needs"
    if verb in OF_A_RELEASE:
        assert names(words, "--namespace", "--all-namespaces")
    if verb in {"upgrade", "install", "pull"} and words[2] != "…":
        assert "--version" in words


@pytest.mark.parametrize("words", calls("kubectl"))
def test_a_kubectl_command_names_the_namespace_or_a_file_that_does(words):
    everywhere = {"-A", "--all-namespaces", "-k", "-f", "--filename", "--kustomize"}
    of_no_namespace = {"kustomize", "proxy", "node", "nodes", "namespace", "runtimeclass", "clusterqueue"} & set(
        words
    ) or len(words) < 4

    assert of_no_namespace or names(words, "--namespace", "-n") or flags(words) & everywhere


@pytest.mark.parametrize("words", [one for one in calls("moorage") if one.values[0][1] in NAMES])
def test_a_command_of_moorage_has_the_options_that_it_is_given(words):
    command = main.get_command(click.Context(main), words[1])
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}

    assert {flag for flag in flags(words) if flag != "-"} <= known | {"--help"}
