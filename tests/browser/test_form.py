"""The spawn form as a person meets it."""

import asyncio
import re
import signal

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIVE = "The numbers are live."


async def choose(page):
    await page.get_by_label("Node").select_option("atlas")
    await page.get_by_label("CPU").fill("2")
    await page.get_by_label("Memory").fill("3Gi")
    await page.get_by_label("GPU").fill("1")
    await page.get_by_label("Image").select_option("minimal")
    await page.get_by_role("button", name="Start", exact=True).click()


async def test_a_choice_is_what_the_pod_asks_for(open_page, hub, cluster, load):
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    page = await open_page()

    await choose(page)

    pod = await until(lambda: pods.pod_of(cluster, page.person), what=hub.tail)
    assert pods.asked(pod) == pods.EXACTLY
    await page.wait_for_url(f"**/user/{page.person}/**", timeout=30000)


async def test_without_scripts_the_same_choice_gives_the_same_pod(open_page, hub, cluster, load):
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    page = await open_page(java_script_enabled=False)

    await choose(page)

    pod = await until(lambda: pods.pod_of(cluster, page.person), what=hub.tail)
    assert pods.asked(pod) == pods.EXACTLY


async def test_numbers_move_while_the_form_is_open(open_page, fake_service, load):
    fake = load("moorage_test_fake_service")
    page = await open_page()
    row = page.locator("#moorage-list li", has_text="borg")
    await expect(row).to_contain_text("8 of 8 CPU")

    fake_service.put(fake.node_json("borg", cpu=8, memory=32 << 30, cpu_free=1.25))

    await expect(row).to_contain_text("1.25 of 8 CPU")
    await expect(page.get_by_label("Node").locator("option[value=borg]")).to_have_text("borg (1.25 CPU, 32 GiB free)")
    fake_service.put(fake.node_json("borg", cpu=8, memory=32 << 30))


async def test_nodes_come_and_go_and_the_choice_stays(open_page, fake_service, load):
    fake = load("moorage_test_fake_service")
    page = await open_page()
    await expect(page.locator("#moorage-status")).to_have_text(LIVE)
    await page.get_by_label("Node").select_option("atlas")

    fake_service.put(fake.node_json("brand-new"))
    await expect(page.locator("#moorage-list li", has_text="brand-new")).to_be_visible()
    fake_service.remove("brand-new")
    await expect(page.locator("#moorage-list li", has_text="brand-new")).to_have_count(0)

    await expect(page.get_by_label("Node")).to_have_value("atlas")


async def test_a_node_that_can_not_run_the_chosen_image_is_closed_for_it(open_page, fake_service, load):
    fake = load("moorage_test_fake_service")
    fake_service.put(fake.node_json("win", os="windows", arch="amd64"))
    page = await open_page()
    row = page.locator("#moorage-list li", has_text="win")
    option = page.get_by_label("Node").locator("option[value=win]")
    await expect(option).to_contain_text("16 CPU")

    await page.get_by_label("Image").select_option("torch")

    await expect(row).to_contain_text("Runs Windows; the image is for Linux.")
    await expect(row).to_be_disabled()
    await expect(option).to_have_text("win (closed for this image)")
    await page.get_by_label("Image").select_option("minimal")
    await expect(row).to_be_enabled()
    fake_service.remove("win")


async def test_cards_of_two_makers_are_named_by_them(open_page, fake_service, load):
    fake = load("moorage_test_fake_service")
    fake_service.put(fake.node_json("both", gpus={"nvidia.com/gpu": (2, 1), "amd.com/gpu": (4, 4)}))
    page = await open_page()

    row = page.locator("#moorage-list li", has_text="both")

    await expect(row).to_contain_text("1 of 2 NVIDIA GPU")
    await expect(row).to_contain_text("4 of 4 AMD GPU")
    await expect(page.get_by_label("Node").locator("option[value=atlas]")).to_contain_text("NVIDIA GPU")
    fake_service.remove("both")


async def test_the_kind_of_gpu_never_changes_by_itself(open_page, fake_service, load):
    fake = load("moorage_test_fake_service")
    fake_service.put(fake.node_json("sliced", gpus={"nvidia.com/mig-1g.5gb": (7, 7)}))
    page = await open_page()
    row = page.locator("#moorage-list").get_by_role("option", name="sliced")
    await page.get_by_label("GPU").fill("1")
    await expect(page.locator("#moorage-verdict")).to_contain_text("Fits")

    await row.click()
    await expect(page.get_by_label("Node")).to_have_value("sliced")
    await row.click()

    await expect(page.get_by_label("Node")).to_have_value("")
    await expect(page.get_by_label("Kind")).to_have_value("nvidia.com/gpu")
    fake_service.remove("sliced")


