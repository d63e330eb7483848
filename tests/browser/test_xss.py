"""Whatever is written into labels, names, words and links is text on the page: nothing of it executes or becomes an
element.
"""

import json
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import expect

from moorage.simulator import builders

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Each fits into the value of a label as far as its length goes; a broken service checks no letters.
CORPUS = (
    "<img src=x onerror=ran()>",
    "<script>ran()</script>",
    "</script><script>ran()</script>",
    "</option></select><svg onload=ran()>",
    "</textarea><iframe srcdoc='<script>parent.ran()</script>'>",
    '" autofocus onfocus=ran() x="',
    "' onmouseover=ran() y='",
    "<details open ontoggle=ran()>",
    "<a href=javascript:ran()>go</a>",
    "javascript:ran()",
    "&lt;img src=x onerror=ran()&gt;",
    "&#60;img src=x onerror=ran()&#62;",
    "\\u003cimg src=x onerror=ran()\\u003e",
    "<!--><img src=x onerror=ran()>-->",
    "]]><script>ran()</script>",
    "{{ 7 * 191 }}{% raw %}",
    "${ran()}",
    "{name} {count} %s %(x)s",
    "</div></form><form action=//evil.example>",
    "<style>*{display:none}</style>",
    "\u2028ran()//",
)
ROOTS = "#moorage, #moorage-starting, #moorage-server, #moorage-servers"
# What none of our pages has, but for `own` elements.
STRANGE = """([roots, own]) => [...document.querySelectorAll(roots)].flatMap((root) => [root, ...root.querySelectorAll("*")]).filter((each) =>
  ["IMG", "SVG", "IFRAME", "OBJECT", "EMBED", "STYLE", "FORM", "TEXTAREA", "A"].includes(each.tagName.toUpperCase()) && !each.classList.contains("btn") && !own.includes(each.tagName)
  || (each.tagName === "SCRIPT" && !each.src.includes("/hub/moorage/static/") && each.type !== "application/json")
  || [...each.attributes].some(({ name, value }) => name.startsWith("on") || name === "srcdoc" || (name !== "value" && !name.startsWith("data-") && name !== "aria-label" && value.startsWith("javascript:")))
).map((each) => each.outerHTML.slice(0, 200))"""
WATCH = "window.hits = 0; window.ran = () => { window.hits += 1; };"

CONFIG = f"""
from tornado import web

CORPUS = {CORPUS!r}
c.MoorageSpawner.presets = [
    {{"name": "p%d" % at, "display_name": each, "description": each, "gpu": 1, "gpu_kind": each, "image": each}}
    for at, each in enumerate(CORPUS)
]
c.MoorageSpawner.refuse_too_large = False
c.JupyterHub.load_groups = {{each: {{"users": ["member%d" % at]}} for at, each in enumerate(CORPUS)}}
c.Spawner.group_overrides = {{
    each: {{"groups": [each], "spawner_override": {{"cpu_max": "6", "user_limits": {{"memory": "4Gi"}}}}}} for each in CORPUS
}}

def modify(spawner, pod):
    if spawner.user.name == "hooked" and spawner.cpu_limit > 1:
        error = web.HTTPError(403)
        error.jupyterhub_message = "\\n".join(CORPUS)
        raise error
    return pod

c.KubeSpawner.modify_pod_hook = modify
"""


@pytest_asyncio.fixture(loop_scope="session")
async def opened(own_hub, browse):
    """`await opened(name)`: this person before the form. At the end nothing may have run, and nothing be there that is
    no part of the form.
    """
    pages = []

    async def opened(name, *, path="/hub/spawn", language="en"):
        page = await browse(own_hub, name, path=path, script=WATCH, locale=language)
        pages.append(page)
        await expect(page.locator("#moorage-verdict p").first).to_be_visible()
        return page

    yield opened
    for page in pages:
        await is_clean(page)


async def is_clean(page, own=()):
    assert await page.evaluate("window.hits") == 0
    assert await page.evaluate(STRANGE, [ROOTS, list(own)]) == []


@pytest.fixture
def nodes(fake_service, load):
    """A node for each text, which has it wherever a service says anything."""
    fake = load("moorage_test_fake_service")
    names = []
    for at, text in enumerate(CORPUS):
        kind = {
            "resource": "nvidia.com/gpu",
            "model": text,
            "sharing": ("time-slicing", "mig", None)[at % 3],
            "slots": 4,
            "profile": text,
            "labels": [{"key": text, "value": text}],
        }
        card = {"model": text, "memory_total": text, "state": "held", "state_text": text, "notes": [text]}
        names.append(f"{at:02d} {text}")
        fake_service.put(
            fake.node_json(
                names[-1],
                gpus={"nvidia.com/gpu": (2, 1)},
                gpu_kinds=[kind],
                cards=[card],
                labels={text: text},
                taints=[{"key": text, "value": text, "effect": "NoSchedule", "passes": False}],
                preparing={"reason": "starting", "text": text} if at % 2 else None,
                arch=text,
                os=text,
            )
        )
    yield names
    for name in names:
        fake_service.remove(name)


