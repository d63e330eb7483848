"""moorage in an environment that has its one dependency and no extra."""

from __future__ import annotations

import asyncio
import os
import re
import tomllib
import venv
from pathlib import Path

import msgspec
import pytest

import moorage

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# The agent of a GPU node needs no package for most of what it does.
MODULES = ["-m moorage", "-m moorage.cli", "-m moorage.gpus.agent --pod-resources /nowhere"]


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """The interpreter of a new environment with moorage and what it depends on without extras."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True, with_pip=False)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "moorage").symlink_to(Path(moorage.__file__).parent, target_is_directory=True)
    (packages / "msgspec").symlink_to(Path(msgspec.__file__).parent, target_is_directory=True)
    return folder / "bin" / "python"


async def run(python: Path, *words: str) -> tuple[int, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MOORAGE_"))}
    process = await asyncio.create_subprocess_exec(
        python, *words, env=clean, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(30):
        out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


def test_no_dependency_but_msgspec_comes_without_an_extra() -> None:
    [needed] = PROJECT["dependencies"]

    assert re.match(r"[\w-]+", needed)[0] == "msgspec"


async def test_each_command_says_in_one_sentence_which_extra_to_install(bare) -> None:
    from moorage.cli.commands import NAMES

    wanted = {"serve": "server", "demo": "demo"}
    for script in PROJECT["scripts"].values():
        module, _, function = script.partition(":")
        for command in ("", "--help", *NAMES):
            status, said = await run(bare, "-c", f"from {module} import {function}; {function}()", command)

            extra = wanted.get(command, "cli")
            assert status == 2, said
            assert said.startswith(f"moorage: moorage {command}".removesuffix("--help").strip()), said
            assert said.endswith(f"is not installed; run `pip install 'moorage[{extra}]'`\n"), said
            assert said.count("\n") == 1, said


async def test_each_module_that_is_run_says_in_one_sentence_which_extra_to_install(bare) -> None:
    runnable = {
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__main__")
        for path in (ROOT / "src").rglob("*.py")
        if path.name == "__main__.py" or '__name__ == "__main__"' in path.read_text()
    }
    assert runnable == {words.split()[1] for words in MODULES}

    for words in MODULES:
        status, said = await run(bare, *words.split())

        assert status, said
        assert said.count("\n") == 1, said
        assert "pip install 'moorage[" in said


async def test_each_class_that_a_hub_loads_by_name_says_which_extra_to_install(bare) -> None:
    for group in PROJECT["entry-points"].values():
        for place in group.values():
            module, _, name = place.partition(":")
            _, said = await run(bare, "-c", f"from {module} import {name}")

            assert said.splitlines()[-1].endswith(
                "moorage's spawner needs the package jupyterhub, which is not installed; "
                "run `pip install 'moorage[hub]'`"
            ), said


async def test_the_library_works_without_any_extra(bare) -> None:
    status, said = await run(bare, "-c", "from moorage import Cluster, Quantity; print(Quantity.parse('1Ki').value)")

    assert (status, said) == (0, "1024\n")
