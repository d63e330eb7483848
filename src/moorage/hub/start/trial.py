"""The pod of a choice before its start: what it would be, and whether the API server would take it at all."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tornado import web

from moorage.hub.choice.options import Refusal
from moorage.hub.start import manifest

# The same options are not tried twice within this time: the form did so just before the start does.
_TRIED_SECONDS = 15.0


async def pod_for(spawner: Any, user_options: Any) -> tuple[Any, str]:
    """The pod that these options would make, and its namespace, on a spawner of its own that is thrown away.
    Raises `Refusal`.
    """
    scratch = spawner.stand_in()
    scratch.user_options = user_options
    # A spawner and its pod take milliseconds each: each gets a turn of the loop.
    await asyncio.sleep(0)
    await scratch.apply_group_overrides()
    scratch.choose(user_options)
    await scratch.load_user_options()
    await asyncio.sleep(0)
    pod = await scratch.get_pod_manifest()
    if scratch.modify_pod_hook:
        changed = scratch.modify_pod_hook(scratch, pod)
        pod = await changed if asyncio.iscoroutine(changed) else changed
    return pod, scratch.namespace


class Trial:
    """What one spawner has tried last."""

    def __init__(self) -> None:
        self._options: Any = None
        self._at = float("-inf")

    async def of(self, spawner: Any, user_options: Any) -> None:
        """Ask the API server whether it would take the pod. Raises `Refusal` with its own words."""
        now = time.monotonic()
        if not spawner.dry_run or (self._options == user_options and now - self._at < _TRIED_SECONDS):
            return
        timeout = spawner.dry_run_timeout
        try:
            async with asyncio.timeout(timeout + 1):
                pod, namespace = await pod_for(spawner, user_options)
                words = await manifest.refusal(spawner.api, pod, namespace=namespace, timeout=timeout)
        except (Refusal, web.HTTPError):
            raise
        except Exception:  # a hook that can't be run ahead of time, or too slow: the start itself will tell
            spawner.log.debug("No trial of the pod of %s", spawner._log_name, exc_info=True)  # noqa: SLF001
            return
        if words:
            raise Refusal(f"Kubernetes rejected this server: {words}")
        self._options, self._at = user_options, now
