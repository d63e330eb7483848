"""The parts of these pages that the code itself knows: settings, options of the spawner, commands, rights, values.

    python docs/reference.py          write them into the pages
    python docs/reference.py --check  only say whether a page is out of date (exit status 1)

A part stands between `<!-- reference: NAME -->` and `<!-- end of NAME -->`; the rest of a page is written by hand. With
them goes the schema of the chart's values, which knows the service's settings, too.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "tools"))

import chartvalues  # noqa: E402

_PART = re.compile(r"(<!-- reference: ([a-z-]+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    lines += ["| " + " | ".join(_cell(text) for text in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _value(value: Any) -> str:
    return "" if value is None or value == "" else f"`{value}`"


def settings() -> str:
    """Every setting of the service."""
    from moorage.service.settings import Settings

    def rows() -> Iterator[tuple[str, ...]]:
        for name, field in Settings.model_fields.items():
            default = field.get_default(call_default_factory=True)
            yield f"`MOORAGE_{name.upper()}`", _value(None if default == [] else default), field.description or ""

    return _table(("setting", "default", "what it is"), rows())


def spawner() -> str:
    """Every option of the spawner that KubeSpawner does not have."""
    from moorage.hub.settings import Settings

    def rows() -> Iterator[tuple[str, ...]]:
        for name, trait in Settings.class_own_traits(config=True).items():
            default = trait.default_value if not isinstance(trait.default_value, type(...)) else ""
            if default in ([], {}) or type(default).__name__ in ("Sentinel", "type"):
                default = ""
            yield f"`c.MoorageSpawner.{name}`", _value(default), trait.help

    return _table(("option", "default", "what it is"), rows())


def commands() -> str:
    """The help of every command."""
    import click

    from moorage.cli.commands import NAMES, main

    parts = []
    for name in NAMES:
        command = main.get_command(click.Context(main), name)
        if command is None:
            raise SystemExit(f"no command {name}")
        context = click.Context(
            command,
            info_name=f"moorage {name}",
            terminal_width=100,
            **{"max_content_width": 100, **main.context_settings},
        )
        parts.append(f"## moorage {name}\n\n```text\n{command.get_help(context).rstrip()}\n```\n")
    return "\n".join(parts)


def rights() -> str:
    """What the service lists and watches."""
    from moorage.kube.resources import FOLLOWED

    def rows() -> Iterator[tuple[str, ...]]:
        for resource in FOLLOWED:
            group = resource.path.split("/")[2] if resource.path.startswith("/apis/") else "core"
            yield f"`{resource.name}`", group, "list, watch", "no" if resource.required else "yes"

    return _table(("kind", "group", "verbs", "works without it, with less detail"), rows())


def chart() -> str:
    """Every value of the Helm chart."""

    def rows() -> Iterator[tuple[str, ...]]:
        for value in chartvalues.values():
            if not value.group:
                yield f"`{value.path}`", f"`{json.dumps(value.default)}`", value.description

    return _table(("value", "default", "what it is"), rows())


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "spawner": spawner,
    "commands": commands,
    "rights": rights,
    "chart": chart,
}


def pages() -> Iterator[tuple[Path, str, str]]:
    """Each page with generated parts, and the schema: its path, its text now, and its text as it should be."""
    for page in sorted(DOCS.glob("*.md")):
        now = page.read_text()
        if _PART.search(now):
            yield page, now, _PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n{part[3]}", now)
    yield chartvalues.SCHEMA, chartvalues.SCHEMA.read_text(), chartvalues.text()


def run(*, check: bool) -> int:
    stale = [(page, text) for page, now, text in pages() if now != text]
    for page, text in stale:
        if check:
            print(f"{page.name} is out of date: run `python docs/reference.py`", file=sys.stderr)
        else:
            page.write_text(text)
            print(f"{page.name} written")
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(run(check="--check" in sys.argv[1:]))