async def test_a_link_of_another_site_fills_in_the_form_and_starts_nothing(open_page, hub, cluster, load):
    page = await open_page(path="/hub/home")
    target = f"{hub.url}/hub/spawn?node=atlas&gpu=1&cpu=11"
    await page.route(
        "http://other.example/",
        lambda route: route.fulfill(body=f'<a href="{target}">look</a>', content_type="text/html"),
    )
    await page.goto("http://other.example/")

    await page.get_by_role("link", name="look").click()

    await expect(page.get_by_text("Nothing has been started")).to_be_visible()
    await expect(page.get_by_label("CPU")).to_have_value("11")
    await expect(page.get_by_label("Node")).to_have_value("atlas")
    assert load("moorage_test_pods").pod_of(cluster, page.person) is None


async def test_a_chosen_node_that_closes_is_refused_and_never_exchanged(open_page, fake_service, hub, cluster, load):
    fake, pods = load("moorage_test_fake_service"), load("moorage_test_pods")
    page = await open_page()
    await expect(page.locator("#moorage-status")).to_have_text(LIVE)
    await page.get_by_label("Node").select_option("borg")

    fake_service.put(fake.node_json("borg", cpu=8, memory=32 << 30, cordoned=True, schedulable=False))
    await expect(page.get_by_label("Node").locator("option[value=borg]")).to_contain_text("cordoned")
    await page.get_by_role("button", name="Start", exact=True).click()

    await expect(page.locator(".spawn-error-msg")).to_contain_text("cordoned")
    await expect(page.get_by_label("Node")).to_have_value("borg")
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(page.locator(".spawn-error-msg")).to_contain_text("cordoned")
    assert pods.pod_of(cluster, page.person) is None
    fake_service.put(fake.node_json("borg", cpu=8, memory=32 << 30))


async def test_a_dead_service_is_told_and_forgotten_when_it_is_back(open_page, fake_service):
    page = await open_page()
    status = page.locator("#moorage-status")
    await expect(status).to_have_text(LIVE)

    await fake_service.stop()

    await expect(status).to_contain_text("may have changed")
    await fake_service.start()
    await expect(status).to_have_text(LIVE)


async def test_a_silent_service_is_told(open_page, fake_service):
    page = await open_page()
    status = page.locator("#moorage-status")
    await expect(status).to_have_text(LIVE)

    fake_service.mode = "silent"

    await expect(status).to_contain_text("may have changed")
    fake_service.mode = "ok"
    fake_service.drop()
    await expect(status).to_have_text(LIVE)


async def test_a_cluster_that_is_gone_is_told_in_the_services_words(open_page, fake_service):
    page = await open_page()
    status = page.locator("#moorage-status")
    await expect(status).to_have_text(LIVE)

    fake_service.status(stale=True, reason="the API server does not answer", since="2026-11-24T08:00:00Z")

    await expect(status).to_contain_text("the API server does not answer")
    fake_service.status(stale=False)
    await expect(status).to_have_text(LIVE)


async def test_a_hub_that_is_gone_is_told_and_found_again(open_page, hub):
    page = await open_page()
    status = page.locator("#moorage-status")
    await expect(status).to_have_text(LIVE)

    await hub.stop()

    await expect(status).to_contain_text("No connection to the hub")
    await hub.start()
    await expect(status).to_have_text(LIVE)


async def test_names_from_the_cluster_stay_text(open_page, fake_service, load):
    fake = load("moorage_test_fake_service")
    name = "<img src=x onerror=alert(1)>"
    fake_service.put(
        fake.node_json(name, cards=[{"model": "</script><script>alert(2)</script>", "memory_total": "1 MiB"}])
    )
    page = await open_page()
    row = page.locator("#moorage-list li", has_text=name)
    await expect(row).to_be_visible()
    await expect(row).to_contain_text("</script><script>alert(2)</script>")
    fake_service.status(stale=True, reason="<img src=x onerror=alert(3)>")

    await expect(page.locator("#moorage-status")).to_contain_text("<img src=x onerror=alert(3)>")

    assert await page.locator("#moorage img").count() == 0
    fake_service.status(stale=False)
    fake_service.remove(name)


NOT_ON_ATLAS = {"fits": False, "nodes": {"atlas": {"fits": False, "reasons": []}}, "prefilter": None, "would_work": {}}


