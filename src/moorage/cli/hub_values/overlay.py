"""A person's files put together as Helm does it: maps by key, everything else replaced by the later file.

The environment is the exception: where one file has a list and another a map, Helm takes the later one and drops the
other without a word. Here both stay, as a list.
Source: helm v3 pkg/cli/values/options.go; zero-to-jupyterhub templates/_helpers.tpl (jupyterhub.extraEnv)
"""

from yaml.nodes import MappingNode, Node, SequenceNode

from moorage.cli.hub_values.documents import pairs, plain, put, text

ENVIRONMENTS = ("hub.extraEnv", "singleuser.extraEnv")


def overlay(below: MappingNode, above: MappingNode, *, name: str, prefix: str = "") -> list[str]:
    """Lay a later file over what is there already, in place; what was replaced or changed, in sentences."""
    told = []
    known = dict(pairs(below))
    for key, value in pairs(above):
        path, before = f"{prefix}{key}", known.get(key)
        if isinstance(before, MappingNode) and isinstance(value, MappingNode):
            told += overlay(before, value, name=name, prefix=f"{path}.")
        elif path in ENVIRONMENTS and {type(before), type(value)} == {SequenceNode, MappingNode}:
            put(below, key, joined(as_list(before), as_list(value)))
            told.append(f"{path}: {name} and another file have a list and a map; Helm would drop one, here both stay")
        else:
            if isinstance(before, SequenceNode | MappingNode) and plain(before) != plain(value):
                told.append(f"{path}: {name} replaces all of what an earlier file has there, as Helm does")
            put(below, key, value)
    return told


def as_list(node: Node | None) -> SequenceNode:
    """An environment in its form as a list."""
    if isinstance(node, SequenceNode):
        return node
    rows = []
    for name, value in pairs(node):
        given = value.value if isinstance(value, MappingNode) else [(text("value"), value)]
        rows.append(MappingNode("tag:yaml.org,2002:map", [(text("name"), text(name)), *given], flow_style=False))
    return SequenceNode("tag:yaml.org,2002:seq", rows, flow_style=False)


def joined(first: SequenceNode, second: SequenceNode) -> SequenceNode:
    """Both lists; of a name that is in both the second one's entry, at the place of the first."""
    rows = list(first.value)
    names = {row_name(row): number for number, row in enumerate(rows)}
    for row in second.value:
        number = names.get(row_name(row)) if row_name(row) else None
        if number is None:
            rows.append(row)
        else:
            rows[number] = row
    return SequenceNode(first.tag, rows, flow_style=False)


def row_name(row: Node) -> str:
    return next((str(value.value) for key, value in pairs(row) if key == "name"), "")
