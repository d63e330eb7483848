"""No text outside the catalogue, and none in it without its German."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "moorage"
CATALOGUES = sorted((SOURCE / "texts").glob("*.po"))
TEMPLATES = [
    *sorted((SOURCE / "hub" / "pages" / "templates").rglob("*.html")),
    SOURCE / "dashboard" / "index.html",
]
# What no language changes.
NAMES = {"moorage", "API", ""}
# The rooms that people read from, and what of their texts nobody reads: logs, errors of the API and of programs,
# patterns.
ROOMS = (
    "hub/*.py", "hub/choice", "hub/pages", "hub/running", "hub/start", "hub/view", "gpus", "kube/client.py",
    "kube/credentials.py", "kube/resources.py", "kube/following", "cluster/status.py", "cluster/answers", "machines",
    "queues", "scheduling/fit.py", "scheduling/unknown.py", "scheduling/profiles.py", "scheduling/priority.py",
    "scheduling/accounting/kubelet.py", "scheduling/alternatives", "scheduling/devices",
)  # fmt: skip
UNREAD = {
    "debug", "info", "warning", "error", "exception", "compile", "search", "HTTPError", "Nonsense", "ValueError",
    "InvalidOption", "InvalidObject", "InvalidAsk",
}  # fmt: skip
# What the administrator reads: settings, limits of the API's asks, what the sources of cards say of each other, and the
# words of the expressions of devices, which are the API server's own.
UNSHOWN = {
    "hub/aside.py", "hub/limits.py", "hub/metrics.py", "hub/patient.py", "hub/policy.py", "hub/presets.py",
    "hub/selector.py", "hub/settings.py", "hub/versions.py", "cluster/answers/asks.py", "cluster/answers/rules.py",
    "gpus/agent.py", "gpus/summary.py", "machines/configured.py", "machines/notes.py", "scheduling/devices/cel.py",
}  # fmt: skip
# Kubernetes' own words, by which its messages are told apart, and what is no sentence.
UPSTREAM = re.compile(
    r"Failed to schedule pod|Pod should schedule on|no instance type|max node group size|exceed limits|volume node "
    r"affinity|node affinity/selector|unbound immediate|Failed to pull|pulling image|exit code|InvalidImageName|image reference|"
    r"matching manifest|unauthorized|manifest unknown|PodsReady timeout|admission check is false|is stopped|workload is "
    r"deactivated|exceeded quota|the pod is gone|<option|but idle for|over the network|could not be ended|has changed|"
    r"no such file or directory|only /v1/cards|gpu source|says (?:un)?healthy|the scheduler counts|units of|sources name|"
    r"max by|nvml|no devices were found|nvidia-smi has failed|number of gpus|file not found|command not found|"
    r"is not a valid field|GPU is lost|GPU requires reset|There is no option|Did you mean|did you mean|"
    r"The options of a server must|^an option$|The option |is read only beside|get on clusterqueues|is inactive|"
    r"\(\?P<|doesn't match ClusterQueue|The workload has failed|not eligible|No preemption victims|a machine to come|"
    r"is needed, and this is|nothing of the kind"
)


# The description of the API is English.
SCRIPTS = [file for file in sorted(SOURCE.rglob("*.js")) if file.name != "docs.js"]
# Classes, the name of a state, what is told apart by its words, and a line for the browser's console.
CODE = re.compile(r"^(?:btn|moorage|form)-|^btn |^moorage-|^no connection$|^over the network|could not be used")


def test_the_catalogues_are_as_the_code_is_and_complete() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "texts.py", "--check"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, ""), f"{done.stdout}{done.stderr}"


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.stem)
def test_a_translation_has_the_values_of_its_text(file) -> None:
    with file.open("rb") as opened:
        catalogue = read_po(opened, locale=file.stem)

    wrong = []
    for message in catalogue:
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple | list) else (message.string,)
        # Who recognises a text again knows fields by their names alone.
        wrong += [text for text in ids if re.search(r"\{\w*[:!.\[]", text)]
        wanted = set(re.findall(r"\{(\w+)\}", ids[-1]))
        wrong += [text for text in strings if set(re.findall(r"\{(\w+)\}", text)) != wanted]
        assert not message.fuzzy, message.id
    assert wrong == []


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_a_template_has_no_words_of_its_own(file) -> None:
    bare = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    spoken = re.findall(r'(?:aria-label|placeholder|title|alt)="([^"]*)"', bare)
    spoken += re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", "\n", bare, flags=re.DOTALL).splitlines()

    # A macro makes attributes, which stand outside of any tag there.
    words = {re.sub(r'[\w-]+="[^"]*"', "", text).strip() for text in spoken}
    assert words - NAMES == set()


def test_no_script_has_a_text_where_it_can_not_be_extracted() -> None:
    """Babel reads no calls inside of template literals."""
    found = [
        f"{file.relative_to(SOURCE)}: {line.strip()}"
        for file in SOURCE.rglob("*.js")
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.search(r"`[^`]*\$\{[^}`]*\b(?:t|tn|later)\(", line)
    ]

    assert found == []


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_no_script_has_a_sentence_outside_of_the_catalogue(file) -> None:
    code = re.sub(r"^\s*(?://|/?\*).*$|\s//\s.*$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = []
    for literal in re.finditer(r'(["`])((?:\\.|(?!\1)[^\\\n])*)\1', code):
        before, words = code[: literal.start()].rstrip(), re.sub(r"\$\{[^}]*\}", "", literal[2])
        told = re.search(r'\b(?:t|tn|later)\($|\btn\("[^"]*",$', before)
        if not told and re.search(r"[A-Za-z]{2,} [a-z]{2,}", words) and not CODE.search(words):
            found.append(words)

    assert found == []


def test_no_room_that_people_read_from_has_a_sentence_outside_of_the_catalogue() -> None:
    names = {str(file.relative_to(SOURCE)) for room in ROOMS for file in _files(room)}

    found = [
        f"{name}: {text}"
        for name in sorted(names - UNSHOWN)
        for text in _sentences(ast.parse((SOURCE / name).read_text("utf-8")))
    ]

    assert names >= UNSHOWN
    assert found == []


def _files(room: str) -> list[Path]:
    return sorted(SOURCE.glob(room)) if room.endswith(".py") else sorted((SOURCE / room).rglob("*.py"))


def _sentences(tree: ast.Module) -> list[str]:
    told: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring
            told.add(id(node.value))
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
            if name in UNREAD | {"t", "tn", "later"}:
                told.update(map(id, ast.walk(node)))
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in told
        and re.search(r"[A-Za-z]{2,} [a-z]{2,}", node.value)
        and not UPSTREAM.search(node.value)
    ]
