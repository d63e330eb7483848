"""The pages for those who listen to them, use the keyboard alone, need other colours, or a larger type."""

import re

import pytest
import pytest_asyncio
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIVE = "The numbers are live."
GPU = {"moorage": 1, "cpu": "1", "memory": "1Gi", "gpu": 1, "gpu_resource": "nvidia.com/gpu"}
CONFIG = """
def presets(spawner):
    if not spawner.user.name.startswith(("preset", "only")):
        return []
    return [
        {"name": "small", "display_name": "Small", "description": "For notes", "default": True, "cpu": "1", "memory": "2Gi"},
        {"name": "large", "display_name": "Large", "cpu": "4", "memory": "8Gi", "gpu": 1, "node": "atlas"},
    ]

c.MoorageSpawner.presets = presets
c.MoorageSpawner.presets_only = lambda spawner: spawner.user.name.startswith("only")
c.MoorageSpawner.wait_for_room = 600
c.MoorageSpawner.user_limits = lambda spawner: {"cpu": "8", "servers": 2} if spawner.user.name.startswith("policy") else {}
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 1}

def wait_less(spawner):
    if spawner.user.name.startswith("short"):
        spawner.wait_for_room = 1

c.KubeSpawner.pre_spawn_hook = wait_less
"""
FULL = {
    "fits": False,
    "nodes": {
        name: {
            "fits": False,
            "unresolvable": False,
            "reasons": [{"code": "NodeResourcesFit", "message": "Insufficient cpu", "text": "1 CPU short"}],
        }
        for name in ("atlas", "borg")
    },
    "prefilter": None,
    "would_work": {"fits_on": ["borg"], "largest": {}},
}
FITS = {**FULL, "fits": True, "nodes": {name: {"fits": True, "reasons": []} for name in ("atlas", "borg")}}


@pytest_asyncio.fixture(loop_scope="session")
async def form(own_hub, browse, fake_service):
    """`await form(name)`: this person before the form."""

    async def form(name, **how):
        page = await browse(own_hub, name, **how)
        await expect(page.locator("#moorage-status")).to_have_text(LIVE)
        return page

    fake_service.verdict, nodes = FITS, dict(fake_service.nodes)
    yield form
    for name in set(fake_service.nodes) - set(nodes):
        fake_service.remove(name)
    fake_service.verdict = None
    fake_service.mode = "ok"


@pytest.mark.parametrize("state", ["fits", "does-not", "refused", "disconnected", "policy", "preset", "only-presets"])
async def test_nothing_is_wrong_with_the_form_by_axe(form, fake_service, looked_at, state):
    if state == "does-not":
        fake_service.verdict = FULL
    page = await form(f"{state}-axe")
    if state == "does-not":
        await page.get_by_label("Node").select_option("atlas")
        await expect(page.locator("#moorage-verdict")).to_contain_text("Doesn't fit on atlas")
    elif state == "refused":
        await page.get_by_label("CPU").fill("1000")
        await page.get_by_role("button", name="Start", exact=True).click()
        await expect(page.locator(".spawn-error-msg")).to_contain_text("too much")
    elif state == "disconnected":
        fake_service.mode = "silent"
        fake_service.drop()
        await expect(page.locator("#moorage-status")).to_contain_text("may have changed")
    else:
        await expect(page.locator("#moorage-verdict")).to_contain_text("Fits")

    found = await looked_at(page, f"form-{state}")

    assert found == []
    if state == "disconnected":
        fake_service.mode = "ok"
        fake_service.drop()
        await expect(page.locator("#moorage-status")).to_have_text(LIVE)


async def test_nothing_is_wrong_with_the_pages_of_a_start_by_axe(form, own_hub, looked_at, cluster, load):
    for name in ("holder-axe", "waits-axe"):
        await own_hub.api("POST", f"/users/{name}")
        await own_hub.api("POST", f"/users/{name}/server", GPU)
        await load("moorage_test_rig").until(lambda name=name: load("moorage_test_pods").pod_of(cluster, name))
    page = await form("short-axe")

    await page.goto(f"{own_hub.url}/hub/logout")
    await page.goto(f"{own_hub.url}/hub/login?next=%2Fhub%2Fspawn-pending%2Fwaits-axe")
    await page.get_by_label("Username").fill("waits-axe")
    await page.locator("#login_submit").click()
    await expect(page.get_by_role("heading")).to_have_text("Waiting for room")
    found = await looked_at(page, "progress")
    await page.get_by_role("button", name="Stop").click()
    # JupyterHub's page about a server that stops looks again every 5 seconds.
    await expect(page.get_by_role("heading", level=1)).to_have_text("Server not running")
    found += await looked_at(page, "end")
    await page.goto(f"{own_hub.url}/hub/spawn/nobody/nothing")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    found += await looked_at(page, "error")

    assert found == []
    await own_hub.api("DELETE", "/users/holder-axe/server")


