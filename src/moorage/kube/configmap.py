"""One ConfigMap, followed by its name."""

import logging
from collections.abc import Callable
from typing import Any

from moorage.kube.client import Client
from moorage.kube.following.feed import Feed
from moorage.kube.following.pages import Page
from moorage.kube.following.sink import Health
from moorage.kube.resources import Resource
from moorage.objects import ConfigMap, Unreadable

log = logging.getLogger(__name__)

Take = Callable[[ConfigMap | None], None]


def feed_of(
    client: Client,
    *,
    namespace: str,
    name: str,
    take: Take,
    report: Callable[[Health], None] = lambda _: None,
    addon: bool = False,
) -> Feed:
    """A feed that calls `take` with the ConfigMap as it is from now on, or with None where there is none.

    `addon`: it may be missing, or nobody's to read, and then there is none.
    """
    resource = Resource(
        "configmaps", path_of(namespace), ConfigMap, selector=f"metadata.name={name}", addon=addon, page=1
    )
    return Feed(resource, client=client, sink=_One(take, report))


def path_of(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if name else "")


class _One:
    """Takes the one object that is listed and watched."""

    def __init__(self, take: Take, report: Callable[[Health], None]) -> None:
        self._take = take
        self._report = report
        self._listed: ConfigMap | None = None

    def begin(self, _resource: Resource) -> None:
        self._listed = None

    def page(self, _resource: Resource, page: Page) -> None:
        for item in page.objects:
            self._listed = item

    def end(self, _resource: Resource) -> None:
        self._take(self._listed)

    def put(self, _resource: Resource, item: Any) -> None:
        self._take(item)

    def put_unreadable(self, _resource: Resource, item: Unreadable) -> None:
        log.warning("a ConfigMap can't be read: %s", item, extra={"event": "configmap"})

    def drop(self, _resource: Resource, _item: Any) -> None:
        self._take(None)

    def report(self, _resource: Resource, health: Health) -> None:
        self._report(health)
