"""Which nodes hold an image already, by what their kubelets report."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from moorage.images.image import Image, split_reference

# Kubelets report at most 50 images each (nodeStatusMaxImages), every few minutes: asking more often tells nothing new.
KEPT_SECONDS = 10.0
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
