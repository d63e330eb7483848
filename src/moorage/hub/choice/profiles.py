"""KubeSpawner's profiles beside our fields: which one is meant, and which fields a profile fills.

Pure: lists of profiles are those that KubeSpawner has initialized, with a slug for each and one default.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from moorage.hub.choice.fields import FIELDS, is_ours

_UNLISTED = "--unlisted-choice"
# The field of the form that carries what the page showed.
SHOWN = "shown"


def selection(user_options: Any) -> dict[str, Any]:
    """The profile and its options as KubeSpawner saves them, from our options or from its own."""
    if is_ours(user_options):
        chosen = user_options.get("profiles")
        return dict(chosen) if isinstance(chosen, Mapping) else {}
    return dict(user_options) if isinstance(user_options, Mapping) and "profile" in user_options else {}


def beside(saved: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Our options with the profile's beside them."""
    return {**saved, "profiles": dict(chosen)} if chosen else dict(saved)


def resolved(profile: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, str]:
    """What these options of a profile come to, defaults filled in: equal for two ways to say the same."""
    found = {"profile": str(profile.get("slug"))}
    for name, option in (profile.get("profile_options") or {}).items():
        unlisted, choice = chosen.get(f"{name}{_UNLISTED}"), chosen.get(name)
        choices = option.get("choices") or {}
        if unlisted:
            found[f"{name}{_UNLISTED}"] = str(unlisted)
        else:
            found[name] = str(choice or next((key for key, each in choices.items() if each.get("default")), ""))
    return found


def preselected(profiles: Iterable[Mapping[str, Any]], chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The same profiles with these choices as the defaults, which every template selects."""
    copies = [dict(deepcopy(profile)) for profile in profiles]
    slug = chosen.get("profile")
    if slug not in [profile.get("slug") for profile in copies]:
        return copies
    for profile in copies:
        profile["default"] = profile.get("slug") == slug
        for name, option in (profile.get("profile_options") or {}).items() if profile["default"] else ():
            choices = option.get("choices") or {}
            if chosen.get(name) in choices:
                for key, choice in choices.items():
                    choice["default"] = key == chosen[name]
    return copies


def as_form(body: Mapping[str, Any]) -> dict[str, list[str]]:
    """What an open page asks about, as the form that it would post."""
    profile = body.get("profile")
    named = {**(profile if isinstance(profile, Mapping) else {}), **{name: body.get(name) for name in (*FIELDS, SHOWN)}}
    return {str(name): [str(value)] for name, value in named.items() if value is not None}


def shown(fields: Mapping[str, str], profile: Mapping[str, str]) -> str:
    """What a page shows, as the page sends it back."""
    return json.dumps({"fields": dict(fields), "profile": dict(profile)}, sort_keys=True)


def untouched(form: Mapping[str, Any], profile: Mapping[str, str]) -> set[str]:
    """The fields that still hold what the page showed where another profile was picked on it: they are that profile's.
    A form that does not say what it showed was filled in by hand.
    """
    said = _shown(form)
    fields = said.get("fields")
    if not isinstance(fields, dict) or said.get("profile") == dict(profile):
        return set()
    return {name for name in FIELDS if name in fields and form.get(name) == [fields[name]]}


def is_shown(form: Mapping[str, Any], profile: Mapping[str, str]) -> bool:
    """Whether the page shows the fields of this very profile."""
    return _shown(form).get("profile") == dict(profile)


def _shown(form: Mapping[str, Any]) -> Mapping[str, Any]:
    values = form.get(SHOWN)
    try:
        said = json.loads(values[0]) if isinstance(values, list) and values else None
    except (ValueError, TypeError, RecursionError):
        said = None
    return said if isinstance(said, dict) else {}
