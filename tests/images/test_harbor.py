"""A Harbor registry as the catalogue's source."""

import pytest

from moorage.images.catalogue import Catalogue
from moorage.images.harbor import Harbor
from moorage.images.http import Registry, RegistryError


@pytest.fixture
async def make(harbor):
    made = []

    def one(*, user: str = "robot$lab+moorage", password: str = "s3cret", url: str | None = None, **options):
        registry = Registry(url or harbor.url, username=user, password=lambda: password, timeout=2)
        made.append(registry)
        return Harbor(registry, project="lab", **options)

    yield one
    for registry in made:
        await registry.close()


async def by_name(source):
    return {image.name: image for image in await source.images()}


async def test_every_tag_of_every_repository_is_found(harbor, make) -> None:
    images = await by_name(make())

    assert len([name for name in images if name.startswith("datascience:")]) == 250
    assert set(images) - {f"datascience:v{n:03}" for n in range(250)} == {
        "deep/learning:cuda12",
        "mixed:good",
        "mixed:bare",
    }


async def test_an_image_tells_of_itself(harbor, make) -> None:
    image = (await by_name(make()))["datascience:v003"]

    host = harbor.url.removeprefix("http://")
    assert image.reference == f"{host}/lab/datascience:v003"
    assert image.display_name == "Data science (v003)"
    assert image.description == "Python, with everything"
    assert (image.tag, image.size_bytes) == ("v003", 1003)
    assert (image.os, image.arch) == (("linux",), ("amd64",))
    assert image.digest == f"sha256:{3:064x}"
    assert image.pushed_at == "2026-11-04T10:00:00.000Z"


async def test_an_index_is_described_by_its_child(harbor, make) -> None:
    image = (await by_name(make()))["deep/learning:cuda12"]

    assert image.arch == ("amd64", "arm64")
    assert image.display_name == "Data science (cuda12)"
    assert image.size_bytes == 1007
    assert image.digest == "sha256:" + "e" * 64


async def test_an_index_whose_child_is_gone_is_still_offered(harbor, make) -> None:
    harbor.children.clear()

    image = (await by_name(make()))["deep/learning:cuda12"]

    assert image.arch == ("amd64", "arm64")
    assert image.description is None


async def test_broken_entries_hide_no_others(harbor, make, caplog) -> None:
    harbor.listed = [None, {"name": None}, {"nome": "x"}, 5]

    images = await by_name(make())

    assert "mixed:good" in images
    assert images["mixed:bare"].size_bytes is None
    assert len(images) == 253
    assert "image left out" in caplog.messages


async def test_a_repository_that_fails_keeps_its_last_list(harbor, make) -> None:
    source = make()
    await source.images()
    harbor.broken.add("datascience")

    images = await by_name(source)

    assert len(images) == 253


async def test_a_child_is_asked_for_once(harbor, make) -> None:
    source = make()
    await source.images()
    await source.images()

    assert len([path for path in harbor.requests if "sha256" in path]) == 1


@pytest.mark.parametrize(("links", "totals"), [(True, False), (False, True), (False, False)])
async def test_pages_are_found_by_link_or_by_count(harbor, make, links, totals) -> None:
    harbor.links, harbor.totals = links, totals

    assert len(await make().images()) == 253


async def test_few_requests_are_under_way_at_once(harbor, make) -> None:
    for number in range(30):
        harbor.repositories[f"more-{number}"] = []

    await make().images()

    assert harbor.most_at_once <= 4


async def test_tags_can_be_chosen(harbor, make) -> None:
    images = await by_name(make(tags="v00*", prefix="registry.example.org/mirror/"))

    assert len(images) == 10
    assert images["datascience:v001"].reference == "registry.example.org/mirror/lab/datascience:v001"


async def test_a_refused_log_in_is_told_without_the_password(harbor, make) -> None:
    with pytest.raises(RegistryError, match="rejected the log-in") as caught:
        await make(password="wr0ng").images()

    assert "wr0ng" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://127.0.0.1:1/path/"])
async def test_a_registry_that_is_not_there_is_told_in_a_sentence(make, url) -> None:
    with pytest.raises(RegistryError, match="can't be reached"):
        await make(url=url).images()


async def test_while_the_registry_is_down_the_last_list_stays(harbor, make) -> None:
    now = [0.0]
    source = make()
    catalogue = Catalogue([], sources=[source], refresh_seconds=60, clock=lambda: now[0])
    assert (catalogue.listing.state, catalogue.age_seconds()) == ("loading", None)
    await catalogue.refresh(source)
    assert (catalogue.listing.state, len(catalogue.listing.images)) == ("fresh", 253)

    harbor.down, now[0] = 503, 90.0
    await catalogue.refresh(source)

    assert (catalogue.listing.state, len(catalogue.listing.images)) == ("kept", 253)
    assert catalogue.age_seconds() == 90
    assert "503" in catalogue.listing.reason

    harbor.down, now[0] = None, 120.0
    await catalogue.refresh(source)

    assert (catalogue.listing.state, catalogue.listing.reason, catalogue.age_seconds()) == ("fresh", None, 0)
