"""The choice of a language, without any script."""

import re

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("path", ["/hub/spawn", "/hub/moorage/resize?user={name}&server="])
async def test_a_link_on_each_page_changes_its_language_and_leads_back(person, path):
    address = f"{person.hub.url}{path.format(name=person.name)}"
    async with person.http.get(address) as answer:
        page = await answer.text()
    (link,) = re.findall(r'<a [^>]*href="(/hub/moorage/language/de)"[^>]*>Deutsch</a>', page)

    async with person.http.get(f"{person.hub.url}{link}", headers={"Referer": address}) as answer:
        german = await answer.text()

    assert str(answer.url) == address
    assert 'lang="de"' in german
    # It is remembered, and the way back is there.
    async with person.http.get(address) as answer:
        assert ">English</a>" in await answer.text()


@pytest.mark.parametrize(
    "came",
    [None, "https://evil.example/", "https://evil.example//evil.example/hub/", "javascript:alert(1)", "//evil.example"],
)
async def test_it_leads_nowhere_else(person, came):
    headers = {"Referer": came} if came else {}
    address = f"{person.hub.url}/hub/moorage/language/xx"

    async with person.http.get(address, headers=headers, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, "/hub/")
        assert "moorage-language" not in answer.cookies
