"""Takes the pictures of the README from a demo of its own: the form (light and dark) and the dashboard."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

PICTURES = Path(__file__).parents[1] / "docs" / "images"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def start(folder: Path) -> tuple[subprocess.Popen[str], dict[str, str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moorage.cli", "demo", "--port", str(port), "--folder", str(folder)]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert demo.stdout
    for line in demo.stdout:
        if "The demo is ready" in line:
            return demo, json.loads((folder / "info.json").read_text())
    sys.exit("the demo did not start")


def log_in(page: Page, info: dict[str, str]) -> None:
    page.goto(info["hub_url"] + "/hub/spawn")
    page.get_by_label("Username").fill(info["user"])
    page.get_by_label("Password").fill(info["password"])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Start").wait_for()
    page.get_by_label("Node", exact=True).select_option(
        index=page.get_by_label("Node", exact=True).locator("option").count() - 1
    )
    for label, value in (("CPU", "2"), ("Memory", "3Gi"), ("GPU", "1")):
        page.get_by_label(label, exact=True).fill(value)
    time.sleep(2)  # the first live numbers, and the verdict on this choice


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    browser_path = os.environ.get("MOORAGE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    folder = Path(tempfile.mkdtemp()) / "demo"
    demo, info = start(folder)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
            for name, width, height, scheme in [
                ("form", 1280, 1000, "light"),
                ("form-dark", 1280, 1000, "dark"),
            ]:
                context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
                page = context.new_page()
                log_in(page, info)
                page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
                context.close()
            for name, width, scheme in [("dashboard", 1280, "light")]:
                context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
                page = context.new_page()
                page.goto(info["api_url"] + "/")
                time.sleep(1.5)
                page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
                context.close()
            browser.close()
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(timeout=30)
        shutil.rmtree(folder.parent, ignore_errors=True)
    print("\n".join(str(path) for path in sorted(PICTURES.glob("*.png"))))


if __name__ == "__main__":
    main()