async def test_a_refusal_has_the_focus_and_describes_its_field(form):
    page = await form("refusal-focus")
    await page.get_by_label("CPU").fill("1000")
    await page.get_by_role("button", name="Start", exact=True).click()

    refusal, cpu = page.locator(".spawn-error-msg"), page.get_by_label("CPU")

    await expect(refusal).to_be_focused()
    await expect(cpu).to_have_attribute("aria-invalid", "true")
    await expect(cpu).to_have_accessible_description(re.compile("1000 CPU is too much"))


async def test_a_field_that_must_change_is_described_by_the_reason_while_it_is_typed(form):
    page = await form("typed-wrong")
    cpu = page.get_by_label("CPU")

    await cpu.fill("1000")

    await expect(cpu).to_have_attribute("aria-invalid", "true")
    await expect(cpu).to_have_accessible_description(re.compile("Change this: 1000 CPU is too much"))
    await cpu.fill("1")
    await expect(cpu).not_to_have_attribute("aria-invalid", "true")
    await expect(cpu).not_to_have_accessible_description(re.compile("too much"))


async def test_a_button_below_the_choice_is_not_made_anew_under_whoever_uses_it(form, fake_service, load):
    """As github.com/coder/coder/issues/25695 has it."""
    fake = load("moorage_test_fake_service")
    fake_service.verdict = FULL
    page = await form("kept-button")
    await page.get_by_label("Node").select_option("atlas")
    button = page.locator("#moorage-verdict").get_by_role("button", name="borg")
    await button.focus()
    held = await button.element_handle()
    reason = {"code": "NodeResourcesFit", "message": "Insufficient cpu", "text": "3 CPU short"}
    fake_service.verdict = {
        **FULL,
        "nodes": {name: {**each, "reasons": [reason]} for name, each in FULL["nodes"].items()},
    }

    fake_service.put(fake.node_json("borg", cpu=8, memory=32 << 30, cpu_free=2))

    await expect(page.locator("#moorage-verdict")).to_contain_text("3 CPU short")
    assert await held.evaluate("(one) => one === document.activeElement")
    fake_service.put(fake.node_json("borg", cpu=8, memory=32 << 30))


async def test_the_focus_stays_with_the_verdict_when_a_button_of_it_is_used(form, fake_service):
    fake_service.verdict = FULL
    page = await form("used-button")
    await page.get_by_label("Node").select_option("atlas")
    button = page.locator("#moorage-verdict").get_by_role("button", name="Automatic")
    await button.focus()
    fake_service.verdict = FITS

    await page.keyboard.press("Enter")

    await expect(page.locator("#moorage-verdict")).to_contain_text("Fits on")
    await expect(page.locator("#moorage-verdict")).to_be_focused()


async def settled(row):
    """Where a row stands, once it has stood there for ten frames: rows that come into view push others for a few."""
    return await row.evaluate(
        """async (row) => {
            for (let place, same = 0; same < 10; ) {
                const now = row.getBoundingClientRect().y;
                same = now === place ? same + 1 : 0;
                place = now;
                await new Promise(requestAnimationFrame);
            }
            return row.getBoundingClientRect().y;
        }"""
    )


