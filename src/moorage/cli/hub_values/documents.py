"""YAML as nodes, so that what a person wrote comes out as it was: quotes, numbers, blocks of text.

Python and Go read some plain words differently (`y`, `1e3`, `12:30`, dates). A node keeps the word itself and whether
it was quoted, and so it means the same to Helm afterwards. Comments are not kept.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from moorage.errors import MoorageError

_MOST_NODES = 200_000
_BARE = re.compile(r"[A-Za-z][\w./-]*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_NULL, _TEXT, _MERGE = "tag:yaml.org,2002:null", "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
_NUMBERS, _TIME = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"), "tag:yaml.org,2002:timestamp"


class UnfitValues(MoorageError):
    """A values file that can't be read, or has something where the chart takes something else."""


def compose(text: str, *, name: str) -> Node | None:
    """What a file holds, each part with its line. Aliases are written out; of a key that comes twice the last stays."""
    try:
        found = yaml.compose(text, Loader=yaml.SafeLoader)
        return _Copy(name).of(found) if found is not None else None
    except yaml.YAMLError as error:
        raise UnfitValues(f"{name} is not YAML{_place(error)}") from error
    except RecursionError as error:
        raise UnfitValues(f"{name} is nested too deeply") from error


def read(text: str, *, name: str) -> MappingNode:
    """The mapping in a values file; an empty one for an empty file."""
    copied = compose(text, name=name)
    if copied is None or is_null(copied):
        return MappingNode("tag:yaml.org,2002:map", [])
    if not isinstance(copied, MappingNode):
        raise UnfitValues(f"{name} is no values file: it holds {kind(copied)}, not a map")
    if child(copied, "sops") is not None:
        raise UnfitValues(f"{name} is encrypted", hint="decrypt it first: sops --decrypt FILE | moorage hub-values -")
    return copied


def write(node: Node) -> str:
    return str(yaml.serialize(node, Dumper=yaml.SafeDumper, allow_unicode=True, width=1 << 16))


def child(node: Node | None, key: str) -> Node | None:
    """What a mapping has under a key; None for what is no mapping, and for null."""
    for found, value in pairs(node):
        if found == key:
            return None if is_null(value) else value
    return None


def at(node: Node | None, path: str) -> Node | None:
    for key in path.split("."):
        node = child(node, key)
    return node


def put(node: MappingNode, key: str, value: Node) -> None:
    """Set a key, at its place where it is there already, otherwise at the end."""
    for number, (found, _) in enumerate(node.value):
        if isinstance(found, ScalarNode) and found.value == key:
            node.value[number] = (found, value)
            return
    node.value.append((text(key), value))
    node.flow_style = False


def mapping(node: MappingNode, path: str) -> MappingNode:
    """The mapping at a path, made where nothing is."""
    walked = []
    for key in path.split("."):
        walked.append(key)
        found = child(node, key)
        if found is None:
            found = MappingNode("tag:yaml.org,2002:map", [], flow_style=False)
            put(node, key, found)
        if not isinstance(found, MappingNode):
            raise UnfitValues(f"{'.'.join(walked)} is {kind(found)}; the chart takes a map there")
        node = found
    return node


def pairs(node: Node | None) -> Iterator[tuple[str, Node]]:
    for key, value in node.value if isinstance(node, MappingNode) else ():
        yield str(key.value) if isinstance(key, ScalarNode) else "", value


def text(value: str) -> ScalarNode:
    """A text that stays one for every reader of YAML."""
    bare = _BARE.fullmatch(value) and value.lower() not in _WORDS
    return ScalarNode(_TEXT, value, style="|" if "\n" in value else None if bare else '"')


def plain(node: Node | None) -> Any:
    """Dicts, lists and texts; scalars as they are written."""
    if isinstance(node, MappingNode):
        return {key: plain(value) for key, value in pairs(node)}
    if isinstance(node, SequenceNode):
        return [plain(value) for value in node.value]
    return None if node is None or is_null(node) else str(node.value)


def is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == _NULL


def line(node: Node) -> int:
    """Where a node stands in its file, from 1; 0 where it was made here."""
    return node.start_mark.line + 1 if node.start_mark is not None else 0


def kind(node: Node) -> str:
    match node:
        case SequenceNode():
            return "a list"
        case MappingNode():
            return "a map"
        case _:
            return "a single value"


def _place(error: yaml.YAMLError) -> str:
    """Where and what, without the line itself, which may hold a secret."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    return (f", line {mark.line + 1}" if mark else "") + (f": {problem}" if problem else "")


def _scalar(node: Node) -> ScalarNode:
    """Dates and numbers to the base of 60 are texts to Go; to keep them they have to be written as such."""
    tag, value, style = node.tag, str(node.value), getattr(node, "style", None)
    if (tag in _NUMBERS and ":" in value) or tag == _TIME:
        tag, style = _TEXT, '"'
    return ScalarNode(tag, value or ("null" if tag == _NULL else ""), start_mark=node.start_mark, style=style)


class _Copy:
    """Nodes of one document, none of which is shared."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0

    def of(self, node: Node) -> Node:
        self._count += 1
        if self._count > _MOST_NODES:
            raise UnfitValues(f"{self._name} is too large once its aliases are written out")
        if isinstance(node, SequenceNode):
            rows = [self.of(one) for one in node.value]
            return SequenceNode(node.tag, rows, start_mark=node.start_mark, flow_style=node.flow_style)
        if not isinstance(node, MappingNode):
            return _scalar(node)
        made: dict[Any, tuple[Node, Node]] = {}
        for key, value in self._merged(node):
            known = made.get(key.value) if isinstance(key, ScalarNode) else None
            made[key.value if isinstance(key, ScalarNode) else id(key)] = (known[0] if known else self.of(key), value)
        copied = [(key, self.of(value)) for key, value in made.values()]
        return MappingNode(node.tag, copied, start_mark=node.start_mark, flow_style=node.flow_style)

    def _merged(self, node: MappingNode) -> Iterator[tuple[Node, Node]]:
        """The pairs of a mapping; those of a merge key first, so that its own win."""
        self._count += 1
        if self._count > _MOST_NODES:
            raise UnfitValues(f"{self._name} is too large once its aliases are written out")
        for key, value in node.value:
            if key.tag == _MERGE:
                for one in reversed(value.value) if isinstance(value, SequenceNode) else [value]:
                    if isinstance(one, MappingNode):
                        yield from self._merged(one)
        yield from ((key, value) for key, value in node.value if key.tag != _MERGE)