def refusing(asked):
    node = asked["pod"]["spec"].get("nodeSelector", {}).get("kubernetes.io/hostname")
    cpu = asked["pod"]["spec"]["containers"][0]["resources"]["requests"]["cpu"]
    if node == "atlas" and cpu == "4":
        reason = {
            "code": "NodeResourcesFit",
            "message": "Insufficient cpu",
            "text": "1 CPU short (4 asked, 3 free)",
            "short_by": {"resource": "cpu", "asked": 4000, "free": 3000, "short_by": 1000},
        }
        return {
            "fits": False,
            "nodes": {"atlas": {"fits": False, "reasons": [reason]}},
            "prefilter": None,
            "would_work": {},
        }
    return {"fits": True, "nodes": {"borg": {"fits": True}}, "prefilter": None, "would_work": {"fits_on": ["borg"]}}


async def test_the_verdict_says_why_and_one_click_takes_what_would_work(open_page, fake_service):
    fake_service.verdict = refusing
    page = await open_page()
    verdict = page.locator("#moorage-verdict")
    await page.get_by_label("Node").select_option("atlas")
    await page.get_by_label("CPU").fill("8")
    await expect(verdict).to_contain_text("Doesn't fit on atlas right now. 1 CPU short (4 asked, 3 free).")

    await verdict.get_by_role("button", name="6 CPU").click()

    await expect(page.get_by_label("CPU")).to_have_value("6")
    await expect(verdict).to_contain_text("Fits on atlas right now.")


async def test_what_a_quota_leaves_is_told_with_a_button_before_anybody_presses_start(open_page, cluster):
    hard = {"limits.cpu": "6"}
    cluster.add(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "team", "namespace": "jupyter"},
            "spec": {"hard": hard},
            "status": {"hard": hard, "used": {"limits.cpu": "0"}},
        }
    )
    try:
        page = await open_page()
        verdict = page.locator("#moorage-verdict")
        await page.get_by_label("CPU").fill("8")
        await expect(verdict).to_contain_text(
            "Change this: The cluster would refuse this server. Your team has 6 CPU left."
        )
        await expect(page.get_by_label("CPU")).to_have_attribute("aria-invalid", "true")

        await verdict.get_by_role("button", name="6 CPU").click()

        await expect(page.get_by_label("CPU")).to_have_value("6")
        await expect(verdict).to_contain_text("✓ Fits")
        await expect(page.get_by_label("CPU")).not_to_have_attribute("aria-invalid", "true")
    finally:
        cluster.delete("resourcequotas", "jupyter", "team")


FULL = {
    "fits": False,
    "nodes": {"atlas": {"fits": False, "reasons": [], "unresolvable": False}},
    "prefilter": None,
    "would_work": {},
}


async def test_who_can_only_wait_has_a_button_for_it(open_page, fake_service, hub, cluster, load):
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    fake_service.verdict = FULL
    page = await open_page()
    await expect(page.locator("#moorage-verdict")).to_contain_text("Wait, somebody holds it:")

    await page.get_by_role("button", name="Start and wait").click()

    await until(lambda: pods.pod_of(cluster, page.person), what=hub.tail)


async def test_another_node_is_one_click_away(open_page, fake_service):
    fake_service.verdict = refusing
    page = await open_page()
    await page.get_by_label("Node").select_option("atlas")
    await page.get_by_label("CPU").fill("8")

    await page.locator("#moorage-verdict").get_by_role("button", name="borg").click()

    await expect(page.get_by_label("Node")).to_have_value("borg")


async def test_an_amount_is_taken_as_people_write_it_and_shown_as_it_is_understood(open_page, hub, cluster, load):
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    page = await open_page()
    verdict = page.locator("#moorage-verdict")

    await page.get_by_label("CPU").fill("1,5 cores")
    await page.get_by_label("Memory").fill("4 gb")

    await expect(page.locator("#moorage-cpu-help")).to_contain_text("Taken as 1.5.")
    await expect(page.locator("#moorage-memory-help")).to_contain_text("Taken as 4 GiB.")
    await page.get_by_label("CPU").fill("")
    await expect(verdict).to_contain_text("CPU is empty. Enter an amount, such as 1.")
    await expect(verdict).to_have_class("moorage-verdict moorage-no")
    await verdict.get_by_role("button", name="1 CPU").click()
    await expect(verdict).to_contain_text("Fits")
    await page.get_by_role("button", name="Start", exact=True).click()
    pod = await until(lambda: pods.pod_of(cluster, page.person), what=hub.tail)
    assert pods.asked(pod)["limits"] == {"cpu": "1", "memory": "4Gi"}


