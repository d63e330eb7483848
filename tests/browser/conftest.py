"""A real Chromium before the hub of `tests/hub`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

HUB_TESTS = Path(__file__).parents[1] / "hub" / "conftest.py"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def _hub_fixtures():
    name = "moorage_test_hub_conftest"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, HUB_TESTS)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


_hub = _hub_fixtures()
cluster, fake_service, shared_hub, hub, load_fixture = (
    _hub.cluster,
    _hub.fake_service,
    _hub.shared_hub,
    _hub.hub,
    _hub.load_fixture,
)


@pytest.fixture(scope="session")
def chromium_path():
    path = os.environ.get("MOORAGE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.fail(
            "No Chromium was found: install one (apt-get install chromium) or set MOORAGE_CHROMIUM to its path."
        )
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(chromium_path):
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(chromium, hub, request):
    """`await open_page(...)`: a person who has logged in before the spawn form; errors of the page fail the test."""
    contexts, problems, names = [], [], []

    async def opened(*, path="/hub/spawn", **how):
        name = f"b{abs(hash(request.node.name)) % 10**8}x{len(contexts)}"
        context = await chromium.new_context(**how)
        contexts.append(context)
        names.append(name)
        page = await context.new_page()
        page.person = name
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: problems.append(f"a dialog: {dialog.message}"))
        await page.goto(f"{hub.url}/hub/login")
        await page.get_by_label("Username").fill(name)
        await page.locator("#login_submit").click()
        await page.goto(hub.url + path)
        return page

    yield opened
    for context in contexts:
        await context.close()
    for name in names:
        await hub.api("DELETE", f"/users/{name}/server")
    assert problems == []
