"""What a profile and its choices set in KubeSpawner, put together as KubeSpawner does it.

Source: kubespawner 7.0 spawner.py (_apply_overrides, recursive_update): maps are merged, null takes a key away.
"""

from collections.abc import Iterable

from yaml.nodes import MappingNode, Node

from moorage.cli.hub_values.documents import child, is_null, pairs


def put_together(parts: Iterable[Node | None]) -> dict[str, Node]:
    """The settings of several overrides, later ones first in force."""
    made: dict[str, Node] = {}
    for part in parts:
        for key, value in pairs(part):
            made[key] = _merged(made.get(key), value)
    return {key: value for key, value in made.items() if not is_null(value)}


def override(node: Node | None) -> Node | None:
    return child(node, "kubespawner_override")


def _merged(below: Node | None, above: Node) -> Node:
    if not (isinstance(below, MappingNode) and isinstance(above, MappingNode)):
        return above
    made = {str(key.value): (key, value) for key, value in below.value}
    for key, value in above.value:
        name = str(key.value)
        if is_null(value):
            made.pop(name, None)
        else:
            made[name] = key, _merged(made[name][1] if name in made else None, value)
    return MappingNode(above.tag, list(made.values()), start_mark=above.start_mark)
