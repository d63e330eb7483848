"""A KubeSpawner whose start may wait for a node: `wait_for_room` seconds, which are no part of `start_timeout`.

JupyterHub and KubeSpawner each read `start_timeout` once: JupyterHub right after `start` has returned, and KubeSpawner
once it has made everything that a server needs. The first gets the time of waiting on top. Before the second comes
`after_pod_created_hook`, which KubeSpawner awaits; the waiting happens there.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyterhub.utils import exponential_backoff, maybe_future, utcnow

from moorage.hub import metrics
from moorage.hub.configured import Configured
from moorage.hub.running import culling
from moorage.hub.start import resume, waiting
from moorage.hub.start.heard import queueing

if TYPE_CHECKING:
    from datetime import datetime

# Beyond what each step may take by itself, so that none of them is cut short by JupyterHub.
_SPARE_SECONDS = 60


class Patient(Configured):
    """The waiting of a start, and going on with it in a hub that was restarted."""

    # Traits of ours and of JupyterHub's.
    wait_for_room: Any
    start_timeout: Any
    after_pod_created_hook: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pod_made = False
        self._own_timeout: int | None = None

    def start(self) -> Any:
        started = super().start()
        if self.wait_for_room:
            self._own_timeout = self.start_timeout
            self.start_timeout = 2 * self.start_timeout + math.ceil(self.wait_for_room) + _SPARE_SECONDS
        return started

    async def _start(self) -> Any:
        if self._own_timeout is not None:
            self.start_timeout, self._own_timeout = self._own_timeout, None
        self._pod_made = False
        return await super()._start()

    async def get_pod_manifest(self) -> Any:
        pod = await super().get_pod_manifest()
        if self.wait_for_room:
            pod.metadata.annotations = {**(pod.metadata.annotations or {}), waiting.NOTE: f"{self.wait_for_room:g}"}
        return pod

    async def _make_create_pod_request(self, pod: Any, request_timeout: float) -> bool:
        self._pod_made = bool(await super()._make_create_pod_request(pod, request_timeout))
        if self._pod_made and self.wait_for_room:
            self.note_before(["after_pod_created_hook"])
            self.after_pod_created_hook = partial(_first, self.after_pod_created_hook)
            # A hub that is restarted meanwhile finds the pod by it.
            self.orm_spawner.state = self.get_state()
            self.db.commit()
        return self._pod_made

    async def wait_for_its_room(self, *, seconds: float) -> None:
        """Return when the pod has a node. Raises `Hopeless`."""
        with waiting.taking_no_place(), metrics.WAITING.track_inprogress():
            has_waited = await waiting.for_room(
                self.stored_pod, seconds=seconds, gone=self.stopped_by_its_queue, ended=self.no_longer_allowed
            )
        if has_waited:
            self.note_wait(self.stored_pod())
            self.orm_spawner.state = self.get_state()
        # What culls servers by their age and their last activity must not count the time that this one has waited.
        now = utcnow(with_tz=False)
        self.user.last_activity = self.orm_spawner.last_activity = self.orm_spawner.started = now
        self.db.commit()

    async def no_longer_allowed(self) -> str | None:
        """Why this start may not wait on, in words; None while it may."""
        return None

    def note_wait(self, pod: Any) -> None:
        """Hear that this pod has waited and has a place now."""

    def stored_pod(self) -> Any:
        """The pod that this start has made, as the API server has it, or None. One of the same name may have been left
        behind by another start.
        """
        return self._pod_of_this_name() if self._pod_made else None

    def _pod_of_this_name(self) -> Any:
        reflector = self.pod_reflector
        return reflector.pods.get(f"{self.namespace}/{self.pod_name}") if reflector else None

    def stopped_by_its_queue(self, pod: Any = None) -> str | None:
        """Why Kueue has stopped this pod, or the last one of this server; None where it has not."""
        reflector = self.event_reflector
        events = (
            [each for each in reflector.events if each["involvedObject"]["name"] == self.pod_name] if reflector else []
        )
        return queueing.stopped(events, uid=pod["metadata"]["uid"] if pod else None)

    def pods_of_the_hub(self) -> list[Any]:
        """The pods of all servers that this hub follows."""
        return list(self.pod_reflector.pods.values()) if self.pod_reflector else []

    def culled_by(self, pod: str) -> datetime | None:
        """When the hub's culler has stopped the server of this pod (`namespace/name`) at the latest, if it does."""
        return culling.latest(self.pod_reflector.pods.get(pod)) if self.pod_reflector else None

    def waits_in_words(self) -> str | None:
        """What this server waits for, as HTML; None while it waits for no node, or not for longer than any start."""
        pod = self.stored_pod()
        if queueing.is_held_back(pod):
            return str(queueing.event(pod, None)["html_message"])
        return waiting.in_words(pod, self.pods_of_the_hub()) if waiting.allowance(pod) is not None else None

    # In a hub that was restarted

    async def get_url(self) -> Any:
        # JupyterHub asks as it looks through the servers that it has left behind, and next whether they answer.
        pod = self._pod_of_this_name()
        if self._check_pending and waiting.allowance(pod) is not None and not self.is_pod_running(pod):
            self._pod_made = True
            resume.go_on(self)
        return await super().get_url()

    def go_on(self) -> Any:
        """What is left of a start whose pod is there: its address once it runs."""
        return self._rest_of_start()

    async def _rest_of_start(self) -> Any:
        if self.events_enabled:
            await self._start_watching_events()
        if not waiting.bound(self.stored_pod()):
            await self.wait_for_its_room(seconds=waiting.left(self.stored_pod()))
        await exponential_backoff(
            lambda: self.is_pod_running(self.stored_pod()),
            f"pod {self.pod_name} did not start in {self.start_timeout} seconds!",
            timeout=self.start_timeout,
        )
        pod = self.stored_pod()
        self.pod_id = pod["metadata"]["uid"]
        return self._get_pod_url(pod)


async def _first(theirs: Any, spawner: Patient, pod: Any) -> None:
    """The administrator's own hook, if there is one, and then the waiting."""
    if theirs:
        await maybe_future(theirs(spawner, pod))
    await spawner.wait_for_its_room(seconds=spawner.wait_for_room)
