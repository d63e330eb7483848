"""Which nodes hold an image already, by what their kubelets report."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from moorage.images.image import Image, split_reference

if TYPE_CHECKING:
    from moorage.scheduling.accounting.nodeinfo import NodeInfo

# Kubelets report at most 50 images each (nodeStatusMaxImages), every few minutes: asking more often tells nothing new.
KEPT_SECONDS = 10.0
MOST_REPORTED = 50
_MOST_ASKED = 8
_DOCKER_HUB = "docker.io"


class Presence:
    """Looked up at most once in a while, since it means going through every node's list."""

    def __init__(
        self, names_by_node: Callable[[], Mapping[str, Iterable[str]]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._names_by_node = names_by_node
        self._clock = clock
        self._made_at: float | None = None
        self._wanted: frozenset[str] = frozenset()
        self._found: dict[str, list[str]] = {}
        self._known = False

    def of(self, images: Sequence[Image]) -> Callable[[Image], list[str] | None]:
        """For each of these images its nodes, sorted; None where no node reports any image."""
        wanted = frozenset(key for image in images for key in keys(image))
        now = self._clock()
        if self._made_at is None or now - self._made_at > KEPT_SECONDS or wanted != self._wanted:
            self._made_at, self._wanted = now, wanted
            self._look(wanted)
        return self._answer

    def _look(self, wanted: frozenset[str]) -> None:
        self._found, self._known = {}, False
        for node, names in sorted(self._names_by_node().items()):
            for name in names:
                self._known = True
                key = full(name)
                if key in wanted:
                    self._found.setdefault(key, []).append(node)

    def _answer(self, image: Image) -> list[str] | None:
        if not self._known:
            return None
        return sorted({node for key in keys(image) for node in self._found.get(key, ())})


class Holding:
    """Whether nodes hold all images of a pod. What was found of a node stands while it reports the same list."""

    def __init__(self) -> None:
        self._asked: dict[frozenset[tuple[str, str | None]], dict[str, tuple[Any, bool | None]]] = {}

    def of(
        self, pod: Mapping[str, Any], images: Mapping[str, Image], *, nodes: Mapping[str, "NodeInfo"]
    ) -> dict[str, bool | None]:
        """By node; None where a kubelet reports none, or not all that it has. `images` are those known, by their full
        reference: a tag that has moved on in the registry is not held by who has what it was before.
        """
        wanted = frozenset((key, _digest(images.get(key))) for key in references(pod))
        if not wanted:
            return {}
        before = self._asked.pop(wanted, {})
        while len(self._asked) >= _MOST_ASKED:
            del self._asked[next(iter(self._asked))]
        same: dict[int, frozenset[str]] = {}  # what an image's names stand for; nodes share them
        now = {}
        for name, info in nodes.items():
            known = before.get(name)
            if known is None or known[0] is not info.images:
                known = info.images, _holds(info.images, wanted, same)
            now[name] = known
        self._asked[wanted] = now
        return {name: held for name, (_, held) in now.items()}


def _digest(image: Image | None) -> str | None:
    return image.digest if image is not None else None


def _holds(
    listed: tuple[tuple[str, ...], ...],
    wanted: frozenset[tuple[str, str | None]],
    same: dict[int, frozenset[str]],
) -> bool | None:
    if not listed:
        return None
    found: set[str] = set()
    for names in listed:
        held = same.get(id(names))
        if held is None:
            held = same[id(names)] = frozenset(key for key, digest in wanted if _is(names, key, digest))
        found |= held
    if len(found) == len(wanted):
        return True
    return None if len(listed) >= MOST_REPORTED else False


def _is(names: tuple[str, ...], key: str, digest: str | None) -> bool:
    """Whether this image of a node's is the one that a full reference names now."""
    own = {full(name) for name in names}
    digests = {name.partition("@")[2] for name in own if "@" in name}
    if digest is None or not digests:
        return key in own
    repository = split_reference(key)[0]
    return f"{repository}@{digest}" in own


def references(pod: Mapping[str, Any]) -> Iterable[str]:
    """The images of a pod, by their full references."""
    spec = pod.get("spec")
    for kind in ("initContainers", "containers"):
        listed = spec.get(kind) if isinstance(spec, dict) else None
        for container in listed if isinstance(listed, list) else ():
            image = container.get("image") if isinstance(container, dict) else None
            if isinstance(image, str) and image:
                yield full(image)


def size_of(pod: Mapping[str, Any], images: Mapping[str, Image]) -> int | None:
    """Bytes of all images of a pod as they are loaded; None where that is unknown of any."""
    sizes = [image.size_bytes if (image := images.get(key)) else None for key in set(references(pod))]
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


@lru_cache(maxsize=10_000)
def full(reference: str) -> str:
    """As container runtimes write it: with the registry's host, and Docker Hub's `library/`."""
    repository, tag, digest = split_reference(reference)
    first, slash, _ = repository.partition("/")
    if not slash:
        repository = f"{_DOCKER_HUB}/library/{repository}"
    elif "." not in first and ":" not in first and first != "localhost":
        repository = f"{_DOCKER_HUB}/{repository}"
    return f"{repository}@{digest}" if digest else f"{repository}:{tag or 'latest'}"


def keys(image: Image) -> set[str]:
    """The full references that mean this image: its own, and the one by digest."""
    found = {full(image.reference)}
    if image.digest:
        found.add(full(f"{split_reference(image.reference)[0]}@{image.digest}"))
    return found
