"""Any registry that speaks the OCI distribution API: tags of named repositories, and what their images say.

Source: opencontainers/distribution-spec v1.1 and image-spec v1.1
"""

import asyncio
import logging
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

import msgspec

from moorage.images.drivers import required_by
from moorage.images.http import Registry, RegistryError, next_page
from moorage.images.image import Image, built_for
from moorage.images.labels import described

log = logging.getLogger(__name__)

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
ACCEPT = ", ".join(INDEXES + MANIFESTS)
MOST_PAGES = 100
# Each tag costs two requests; what was pushed in the meantime is found by its digest at the next refresh.
MOST_TAGS = 200


class _Facts(msgspec.Struct, frozen=True):
    digest: str | None = None
    size: int | None = None
    os: tuple[str, ...] = ()
    arch: tuple[str, ...] = ()
    labels: dict[str, Any] = {}
    cuda: str | None = None


class Oci:
    def __init__(
        self, registry: Registry, *, repositories: list[str], tags: str = "*", prefix: str | None = None
    ) -> None:
        self._registry = registry
        self._repositories = repositories
        self._tags = tags
        self._prefix = (prefix or registry.host).rstrip("/")
        self.name = registry.host
        self._left_out: set[str] = set()

    async def images(self) -> list[Image]:
        found = await asyncio.gather(*(self._repository(name) for name in self._repositories), return_exceptions=True)
        images: list[Image] = []
        failures = []
        for name, outcome in zip(self._repositories, found, strict=True):
            if isinstance(outcome, RegistryError):
                failures.append(outcome)
                self._leave_out(name, str(outcome))
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                images += outcome
        if failures and len(failures) == len(self._repositories):
            raise failures[0]
        return images

    async def close(self) -> None:
        await self._registry.close()

    async def _repository(self, repository: str) -> list[Image]:
        tags = [tag for tag in await self._all_tags(repository) if fnmatchcase(tag, self._tags)]
        tags.sort(reverse=True)
        images = await asyncio.gather(*(self._image(repository, tag) for tag in tags[:MOST_TAGS]))
        return [image for image in images if image is not None]

    async def _all_tags(self, repository: str) -> list[str]:
        url: str | None = f"/v2/{quote(repository)}/tags/list?n=1000"
        tags: list[str] = []
        for _ in range(MOST_PAGES):
            if url is None:
                break
            answer = await self._registry.get(url, scope=repository)
            found = answer.body.get("tags") if isinstance(answer.body, dict) else None
            tags += [tag for tag in found or [] if isinstance(tag, str)]
            url = next_page(answer.headers)
        return tags

    async def _image(self, repository: str, tag: str) -> Image | None:
        """A tag whose manifest can't be read is still a tag: it is offered with what is known."""
        facts = _Facts()
        try:
            facts = await self._facts(repository, tag)
        except RegistryError as exc:
            if exc.status == 404:
                return None
            self._leave_out(f"{repository}:{tag} (its description)", str(exc))
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            self._leave_out(f"{repository}:{tag} (its description)", f"{type(exc).__name__}: {exc}")
        title, description = described(facts.labels)
        return Image(
            name=f"{repository}:{tag}",
            display_name=f"{title or repository} ({tag})",
            description=description,
            reference=f"{self._prefix}/{repository}:{tag}",
            tag=tag,
            digest=facts.digest,
            size_bytes=facts.size,
            os=facts.os,
            arch=facts.arch,
            cuda=facts.cuda,
        )

    async def _facts(self, repository: str, tag: str) -> "_Facts":
        answer = await self._manifest(repository, tag)
        digest = answer.headers.get("docker-content-digest")
        manifest = answer.body
        platforms = None
        if manifest.get("manifests"):
            platforms = [child.get("platform") or {} for child in manifest["manifests"]]
            children = [m for m in manifest["manifests"] if _architecture(m) not in ("", "unknown")]
            children.sort(key=lambda m: _architecture(m) != "amd64")
            if not children:
                return _Facts(digest, labels=manifest.get("annotations") or {})
            manifest = (await self._manifest(repository, children[0]["digest"])).body
        size = sum(layer["size"] for layer in manifest["layers"])
        path = f"/v2/{quote(repository)}/blobs/{quote(manifest['config']['digest'], safe=':')}"
        config = (await self._registry.get(path, accept="*/*", scope=repository)).body
        settings = config.get("config") or {}
        labels = {**(settings.get("Labels") or {}), **(manifest.get("annotations") or {})}
        platforms = platforms if platforms is not None else [config]
        os, arch = built_for(platforms, "os"), built_for(platforms, "architecture")
        return _Facts(digest, size, os, arch, labels, required_by(settings.get("Env")))

    async def _manifest(self, repository: str, name: str) -> Any:
        path = f"/v2/{quote(repository)}/manifests/{quote(name, safe=':')}"
        return await self._registry.get(path, accept=ACCEPT, scope=repository)

    def _leave_out(self, what: str, reason: str) -> None:
        if what not in self._left_out:
            self._left_out.add(what)
            log.warning("image left out", extra={"registry": self.name, "image": what, "reason": reason[:200]})


def _architecture(child: dict[str, Any]) -> str:
    return str((child.get("platform") or {}).get("architecture") or "")
