"""What a choice would create, before its start: the pod and the claim of its home, and whether the API server would
take them at all.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import kubespawner
from tornado import web

from moorage.hub.choice import rules
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.start import hope, manifest, waiting
from moorage.texts import t

if TYPE_CHECKING:
    from moorage.hub.choice.offered.offer import Choice, Offer

# The same options are not tried twice within this time: the form did so just before the start does.
_TRIED_SECONDS = 15.0
# For a page: how long an answer may take, and how long it holds.
_SAID_IN_TIME, _ACCEPTED_SECONDS, _REFUSED_SECONDS = 1.0, 20.0, 5.0


_QUOTA = "exceeded quota"
# From this release on KubeSpawner creates no claim that it has seen before.
_CREATES_ONCE = (7, 1)


@dataclass(frozen=True)
class Made:
    """What a start creates, as objects of the Kubernetes client. `claim` comes first and may be there already."""

    pod: Any
    claim: Any | None
    namespace: str


async def made_for(spawner: Any, user_options: Any) -> Made:
    """What a start with these options would create, by a spawner of its own that is thrown away. Raises `Refusal`."""
    scratch = spawner.stand_in()
    # As JupyterHub does before a start; the claim's name stays as it was.
    scratch.clear_state()
    scratch.user_options = user_options
    # A spawner and its pod take milliseconds each: each gets a turn of the loop.
    await asyncio.sleep(0)
    await scratch.apply_group_overrides()
    await scratch.take_profile(user_options)
    await scratch.choose(user_options)
    await scratch.load_user_options()
    await asyncio.sleep(0)
    claim = await _claim(scratch)
    pod = await scratch.get_pod_manifest()
    if scratch.modify_pod_hook:
        changed = scratch.modify_pod_hook(scratch, pod)
        pod = await changed if inspect.isawaitable(changed) else changed
    return Made(pod, claim, scratch.namespace)


async def _claim(scratch: Any) -> Any | None:
    """The claim that KubeSpawner would create before the pod. The spawner is given the name by which it finds the claim
    of a server that was last started before KubeSpawner 7, as KubeSpawner's own `_start` has it.
    """
    if not scratch.storage_pvc_ensure:
        return None
    seen = scratch._pvc_exists  # noqa: SLF001
    if not seen and _may_have_a_former_name(scratch):
        exists = scratch._check_pvc_exists  # noqa: SLF001
        former = scratch._expand_user_properties(scratch.pvc_name_template, slug_scheme="escape")  # noqa: SLF001
        if (
            former != scratch.pvc_name
            and not await exists(scratch.pvc_name, scratch.namespace)
            and await exists(former, scratch.namespace)
        ):
            scratch.pvc_name = former
    return None if seen and kubespawner.version_info >= _CREATES_ONCE else scratch.get_pvc_manifest()


def _may_have_a_former_name(scratch: Any) -> bool:
    upgraded = scratch._state_kubespawner_version == "unknown"  # noqa: SLF001
    return bool(upgraded and scratch.handle_legacy_names and scratch.remember_pvc_name)


async def _refusal(api: Any, made: Made, *, timeout: float) -> str | None:
    """What the API server says against the claim, or else against the pod."""
    asked = [manifest.refusal(api, made.pod, namespace=made.namespace, timeout=timeout)]
    if made.claim is not None:
        asked.insert(0, manifest.claim_refusal(api, made.claim, namespace=made.namespace, timeout=timeout))
    return next(filter(None, await asyncio.gather(*asked)), None)


class Trial:
    """What one spawner has tried last."""

    # How often servers of this hub have come, gone or been refused: each time a quota may have become another.
    changes = 0

    @staticmethod
    def forget() -> None:
        """What the API server has said before may be so no longer, of any spawner."""
        Trial.changes += 1

    def __init__(self) -> None:
        self._options: Any = None
        self._at = float("-inf")
        self._said: tuple[Any, float, str | None] = None, float("-inf"), None
        self._seen = 0

    async def of(
        self, spawner: Any, user_options: Any, *, choice: Choice | None = None, offer: Offer | None = None
    ) -> None:
        """Ask the API server whether it would take the pod and its claim, and where a start may wait, the service
        whether that can help, and whether the queue's quota can. Raises `Refusal` with the reason.
        """
        now = time.monotonic()
        asks = spawner.dry_run or spawner.wait_for_room
        if not asks or (self._options == user_options and now - self._at < _TRIED_SECONDS):
            return
        timeout = spawner.dry_run_timeout
        if choice is not None and choice.queue:
            queues = await spawner.service.queues(spawner.namespace, (choice.queue,))
            if (beyond := hope.beyond(queues[choice.queue], choice)) is not None:
                raise beyond
        words = hopeless = None
        try:
            async with asyncio.timeout(timeout + 1):
                made = await made_for(spawner, user_options)
                if spawner.dry_run:
                    words = await _refusal(spawner.api, made, timeout=timeout)
                if words and _QUOTA in words and waiting.unbound(spawner.stored_pod()):
                    words = None  # the pod that waits, and that this one comes in place of, counts in it
                if spawner.wait_for_room and not words:
                    hopeless = await hope.none_for(
                        spawner, made.pod, made.claim, namespace=made.namespace, timeout=timeout
                    )
        except (Refusal, web.HTTPError):
            raise
        except Exception:  # a hook that can't be run ahead of time, or too slow: the start itself will tell
            spawner.log.debug("No trial of the pod of %s", spawner._log_name, exc_info=True)  # noqa: SLF001
            return
        if words:
            self.forget()
            raise rejected(words, choice, offer)
        if hopeless:
            raise Refusal(hopeless)
        self._options, self._at = user_options, now

    async def said(self, spawner: Any, user_options: Any, made: Made) -> str | None:
        """What the API server says against these objects, or None. For a page, which asks again and again: an answer
        on the same options holds for a while, as long as no server of the hub comes or goes, and one that does not
        come in time counts as none.
        """
        options, until, words = self._said
        is_fresh = options == user_options and time.monotonic() < until and self._seen == Trial.changes
        if not spawner.dry_run or is_fresh:
            return words if spawner.dry_run else None
        self._seen = Trial.changes
        words = await _refusal(spawner.api, made, timeout=min(_SAID_IN_TIME, spawner.dry_run_timeout))
        self._said = user_options, time.monotonic() + (_REFUSED_SECONDS if words else _ACCEPTED_SECONDS), words
        return words


def rejected(words: str, choice: Choice | None, offer: Offer | None) -> Refusal:
    """The refusal for what the API server has said, in plain words where these are known."""
    rule = rules.broken(words, choice, offer) if choice is not None and offer is not None else None
    said = t("Kubernetes rejected this server: {said}", said=words)
    if rule is None:
        return Refusal(said)
    no = "wait" if rule.waits else "change" if rule.ways else "never"
    return Refusal(f"{rule.text} {said}", field=rule.field, ways=rule.ways, no=no)
