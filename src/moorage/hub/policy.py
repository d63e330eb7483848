"""Who may have what: options that are a value or a callable of the spawner, and what a person's groups make of them.

A callable may be plain or async, as KubeSpawner's own are; see `aside` for how plain ones are called. Whatever one does
(raise, hang, answer nonsense), the person whom it is about is offered nothing until it works again.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from traitlets import Bool, Callable, Float, Integer, TraitError, Unicode, Union

from moorage.errors import InvalidQuantity, MoorageError, quoted
from moorage.hub import amounts, aside, limits, presets, selector

SECONDS = 2.0
# The property of a group that holds options for its members.
PROPERTY = "moorage"
_LISTS = ("images", "gpu_resources")


class Unreadable(MoorageError):
    """What somebody may have can't be told; the message is for the administrator."""


def unreadable(error: Exception, name: str) -> Unreadable:
    if isinstance(error, Unreadable):
        return error
    made = Unreadable(f"{name} failed: {error!r}")
    made.__cause__ = error
    return made


class Number(Unicode[str, str | float]):
    """An amount as text; a number, as JSON and people write it, is its text."""

    def validate(self, obj: Any, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        return super().validate(obj, value)


def offered(trait: Any, help: str) -> Any:
    """An option that limits or offers: a value, or a callable of the spawner that answers with one."""
    single = isinstance(trait, Unicode | Integer | Float | Bool)
    more = {"default_value": trait.default_value} if single else {}
    return Union([trait, Callable()], help=help, **more).tag(config=True, offered=True)


# Those that are read only later: an option with a typing error must not become no limit.
_READ = {"nodes": selector.read, "user_limits": limits.read, "presets": presets.read}
CHECKED = (*_READ, *(f"{what}_{end}" for what in ("cpu", "memory") for end in ("min", "max", "step", "choices")))


def check(name: str, value: Any) -> None:
    """Raises `TraitError` for an option that can't be read."""
    read: Any = _READ.get(name) or _bounds
    if name in CHECKED:
        try:
            read(value) if name in _READ else read(name, value)
        except (InvalidQuantity, selector.InvalidSelector, presets.InvalidPreset) as error:
            raise TraitError(f"c.MoorageSpawner.{name}: {error.message}") from None


def _bounds(name: str, value: Any) -> None:
    read = amounts.read_cpu if name.startswith("cpu") else amounts.read_memory
    for amount in value if isinstance(value, list) else [value]:
        if amount != "":
            read(amount)


async def allowed(spawner: Any) -> SimpleNamespace:
    """The options as they are for this spawner's person, callables answered; `whose`, the group that has set an option;
    `by_person`, the options that are not the same for everybody; and the person's `groups`. Raises `Unreadable`.
    """
    values = {name: getattr(spawner, name) for name in spawner.traits(offered=True)}
    asked = [name for name, value in values.items() if callable(value)]
    answers = await asyncio.gather(*(_answer(spawner, name) for name in asked))
    # Of a function that looks for what somebody may have, an empty list is nothing, and not the usual list.
    answers = [() if answer == [] and name in _LISTS else answer for name, answer in zip(asked, answers, strict=True)]
    by_person = frozenset({*asked, *spawner.whose})
    return SimpleNamespace(
        **{**values, **dict(zip(asked, answers, strict=True))},
        whose=spawner.whose,
        by_person=by_person,
        groups=frozenset(group.name for group in spawner.user.groups),
    )


async def _answer(spawner: Any, name: str) -> Any:
    answer = await answered(getattr(spawner, name), spawner, name=name)
    return checked(spawner, name, answer)


def checked(spawner: Any, name: str, value: Any) -> Any:
    """The value, where this option may have it. Raises `Unreadable`."""
    try:
        plain = spawner.traits()[name].trait_types[0].validate(spawner, value)
        check(name, plain)
    except TraitError as error:
        text = str(error) if str(error).startswith("c.") else f"{name}: it can't be {quoted(value)}"
        raise Unreadable(text) from None
    return plain


async def answered(ask: Any, spawner: Any, *, name: str) -> Any:
    """What a callable of the spawner answers, in time. Raises `Unreadable`."""

    async def asking() -> Any:
        plain = not inspect.iscoroutinefunction(ask)
        answer = await aside.call(ask, spawner, name=name) if plain else ask(spawner)
        return await answer if inspect.isawaitable(answer) else answer

    return await in_time(asking(), name=name)


async def in_time(work: Any, *, name: str) -> Any:
    """What this coroutine comes to, in time. Raises `Unreadable`."""

    async def working() -> Any:
        try:
            return await work
        except (Exception, SystemExit) as error:  # SystemExit in a task would end the hub
            raise unreadable(RuntimeError(repr(error)) if isinstance(error, SystemExit) else error, name) from error

    task = asyncio.ensure_future(working())
    try:
        # Not `wait_for`, which waits for as long as the work refuses to be cancelled.
        done, _ = await asyncio.wait([task], timeout=SECONDS)
    finally:
        task.cancel()
    if not done:
        task.add_done_callback(_forget)
        raise Unreadable(f"{name} gave no answer within {SECONDS:g} seconds")
    return task.result()


def _forget(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()


async def overrides(spawner: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """What a person's groups change, in the order in which it is applied, each with the group: JupyterHub's
    `group_overrides` by their keys, then the groups' own properties by the groups' names. Raises `Unreadable`.
    """
    try:
        groups = {str(group.name): group.properties for group in spawner.user.groups}
    except Exception as error:
        raise Unreadable(f"the groups of {spawner.user.name} can't be read: {error!r}") from error
    configured = spawner.group_overrides
    if callable(configured):
        configured = await answered(configured, spawner, name="group_overrides")
    found: list[tuple[str, Mapping[str, Any]]] = []
    try:
        for key in sorted(configured or {}):
            names = sorted(groups.keys() & set(configured[key]["groups"]))
            if names:
                found.append((names[0], dict(configured[key]["spawner_override"])))
    except Exception as error:
        raise Unreadable(f"group_overrides can't be read: {error!r}") from error
    return found + [(name, ours) for name in sorted(groups) if (ours := _property(spawner, name, groups[name]))]


def has_properties(user: Any) -> bool:
    """Whether a group of this person may have options of ours."""
    try:
        return any(PROPERTY in (group.properties or {}) for group in user.groups)
    except Exception:  # whoever looks closer will tell
        return True


def _property(spawner: Any, group: str, properties: Any) -> dict[str, Any]:
    """What a group's property says, which an administrator may have typed as JSON text."""
    value = properties.get(PROPERTY) if isinstance(properties, Mapping) else None
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else {}
        except ValueError:
            raise Unreadable(f"the property “{PROPERTY}” of group {quoted(group)} is no JSON") from None
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Unreadable(f"the property “{PROPERTY}” of group {quoted(group)} is no object")
    known = spawner.traits(offered=True)
    for name in value:
        if name not in known:
            raise Unreadable(f"the property “{PROPERTY}” of group {quoted(group)} has no option {quoted(name)}")
    return {name: checked(spawner, name, each) for name, each in value.items()}
