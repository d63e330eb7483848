"""What a server would be before anything is chosen: KubeSpawner's settings, JupyterHub's `group_overrides`, and the
profile of KubeSpawner that was picked.

The hub applies these only as a server starts. A form and a verdict come before that, so they look at a spawner of
their own, which is thrown away: the one of the person may be running with what was chosen last.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping
from typing import Any, Self

from kubespawner import KubeSpawner
from tornado import web

from moorage.hub import policy
from moorage.hub.choice import profiles
from moorage.hub.choice.fields import is_ours
from moorage.hub.choice.offered.offer import VERSION
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.view.facts import HOSTNAME
from moorage.texts import t

# The settings of KubeSpawner that a choice sets.
CHOSEN = (
    "cpu_limit",
    "cpu_guarantee",
    "mem_limit",
    "mem_guarantee",
    "extra_resource_limits",
    "extra_resource_guarantees",
    "node_selector",
    "image",
    "image_pull_policy",
)


class Configured(KubeSpawner):
    """A KubeSpawner that remembers what it is configured to give."""

    # A trait of JupyterHub's, which carries no type.
    user_options: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What settings were before the choice, and before the person's groups.
        self._before: dict[str, Any] = {}
        self._before_groups: dict[str, Any] = {}
        # By setting, the group that has set it; and why what the groups set can't be told, where that is so.
        self.whose: dict[str, str] = {}
        self.unreadable: policy.Unreadable | None = None
        # The settings that the profile sets, and the profile with its options; the first None while none is applied.
        self._setting: set[str] | None = None
        self.preset: frozenset[str] = frozenset()
        self.profile: dict[str, str] = {}
        self.note_configured()

    def note_configured(self) -> None:
        """What the settings hold now is what is configured."""
        self.configured = {name: getattr(self, name) for name in CHOSEN}

    def put_back(self) -> None:
        """As before the last choice."""
        for name, value in self._before.items():
            setattr(self, name, value)
        self._before = {}

    def _put_back_groups(self) -> None:
        """As before the person's groups changed anything."""
        self.put_back()
        for name, value in self._before_groups.items():
            setattr(self, name, value)
        self._before_groups, self.whose, self.unreadable = {}, {}, None

    def clear_state(self) -> None:
        # A start begins with it. A spawner is used again for the next one, and its person may have left a group.
        self._put_back_groups()
        super().clear_state()

    def note_before(self, names: Any) -> None:
        """Remember these settings for `put_back`, and let nobody change the administrator's own dictionaries."""
        self._note(names, self._before)

    def _note(self, names: Any, before: dict[str, Any]) -> None:
        for name in names:
            value = getattr(self, name)
            before.setdefault(name, value)
            if isinstance(value, dict | list):
                setattr(self, name, copy.deepcopy(value))

    async def apply_group_overrides(self) -> None:
        """JupyterHub's `group_overrides` and the groups' own properties. Where they fail, nothing is offered, which the
        choice then says: an error here would count as the hub's.
        """
        self._put_back_groups()
        try:
            for group, changes in await policy.overrides(self):
                self._note((name for name in changes if self.has_trait(name)), self._before_groups)
                self._apply_overrides(dict(changes))
                self.whose.update(dict.fromkeys(changes, group))
        except Exception as error:
            self._put_back_groups()
            self.unreadable = policy.unreadable(error, "group_overrides")
        self.note_configured()

    def bounding_selector(self) -> dict[str, Any]:
        """The node selector that holds whatever is chosen: a profile's node is only a preset of the field for it."""
        left = {HOSTNAME} & self.preset
        return {key: value for key, value in self.configured["node_selector"].items() if key not in left}

    async def take_profile(self, user_options: Any) -> None:
        """Apply the profile that these options mean; what it sets counts as configured. Options that are KubeSpawner's
        alone are left to KubeSpawner. Raises `Refusal`.
        """
        self.preset, self.profile = frozenset(), {}
        if not self.profile_list or (user_options and not is_ours(user_options)):
            return
        before = self.configured
        self.note_before(CHOSEN)
        self._setting = set()
        try:
            await self._load(profiles.selection(user_options))
        finally:
            setting, self._setting = self._setting, None
        self.note_configured()
        # Also by a former name of the setting.
        setting |= {name for name in CHOSEN if self.configured[name] != before[name]}
        if self.configured["node_selector"].get(HOSTNAME) not in (None, before["node_selector"].get(HOSTNAME)):
            setting.add(HOSTNAME)
        self.preset = frozenset(setting)

    async def load_profile_again(self) -> None:
        """Apply the profile of the saved options, whosever these are. Raises `Refusal`."""
        if self.profile_list:
            saved = self.user_options
            await self._load(profiles.selection(saved) if is_ours(saved) else saved)

    async def _load(self, chosen: Any) -> None:
        saved: Any = self.user_options
        self.user_options = chosen if isinstance(chosen, Mapping) else {}
        try:
            await super().load_user_options()
        except web.HTTPError:
            raise
        except Exception as error:
            self.log.warning("Profile options of %s can't be used: %r", self._log_name, error)
            raise Refusal(t("A profile or one of its options is not offered any more. Choose again.")) from None
        finally:
            self.user_options = saved

    async def profiles_form(self) -> str:
        """KubeSpawner's own form, where the administrator has profiles."""
        theirs = super()._options_form_default()
        return str(await theirs(self)) if callable(theirs) else str(theirs)

    def profile_of(self, formdata: Mapping[str, Any]) -> dict[str, Any]:
        """The profile and its options in a form, as KubeSpawner saves them."""
        if not self.profile_list:
            return {}
        theirs = {key: value for key, value in formdata.items() if key.startswith("profile")}
        return dict(self._options_from_form(theirs))

    def _load_profile(self, slug: Any, profile_list: list[Any]) -> None:
        self.profile = profiles.resolved(self._get_profile(slug, profile_list), self.user_options)
        super()._load_profile(slug, profile_list)

    def _apply_overrides(self, spawner_override: dict[str, Any]) -> None:
        """A profile's or a group's: never on the administrator's own dictionaries."""
        if self._setting is not None:
            self._setting.update(spawner_override)
            self.note_before(name for name in spawner_override if self.has_trait(name))
        # A callable is asked with each offer, and may be async.
        ours = {name for name in self.traits(offered=True) if callable(spawner_override.get(name))}
        for name in ours:
            setattr(self, name, spawner_override[name])
        super()._apply_overrides({name: value for name, value in spawner_override.items() if name not in ours})

    def _render_options_form(self, profile_list: Any) -> str:
        known = self._get_initialized_profile_list(profile_list)
        return str(super()._render_options_form(profiles.preselected(known, self.user_options)))

    async def standing(self, chosen: dict[str, Any] | None = None) -> Self:
        """A spawner as a start with this profile would find it before the choice; None is without any. Raises
        `Refusal`.
        """
        groups = self.group_overrides or self._before_groups or self.unreadable or policy.has_properties(self.user)
        if not groups and not self.profile_list:
            return self
        other = self.stand_in()
        await asyncio.sleep(0)
        await other.apply_group_overrides()
        if chosen is not None:
            await other.take_profile({"moorage": VERSION, "profiles": chosen})
        other.user_options = chosen or {}
        return other

    def stand_in(self) -> Self:
        """Another spawner for the same server, to be thrown away."""
        other: Self = self.user._new_spawner(self.name, type(self))  # noqa: SLF001
        return other
