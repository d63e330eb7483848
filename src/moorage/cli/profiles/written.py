"""Options as text to paste: Python for the hub's configuration, or values for its chart."""

from typing import Any

from moorage.cli.profiles.turned import Turned

_OPTIONS = "c.MoorageSpawner"
_INDENT = "    "


def python(turned: Turned) -> str:
    lines = ["# These take the place of the profile list: remove that one."]
    lines += [*_listed("images", turned.images), *_listed("presets", turned.presets)]
    if turned.presets:
        lines.append(f"# Remove this line to let people choose amounts by hand, too.\n{_OPTIONS}.presets_only = True")
    if turned.cpu_guarantee_ratio is not None:
        lines.append(f"{_OPTIONS}.cpu_guarantee_ratio = {turned.cpu_guarantee_ratio!r}")
    return "\n".join(lines) + "\n"


def values(turned: Turned) -> str:
    code = "".join(f"{_INDENT * 2}{line}\n" for line in python(turned).splitlines()[1:])
    return f"hub:\n  extraConfig:\n    60-moorage-presets: |\n{code}singleuser:\n  profileList: []\n"


def _listed(name: str, rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    return [f"{_OPTIONS}.{name} = [\n" + "".join(f"{_INDENT}{_row(row)},\n" for row in rows) + "]"]


def _row(row: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{key!r}: {value!r}" for key, value in row.items()) + "}"
