"""The static files of our pages, and the version that is part of their addresses."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

# The modules import each other by their places in the package, so they are served in the same places.
PACKAGE = Path(__file__).parents[2]
STATIC = "hub/pages/static"
FOLDERS = (STATIC, "web")


@cache
def version() -> str:
    """Changes with any static file, so that browsers may keep them for ever."""
    digest = hashlib.sha256()
    for folder in FOLDERS:
        for file in sorted((PACKAGE / folder).rglob("*")):
            if file.is_file():
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
