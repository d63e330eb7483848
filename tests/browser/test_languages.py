"""The pages in the language of who reads them."""

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_form_speaks_the_language_of_the_browser(open_page):
    page = await open_page(locale="de-DE")
    form = page.locator("#moorage")

    await expect(page.locator("#moorage-status")).to_have_text("Die Zahlen sind live.")
    await expect(form).to_have_attribute("lang", "de")
    await expect(form).to_have_attribute("dir", "ltr")
    await expect(page.get_by_label("Arbeitsspeicher")).to_be_visible()
    await expect(page.locator("#moorage-verdict")).to_contain_text("Passt gerade")
    await expect(page.locator("#moorage-list li").first).to_contain_text("von")


async def test_a_language_that_was_chosen_stays_and_the_choice_in_the_form_with_it(open_page):
    page = await open_page(locale="en-GB")
    await expect(page.locator("#moorage-status")).to_have_text("The numbers are live.")
    await page.get_by_label("CPU").fill("3")

    await page.get_by_role("button", name="Deutsch").click()

    await expect(page.locator("#moorage-status")).to_have_text("Die Zahlen sind live.")
    await expect(page.get_by_label("CPU")).to_have_value("3")
    await page.goto(page.url)
    await expect(page.get_by_label("Arbeitsspeicher")).to_be_visible()
    await page.get_by_role("button", name="English").click()
    await expect(page.get_by_label("Memory")).to_be_visible()


async def test_longer_words_do_not_widen_a_narrow_page(open_page):
    page = await open_page(locale="de-DE", viewport={"width": 320, "height": 900})
    await page.locator("[name=cpu]").fill("99")
    await expect(page.locator("#moorage-verdict")).to_contain_text("zu viel")
    await page.locator(".moorage-nodes > summary").click()
    await expect(page.get_by_label("Sortieren nach")).to_be_visible()

    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(wider) <= 0
