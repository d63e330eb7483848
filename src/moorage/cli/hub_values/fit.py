"""Add what moorage needs to a person's values, whatever their form; nothing of theirs is lost without being told."""

import importlib.resources
import re

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from moorage.cli.hub_values.documents import UnfitValues, at, child, kind, mapping, pairs, plain, put, read, text
from moorage.cli.hub_values.overlay import as_list, row_name
from moorage.errors import quoted

IMAGE = "registry.example.org/moorage:0.1.0"
_PATH = "PYTHONPATH"
# Helm replaces lists as a whole. What tells an entry of moorage's apart from others is at the right.
_LISTS = {
    "hub.initContainers": "name",
    "hub.extraVolumes": "name",
    "hub.extraVolumeMounts": "mountPath",
    "hub.networkPolicy.egress": "",
}
_SPAWNER = re.compile(r"^[ \t]*c\.JupyterHub\.spawner_class[ \t]*=[ \t]*(\S.*)$", re.MULTILINE)
_FORM = re.compile(r"^[ \t]*c\.\w+\.options_form[ \t]*=", re.MULTILINE)
_URL = re.compile(r"^[ \t]*c\.(?:Moorage|Kube)?Spawner\.service_url[ \t]*=", re.MULTILINE)


def moorages(*, image: str | None, namespace: str) -> MappingNode:
    """The values that moorage needs, with its image, and the namespace of its service."""
    found = importlib.resources.files("moorage.cli.hub_values").joinpath("moorage.yaml").read_text(encoding="utf-8")
    found = found.replace(IMAGE, image or IMAGE).replace("moorage.moorage:", f"moorage.{namespace}:")
    found = found.replace("kubernetes.io/metadata.name: moorage", f"kubernetes.io/metadata.name: {namespace}")
    return read(found, name="moorage's values")


def fit(theirs: MappingNode, ours: MappingNode) -> list[str]:
    """Put ours into theirs, in place; what was changed and why, in sentences that begin with the key."""
    hub = mapping(theirs, "hub")
    told = [*_environment(hub, at(ours, "hub.extraEnv"))]
    for path, key in _LISTS.items():
        told += _list(theirs, path, at(ours, path), key=key)
    for name, value in pairs(at(ours, "hub.labels")):
        if plain(child(mapping(hub, "labels"), name)) != plain(value):
            put(mapping(hub, "labels"), name, value)
            told.append(f"hub.labels: {name} added, by which the service's NetworkPolicy admits the hub")
    told += _config(theirs, at(ours, "hub.extraConfig"))
    return told + _left(theirs)


def _environment(hub: MappingNode, ours: Node | None) -> list[str]:
    path, theirs = "hub.extraEnv", child(hub, "extraEnv")
    if theirs is None:
        theirs = mapping(hub, "extraEnv")
    told = []
    if isinstance(theirs, SequenceNode):
        known = {row_name(row): child(row, "value") for row in theirs.value}
    elif isinstance(theirs, MappingNode):
        known = dict(pairs(theirs))
    else:
        raise UnfitValues(f"{path} is {kind(theirs)}; the chart takes a map or a list there")
    new = MappingNode("tag:yaml.org,2002:map", [], flow_style=False)
    for name, value in pairs(ours):
        if name not in known:
            put(new, name, value)
        elif name == _PATH:
            told += _python_path(known[name], str(value.value))
        elif plain(known[name]) != plain(value) and isinstance(theirs, MappingNode):
            told.append(f"{path}: {name} is kept as you have it")
    added = ", ".join(name for name, _ in pairs(new))
    if isinstance(theirs, SequenceNode):
        theirs.value += as_list(new).value
        form = "at the end of your list, since Helm would drop either a list or a map"
    else:
        theirs.value += new.value
        theirs.flow_style = False
        form = "beside yours"
    return [*told, f"{path}: {added} added {form}"] if added else told


