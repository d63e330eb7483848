"""Which extra of moorage brings what a command lacks."""

import sys

from moorage.errors import MissingPackage

_OTHERS = {"serve": "server", "demo": "demo"}


def missing(exc: ModuleNotFoundError) -> MissingPackage:
    """The sentence for a package that can't be imported; a module of moorage's own that can't be is raised again."""
    if exc.name is None or exc.name.partition(".")[0] == "moorage":
        raise exc
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    extra = _OTHERS.get(command, "cli")
    return MissingPackage(f"moorage {command}".strip(), package=exc.name.partition(".")[0], extra=extra)
