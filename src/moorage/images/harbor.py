"""A project of a Harbor registry (API v2.0): every tag of every repository, with what its image says of itself.

Harbor keeps each image's configuration beside the artifact, so labels and architecture need no manifest. An index for
several architectures has none of its own: its first child speaks for it.
Source: goharbor/harbor v2.15 api/v2.0/swagger.yaml
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

from moorage.images.drivers import required_by
from moorage.images.http import Registry, RegistryError, next_page
from moorage.images.image import Image, built_for
from moorage.images.labels import described

log = logging.getLogger(__name__)

PAGE = 100  # the largest that Harbor gives
MOST_PAGES = 1000


class Harbor:
    def __init__(self, registry: Registry, *, project: str, tags: str = "*", prefix: str | None = None) -> None:
        self._registry = registry
        self._project = project
        self._tags = tags
        self._prefix = (prefix or registry.host).rstrip("/")
        self.name = f"{registry.host}/{project}"
        self._left_out: set[str] = set()
        self._last: dict[str, list[Image]] = {}
        self._children: dict[str, dict[str, Any]] = {}

    async def images(self) -> list[Image]:
        """Sorted by repository, newest push first.

        A repository that can't be read now keeps its last list, and an artifact that can't be understood is left out;
        the others stay.
        """
        repositories = [
            entry["name"].removeprefix(f"{self._project}/")
            async for entry in self._pages(f"/projects/{quote(self._project, safe='')}/repositories")
            if isinstance(entry, dict) and isinstance(entry.get("name"), str)
        ]
        found = await asyncio.gather(*(self._repository(name) for name in sorted(repositories)), return_exceptions=True)
        lists: dict[str, list[Image]] = {}
        failures = []
        for name, outcome in zip(sorted(repositories), found, strict=True):
            if isinstance(outcome, RegistryError):
                failures.append(outcome)
                self._leave_out(name, str(outcome))
                lists[name] = self._last.get(name, [])
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                lists[name] = outcome
        if failures and len(failures) == len(repositories):
            raise failures[0]  # not one repository could be read: that is an outage, and its reason is told
        self._last = lists
        return [image for found_images in lists.values() for image in found_images]

    async def close(self) -> None:
        await self._registry.close()

    async def _repository(self, repository: str) -> list[Image]:
        # Encoded twice: a slash would end the path segment at Harbor's own proxy.
        encoded = quote(quote(repository, safe=""), safe="")
        path = f"/projects/{quote(self._project, safe='')}/repositories/{encoded}/artifacts"
        images: list[Image] = []
        async for artifact in self._pages(path, query="&with_tag=true&with_label=false"):
            try:
                images += await self._artifact(repository, artifact, path=path)
            except (ValueError, TypeError, KeyError, AttributeError) as exc:
                digest = artifact.get("digest") if isinstance(artifact, dict) else None
                self._leave_out(f"{repository}@{digest}", f"{type(exc).__name__}: {exc}")
        return sorted(images, key=lambda image: (image.pushed_at or "", image.name), reverse=True)

    async def _artifact(self, repository: str, artifact: dict[str, Any], *, path: str) -> list[Image]:
        names = [tag for tag in artifact.get("tags") or [] if fnmatchcase(tag["name"], self._tags)]
        if not names or artifact.get("type", "IMAGE") != "IMAGE":
            return []
        digest = artifact["digest"]
        platforms = [_platform(one) for one in artifact.get("references") or ()] or [artifact.get("extra_attrs") or {}]
        extra, size = artifact.get("extra_attrs") or {}, artifact.get("size")
        if artifact.get("references"):
            child = await self._child(artifact, path=path)
            extra, size = child.get("extra_attrs") or {}, child.get("size")
        settings = extra.get("config") or {}
        labels = settings.get("Labels") or {}
        annotations = artifact.get("annotations") or {}
        title, description = described({**labels, **annotations})
        return [
            Image(
                name=f"{repository}:{tag['name']}",
                display_name=f"{title or repository} ({tag['name']})",
                description=description,
                reference=f"{self._prefix}/{self._project}/{repository}:{tag['name']}",
                tag=tag["name"],
                digest=_text(digest),
                size_bytes=size if isinstance(size, int) and size >= 0 else None,
                os=built_for(platforms, "os"),
                arch=built_for(platforms, "architecture"),
                pushed_at=_text(tag.get("push_time") or artifact.get("push_time")),
                cuda=required_by(settings.get("Env")),
            )
            for tag in names
        ]

    async def _child(self, index: dict[str, Any], *, path: str) -> dict[str, Any]:
        """The image of an index that speaks for it; an unreadable one leaves the rest of the facts standing."""
        references = [r for r in index["references"] if _platform(r).get("architecture") not in (None, "unknown")]
        references.sort(key=lambda r: _platform(r).get("architecture") != "amd64")
        if not references:
            return {}
        digest = references[0]["child_digest"]
        if digest not in self._children:  # a digest never changes what it names
            try:
                body = (await self._registry.get(f"/api/v2.0{path}/{quote(digest, safe='')}")).body
            except RegistryError as exc:
                log.debug("child of an index can't be read", extra={"reason": str(exc)})
                return {}
            child = body if isinstance(body, dict) else {}
            self._children[digest] = {name: child.get(name) for name in ("extra_attrs", "size")}
        return self._children[digest]

    async def _pages(self, path: str, *, query: str = "") -> AsyncIterator[Any]:
        url: str | None = f"/api/v2.0{path}?page=1&page_size={PAGE}{query}"
        seen = 0
        for page in range(1, MOST_PAGES + 1):
            if url is None:
                return
            answer = await self._registry.get(url)
            if not isinstance(answer.body, list):
                raise RegistryError("the registry's answer is not a list")
            for entry in answer.body:
                yield entry
            seen += len(answer.body)
            url = self._next(
                answer.headers, path=path, query=query, page=page, seen=seen, full=len(answer.body) == PAGE
            )

    def _next(self, headers: Any, *, path: str, query: str, page: int, seen: int, full: bool) -> str | None:
        """By `Link` where it is given, by `X-Total-Count` otherwise, and by a full page where neither is."""
        total = headers.get("x-total-count", "")
        if "link" in headers and (link := next_page(headers)) is not None:
            return link
        more = seen < int(total) if total.isdigit() else full
        if "link" in headers and not total.isdigit():
            more = False
        return f"/api/v2.0{path}?page={page + 1}&page_size={PAGE}{query}" if more and full else None

    def _leave_out(self, what: str, reason: str) -> None:
        """Said once for each, not at each refresh."""
        if what not in self._left_out:
            self._left_out.add(what)
            log.warning("image left out", extra={"registry": self.name, "image": what, "reason": reason[:200]})


def _platform(reference: dict[str, Any]) -> dict[str, Any]:
    return reference.get("platform") or {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