async def test_the_place_in_the_list_stays_while_the_cluster_changes(form, fake_service, load):
    fake = load("moorage_test_fake_service")
    many = [fake.node_json(f"many-{number:02}", cpu=32, cpu_free=number / 2) for number in range(40)]
    fake_service.put(*many)
    page = await form("kept-place")
    rows = page.locator("#moorage-list").get_by_role("option")
    await expect(rows).to_have_count(46)
    await expect(page.locator("#moorage-verdict")).to_contain_text("Fits")
    await page.locator("#moorage-list").focus()
    for _ in range(20):
        await page.keyboard.press("ArrowDown")
    active = page.locator(f"#{await page.locator('#moorage-list').get_attribute('aria-activedescendant')}")
    name, place = await active.inner_text(), await settled(active)

    fake_service.put(*[{**node, "available": node["capacity"]} for node in many[:3]])
    fake_service.put(fake.node_json("new-one", cpu=64))

    await expect(rows).to_have_count(47)
    await expect(rows.filter(has_text="many-01")).to_contain_text("32 of 32 CPU")
    await expect(active).to_have_text(name, use_inner_text=True)
    # The browser puts the list back in its next frame.
    await page.wait_for_function(
        "([row, y]) => Math.abs(row.getBoundingClientRect().y - y) < row.offsetHeight / 2",
        arg=[await active.element_handle(), place],
    )
    await expect(page.locator("#moorage-list")).to_be_focused()


async def test_each_row_is_spoken_whole(form, fake_service, load):
    page = await form("spoken-rows")
    await expect(page.locator("#moorage-verdict")).to_contain_text("Fits")

    row = page.get_by_role("option", name=re.compile(r"^atlas fits 11\.5 of 16 CPU 54 of 64 GiB 1 of 1 GPU$"))

    await expect(row).to_be_visible()
    await expect(page.get_by_role("option", name=re.compile("^cordoned cordoned"))).to_be_disabled()


def gpu_node(fake, name, *, model, **more):
    labels = [{"key": "nvidia.com/gpu.product", "value": model}]
    kinds = [{"resource": "nvidia.com/gpu", "model": model, "labels": labels}]
    return fake.node_json(name, gpus={"nvidia.com/gpu": (1, 1)}, gpu_kinds=kinds, **more)


async def test_the_list_shows_what_is_asked_for(form, fake_service, load):
    fake = load("moorage_test_fake_service")
    more = [
        gpu_node(fake, "east", cpu=4, zone="eu-east", model="NVIDIA-A100-SXM4-80GB"),
        gpu_node(fake, "west", cpu=2, zone="eu-west", model="NVIDIA-A100-SXM4-40GB"),
    ]
    fake_service.put(*more)
    page = await form("asks-list")
    await expect(page.locator("#moorage-verdict")).to_contain_text("Fits")
    names = page.locator("#moorage-list .moorage-name")

    await page.locator("#moorage-search").fill("a100 80gb")
    await expect(names).to_have_text(["east"])
    await page.locator("#moorage-search").fill("")
    await page.get_by_label("Zone", exact=True).select_option("eu-west")
    await expect(names).to_have_text(["west"])
    await expect(page.locator("#moorage-list")).to_contain_text("zone eu-west")
    await page.get_by_label("Zone", exact=True).select_option("")
    await page.get_by_label("Model").select_option(label="A100 80 GB")
    await expect(names).to_have_text(["east"])
    await page.get_by_label("Model").select_option("")
    await page.get_by_label("Sort by").select_option("cpu")
    await expect(names.first).to_have_text("atlas")
    await page.get_by_label("Sort by").select_option("name")
    await expect(names.nth(1)).to_have_text("borg")
    fake_service.verdict = {
        **FITS,
        "nodes": {**FITS["nodes"], **dict.fromkeys(("east", "west"), FULL["nodes"]["atlas"])},
    }
    await page.get_by_label("CPU").fill("2")
    await expect(page.locator("#moorage-list li", has_text="east")).to_contain_text("1 CPU short")
    await page.get_by_label("Only what fits").check()
    await expect(names.filter(has_text="east")).to_have_count(0)
    await expect(names.filter(has_text="atlas")).to_have_count(1)


