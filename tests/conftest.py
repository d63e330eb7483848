"""Fixtures for all tests: a simulated cluster, and objects in one line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from moorage.simulator import Simulator, builders

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


# Several runs share two cores, so how long one example takes says nothing.
settings.register_profile("moorage", deadline=None)
settings.load_profile("moorage")


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A running API server of its own for each test; no scheduler, no kubelet."""
    async with Simulator() as running:
        yield running


@pytest.fixture
def node():
    """`node("n1", cpu="16", memory="64Gi", gpu=1, labels={…}, taints=[…])` makes a Node."""
    return builders.node


@pytest.fixture
def pod():
    """`pod("p", on="n1", cpu="2", memory="3Gi", gpu=1, namespace="lab")` makes a Pod."""
    return builders.pod


@pytest.fixture
async def running_cluster() -> AsyncIterator[Simulator]:
    """As `simulator`, with a scheduler that places pods and a kubelet that runs them as local processes."""
    async with Simulator(scheduler=True, kubelet=True) as running:
        yield running


ROOT = Path(__file__).parent.parent
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SHOW_ALL = """() => {
  const style = new CSSStyleSheet();
  style.replaceSync("* { content-visibility: visible !important; transition: none !important; }");
  document.adoptedStyleSheets = [style];
}"""
# What people see: as it is, in the dark, and in the colours that their system forces. Only what is drawn differs.
COLOURS = {
    "light": {"color_scheme": "light", "forced_colors": "none"},
    "dark": {"color_scheme": "dark", "forced_colors": "none"},
    "forced": {"color_scheme": "dark", "forced_colors": "active"},
}
DRAWN = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


@pytest.fixture
def record():
    """`record("name", {"what": seconds})`: measured times, printed and kept; how busy the machine is decides them."""

    def record(name: str, seconds: dict[str, float]) -> None:
        folder = ROOT / "test-results" / "times"
        folder.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{what}: {took:.2f} s\n" for what, took in seconds.items())
        (folder / f"{name}.txt").write_text(lines)
        print(f"\n{name}\n{lines}")

    return record


@pytest.fixture
def looked_at():
    """`await looked_at(page, "name")`: what axe-core finds wrong with a page in any colours; a picture of each is kept."""
    pictures = ROOT / "test-results" / "pages"
    pictures.mkdir(parents=True, exist_ok=True)

    async def looked_at(page: Any, name: str) -> list[str]:
        found = []
        # What is out of view has no picture otherwise, and no contrast; and a colour on its way to another has its own.
        await page.evaluate(SHOW_ALL)
        for colours, how in COLOURS.items():
            await page.emulate_media(**how)
            await page.screenshot(path=pictures / f"{name}-{colours}.png", full_page=True)
            await page.evaluate(AXE.read_text(encoding="utf-8"))
            answer = await page.evaluate("(options) => axe.run(options)", {} if colours == "light" else DRAWN)
            found += [
                f"{name}, {colours}: {problem['id']} at {node['target']}: {node['failureSummary']}"
                for problem in answer["violations"]
                for node in problem["nodes"]
            ]
        await page.emulate_media(color_scheme="light", forced_colors="none")
        return found

    return looked_at