@pytest.mark.parametrize("language", ["en", "de"])
async def test_what_nodes_and_their_cards_are_called(opened, nodes, language):
    page = await opened("looker", language=language)
    kind = page.locator("#moorage-kind")
    await expect(kind.locator("option", has_text=CORPUS[0][:8])).not_to_have_count(0)

    for option in await kind.locator("option").evaluate_all("all => all.map((each) => each.value)"):
        await kind.select_option(option)
    await page.locator("#moorage-gpu").fill("1")
    for name in nodes:
        await page.locator("#moorage-node").select_option(name)

    await expect(page.locator("#moorage-list")).to_contain_text(CORPUS[0])


async def test_what_an_answer_says(opened, nodes, fake_service):
    reasons = [{"message": text, "text": text} for text in CORPUS]
    refusals = [{"kind": "x", "name": text, "message": text, "text": text} for text in CORPUS]
    fake_service.verdict = {
        "fits": False,
        "answer": "waits",
        "answer_text": CORPUS[0],
        "nodes": {name: {"fits": False, "reasons": reasons, "unresolvable": False} for name in nodes},
        "refusals": refusals,
        "warnings": list(CORPUS),
        "held_by": {name: [{"resource": text, "amount": 1, "namespace": text} for text in CORPUS] for name in nodes},
        "quota": [{"name": text, "resource": text, "left": 1, "asked": 1} for text in CORPUS],
        "would_work": {"fits_on": nodes, "closest": {"node": nodes[0]}},
    }
    page = await opened("asker")
    await expect(page.locator("#moorage-verdict")).to_contain_text(CORPUS[0])

    fake_service.verdict = {**fake_service.verdict, "refusals": []}
    await page.locator("#moorage-node").select_option(nodes[1])

    await expect(page.locator("#moorage-list")).to_contain_text(CORPUS[0])
    fake_service.status(stale=True, reason=" ".join(CORPUS)[:200])
    await expect(page.locator("#moorage-status")).to_contain_text(CORPUS[0])
    fake_service.status(stale=False)
    fake_service.verdict = None


async def test_what_images_are_called(opened, fake_service, load):
    before = fake_service.images
    fake_service.images = [
        *before,
        *({"name": text, "reference": f"r{at}", "display_name": text, "description": text} for at, text in enumerate(CORPUS)),
    ]  # fmt: skip
    fake_service.drop()
    page = await opened("painter")
    image = page.locator("#moorage-image")

    async def offers_them():
        await page.reload()
        return await image.locator("option", has_text=CORPUS[0]).count()

    await load("moorage_test_rig").until(offers_them)

    for text in (await image.locator("option").evaluate_all("all => all.map((each) => each.value)"))[:30]:
        await image.select_option(text)
    fake_service.images = before
    fake_service.drop()


async def test_what_pools_of_machines_are_called(opened, fake_service, load):
    fake, before = load("moorage_test_fake_service"), fake_service.machines
    fake_service.machines = [
        *before,
        *(fake.machine_json(text, text, why=text, zones=[text], labels={text: text}) for text in CORPUS),
    ]
    fake_service.drop()
    page = await opened("builder")

    await expect(page.locator("#moorage-list")).to_contain_text(CORPUS[0])

    fake_service.machines = before
    fake_service.drop()


async def test_what_presets_are_called(opened):
    page = await opened("choosy")
    preset = page.locator("#moorage-preset")
    for at in range(len(CORPUS)):
        await preset.select_option(f"p{at}")
        await expect(page.locator("#moorage-preset-help")).to_have_text(" ".join(CORPUS[at].split()))
    await page.get_by_role("button", name="Choose by hand").click()


async def test_what_groups_are_called(opened, own_hub):
    for at in range(0, len(CORPUS), 4):
        page = await opened(f"member{at}")
        await expect(page.locator("#moorage-limits")).to_contain_text(" ".join(CORPUS[at].split()))
    page = await opened("late")
    await own_hub.api("POST", f"/groups/{quote(CORPUS[0], safe='')}/users", {"users": ["late"]})

    await expect(page.locator("#moorage-limits")).to_contain_text(CORPUS[0])


async def test_what_a_hook_says(opened):
    page = await opened("hooked")
    await page.get_by_label("Preset").select_option("")
    await page.locator("#moorage-cpu").fill("2")

    await expect(page.locator("#moorage-verdict")).to_contain_text(CORPUS[0])


FIELDS = ("preset", "node", "cpu", "memory", "gpu_resource", "gpu_kind", "image")


async def test_what_a_link_says(opened):
    page = await opened("guest")
    for text in CORPUS:
        said = "&".join(f"{name}={quote(text, safe='')}" for name in FIELDS)
        await page.evaluate("hash => { location.hash = hash; }", f"gpu=1&{said}")
        await expect(page.locator("#moorage-told")).to_contain_text("Not offered any more")


