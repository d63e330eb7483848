"""Cuts a release: one version in every file that names ours, and its part of the changelog.

usage: python tools/release.py cut VERSION        writes the version and turns “Unreleased” into it
       python tools/release.py check TAG          ends with status 1 where the tag is not this tree's version
       python tools/release.py notes VERSION      prints the version's part of the changelog

After `cut`: look at the difference, commit, and push a tag called v and the version; the release workflow does the rest.
"""

import re
import subprocess
import sys
from datetime import UTC, date, datetime
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION = r"\d+\.\d+\.\d+(?:rc\d+)?"
# What stands before our version, and never before another's.
BEFORE = (
    r"moorage(?:-hub)?:", "ARG VERSION=", "--build-arg VERSION=", '__version__ = "', r"(?m:^version: )", r"(?m:^appVersion: )",
    "newTag: ", "moorage_image_tag: ", r"charts/moorage .*--version ", '"moorage ',
)  # fmt: skip
PLACES = ("README.md", "charts", "deploy", "docs", "src", "tests/cli", "tests/deploy", "tests/e2e")


def version(root: Path) -> str:
    return re.findall(r'__version__ = "(.*)"', (root / "src/moorage/__init__.py").read_text())[0]


def notes(root: Path, title: str) -> str:
    """What the changelog says below this title; empty where there is no such part."""
    text = (root / "CHANGELOG.md").read_text()
    found = re.search(rf"(?ms)^## {re.escape(title)}(?: \([^)]*\))?\n(.*?)(?=^## |\Z)", text)
    return found[1].strip() + "\n" if found else ""


def files(root: Path) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", *PLACES], cwd=root, check=True, capture_output=True, text=True)
    paths = [root / name for name in listed.stdout.split("\0") if name and "/role/chart/" not in name]
    return [path for path in paths if path.suffix not in (".gz", ".png", ".mod", ".sum")]


def cut(root: Path, new: str, *, today: date) -> None:
    old = version(root)
    if not re.fullmatch(VERSION, new) or new == old:
        raise SystemExit(f"{new} is no version after {old}: name one such as 1.2.0 or 1.2.0rc1.")
    if not notes(root, "Unreleased").strip():
        raise SystemExit("CHANGELOG.md has nothing under Unreleased.")
    ours = re.compile(rf"((?:{'|'.join(BEFORE)})){re.escape(old)}(?![\w.])")
    for path in files(root):
        text = path.read_text()
        if (changed := ours.sub(rf"\g<1>{new}", text)) != text:
            path.write_text(changed)
    changelog = root / "CHANGELOG.md"
    head = f"## Unreleased\n\n## {new} ({today.isoformat()})\n"
    changelog.write_text(changelog.read_text().replace("## Unreleased\n", head, 1))
    _sums(root)


def _sums(root: Path) -> None:
    """The manifests got the version as the chart did: recorded, so that they still belong together."""
    loader = SourceFileLoader("manifests", str(root / "tools/manifests"))
    spec = spec_from_loader("manifests", loader)
    assert spec is not None
    manifests = module_from_spec(spec)
    loader.exec_module(manifests)
    rendered = [root / line.split()[1] for line in manifests.SUMS.read_text().splitlines()]
    manifests.SUMS.write_text(manifests.sums([path for path in rendered if path.is_relative_to(manifests.TARGET)]))


def check(root: Path, tag: str) -> None:
    if tag != f"v{version(root)}":
        raise SystemExit(f"The tag {tag} is not the version of this tree: {version(root)}.")
    if not notes(root, version(root)).strip():
        raise SystemExit(f"CHANGELOG.md has no part for {version(root)}.")


def main(words: list[str]) -> None:
    match words:
        case ["cut", new]:
            cut(ROOT, new, today=datetime.now(UTC).date())
        case ["check", tag]:
            check(ROOT, tag)
        case ["notes", title]:
            print(notes(ROOT, title), end="")
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main(sys.argv[1:])
