"""What could not be turned, each with its line."""

from dataclasses import dataclass, field

from yaml.nodes import Node

from moorage.cli.hub_values.documents import line


@dataclass(frozen=True, order=True)
class Note:
    line: int
    path: str
    text: str


@dataclass
class Notes:
    """A list that says each thing once."""

    found: set[Note] = field(default_factory=set)

    def add(self, node: Node, path: str, text: str) -> None:
        self.found.add(Note(line(node), path, text))

    def sorted(self) -> list[Note]:
        return sorted(self.found)