async def test_what_can_not_be_had_is_said_while_it_is_typed(open_page):
    page = await open_page()

    await page.get_by_label("Memory").fill("512m")

    await expect(page.locator("#moorage-verdict")).to_contain_text("write 512Mi")


async def test_the_list_is_one_tab_stop_and_arrow_keys_lead_through_its_rows(open_page):
    page = await open_page()
    await expect(page.locator("#moorage-verdict")).to_contain_text("Fits")
    nodes = page.get_by_role("listbox", name="Free right now")
    rows = nodes.get_by_role("option")
    await page.get_by_label("Only what fits").focus()

    await page.keyboard.press("Tab")
    await expect(nodes).to_be_focused()
    for key, place in (("ArrowDown", 0), ("ArrowDown", 1), ("End", -1), ("ArrowDown", -1), ("Home", 0), ("PageDown", None), ("PageUp", 0)):  # fmt: skip
        await page.keyboard.press(key)
        if place is not None:
            at = place % await rows.count()
            await expect(nodes).to_have_attribute("aria-activedescendant", await rows.nth(at).get_attribute("id"))
    name = await rows.nth(0).locator(".moorage-name").inner_text()
    await page.keyboard.press("Enter")

    await expect(page.get_by_label("Node")).to_have_value(name)
    await expect(rows.nth(0)).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Start", exact=True)).to_be_focused()


async def test_a_machine_that_may_come_is_a_row_that_can_be_chosen(open_page):
    page = await open_page()
    # The first verdict puts the rows into their order, also under whoever clicks.
    await expect(page.locator("#moorage-verdict")).to_contain_text("Fits")
    row = page.locator("#moorage-list li", has_text="New machine m5.large")

    await row.click()

    await expect(page.get_by_label("Node")).to_have_value("~pool-a/m5.large")
    await expect(row).to_contain_text("2 CPU")
    await expect(row).to_contain_text("can be added")


async def test_a_refused_form_comes_back_with_what_was_typed(open_page):
    page = await open_page()
    await page.get_by_label("CPU").fill("1000")
    await page.get_by_label("Memory").fill("5Gi")

    await page.get_by_role("button", name="Start", exact=True).click()

    await expect(page.locator(".spawn-error-msg")).to_contain_text("1000 CPU is too much")
    await expect(page.get_by_label("CPU")).to_have_value("1000")
    await expect(page.get_by_label("Memory")).to_have_value("5Gi")


async def test_every_field_has_a_name_and_every_button_too(open_page):
    page = await open_page()
    await expect(page.locator("#moorage-status")).to_have_text(LIVE)

    tree = await page.locator("#spawn_form").aria_snapshot()

    for line in tree.splitlines():
        for role in ("combobox", "textbox", "spinbutton", "button", "searchbox"):
            if line.strip().startswith(f"- {role}"):
                assert '"' in line, line


async def test_a_narrow_screen_needs_no_sideways_scrolling_and_shows_start(open_page):
    page = await open_page(viewport={"width": 360, "height": 780})
    await expect(page.locator("#moorage-status")).to_have_text(LIVE)

    width = await page.evaluate("document.documentElement.scrollWidth")

    assert width <= 360


async def test_the_form_works_under_a_strict_content_security_policy(open_page, hub):
    page = await open_page(path="/hub/home")
    seen = []

    async def strict(route):
        response = await route.fetch()
        headers = {
            **response.headers,
            "content-security-policy": "default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'",
        }
        await route.fulfill(response=response, headers=headers)

    await page.route("**/hub/spawn", strict)
    page.on("console", lambda message: seen.append(message.text) if "moorage" in message.text else None)
    await page.goto(f"{hub.url}/hub/spawn")

    await expect(page.locator("#moorage-status")).to_have_text(LIVE)
    await expect(page.locator("#moorage-verdict")).to_contain_text("Fits")
    assert seen == []


async def test_a_log_in_that_ends_is_told_with_a_link_by_the_next_question(open_page, hub):
    page = await open_page()
    await expect(page.locator("#moorage-status")).to_have_text(LIVE)
    await page.context.clear_cookies()

    await page.get_by_label("CPU").fill("3")

    status = page.locator("#moorage-status")
    await expect(status).to_have_text("You have been logged out. Log in again")
    await status.get_by_role("link", name="Log in again").click()
    await expect(page).to_have_url(re.compile(r"login\?next=%2Fhub%2Fspawn$"))
    await expect(page.get_by_label("Username")).to_be_visible()


