"""The cluster as one object: start it, put things into it, misuse it, stop it.

In-process calls (`add`, `patch`, `delete`, `get`) act at once and need no connection; everything else goes over HTTP on
`url`.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

from moorage.simulator.api.apiserver import ApiServer
from moorage.simulator.api.authorization import Authorizer
from moorage.simulator.api.backend import Backend
from moorage.simulator.api.faults import Faults
from moorage.simulator.api.objects import Api
from moorage.simulator.controllers.hosts import Hosts
from moorage.simulator.controllers.kubelet import Kubelet
from moorage.simulator.controllers.queueing import Queueing
from moorage.simulator.controllers.scheduler import NAME as DEFAULT_SCHEDULER
from moorage.simulator.controllers.scheduler import Scheduler
from moorage.simulator.rules.patching import merge
from moorage.simulator.store.resources import Kind, kind_of, kind_of_object

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from types import TracebackType

Json = dict[str, Any]


class Simulator:
    """One simulated cluster; an asynchronous context manager."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        scheduler: bool = False,
        scheduler_names: Collection[str] = (DEFAULT_SCHEDULER,),
        kubelet: bool = False,
        queueing: bool = False,
        has_image: Callable[[str], bool] | None = None,
        folder: Path | None = None,
        processes: bool = True,
        prefix: str = "",
        bookmark_seconds: float = 60.0,
    ) -> None:
        """A cluster that isn't running yet.

        With `scheduler` pending pods that name one of `scheduler_names` are placed, with `kubelet` placed pods are run,
        as local processes unless `processes` is off. With `queueing` pods that name a queue wait for its quota, as in
        Kueue. `has_image` says which images can be had, `folder` keeps the homes
        of the pods beyond the simulator's end, and with `prefix` the API answers only under that path.
        """
        self.host = host
        self.port = 0
        self.api = Api()
        self.faults = Faults(self.api.storage.wake)
        self.authorizer = Authorizer()
        self.hosts = Hosts(self.api, has_image=has_image, folder=folder, processes=processes)
        self._prefix = prefix
        backend = Backend(
            self.api,
            faults=self.faults,
            authorizer=self.authorizer,
            logs=self.hosts,
            bookmark_seconds=bookmark_seconds,
            processes=processes,
        )
        self._server = ApiServer(backend, prefix=prefix)
        self._kubelet = Kubelet(self.api, self.hosts)
        self._with = (scheduler, kubelet, queueing)
        self.queueing = Queueing(self.api)
        self._scheduler_names = scheduler_names
        self._scheduler: Scheduler | None = None

    async def start(self, port: int = 0) -> Self:
        scheduler, kubelet, queueing = self._with
        self._scheduler = Scheduler(self.api, names=self._scheduler_names) if scheduler else None
        self.port = await self._server.start(self.host, port)
        if self._scheduler is not None:
            await self._scheduler.start()
        if kubelet:
            await self._kubelet.start()
        if queueing:
            await self.queueing.start()
        return self

    async def stop(self) -> None:
        """End every process of every pod and close the port."""
        if self._scheduler is not None:
            await self._scheduler.stop()
        await self.queueing.stop()
        await self._kubelet.stop()
        await self._server.stop()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}{self._prefix}"

    @property
    def revision(self) -> int:
        return self.api.storage.revision

    # Objects. A kind is written `pods`, `Pod` or `pod`.

    def add(self, *bodies: Json) -> None:
        """Create these objects, or replace those that exist; nothing is validated, so garbage can be tried as well."""
        for body in bodies:
            kind = kind_of_object(body)
            metadata = body.get("metadata") or {}
            namespace = metadata.get("namespace") or "default"
            name = metadata.get("name")
            if name and self.api.find(kind, namespace, name) is not None:
                self.replace(body)
            else:
                self.api.create(kind, None, body, trusted=True)

    def load(self, bodies: Iterable[Json]) -> list[str]:
        """Add the objects of a dump or a scenario, namespaces and nodes first; pods among them run without processes.

        The answer says in sentences what could not be added, and why.
        """
        skipped = []
        first = {"Namespace": 0, "Node": 1}
        for body in sorted(bodies, key=lambda body: first.get(str(body.get("kind")), 2)):
            metadata = body.get("metadata") if isinstance(body.get("metadata"), dict) else {}
            name = (metadata or {}).get("name")
            if not name:
                skipped.append(f"an object of kind {body.get('kind')} without a name was left out")
                continue
            try:
                self.add(body)
            except KeyError as error:
                skipped.append(f"{body.get('kind')} {name} was left out: {error.args[0]}")
                continue
            if body.get("kind") == "Pod" and (
                pod := self.get("pods", (metadata or {}).get("namespace") or "default", name)
            ):
                self.hosts.without_process.add(pod["metadata"]["uid"])
        return skipped

    def replace(self, body: Json) -> None:
        """Put this body, status and all, in the place of the object of that name."""
        metadata = body["metadata"]

        def change(current: Json) -> Json:
            new = deepcopy(body)
            new["metadata"] = {**new["metadata"], "resourceVersion": current["metadata"]["resourceVersion"]}
            new["metadata"]["uid"] = current["metadata"]["uid"]
            return new

        self.api.update(
            kind_of_object(body), metadata.get("namespace") or "default", metadata["name"], change, trusted=True
        )

    def patch(self, kind: str | Kind, namespace: str | None, name: str, patch: Json) -> Json:
        """A JSON merge patch on the whole object, status and deletionTimestamp included."""
        stored = self.api.update(kind_of(kind), namespace, name, lambda body: merge(body, patch), trusted=True)
        return deepcopy(stored.body)

    def delete(self, kind: str | Kind, namespace: str | None, name: str, *, grace_seconds: int = 0) -> None:
        self.api.delete(kind_of(kind), namespace, name, {"gracePeriodSeconds": grace_seconds})

    def get(self, kind: str | Kind, namespace: str | None, name: str) -> Json | None:
        found = self.api.find(kind_of(kind), namespace, name)
        return None if found is None else deepcopy(found)

    def list(self, kind: str | Kind, namespace: str | None = None) -> list[Json]:
        return deepcopy(self.api.all(kind_of(kind), namespace))

    def compact(self) -> int:
        """Forget all history: old continue tokens and watches from old revisions get 410."""
        return self.api.storage.compact()

    def kubeconfig(self, path: Path | str, *, token: str | None = None, namespace: str = "default") -> Path:
        """Write a kubeconfig with which any Kubernetes client finds this cluster."""
        place = Path(path)
        user = {"token": token} if token else {}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "simulator", "cluster": {"server": self.url}}],
            "users": [{"name": "simulator", "user": user}],
            "contexts": [
                {"name": "simulator", "context": {"cluster": "simulator", "user": "simulator", "namespace": namespace}}
            ],
            "current-context": "simulator",
        }
        place.touch(mode=0o600)
        place.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return place
