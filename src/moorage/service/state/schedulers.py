"""How schedulers are configured, read where they have it from: ConfigMaps that a setting names, or a file.

A configuration that can't be read leaves the former one in place; without one, the names of a setting decide. No right
is needed where no ConfigMap is named.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from moorage.errors import InvalidObject, MoorageError
from moorage.kube.client import Client
from moorage.kube.errors import NotFound
from moorage.scheduling.profiles import Profile, profiles

log = logging.getLogger(__name__)

# A scheduler reads its configuration when it starts, which takes longer.
EVERY = 10.0
WITHIN = 5.0
KEY = "config.yaml"

Tell = Callable[[dict[str, Profile]], None]


class Unusable(MoorageError):
    """A configuration that is none."""


class _ConfigMap(msgspec.Struct):
    data: dict[str, str] | None = None


class Schedulers:
    """Tells all profiles that are known, by name, whenever they are others. What stands first wins."""

    def __init__(
        self, client: Client, *, file: Path | None, configmaps: Sequence[str], tell: Tell, every: float = EVERY
    ) -> None:
        self._client = client
        self._file = file
        self._configmaps = tuple(configmaps)
        self._tell = tell
        self._every = every
        self._known: dict[str, tuple[Profile, ...]] = {}
        self._told: dict[str, Profile] = {}
        self._said: dict[str, str] = {}
        if file is not None:
            self._keep(str(file), _read(file.read_bytes, at=str(file)))

    async def run(self) -> None:
        """Look again and again, for ever."""
        while self._file is not None or self._configmaps:
            await self.look()
            await asyncio.sleep(self._every)
        await asyncio.Event().wait()

    async def look(self) -> None:
        """Read what is configured once. It never fails: what can't be read is logged once, and the former stands."""
        if self._file is not None:
            self._try(str(self._file), self._file.read_bytes)
        for name in self._configmaps:
            try:
                text = await self._text_of(name)
            except NotFound:
                self._known.pop(name, None)
                self._publish()
            except MoorageError as exc:
                self._say(name, str(exc))
            else:
                self._try(name, lambda text=text: text)  # type: ignore[misc]

    async def _text_of(self, name: str) -> bytes:
        namespace, _, rest = name.partition("/")
        found, _, key = rest.partition("/")
        body = await self._client.get(f"/api/v1/namespaces/{namespace}/configmaps/{found}", within=WITHIN)
        try:
            data = msgspec.json.decode(body, type=_ConfigMap).data or {}
        except msgspec.MsgspecError as exc:
            raise Unusable(f"the ConfigMap can't be read: {exc}") from exc
        if (key or KEY) not in data:
            raise Unusable(f"the ConfigMap has no {key or KEY}")
        return data[key or KEY].encode()

    def _try(self, name: str, read: Callable[[], bytes]) -> None:
        try:
            found = _read(read, at=name)
        except Unusable as exc:
            self._say(name, str(exc))
        else:
            self._said.pop(name, None)
            self._keep(name, found)

    def _keep(self, name: str, found: tuple[Profile, ...]) -> None:
        self._known[name] = found
        self._publish()

    def _publish(self) -> None:
        sources = [name for name in (str(self._file), *self._configmaps) if name in self._known]
        told = {profile.name: profile for name in reversed(sources) for profile in self._known[name]}
        if told != self._told:
            self._told = told
            self._tell(told)

    def _say(self, name: str, reason: str) -> None:
        if self._said.get(name) != reason:
            self._said[name] = reason
            log.warning("a scheduler's configuration can't be read", extra={"source": name, "reason": reason})


def _read(read: Callable[[], bytes], *, at: str) -> tuple[Profile, ...]:
    try:
        configuration: Any = yaml.safe_load(read())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise Unusable(f"the scheduler's configuration {at} can't be read: {type(exc).__name__}") from exc
    try:
        return profiles(configuration)
    except InvalidObject as exc:
        raise Unusable(
            f"the scheduler's configuration {at} can't be used: {exc.message}",
            hint="Give the KubeSchedulerConfiguration that kube-scheduler is started with (--config).",
        ) from exc
