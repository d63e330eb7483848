"""The main job, end to end, through the demo that a newcomer starts: real hub, real proxy, real KubeSpawner, real JupyterLab."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

import aiohttp
import psutil
import pytest

from moorage.simulator.demo.demo import write_whole
from rig.pages import commands
from rig.ports import free_port

pytestmark = pytest.mark.timeout(240)
ROOT = Path(__file__).parents[2]
GPU_NODE_PRODUCT = "NVIDIA-GeForce-RTX-4090"


async def until(question, *, seconds, what):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(aiohttp.ClientError, AssertionError, KeyError, json.JSONDecodeError):
            answer = await question()
            if answer is not None and answer is not False:
                return answer
        await asyncio.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


class Demo:
    def __init__(self, process, folder, http):
        self.process, self.folder, self.http = process, folder, http

    @property
    def info(self):
        return json.loads((self.folder / "info.json").read_text())

    async def get(self, url, **more):
        async with self.http.get(url, **more) as answer:
            assert answer.status == 200, (url, answer.status, (await answer.text())[:300])
            return await answer.json()

    async def nodes(self):
        return {node["name"]: node for node in await self.get(self.info["api_url"] + "/api/v1/cluster/resources")}

    async def kube(self, path):
        server = re.search(r"server: [\"']?(http://[^\s\"']+)", Path(self.info["kubeconfig"]).read_text())[1]
        return await self.get(server + path)

    async def hub(self, method, path, *, body=None):
        headers = {"Authorization": f"token {self.info['admin_token']}"}
        url = f"{self.info['hub_url']}/hub/api{path}"
        async with self.http.request(method, url, json=body, headers=headers) as answer:
            return answer.status, await answer.text()

    async def log_in(self):
        url = self.info["hub_url"] + "/hub/login"
        async with self.http.get(url) as page:
            xsrf = re.search(r'name="_xsrf" value="([^"]+)"', await page.text())[1]
        form = {"username": self.info["user"], "password": self.info["password"], "_xsrf": xsrf}
        async with self.http.post(url, data=form) as page:
            assert page.status == 200, await page.text()

    async def post_form(self, **choice):
        url = f"{self.info['hub_url']}/hub/spawn"
        async with self.http.get(url) as page:
            text = await page.text()
            xsrf = re.search(r"_xsrf=([^\"&]+)", text)[1]
        form = aiohttp.FormData()
        for name, value in choice.items():
            form.add_field(name, value, content_type="text/plain")
        async with self.http.post(f"{url}?_xsrf={xsrf}", data=form, headers={"Referer": url}) as page:
            return page.status, str(page.url), await page.text()


@pytest.fixture
async def demo(tmp_path):
    folder = tmp_path / "demo"
    log = (tmp_path / "demo.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "moorage.cli", "demo", "--port", str(free_port()), "--folder", str(folder)],
        stdout=log,
        stderr=log,
        cwd=ROOT,
        start_new_session=True,
    )
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=30)) as http:
        demo = Demo(process, folder, http)
        try:

            async def ready():
                assert process.returncode is None, (tmp_path / "demo.log").read_text()
                return "The demo is ready" in (tmp_path / "demo.log").read_text()

            await until(ready, seconds=90, what="the demo is ready")
            yield demo
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
                await asyncio.wait_for(process.wait(), 30)
            log.close()


async def a_notebook_that_answers(demo):
    user = demo.info["user"]

    async def answers():
        headers = {"Authorization": f"token {demo.info['admin_token']}"}
        return await demo.get(f"{demo.info['hub_url']}/user/{user}/api/status", headers=headers)

    return await until(answers, seconds=60, what="JupyterLab answers")


async def test_what_was_chosen_on_the_form_is_what_the_pod_asks_for(demo):
    await demo.log_in()
    before = await demo.nodes()
    name = next(n for n, node in before.items() if any("4090" in card["model"] for card in node["gpu_details"]))
    images = await demo.get(demo.info["api_url"] + "/api/v1/images/jupyter")
    image = images[0]["reference"]
    node = await demo.kube(f"/api/v1/nodes/{name}")
    assert node["metadata"]["labels"]["nvidia.com/gpu.product"] == GPU_NODE_PRODUCT

    status, url, page = await demo.post_form(
        node=name, cpu="2", memory="3Gi", gpu="1", gpu_resource="nvidia.com/gpu", image=images[0]["name"]
    )
    assert status == 200, page
    assert "/hub/spawn-pending/" in url or "/user/" in url, (url, page)
    await a_notebook_that_answers(demo)

    pods = await demo.kube("/api/v1/pods?labelSelector=component%3Dsingleuser-server")
    (pod,) = pods["items"]
    container = pod["spec"]["containers"][0]
    assert pod["spec"]["nodeSelector"] == {
        "kubernetes.io/hostname": node["metadata"]["labels"]["kubernetes.io/hostname"]
    }
    assert container["resources"] == {
        "limits": {"cpu": "2", "memory": "3Gi", "nvidia.com/gpu": "1"},
        "requests": {"cpu": "1", "memory": "3Gi", "nvidia.com/gpu": "1"},
    }
    assert container["image"] == image

    user = demo.info["user"]
    status, text = await demo.hub("DELETE", f"/users/{user}/server")
    assert status in (202, 204), text

    async def gone():
        return not (await demo.kube("/api/v1/pods?labelSelector=component%3Dsingleuser-server"))["items"]

    await until(gone, seconds=30, what="the pod is gone")
    status, text = await demo.hub("POST", f"/users/{user}/server", body={"moorage": 1, "cpu": "1", "memory": "1Gi"})
    assert status in (201, 202), text
    await a_notebook_that_answers(demo)
    os.kill(demo.info["pids"]["hub"], signal.SIGTERM)
    hub_before = demo.info["pids"]["hub"]

    async def another_hub():
        return demo.info["pids"]["hub"] != hub_before and await demo.get(demo.info["hub_url"] + "/hub/api/")

    await until(another_hub, seconds=40, what="the hub is back")
    await a_notebook_that_answers(demo)


async def test_ctrl_c_leaves_no_process_and_no_file(demo):
    below = psutil.Process(demo.process.pid).children(recursive=True)
    assert len(below) >= 4

    demo.process.send_signal(signal.SIGINT)
    await asyncio.wait_for(demo.process.wait(), 30)

    assert [p for p in below if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    assert not demo.folder.exists()


def test_who_reads_a_file_for_scripts_finds_all_of_it_at_any_time(tmp_path):
    target, text = tmp_path / "info.json", json.dumps(["x" * 1000] * 100)
    write_whole(target, text)
    done = threading.Event()

    def write():
        for _ in range(300):
            write_whole(target, text)
        done.set()

    threading.Thread(target=write, daemon=True).start()
    found = set()
    while not done.is_set():
        found.add(target.read_text())

    assert found == {text}
    assert target.stat().st_mode & 0o777 == 0o600


async def test_the_commands_of_the_tutorial_run_as_written(demo, tmp_path):
    (tmp_path / ".demo").symlink_to(demo.folder)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    first, *others = commands((ROOT / "docs/tutorial.md").read_text())
    assert first == "make demo"

    script = "\n".join(["set -euo pipefail", *others])
    bash = await asyncio.create_subprocess_exec(
        "bash", "-c", script, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(bash.communicate(), 120)

    assert bash.returncode == 0, err.decode()
    said = out.decode()
    assert "vilanova1" in said
    assert "exit status 1" in said
    assert "the largest node has" in said
    assert "gpus" in said
