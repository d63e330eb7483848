"""What a screen reader is told of a value that no longer fits, and what is left before anything is chosen."""

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Each text that comes into a live region, as a screen reader would say it.
LISTEN = """() => {
  window.heard = [];
  const live = "[aria-live]:not([aria-live=off]), [role=status], [role=alert]";
  new MutationObserver((changes) => {
    const places = new Set(changes.map(({ target }) => (target.closest ? target : target.parentElement)?.closest(live)).filter(Boolean));
    for (const place of places) window.heard.push(place.textContent);
  }).observe(document.body, { childList: true, characterData: true, subtree: true });
}"""


async def asked_again(page, fake_service, load, *, cpu_free):
    """The cluster changes, and the page has the answer to its next question."""
    fake = load("moorage_test_fake_service")
    async with page.expect_response("**/moorage/fit"):
        fake_service.put(fake.node_json("borg", cpu=8, memory=32 << 30, cpu_free=cpu_free))


async def test_a_value_that_no_longer_fits_is_marked_announced_once_and_never_changed(open_page, fake_service, load):
    page = await open_page()
    cpu, node, box = page.get_by_label("CPU"), page.get_by_label("Node"), page.locator("#moorage-verdict")
    await cpu.fill("16")
    await node.select_option("atlas")
    await expect(box).to_contain_text("Fits")
    await page.evaluate(LISTEN)

    await node.select_option("borg")
    await expect(box).to_contain_text("16 CPU is too much: borg has 8.")
    for free in (7, 6, 8):
        await asked_again(page, fake_service, load, cpu_free=free)

    heard = await page.evaluate("window.heard")
    assert len([text for text in heard if "16 CPU is too much" in text]) == 1
    await expect(cpu).to_have_value("16")
    await expect(cpu).to_have_attribute("aria-invalid", "true")
    await box.get_by_role("button", name="8 CPU").click()
    await expect(cpu).to_have_value("8")
    await expect(cpu).not_to_have_attribute("aria-invalid", "true")


def with_left(left):
    entry = {"name": "team", "resource": "limits.cpu", "left": left, "asked": 1000, "hard": 9000}
    return {"fits": True, "nodes": {}, "would_work": {}, "quota": [entry]}


async def test_what_is_left_stands_there_before_anything_is_chosen_and_follows_the_cluster(
    open_page, fake_service, load
):
    fake_service.verdict = with_left(6000)
    page = await open_page()
    left = page.locator("#moorage-left")
    await expect(left).to_have_text("Your team has 6 CPU left.")

    fake_service.verdict = with_left(2000)
    await asked_again(page, fake_service, load, cpu_free=8)

    await expect(left).to_have_text("Your team has 2 CPU left.")
    fake_service.verdict = with_left(1000)
    await page.get_by_label("CPU").fill("many")
    await expect(page.locator("#moorage-verdict")).to_contain_text("not a valid amount")
    await expect(left).to_have_text("Your team has 2 CPU left.")


async def test_a_quota_that_changes_without_a_word_from_any_node_is_looked_at_again(open_page, fake_service):
    fake_service.verdict = with_left(6000)
    page = await open_page()
    await expect(page.locator("#moorage-left")).to_have_text("Your team has 6 CPU left.")

    fake_service.verdict = with_left(3000)

    await expect(page.locator("#moorage-left")).to_have_text("Your team has 3 CPU left.", timeout=30_000)