@pytest.mark.parametrize("at", range(0, len(CORPUS), 5))
async def test_what_an_address_says(opened, at):
    said = "&".join(f"{name}={quote(CORPUS[at], safe='')}" for name in FIELDS)

    page = await opened("visitor", path=f"/hub/spawn?gpu=1&{said}")

    await expect(page.get_by_text("Nothing has been started")).to_be_visible()


async def test_what_a_browser_remembers(opened):
    page = await opened("forgetful")
    kept = [{**dict.fromkeys(FIELDS, text), "gpu": "1"} for text in CORPUS]
    for each in kept:
        await page.evaluate(
            """([draft, recent]) => {
              sessionStorage.setItem("moorage:draft:forgetful:", draft);
              localStorage.setItem("moorage:recent:forgetful", recent);
            }""",
            [json.dumps({"values": each}), json.dumps(kept)],
        )
        await page.reload()
        await expect(page.locator("#moorage-told")).to_contain_text("filled in again")
    for button in await page.locator("#moorage-recent button").all():
        await button.click()


@pytest.fixture
def full_borg(cluster):
    """A node on which nothing fits beside what is there."""
    cluster.add(builders.pod("fills-borg", on="borg", cpu="8", namespace="jupyter"))
    yield
    cluster.delete("Pod", "jupyter", "fills-borg")


async def test_what_is_said_of_a_start_that_waits(browse, own_hub, cluster, fake_service, full_borg, load):
    until, pod_of = load("moorage_test_rig").until, load("moorage_test_pods").pod_of
    holders = [{"resource": text, "amount": 1, "namespace": text, "pod": text, "user": text} for text in CORPUS]
    fake_service.verdict = {
        "fits": False,
        "answer": "waits",
        "nodes": {
            "borg": {
                "fits": False,
                "unresolvable": False,
                "reasons": [{"message": text, "text": text} for text in CORPUS],
            }
        },
        "held_by": {"borg": holders},
        "would_work": {"fits_on": [], "closest": {"node": "borg"}},
    }
    await own_hub.api("POST", "/users/waiter")
    choice = {"moorage": 1, "node": "borg", "cpu": "1", "memory": "1Gi", "gpu": 0, "image": "minimal"}
    status, answer = await own_hub.api("POST", "/users/waiter/server", choice)
    assert status in (201, 202), answer
    pod = await until(lambda: pod_of(cluster, "waiter"), what=own_hub.tail)
    page = await browse(own_hub, "waiter", path="/hub/spawn-pending/waiter", script=WATCH)
    await expect(page.get_by_role("heading", name="Waiting for room")).to_be_visible()

    for at, text in enumerate(CORPUS):
        cluster.add(event_of(pod, at, text))

    await expect(page.locator("#moorage-starting")).to_contain_text(CORPUS[0])
    await expect(page.locator("#progress-log")).to_contain_text(" ".join(CORPUS[-2].split()))
    await is_clean(page)
    await own_hub.api("DELETE", "/users/waiter/server")
    fake_service.verdict = None


def event_of(pod, at, text):
    meta = pod["metadata"]
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta['name']}.{at}", "namespace": meta["namespace"]},
        "involvedObject": {
            "kind": "Pod",
            "apiVersion": "v1",
            **{key: meta[key] for key in ("name", "namespace", "uid")},
        },
        "reason": f"{text}{at}",
        "message": text,
        "source": {"component": text},
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
        "type": "Warning",
    }


@pytest.mark.parametrize("text", CORPUS[::5])
async def test_what_the_cards_of_a_server_are_called(browse, own_hub, fake_service, load, text):
    kind = {"resource": "nvidia.com/gpu", "model": text, "sharing": None, "labels": []}
    card = {"model": text, "state": "held", "state_text": text, "notes": [text]}
    atlas = fake_service.nodes["atlas"]
    fake_service.put({**atlas, "gpu_kinds": [kind], "gpu_details": [card]})
    await own_hub.api("POST", "/users/runner")
    choice = {"moorage": 1, "node": "atlas", "cpu": "1", "memory": "1Gi", "gpu": 1, "image": "minimal"}
    await own_hub.api("POST", "/users/runner/server", choice)
    page = await browse(own_hub, "runner", path="/hub/home", script=WATCH)

    async def has_started():
        return (await own_hub.api("GET", "/users/runner"))[1]["servers"].get("", {}).get("ready")

    await load("moorage_test_rig").until(has_started, what=own_hub.tail)

    boss = await browse(own_hub, "boss", path="/hub/home", script=WATCH)
    for reader, path in ((page, "/hub/home"), (page, "/hub/moorage/resize"), (boss, "/hub/moorage/servers")):
        await reader.goto(own_hub.url + path)
        await expect(reader.locator(ROOTS).first).to_contain_text(" ".join(text.split()))
        await is_clean(reader, own=("A", "FORM"))

    await own_hub.api("DELETE", "/users/runner/server")
    fake_service.put(atlas)