async def test_the_form_is_filled_in_and_sent_by_keyboard_alone(form, own_hub, cluster, load):
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    page = await form("keyboard")
    await expect(page.locator("#moorage-verdict")).to_contain_text("Fits")
    await page.get_by_label("Node").focus()
    seen = []

    for _ in range(30):
        where = await page.evaluate("document.activeElement.id || document.activeElement.textContent")
        seen.append(where)
        if where == "moorage-cpu":
            await page.keyboard.press("Control+a")
            await page.keyboard.type("2")
        elif where == "moorage-memory":
            await page.keyboard.press("Control+a")
            await page.keyboard.type("3 GiB")
        elif where == "moorage-search":
            await page.keyboard.type("borg")
        elif where == "moorage-list":
            await page.keyboard.press("ArrowDown")
            await page.keyboard.press("Enter")
        elif where == "Start":
            break
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")

    pod = await until(lambda: pods.pod_of(cluster, "keyboard"), what=own_hub.tail)
    assert pod["spec"]["nodeSelector"] == {"kubernetes.io/hostname": "borg"}
    assert pods.asked(pod)["limits"] == {"cpu": "2", "memory": "3Gi"}
    assert len(seen) < 15, seen
    await own_hub.api("DELETE", "/users/keyboard/server")


async def test_a_preset_is_chosen_and_started_by_keyboard_alone_where_there_is_nothing_else(
    form, own_hub, cluster, load
):
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    page = await form("only-keyboard")
    await expect(page.locator("#moorage-verdict")).to_contain_text("Fits")
    await page.get_by_label("Preset").focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#moorage-verdict")).to_contain_text("Fits on atlas")
    seen = []

    for _ in range(15):
        await page.keyboard.press("Tab")
        seen.append(await page.evaluate("document.activeElement.id || document.activeElement.textContent"))
        if seen[-1] == "Start":
            break
    await page.keyboard.press("Enter")

    # What the preset has decided is no stop on the way.
    assert not {"moorage-node", "moorage-cpu", "moorage-memory", "moorage-gpu"} & set(seen), seen
    assert len(seen) < 12, seen
    pod = await until(lambda: pods.pod_of(cluster, "only-keyboard"), what=own_hub.tail)
    assert pods.asked(pod)["limits"] == {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "1"}
    await own_hub.api("DELETE", "/users/only-keyboard/server")


LONG = "ip-10-0-123-45.eu-central-1.compute.internal.a-very-long-domain-of-a-university.example.org"


@pytest.mark.parametrize(("name", "width", "height"), [("320", 320, 720), ("zoom-400", 320, 256)])
async def test_nothing_sticks_out_at_320_pixels_nor_at_400_percent(form, fake_service, load, looked_at, name, width, height):  # fmt: skip
    fake = load("moorage_test_fake_service")
    fake_service.put(
        fake.node_json(
            LONG, hostname="long", zone="europe-west4-a-with-a-long-name", cards=[{"model": "NVIDIA " + "X" * 60}]
        )
    )
    page = await form(f"narrow-{name}", viewport={"width": width, "height": height})
    await page.get_by_text("Free right now").click()
    await page.get_by_label("Node").select_option(LONG)
    await expect(page.locator("#moorage-list .moorage-chosen")).to_contain_text(LONG)

    found = await looked_at(page, f"form-{name}")

    assert found == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    wide = "[...document.querySelectorAll('#moorage-list *')].filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline').length"
    assert await page.evaluate(wide) == 0


async def test_the_chosen_row_is_told_where_the_system_forces_its_colours(form):
    page = await form("forced", forced_colors="active")
    await page.get_by_label("Node").select_option("borg")
    chosen, other = (page.locator("#moorage-list li", has_text=name) for name in ("borg", "atlas"))
    await expect(chosen).to_have_attribute("aria-selected", "true")

    usual = await other.evaluate("(one) => getComputedStyle(one).borderInlineStartWidth")

    await expect(chosen).not_to_have_css("border-inline-start-width", usual)


async def test_amounts_read_rightly_where_the_page_runs_from_right_to_left(form, looked_at):
    page = await form("rightly")
    await page.evaluate("document.documentElement.dir = 'rtl'")
    places = """(one) => {
      const at = (word) => {
        const range = document.createRange();
        const start = one.textContent.indexOf(word);
        range.setStart(one.firstChild, start);
        range.setEnd(one.firstChild, start + word.length);
        return range.getBoundingClientRect().left;
      };
      return ["11.5", "of", "16", "CPU"].map(at);
    }"""

    found = await page.locator("#moorage-list li", has_text="atlas").locator(".moorage-bar bdi").first.evaluate(places)

    assert found == sorted(found)
    assert await looked_at(page, "form-rtl") == []
