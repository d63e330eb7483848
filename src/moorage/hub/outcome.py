"""A KubeSpawner whose start says how far it is, ends as soon as waiting is useless, and says why it has ended."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyterhub import orm
from jupyterhub.utils import url_escape_path, url_path_join
from kubernetes_asyncio.client.rest import ApiException

from moorage.hub import metrics
from moorage.hub.amounts import memory_words
from moorage.hub.choice.offered.offer import Choice, Offer
from moorage.hub.patient import Patient
from moorage.hub.start import lately, manifest, progress, steps, upheld, waiting
from moorage.hub.start.heard import ending, queueing
from moorage.hub.start.heard.growth import usual_seconds
from moorage.hub.start.heard.pulls import Pulls
from moorage.hub.start.heard.pulls import waiting as waits_for_image
from moorage.hub.start.refusals import refused, take_back
from moorage.hub.start.trial import Trial, rejected
from moorage.hub.state import Filled, hub_state
from moorage.texts import ENGLISH, again, speaking, t

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from tornado import web

# Of so many servers, the last active ones, a hub that was restarted looks up how long they have waited.
_MOST_SERVERS = 500


class Outcome(Patient):
    """The end of a start, however it comes about: a server, a refusal that counts as nothing, or a failure in words."""

    # The connection to the service.
    service: Any
    # What the hub has seen of images and of waits.
    pulls, waits = steps.Pulls(), lately.Lately()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._choice: Choice | None = None
        self._offer = Offer()
        self._was_refused = False
        # Whether the start ran out of time while it waited for a node.
        self._had_no_place = False
        # Its last waits for a place.
        self._waited: list[lately.Wait] = []
        # The form behind the start that is under way.
        self._posted: Filled | None = None
        self._hub_state = hub_state()

    async def _make_create_pod_request(self, pod: Any, request_timeout: float) -> bool:
        try:
            return await super()._make_create_pod_request(pod, request_timeout)
        except ApiException as error:
            raise self._in_words(error) from error
        finally:
            Trial.forget()

    async def _make_create_pvc_request(self, pvc: Any, request_timeout: float) -> bool:
        try:
            return bool(await super()._make_create_pvc_request(pvc, request_timeout))
        except ApiException as error:
            raise self._in_words(error) from error

    def _in_words(self, error: ApiException) -> Exception:
        words = manifest.words(error)
        return self._refused(rejected(words, self._choice, self._offer).message) if words else error

    def _refused(self, message: str) -> web.HTTPError:
        """The error of a refusal, which is no failure of the hub."""
        self._was_refused = self._start_pending
        metrics.STARTS.labels("refused").inc()
        return refused(message)

    def run_post_stop_hook(self) -> Any:
        # The last of what ends a start, and so the moment before it is counted.
        result = super().run_post_stop_hook()
        if sys.exc_info()[1] and self._posted and self._posted.is_fresh():
            # JupyterHub shows the form again for a start that fails as soon as it is posted: the default server's.
            self._hub_state.fill(self.user.name, self._posted)
        if self._had_no_place:
            metrics.STARTS.labels("no_place").inc()
            take_back(counted=True)
        elif self._was_refused:
            take_back()
        elif sys.exc_info()[1]:
            metrics.STARTS.labels("failed").inc()
        self._was_refused = self._had_no_place = False
        Trial.forget()
        return result

    async def _start(self) -> Any:
        started = await self._unless_hopeless(super()._start())
        metrics.STARTS.labels("placed").inc()
        self.watch_for_its_answer()
        self._hub_state.broken_images.forget(self.image)
        self.pulls.hear(self.events)
        return started

    def go_on(self) -> Any:
        return self._unless_hopeless(super().go_on())

    def watch_for_its_answer(self) -> None:
        """JupyterHub waits for the server's first answer next, and would wait on for one that has no memory left."""
        server = self.server
        if server is not None:
            wait_up = server.wait_up
            server.wait_up = lambda *how, **more: self._unless_hopeless(wait_up(*how, **more))

    async def _unless_hopeless(self, start: Awaitable[Any]) -> Any:
        """The start's own end, or sooner what makes further waiting useless, in words and as no failure of the hub."""
        pulls = Pulls() if self.end_hopeless_pulls else None

        def hopeless() -> tuple[str, str] | None:
            pod = self.stored_pod()
            ended = queueing.evicted(pod) or ending.out_of_memory(pod)
            return ended or (pulls.hopeless(pod, lambda: self.events) if pulls else None)

        try:
            return await ending.unless(start, hopeless)
        except ending.Hopeless as reason:
            words = reason.words
            if waits_for_image(self.stored_pod()):
                if self.image in words:
                    self._hub_state.broken_images.note(self.image, words)
                words = " ".join([again(words), t("Choose another image, or contact the hub's administrator.")])
            error = self._refused(words)
            ending.tell(error, words, reason.detail, form=self._form_url())
            raise error from None

    def stop_polling(self) -> None:
        # A start that fails is ended by JupyterHub while it handles the error, which it then shows. This comes first
        # then, and the pod is still there.
        super().stop_polling()
        error, pod = sys.exc_info()[1], self.stored_pod()
        ending.explain(error, self._last_words, form=self._form_url())
        # That others hold what it needs is nothing that has failed.
        self._had_no_place = isinstance(error, TimeoutError) and waiting.unbound(pod) and bool(waiting.verdict(pod))

    def _last_words(self) -> tuple[str, str]:
        words, detail = ending.last_words(self.stored_pod(), self.events)
        waits = waits_for_image(self.stored_pod())
        if waits is not None and waits[2] == self.image:
            with speaking(ENGLISH):  # it is kept for everybody
                said, _ = ending.last_words(self.stored_pod(), self.events)
            self._hub_state.broken_images.note(self.image, said)
        return words, detail

    def stopped_in_words(self) -> str | None:
        """Why Kueue has stopped the last server, where it has and none was started since."""
        return None if self.active else self.stopped_by_its_queue()

    def _form_url(self) -> str:
        return str(url_path_join(self.hub.base_url, "spawn", self.user.escaped_name, url_escape_path(self.name)))

    def step(self) -> steps.Step:
        """How far the start is."""
        return steps.step_of(self.stored_pod(), self.events)

    def pull(self) -> dict[str, Any]:
        """What is known of the image: its `size` in words and how many seconds it `usual`ly takes, or null."""
        known = self.pulls.of(self.image)
        listed = next((each for each in self.service.images or () if each.reference == self.image), None)
        size = memory_words(listed.size) if listed is not None and listed.size else None
        return {**known, "size": known["size"] or size}

    async def no_longer_allowed(self) -> str | None:
        try:
            standing: Any = self.stand_in()
            await standing.apply_group_overrides()
            await standing.take_profile(self.user_options)
            return upheld.refusal(self.stored_pod() or {}, await standing.offer())
        except Exception:  # what can't be told right now ends no wait
            self.log.debug("Whether %s may still be had can't be told", self._log_name, exc_info=True)
            return None

    def note_wait(self, pod: Any) -> None:
        if (wait := lately.wait_of(pod)) is not None:
            self._recall()
            self.waits.note(wait)
            self._waited = lately.kept([*self._waited, wait])

    def waited_lately(self) -> str:
        """How long others have waited for the same, as a sentence."""
        self._recall()
        return self.waits.words(self.stored_pod() or {})

    def _recall(self) -> None:
        newest = orm.Spawner.last_activity.desc()
        self.waits.recall(state for (state,) in self.db.query(orm.Spawner.state).order_by(newest).limit(_MOST_SERVERS))

    def get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state()
        return {**state, lately.KEY: self._waited} if self._waited else state

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self._waited = lately.kept(state.get(lately.KEY))

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        async for event in self._progress():
            now = self.step()
            image = {"image": {**self.pull(), "since": now.since}} if now.name == steps.IMAGE else {}
            yield {"step": now.name, **image, **event}

    async def _progress(self) -> AsyncIterator[dict[str, Any]]:
        machines: dict[str, Any] = {"all_events": lambda: self.events, "usual": partial(usual_seconds, self.service)}
        starts = lambda: self.pending == "spawn"  # noqa: E731
        if self._offer.queues or queueing.is_held_back(self.stored_pod()):
            async for event in queueing.told(self.stored_pod, self.service.waiting, starting=starts):
                yield event
        if self.wait_for_room or waiting.allowance(self.stored_pod()):
            told = waiting.told(self.stored_pod, self.pods_of_the_hub, starting=starts, **machines)
            async for event in told:
                yield event
        told = progress.told(super().progress(), pod=self.stored_pod, waiting=starts, **machines)
        async for event in told:
            yield event
