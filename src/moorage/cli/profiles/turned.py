"""Profiles as moorage's options: images go to the catalogue, sizes become presets, and the rest is told of."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from moorage.cli.hub_values.documents import child, pairs
from moorage.cli.profiles.notes import Notes
from moorage.cli.profiles.overrides import override, put_together
from moorage.cli.profiles.sizes import IMAGE, TURNED, Cpu, preset

_PROFILE = {
    "display_name",
    "description",
    "slug",
    "default",
    "kubespawner_override",
    "profile_options",
    "allowed_groups",
    "groups",
    "access",
}
_CHOICE = {"display_name", "description", "slug", "default", "kubespawner_override", "allowed_groups"}
_OPTION = {"display_name", "choices"}
_MOST_PRESETS = 100


@dataclass
class Turned:
    """What to paste, and what could not be turned."""

    images: list[dict[str, Any]] = field(default_factory=list)
    presets: list[dict[str, Any]] = field(default_factory=list)
    cpu_guarantee_ratio: float | None = None
    notes: Notes = field(default_factory=Notes)


@dataclass(frozen=True)
class _Choice:
    key: str
    node: MappingNode
    path: str
    default: bool

    @property
    def override(self) -> Node | None:
        return override(self.node)


def turned(profiles: Sequence[tuple[str, MappingNode]]) -> Turned:
    """Images and presets of these profiles, in their order."""
    made = Turned()
    cpus: list[Cpu] = []
    slugs: set[str] = set()
    offered: list[tuple[str, MappingNode, frozenset[str]]] = []
    first = next((path for path, node in profiles if _is_true(child(node, "default"))), profiles[0][0])
    for path, profile in profiles:
        _tell_unknown(profile, known=_PROFILE, path=path, notes=made.notes)
        sizes, images = _axes(profile, path=path, notes=made.notes)
        fixed = put_together([override(profile)]).get(IMAGE)
        if images:
            offered.append((path, profile, frozenset(_images(images, made=made))))
        several = [*product(*sizes)]
        if len(several) > _MOST_PRESETS:
            made.notes.add(
                profile, path, f"its choices make {len(several)} presets; the first {_MOST_PRESETS} are here"
            )
        for choices in several[:_MOST_PRESETS]:
            settings = put_together([override(profile), *(choice.override for choice in choices)])
            where = choices[-1].path if choices else path
            if images:
                settings.pop(IMAGE, None)
            fields, cpu = preset(settings, path=f"{where}.kubespawner_override", notes=made.notes)
            cpus += [cpu] if cpu is not None else []
            if "image" in fields:
                fields["image"] = _named(made, fields["image"], _text(profile, "display_name"), fixed=fixed is not None)
            groups = _groups([(path, profile), *((choice.path, choice.node) for choice in choices)], made.notes)
            made.presets.append(
                {
                    **_called(profile, choices, alone=len(profiles) == 1, slugs=slugs),
                    **({"default": True} if path == first and all(choice.default for choice in choices) else {}),
                    **fields,
                    **({"allowed_groups": groups} if groups is not None else {}),
                }
            )
    _tell_ratio(cpus, made)
    _tell_images(offered, made)
    if len(profiles) == 1 and all(
        set(one) <= {"name", "display_name", "description", "default"} for one in made.presets
    ):
        made.presets = []
    return made


def _axes(profile: MappingNode, *, path: str, notes: Notes) -> tuple[list[list[_Choice]], list[_Choice]]:
    """The choices by which sizes differ, one list for each option, and those by which only the image does."""
    sizes, images = [], []
    for name, option in pairs(child(profile, "profile_options")):
        here = f"{path}.profile_options.{name}"
        _tell_unknown(option, known=_OPTION, path=here, notes=notes)
        choices = _choices(option, path=f"{here}.choices", notes=notes)
        keys = {key for choice in choices for key, _ in pairs(choice.override) if key in TURNED}
        if keys == {IMAGE}:
            images += choices
        elif keys:
            sizes.append(choices)
        for choice in choices:
            _tell_left(choice.override, path=f"{choice.path}.kubespawner_override", notes=notes)
    _tell_left(override(profile), path=f"{path}.kubespawner_override", notes=notes)
    return sizes, images


def _choices(option: Node, *, path: str, notes: Notes) -> list[_Choice]:
    rows = [(key, node) for key, node in pairs(child(option, "choices")) if isinstance(node, MappingNode)]
    default = next((key for key, node in rows if _is_true(child(node, "default"))), rows[0][0] if rows else "")
    for key, node in rows:
        _tell_unknown(node, known=_CHOICE, path=f"{path}.{key}", notes=notes)
    return [_Choice(key, node, f"{path}.{key}", key == default) for key, node in rows]


def _images(choices: Iterable[_Choice], *, made: Turned) -> Iterable[str]:
    for choice in choices:
        image = put_together([choice.override]).get(IMAGE)
        if not isinstance(image, ScalarNode):
            made.notes.add(choice.node, choice.path, "has no image; left out")
            continue
        if (groups := child(choice.node, "allowed_groups")) is not None:
            made.notes.add(groups, f"{choice.path}.allowed_groups", "every person is offered all images")
        reference = str(image.value)
        _catalogued(made, reference, slug=choice.key, node=choice.node, default=choice.default)
        yield reference


def _catalogued(made: Turned, reference: str, *, slug: str, node: Node | None, default: bool = False) -> str:
    """The name under which the catalogue has an image; it is put there if it has not been."""
    for image in made.images:
        if image["reference"] == reference:
            return str(image["name"])
    name = _unique(_slug(slug), {str(image["name"]) for image in made.images})
    image = {"name": name, "reference": reference, "display_name": _text(node, "display_name") or slug}
    if description := _text(node, "description"):
        image["description"] = description
    if default and not any(image.get("default") for image in made.images):
        image["default"] = True
    made.images.append(image)
    return name


def _named(made: Turned, reference: str, display_name: str, *, fixed: bool) -> str:
    short = reference.rpartition("/")[2].partition("@")[0]
    name = display_name if fixed and display_name else short
    return _catalogued(made, reference, slug=name, node=None)


def _called(profile: MappingNode, choices: Sequence[_Choice], *, alone: bool, slugs: set[str]) -> dict[str, Any]:
    name = _text(profile, "display_name")
    words = [_text(choice.node, "display_name") or choice.key for choice in choices]
    shown = ", ".join(words) if words and alone else ": ".join(filter(None, [name, ", ".join(words)]))
    keys = [choice.key for choice in choices]
    slug = _text(profile, "slug") or name
    found = _unique(_slug("-".join(keys if keys and alone else [slug, *keys])), slugs)
    slugs.add(found)
    descriptions = [_text(choice.node, "description") for choice in choices] + [_text(profile, "description")]
    description = next(filter(None, descriptions), "")
    return {"name": found, "display_name": shown or found, **({"description": description} if description else {})}


def _groups(nodes: Iterable[tuple[str, MappingNode]], notes: Notes) -> list[str] | None:
    """The groups whose members may have it: they must be in one of each list. None: everybody may."""
    found: list[str] | None = None
    for path, node in nodes:
        for key in ("allowed_groups", "groups"):
            rows = child(node, key)
            if rows is None:
                continue
            names = [str(one.value) for one in rows.value] if isinstance(rows, SequenceNode) else []
            if found is not None and not (set(found) <= set(names) or set(names) <= set(found)):
                notes.add(rows, f"{path}.{key}", "only members of a group that both lists name may have it now")
            found = [name for name in (found if found is not None else names) if name in names]
    return found


def _tell_unknown(node: Node, *, known: set[str], path: str, notes: Notes) -> None:
    for key, value in pairs(node):
        if key == "unlisted_choice":
            if _is_true(child(value, "enabled")):
                notes.add(value, f"{path}.{key}", "people can't name what no list has; add it to the images or presets")
        elif key == "access" or key not in known:
            notes.add(value, f"{path}.{key}", "has nothing like it in moorage; left out")


def _tell_left(settings: Node | None, *, path: str, notes: Notes) -> None:
    for key, value in pairs(settings):
        if key not in TURNED:
            notes.add(value, f"{path}.{key}", f"is no part of a preset; c.KubeSpawner.{key} sets it for everybody")


def _tell_ratio(cpus: Sequence[Cpu], made: Turned) -> None:
    ratios = {cpu.ratio for cpu in cpus}
    if len(ratios) == 1:
        made.cpu_guarantee_ratio = min(1.0, ratios.pop())
        return
    for cpu in cpus:
        made.notes.add(
            cpu.node, cpu.path, f"{cpu.ratio:g} of the CPU was requested; moorage has one cpu_guarantee_ratio for all"
        )


def _tell_images(offered: Sequence[tuple[str, MappingNode, frozenset[str]]], made: Turned) -> None:
    everything = {str(image["reference"]) for image in made.images}
    for path, profile, references in offered:
        if references < everything:
            made.notes.add(
                profile, path, f"offered {len(references)} of the {len(everything)} images; its presets offer them all"
            )


def _text(node: Node | None, key: str) -> str:
    found = child(node, key)
    return " ".join(str(found.value).split()) if isinstance(found, ScalarNode) else ""


def _is_true(node: Node | None) -> bool:
    return (
        isinstance(node, ScalarNode) and node.tag.endswith(":bool") and str(node.value).lower() in ("true", "yes", "on")
    )


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:60].strip("-") or "preset"


def _unique(name: str, taken: set[str]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found
