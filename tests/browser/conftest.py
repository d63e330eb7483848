"""A real Chromium before the hub of `tests/hub`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright, expect

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
cluster, fake_service, load_fixture = _hub.cluster, _hub.fake_service, _hub.load_fixture
shared_hub, own_hub, hub, begin = _hub.shared_hub, _hub.own_hub, _hub.hub, _hub.begin
# Several runs share two cores, so how long a page takes says nothing.
expect.set_options(timeout=20_000)


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
async def browse(chromium):
    """`await browse(hub, name, path=…)`: a page of somebody who has logged in; errors of the page fail the test."""
    contexts, problems = [], []

    async def browse(hub, name, *, path="/hub/spawn", script=None, **how):
        context = await chromium.new_context(**how)
        contexts.append(context)
        if script:
            await context.add_init_script(script)
        # Two requests, where the page of the log-in and the one that follows it would be dozens.
        log_in = f"{hub.url}/hub/login"
        form = _hub.rig.log_in_of(await (await context.request.get(log_in)).text(), name=name)
        answer = await context.request.post(log_in, form=form, max_redirects=0)
        assert answer.status == 302, await answer.text()
        page = await context.new_page()
        page.person = name
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: problems.append(f"a dialog: {dialog.message}"))
        await page.goto(hub.url + path)
        return page

    yield browse
    for context in contexts:
        await context.close()
    assert problems == []


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(hub, browse, request):
    """`await open_page(path=…)`: as `browse`, somebody new before the hub of all files, whose server ends with the test."""
    pages = []

    async def opened(**how):
        pages.append(await browse(hub, f"b{abs(hash(request.node.name)) % 10**8}x{len(pages)}", **how))
        return pages[-1]

    yield opened
    for page in pages:
        await page.context.close()
        await hub.api("DELETE", f"/users/{page.person}/server")
