"""Lists of profiles in a file: Zero to JupyterHub's values, KubeSpawner's list itself as JSON or YAML, Nebari's
`profiles`.
"""

from collections.abc import Iterator

from yaml.nodes import MappingNode, Node, SequenceNode

from moorage.cli.hub_values.documents import UnfitValues, is_null, kind, line, pairs

# Where each tool keeps its profiles.
_KEYS = ("profileList", "profile_list", "jupyterlab")


def profiles(node: Node | None, *, name: str) -> list[tuple[str, MappingNode]]:
    """Every profile in the file with its path. Raises `UnfitValues` where there is none."""
    found = [*_within(node, path="")]
    if isinstance(node, SequenceNode):
        found = [("", node)]
    rows: list[tuple[str, MappingNode]] = []
    for path, place in found:
        entries = enumerate(place.value) if isinstance(place, SequenceNode) else pairs(place)
        for key, one in entries:
            if not isinstance(one, MappingNode):
                raise UnfitValues(f"{name}, line {line(one)}: a profile is a map, and this is {kind(one)}")
            rows.append((f"{path}[{key}]", one))
    if not rows:
        raise UnfitValues(
            f"{name} has no list of profiles",
            hint="give the hub's values with singleuser.profileList, or the list of c.KubeSpawner.profile_list as JSON",
        )
    return rows


def _within(node: Node | None, *, path: str) -> Iterator[tuple[str, SequenceNode | MappingNode]]:
    for key, value in pairs(node):
        here = f"{path}.{key}" if path else key
        if key in _KEYS and isinstance(value, SequenceNode | MappingNode) and not is_null(value):
            yield here, value
        else:
            yield from _within(value, path=here)
