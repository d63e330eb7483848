from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def deploy(root: Path) -> Path:
    return root / "deploy"


@pytest.fixture(scope="session")
def objects(deploy: Path) -> Callable[[str], list[dict[str, Any]]]:
    """Every object of a manifest below deploy/kubernetes."""

    def read(name: str) -> list[dict[str, Any]]:
        return [found for found in yaml.safe_load_all((deploy / "kubernetes" / name).read_text()) if found]

    return read


@pytest.fixture(scope="session")
def one(objects: Callable[[str], list[dict[str, Any]]]) -> Callable[[str, str], dict[str, Any]]:
    """The one object of a kind in a manifest."""

    def read(name: str, kind: str) -> dict[str, Any]:
        [found] = [candidate for candidate in objects(name) if candidate["kind"] == kind]
        return found

    return read