async def test_a_log_in_that_ends_is_told_when_the_stream_is_refused(open_page, hub):
    page = await open_page()
    await expect(page.locator("#moorage-status")).to_have_text(LIVE)

    hub.process.send_signal(signal.SIGSTOP)
    await expect(page.locator("#moorage-status")).to_contain_text("No connection to the hub")
    await page.context.clear_cookies()
    hub.process.send_signal(signal.SIGCONT)

    await expect(page.locator("#moorage-status")).to_have_text("You have been logged out. Log in again")


IN_THE_LISTS_VIEW = """() => {
  const row = document.querySelector("#moorage-list .moorage-chosen")?.getBoundingClientRect();
  const list = document.getElementById("moorage-list").getBoundingClientRect();
  return row && row.top >= list.top && row.bottom <= list.bottom;
}"""


async def test_a_chosen_node_is_scrolled_into_view(open_page, fake_service, load):
    fake = load("moorage_test_fake_service")
    many = [fake.node_json(f"many-{number:03}") for number in range(150)]
    fake_service.put(*many)
    page = await open_page()
    await expect(page.locator("#moorage-status")).to_have_text(LIVE)
    await expect(page.locator("#moorage-list li", has_text="many-149")).to_have_count(0)

    for name in ("many-149", "atlas", "many-050"):
        await page.get_by_label("Node").select_option(name)

        await expect(page.locator("#moorage-list .moorage-chosen")).to_contain_text(name)
        await page.wait_for_function(IN_THE_LISTS_VIEW, timeout=5000)

    await page.get_by_label("CPU").fill("lots")
    await page.get_by_role("button", name="Start", exact=True).click()

    await expect(page.locator(".spawn-error-msg")).to_be_visible()
    await expect(page.locator("#moorage-list .moorage-chosen")).to_contain_text("many-050")
    await page.wait_for_function(IN_THE_LISTS_VIEW, timeout=5000)
    for node in many:
        fake_service.remove(node["name"])


async def test_the_own_server_on_a_card_is_named_in_the_list_and_below_the_choice(open_page, fake_service, hub, load):
    fake = load("moorage_test_fake_service")
    page = await open_page(path="/hub/home")
    await hub.api("POST", f"/users/{page.person}/servers/lab", {"moorage": 1, "node": "borg", "cpu": "1"})
    card = {"model": "Tesla T4", "state": "held", "state_text": "held"}
    mine = {**card, "holder": f"jupyter/jupyter-{page.person}--lab"}
    atlas = {"cpu": 16, "memory": 64 << 30, "gpus": {"nvidia.com/gpu": (2, 0)}}
    fake_service.put(fake.node_json("atlas", cards=[mine, {**card, "holder": "jupyter/secret"}], **atlas))
    fake_service.verdict = {
        **NOT_ON_ATLAS,
        "held_by": {"atlas": [{"resource": "nvidia.com/gpu", "amount": 1, "namespace": "jupyter", "pod": mine["holder"][8:]}]},
    }  # fmt: skip

    await page.goto(f"{hub.url}/hub/spawn/{page.person}/other")

    row = page.locator("#moorage-list li", has_text="atlas")
    await expect(row).to_contain_text("Tesla T4: held by your server “lab”")
    await page.get_by_label("Node").select_option("atlas")
    await expect(page.locator("#moorage-verdict")).to_contain_text("Held on atlas by your server “lab” (1 GPU).")
    assert "secret" not in await page.content()
    await hub.api("DELETE", f"/users/{page.person}/servers/lab", {"remove": True})
    fake_service.put(fake.node_json("atlas", cpu_free=11.5, memory_free=54 << 30, **atlas | {"gpus": {"nvidia.com/gpu": (1, 1)}}))  # fmt: skip


async def test_the_list_that_came_with_the_page_stays_until_there_is_a_newer_one(open_page):
    page = await open_page()
    await page.route("**/moorage/stream?*", lambda route: route.abort())

    await page.reload()

    await expect(page.locator("#moorage-verdict p").first).to_be_visible()
    await expect(page.locator("#moorage-list li", has_text="atlas")).to_be_visible()
    await expect(page.locator("#moorage-more")).to_have_text("")


