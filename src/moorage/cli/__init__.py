"""`moorage` on the command line.

Only the standard library is imported before it is known that the packages of the command line are there: a bare
`pip install moorage` has none of them, and a hub's pod neither; there `moorage doctor` is another.
"""

import io
import sys
from importlib.util import find_spec
from typing import Any

from moorage.cli.extras import missing


def main(*args: Any, **kwargs: Any) -> None:
    """Run the command that the process was called with, and end the process with its exit status."""
    # A terminal that can't spell a letter shows a question mark in its place.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        from moorage.cli.commands import main as commands
    except ModuleNotFoundError as exc:
        if sys.argv[1:2] == ["doctor"] and find_spec("jupyterhub"):
            from moorage.cli.doctor.onhub.command import main as on_the_hub

            sys.exit(on_the_hub(sys.argv[2:]))
        sys.stderr.write(f"moorage: {missing(exc)}\n")
        sys.exit(2)
    commands(*args, **kwargs)