def _python_path(found: Node | None, folder: str) -> list[str]:
    """Moorage's folder first, then theirs."""
    if not isinstance(found, ScalarNode):
        raise UnfitValues(
            f"hub.extraEnv: {_PATH} comes from elsewhere (valueFrom), so that {folder} can't be added to it",
            hint=f"write it as a value, or add {folder} where it comes from",
        )
    if folder in str(found.value).split(":"):
        return []
    found.value, found.style = f"{folder}:{found.value}" if found.value else folder, '"'
    return [f"hub.extraEnv: {folder} added in front of your {_PATH}"]


def _list(theirs: MappingNode, path: str, ours: Node | None, *, key: str) -> list[str]:
    where, _, last = path.rpartition(".")
    place = mapping(theirs, where)
    found = child(place, last)
    if found is None:
        found = SequenceNode("tag:yaml.org,2002:seq", [], flow_style=False)
        put(place, last, found)
    if not isinstance(found, SequenceNode):
        raise UnfitValues(f"{path} is {kind(found)}; the chart takes a list there")
    before, told = len(found.value), []
    for row in ours.value if isinstance(ours, SequenceNode) else ():
        same = [number for number, one in enumerate(found.value) if _same(one, row, key=key)]
        if not same:
            found.value.append(row)
            found.flow_style = False
        elif plain(found.value[same[0]]) != plain(row):
            told.append(f"{path}: your entry {plain(child(row, key))} is replaced by moorage's own")
            found.value[same[0]] = row
    if len(found.value) > before:
        beside = f" after your {before}, since Helm replaces lists as a whole" if before else ""
        told.append(f"{path}: {len(found.value) - before} added{beside}")
    return told


def _same(one: Node, other: Node, *, key: str) -> bool:
    if key and isinstance(one, MappingNode):
        return child(one, key) is not None and plain(child(one, key)) == plain(child(other, key))
    return bool(plain(one) == plain(other))


def _config(theirs: MappingNode, ours: Node | None) -> list[str]:
    """Python that the hub reads in the order of its keys: moorage's has to come after everyone's spawner_class."""
    path, place = "hub.extraConfig", mapping(theirs, "hub.extraConfig")
    codes = {key: str(value.value) if isinstance(value, ScalarNode) else "" for key, value in pairs(place)}
    setting = {key: found[-1] for key, code in sorted(codes.items()) if (found := _SPAWNER.findall(code))}
    named = at(theirs, "hub.config.MoorageSpawner.service_url") is not None or any(map(_URL.search, codes.values()))
    [(name, code)] = [(key, str(value.value)) for key, value in pairs(ours)]
    if setting and "moorage" in setting[max(setting)].lower():
        if named:
            return []
        code = "".join(line for line in code.splitlines(keepends=True) if not _SPAWNER.match(line))
    elif named:
        code = "".join(line for line in code.splitlines(keepends=True) if not _URL.match(line))
    told = [
        f"{path}: {key} sets the spawner to {quoted(found.strip())}; moorage comes after it and takes its place"
        for key, found in setting.items()
        if "moorage" not in found.lower()
    ]
    key = name if not setting or name > max(setting) else f"{max(setting)}-moorage"
    while key in codes:
        key += "-moorage"
    put(place, key, text(code))
    why = f", which is read after {max(setting)}" if setting and key != name else ""
    kept = "; your service_url is kept" if named else ""
    return [*told, f"{path}: {key} added{why}{kept}"]


def _left(theirs: MappingNode) -> list[str]:
    """What stays as it is and yet matters now."""
    told = []
    profiles = at(theirs, "singleuser.profileList")
    if isinstance(profiles, SequenceNode) and profiles.value:
        told.append("singleuser.profileList: left as it is; its profiles fill moorage's form as presets")
    forms = [key for key, code in pairs(at(theirs, "hub.extraConfig")) if _FORM.search(str(code.value))]
    told += [
        f"hub.extraConfig: {key} sets options_form, which takes the place of moorage's: remove it" for key in forms
    ]
    overrides = [path for path in ("fullnameOverride", "nameOverride") if child(theirs, path) is not None]
    told += [f"{path}: left as it is; moorage knows the hub by a label of its own" for path in overrides]
    limits = [path for path in ("singleuser.cpu.limit", "singleuser.memory.limit") if at(theirs, path) is not None]
    if limits:
        told.append(f"{', '.join(limits)}: left as it is: everybody's default, and the most that can be chosen")
    return told
