"""`GET /api/v1/images/jupyter` of a running service before a real registry."""

import asyncio
import contextlib

import httpx2
import pytest

from moorage.service.http.schemas import Image
from moorage.service.run import serving
from moorage.service.settings import Settings

IMAGES = "/api/v1/images/jupyter"


class Catalogue:
    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client

    async def until(self, check) -> httpx2.Response:
        async with asyncio.timeout(15):
            while True:
                answer = await self.client.get(IMAGES)
                assert answer.status_code == 200, answer.text
                if check(answer):
                    return answer
                await asyncio.sleep(0.02)


@pytest.fixture
async def catalogue(simulator):
    async with contextlib.AsyncExitStack() as stack:

        async def start(**settings) -> Catalogue:
            chosen = Settings(port=0, api_server=simulator.url, images_refresh_seconds=0.1, **settings)
            url, _ = await stack.enter_async_context(serving(chosen))
            return Catalogue(await stack.enter_async_context(httpx2.AsyncClient(base_url=url)))

        yield start


def of_harbor(harbor, tmp_path) -> dict:
    (tmp_path / "password").write_text("s3cret\n")
    return {
        "harbor_url": harbor.url,
        "harbor_project": "lab",
        "registry_username": "robot$lab+moorage",
        "registry_password_file": tmp_path / "password",
    }


async def test_a_project_of_harbor_is_listed_beside_what_is_configured(catalogue, harbor, tmp_path) -> None:
    listed = await catalogue(images=["quay.io/own:1"], **of_harbor(harbor, tmp_path))

    answer = await listed.until(lambda answer: len(answer.json()) == 254)

    assert answer.headers["moorage-images-source"] == "fresh"
    assert [image["name"] for image in answer.json() if image["default"]] == ["quay.io/own:1"]
    for image in answer.json():
        Image.model_validate(image)


async def test_while_harbor_is_away_its_last_list_is_shown_with_its_age(catalogue, harbor, tmp_path) -> None:
    listed = await catalogue(**of_harbor(harbor, tmp_path))
    await listed.until(lambda answer: len(answer.json()) == 253)

    harbor.down = 503
    kept = await listed.until(lambda answer: answer.headers["moorage-images-source"] == "kept")
    older = await listed.until(lambda answer: float(answer.headers["moorage-images-age-seconds"]) >= 0.5)
    harbor.down = None
    fresh = await listed.until(lambda answer: answer.headers["moorage-images-source"] == "fresh")

    assert len(kept.json()) == len(older.json()) == len(fresh.json()) == 253
    assert "503" in kept.headers["moorage-images-reason"]
    assert "moorage-images-reason" not in fresh.headers


async def test_a_registry_that_was_never_there_leaves_what_is_configured(catalogue) -> None:
    listed = await catalogue(images=["quay.io/own:1"], harbor_url="http://127.0.0.1:1", harbor_project="lab")

    answer = await listed.until(lambda answer: answer.headers["moorage-images-source"] == "unavailable")

    assert [image["reference"] for image in answer.json()] == ["quay.io/own:1"]


async def test_a_changed_password_is_taken_up(catalogue, harbor, tmp_path) -> None:
    settings = of_harbor(harbor, tmp_path)
    (tmp_path / "password").write_text("old")
    listed = await catalogue(**settings)
    refused = await listed.until(lambda answer: answer.headers["moorage-images-source"] == "unavailable")

    (tmp_path / "password").write_text("s3cret")

    await listed.until(lambda answer: answer.headers["moorage-images-source"] == "fresh")
    assert "log-in" in refused.headers["moorage-images-reason"]