@pytest.mark.parametrize("scripts", [True, False])
async def test_an_empty_cluster_is_told_as_such(open_page, fake_service, load, scripts):
    nodes = list(fake_service.nodes.values())
    for node in nodes:
        fake_service.remove(node["name"])
    machines, fake_service.machines = fake_service.machines, []

    page = await open_page(java_script_enabled=scripts)
    async with asyncio.timeout(20):  # the hub asks for machines now and then
        while await page.locator("option", has_text="New machine").count():
            await page.reload()

    await expect(page.locator("#moorage-more")).to_have_text("This cluster has no nodes.")
    fake_service.machines = machines
    fake_service.put(*nodes)
    if scripts:
        await expect(page.locator("#moorage-more")).to_have_text("")


async def test_a_choice_is_there_again_after_a_log_in(open_page, hub):
    page = await open_page()
    await page.get_by_label("CPU").fill("3")
    await page.get_by_label("Node").select_option("borg")
    await page.goto(f"{hub.url}/hub/logout")
    await page.goto(f"{hub.url}/hub/login?next=%2Fhub%2Fspawn")
    await page.get_by_label("Username").fill(page.person)

    await page.locator("#login_submit").click()

    await expect(page.get_by_label("CPU")).to_have_value("3")
    await expect(page.get_by_label("Node")).to_have_value("borg")
    await expect(page.get_by_text("Your unfinished choice is filled in again.")).to_be_visible()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_label("CPU")).to_have_value("1")
    await expect(page.get_by_label("Node")).to_have_value("")


async def test_the_way_back_leads_to_what_was_chosen(open_page, hub):
    page = await open_page()
    await page.get_by_label("CPU").fill("1000")
    await page.get_by_label("Image").select_option("torch")
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(page.locator(".spawn-error-msg")).to_be_visible()

    await page.go_back()

    await expect(page.get_by_label("CPU")).to_have_value("1000")
    await expect(page.get_by_label("Image")).to_have_value("torch")


async def test_a_link_fills_in_the_form_and_says_what_of_it_is_gone(open_page, hub):
    page = await open_page()
    await page.get_by_label("Node").select_option("borg")
    await page.get_by_label("CPU").fill("3")
    await page.evaluate("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
    await page.get_by_role("button", name="Copy link to this choice").click()
    await expect(page.get_by_text("The link is copied.")).to_be_visible()
    link = await page.evaluate("window.copied")
    assert link == f"{hub.url}/hub/spawn#node=borg&cpu=3&memory=2+GiB&gpu=0&image=minimal"

    other = await open_page()
    await other.goto(link.replace("borg", "%3Cimg+src%3Dx+onerror%3Dalert(1)%3E").replace("minimal", "gone-image"))

    await expect(other.get_by_label("CPU")).to_have_value("3")
    told = other.locator("#moorage-told")
    await expect(told).to_contain_text("Nothing has been started. Not offered any more: the node “<img src=x")
    await expect(told).to_contain_text("the image “gone-image”")
    await expect(other.get_by_label("Image")).to_have_value("gone-image")
    await expect(other.get_by_label("Image")).to_have_attribute("aria-invalid", "true")
    await other.locator("#moorage-verdict").get_by_role("button", name="Minimal").click()
    await expect(other.locator("#moorage-verdict")).to_contain_text("There is no node")
    await expect(other.get_by_label("Node")).to_have_attribute("aria-invalid", "true")
    assert "#" not in other.url
    assert await other.locator("#moorage img").count() == 0


async def test_the_last_choices_are_one_click_away_also_for_another_server(open_page, hub, cluster, load):
    until = load("moorage_test_rig").until
    page = await open_page()
    await choose(page)
    await page.wait_for_url(f"**/user/{page.person}/**", timeout=30000)
    await hub.api("DELETE", f"/users/{page.person}/server")
    await until(lambda: _stopped(hub, page.person))
    await page.goto(f"{hub.url}/hub/spawn")
    await expect(page.get_by_label("Memory")).to_have_value("3 GiB")

    await page.goto(f"{hub.url}/hub/spawn/{page.person}/second")
    await expect(page.get_by_label("Memory")).to_have_value("2 GiB")
    await page.get_by_role("button", name="atlas, 2 CPU, 3 GiB, 1 GPU, Minimal").click()

    await expect(page.get_by_label("Memory")).to_have_value("3 GiB")
    await expect(page.get_by_label("Node")).to_have_value("atlas")
    await expect(page.get_by_label("GPU")).to_have_value("1")
    await expect(page.locator("#moorage-recent")).to_be_hidden()


async def _stopped(hub, name):
    return not (await hub.api("GET", f"/users/{name}"))[1]["servers"]
