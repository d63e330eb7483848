"""The page at `/`, in a real browser."""

import os
import re
import shutil

import pytest
from playwright.async_api import async_playwright, expect

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TOKEN = "t" * 32


@pytest.fixture
async def page():
    found = os.environ.get("MOORAGE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "No Chromium was found: install one, or set MOORAGE_CHROMIUM to its path."
    expect.set_options(timeout=15_000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        opened = await browser.new_page(viewport={"width": 1200, "height": 800})
        opened.problems = []
        opened.on("pageerror", lambda error: opened.problems.append(str(error)))
        opened.on("console", lambda said: opened.problems.append(said.text) if said.type == "error" else None)
        yield opened
        await browser.close()


async def test_the_page_follows_the_cluster(service, simulator, node, pod, page) -> None:
    simulator.add(node("alpha", cpu="8", memory="32Gi", gpu=1), node("beta", cpu="4", memory="16Gi"))
    await service.until(lambda nodes: len(nodes) == 2)
    await page.goto(service.url)
    row = page.get_by_role("row").filter(has_text="alpha")
    await expect(row).to_contain_text("8 free of 8 cores")
    await expect(page.get_by_role("status").first).to_have_text("live")

    simulator.add(pod("p", on="alpha", cpu="3", memory="2Gi", gpu=1))
    simulator.delete("nodes", None, "beta")

    await expect(row).to_contain_text("5 free of 8 cores")
    await expect(row).to_contain_text("0 free of 1")
    await expect(page.get_by_role("row").filter(has_text="beta")).to_have_count(0)
    assert page.problems == []


async def test_who_waits_is_listed_while_anybody_does(service, simulator, node, pod, page) -> None:
    simulator.add(node("alpha", cpu="8"))
    await service.until(lambda nodes: "alpha" in nodes)
    await page.goto(service.url)
    await expect(page.get_by_role("row").filter(has_text="alpha")).to_be_visible()
    heading = page.get_by_role("heading", name="In line")
    await expect(heading).to_be_hidden()

    message = "0/1 nodes are available: 1 Insufficient cpu."
    said = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    simulator.add({**pod("p", cpu="9"), "status": {"phase": "Pending", "conditions": [said]}})

    await expect(heading).to_be_visible()
    await expect(page.locator("#waiting li")).to_contain_text("A pod: 9 CPU; waits for")
    await expect(page.locator("#waiting li")).to_contain_text("Not enough CPU free.")
    simulator.delete("pods", "default", "p")
    await expect(heading).to_be_hidden()
    assert page.problems == []


@pytest.mark.parametrize(("policy", "words"), [("pod", "held by default/p"), ("hidden", "held")])
async def test_a_held_card_says_by_whom_as_far_as_it_may_be_told(
    serve, simulator, node, pod, page, policy, words
) -> None:
    simulator.add(node("alpha", gpu=1), pod("p", on="alpha", cpu="1", gpu=1))
    service = await serve(api_server=simulator.url, gpu_holders=policy)
    await service.until(lambda nodes: nodes["alpha"]["available"]["gpu"] == 0)

    await page.goto(service.url)

    await expect(page.locator(".cards .about")).to_have_text(words)


async def test_what_comes_from_the_cluster_is_text(service, simulator, node, page) -> None:
    evil = "<img src=x onerror=document.title='broken'>"
    labels = {"nvidia.com/gpu.product": evil, "topology.kubernetes.io/zone": evil}
    simulator.add(node("alpha", gpu=1, labels=labels, taints=[{"key": evil, "value": evil, "effect": "NoSchedule"}]))
    await service.until(lambda nodes: "alpha" in nodes)

    await page.goto(service.url)
    await expect(page.get_by_role("row").filter(has_text="alpha")).to_contain_text("<img src=x")
    await page.get_by_role("button", name="Check").click()
    await expect(page.locator("#answer")).to_contain_text("Doesn't fit on any node")

    assert await page.locator("main img").count() == 0
    assert await page.title() == "moorage"
    assert page.problems == []


async def test_an_ask_is_answered_on_the_page(service, simulator, node, page) -> None:
    simulator.add(node("big", cpu="16"), node("small", cpu="2"))
    await service.until(lambda nodes: len(nodes) == 2)
    await page.goto(service.url)
    await page.get_by_label("CPU", exact=True).fill("8")

    await page.get_by_role("button", name="Check").click()

    answer = page.locator("#answer")
    await expect(answer).to_contain_text("Fits on big right now.")
    await expect(answer).to_contain_text("small")
    await page.get_by_label("CPU", exact=True).fill("lots")
    await page.get_by_role("button", name="Check").click()
    await expect(answer).to_contain_text("not a Kubernetes quantity")


async def test_a_token_is_asked_for_and_kept_for_the_tab(serve, simulator, node, tmp_path, page) -> None:
    simulator.add(node("alpha"))
    (tmp_path / "tokens").write_text(f"ada:reader:{TOKEN}\n")
    service = await serve(api_server=simulator.url, token_file=tmp_path / "tokens")
    await service.ready()
    await page.goto(service.url)

    await page.get_by_label("Token").fill("wrong")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("dialog")).to_contain_text("does not know this token")
    await page.get_by_label("Token").fill(TOKEN)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("row").filter(has_text="alpha")).to_be_visible()
    await page.reload()

    await expect(page.get_by_role("row").filter(has_text="alpha")).to_be_visible()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_cluster_that_goes_away_is_told_and_comes_back(service, simulator, node, page) -> None:
    simulator.add(node("alpha"))
    await service.until(lambda nodes: "alpha" in nodes)
    await page.goto(service.url)
    status = page.get_by_role("status").first
    await expect(status).to_have_text("live")
    port = simulator.port

    await simulator.stop()
    await expect(status).to_contain_text("stale", timeout=15_000)
    await expect(page.get_by_role("alert")).to_contain_text("last known ones")
    await expect(page.get_by_role("row").filter(has_text="alpha")).to_be_visible()
    await simulator.start(port)

    await expect(status).to_have_text("live", timeout=20_000)


