"""Any OCI registry as the catalogue's source, with the token dance."""

import base64

import pytest
from aiohttp import web

from moorage.images.http import Registry, RegistryError
from moorage.images.oci import Oci

INDEX = "application/vnd.oci.image.index.v1+json"


class RegistryStub:
    def __init__(self) -> None:
        self.realm: str | None = None
        self.token = "t0ken"
        self.asked_for: list[str] = []
        self.blobs = {
            "cfg": {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Labels": {"org.opencontainers.image.title": "Lab"}},
            },
        }
        self.manifests = {
            "1": {"config": {"digest": "cfg"}, "layers": [{"size": 10}, {"size": 5}]},
            "2": {
                "manifests": [
                    {"digest": "1", "platform": {"architecture": "arm64", "os": "linux"}},
                    {"digest": "1", "platform": {"architecture": "amd64", "os": "windows"}},
                    {"digest": "x", "platform": {"architecture": "unknown", "os": "unknown"}},
                ]
            },
            "3": {"layers": "nonsense"},
        }
        self.tags = ["1", "2", "3", "gone"]
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/token", self._give)
        app.router.add_get("/v2/{name:.+}/tags/list", self._tags)
        app.router.add_get("/v2/{name:.+}/manifests/{ref}", self._manifest)
        app.router.add_get("/v2/{name:.+}/blobs/{digest}", self._blob)
        self.runner = web.AppRunner(app)

    async def start(self) -> str:
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        self.realm = f"{self.url}/token"
        return self.url

    @web.middleware
    async def _guard(self, request, handler):
        if request.path != "/token" and request.headers.get("Authorization") != f"Bearer {self.token}":
            scope = f"repository:{request.match_info.get('name')}:pull"
            challenge = f'Bearer realm="{self.realm}",service="stub",scope="{scope}"'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        return await handler(request)

    async def _give(self, request):
        self.asked_for.append(request.query["scope"])
        wanted = "Basic " + base64.b64encode(b"me:secret").decode()
        if request.headers.get("Authorization") != wanted:
            return web.Response(status=401)
        return web.json_response({"token": self.token})

    async def _tags(self, request):
        last = request.query.get("last")
        if last is None:
            link = f'<{request.path}?n=2&last=2>; rel="next"'
            return web.json_response({"tags": self.tags[:2]}, headers={"Link": link})
        return web.json_response({"tags": self.tags[2:]})

    async def _manifest(self, request):
        found = self.manifests.get(request.match_info["ref"])
        if found is None:
            return web.Response(status=404)
        headers = {"Docker-Content-Digest": f"sha256:{request.match_info['ref']}"}
        return web.json_response(found, headers=headers, content_type=INDEX)

    async def _blob(self, request):
        return web.json_response(self.blobs[request.match_info["digest"]], content_type="application/octet-stream")


@pytest.fixture
async def stub():
    made = RegistryStub()
    await made.start()
    yield made
    await made.runner.cleanup()


@pytest.fixture
async def source(stub):
    registry = Registry(stub.url, username="me", password=lambda: "secret", timeout=2)
    yield Oci(registry, repositories=["team/lab"])
    await registry.close()


async def test_tags_of_all_pages_are_described(stub, source) -> None:
    images = {image.tag: image for image in await source.images()}

    assert set(images) == {"1", "2", "3"}
    assert images["1"].reference == f"{stub.url.removeprefix('http://')}/team/lab:1"
    assert (images["1"].display_name, images["1"].size_bytes, images["1"].arch) == ("Lab (1)", 15, ("amd64",))
    assert images["1"].digest == "sha256:1"


async def test_an_index_names_its_architectures(source) -> None:
    images = {image.tag: image for image in await source.images()}

    assert images["2"].arch == ("amd64", "arm64")
    assert images["2"].digest == "sha256:2"


async def test_an_image_names_its_operating_systems(source) -> None:
    images = {image.tag: image for image in await source.images()}

    assert (images["1"].os, images["2"].os, images["3"].os) == (("linux",), ("linux", "windows"), ())


async def test_a_tag_that_cannot_be_described_is_still_offered(source) -> None:
    images = {image.tag: image for image in await source.images()}

    assert images["3"].size_bytes is None
    assert images["3"].display_name == "team/lab (3)"


async def test_a_token_is_fetched_for_the_repository(stub, source) -> None:
    await source.images()

    assert set(stub.asked_for) == {"repository:team/lab:pull"}


async def test_an_unsafe_place_never_gets_the_password(stub) -> None:
    registry = Registry(stub.url, username="me", password=lambda: "secret", timeout=2)
    registry.url = stub.url
    stub.realm = "ftp://elsewhere.example"

    with pytest.raises(RegistryError, match="no secure log-in address"):
        await Oci(registry, repositories=["team/lab"]).images()
    await registry.close()


async def test_an_endless_answer_is_cut(stub, source, monkeypatch) -> None:
    monkeypatch.setattr("moorage.images.http.LARGEST_ANSWER", 20)

    with pytest.raises(RegistryError, match="too large"):
        await source.images()
