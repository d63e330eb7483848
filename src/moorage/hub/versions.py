"""The versions of JupyterHub and KubeSpawner without which a choice would be lost.

JupyterHub hands a spawner the options of every start since 5.3 only (`apply_user_options`): before that the form shows,
and the pod gets the defaults. What is installed is read from the packages' metadata, so that nothing of them has to be
imported.
"""

from __future__ import annotations

import re
from importlib import metadata

from traitlets import TraitError

NEEDED = {"jupyterhub": ("JupyterHub", (5, 3)), "jupyterhub-kubespawner": ("KubeSpawner", (7, 0))}
CHART = "4.2.0"


# JupyterHub tells a TraitError of its configuration as one line and ends; of any other error it prints a traceback, and
# of an ImportError of a class that is named by its path nothing is left.
class OldVersion(TraitError):
    """The hub is too old for moorage's spawner; the sentence names what is needed and what was found."""


def found() -> dict[str, str | None]:
    """The installed version of each package, or None where it is not known."""
    return {package: _version(package) for package in NEEDED}


def refuse_old(versions: dict[str, str | None]) -> None:
    """Raise `OldVersion` where one of these is too old. What is not known is not too old."""
    if not any(_older(versions.get(package), least) for package, (_, least) in NEEDED.items()):
        return
    needed = " and ".join(f"{name} {'.'.join(map(str, least))}" for name, least in NEEDED.values())
    have = " and ".join(f"{name} {versions.get(package) or 'unknown'}" for package, (name, _) in NEEDED.items())
    raise OldVersion(
        f"moorage's spawner needs {needed} or newer, but this hub has {have}. "
        f"Zero to JupyterHub has both from chart version {CHART} on."
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _older(version: str | None, least: tuple[int, int]) -> bool:
    numbers = re.match(r"(\d+)(?:\.(\d+))?", version or "")
    return numbers is not None and (int(numbers[1]), int(numbers[2] or 0)) < least