async def test_a_service_that_goes_away_is_told(service, simulator, node, page) -> None:
    simulator.add(node("alpha"))
    await service.until(lambda nodes: "alpha" in nodes)
    await page.goto(service.url)
    await expect(page.get_by_role("status").first).to_have_text("live")

    await page.route("**/api/v1/cluster/stream", lambda route: route.abort())
    service.parts.streams.plain.end()

    await expect(page.get_by_role("status").first).to_contain_text("no connection", timeout=15_000)


async def test_nodes_can_be_filtered(service, simulator, node, page) -> None:
    simulator.add(*(node(f"node-{number:03}") for number in range(350)))
    await service.until(lambda nodes: len(nodes) == 350)
    await page.goto(service.url)
    await expect(page.locator("#more")).to_contain_text("first 300 of 350 nodes")

    await page.get_by_label("Filter").fill("node-34")

    await expect(page.locator("#rows tr")).to_have_count(10)
    await expect(page.locator("#more")).to_be_hidden()


async def test_the_page_allows_nothing_from_elsewhere(service) -> None:
    for path in ("/", "/docs", "/dashboard/app.js", "/dashboard/style.css", "/web/stream.js"):
        answer = await service.get(path)

        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.findall(r"https?://(?!www\.w3\.org/)", answer.text), path


async def test_the_description_of_the_api_is_a_page(service, page) -> None:
    await page.goto(f"{service.url}/docs")

    await expect(page.get_by_role("heading", name="POST /api/v1/cluster/fit")).to_be_visible()
    assert page.problems == []


async def test_nothing_is_wrong_with_the_page_by_axe(service, simulator, node, pod, page, looked_at) -> None:
    simulator.add(
        node("alpha", cpu="8", memory="32Gi", gpu=1), node("beta", cpu="4", memory="16Gi", unschedulable=True)
    )
    simulator.add(pod("p", on="alpha", cpu="3", memory="2Gi", gpu=1))
    await service.until(lambda nodes: len(nodes) == 2 and nodes["alpha"]["available"]["gpu"] == 0)
    await page.goto(service.url)
    await expect(page.get_by_role("status").first).to_have_text("live")
    await page.get_by_role("button", name="Check").click()
    await expect(page.get_by_role("row").filter(has_text="alpha")).to_contain_text("0 free of 1")

    assert await looked_at(page, "dashboard") == []
    assert page.problems == []
