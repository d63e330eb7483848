"""The chart's values as the hub reads them: environment, configuration, pull secrets, caps."""

import functools
import re
from typing import Any

from moorage.cli.doctor.reading import Json, at, mapping, rows, text
from moorage.cli.doctor.release import Release

_CLASSES = ("KubeSpawner", "Spawner", "MoorageSpawner")
_SPAWNER = re.compile(r"^[ \t]*c\.JupyterHub\.spawner_class[ \t]*=[ \t]*(.+?)[ \t]*(?:#.*)?$", re.MULTILINE)
_PLAIN = re.compile(r"""(["'])([^"'\n]*)\1""")


class Values:
    """Questions that several checks ask. Nothing here trusts the shape of a value."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.all: Json = release.values
        self.own: Json = release.own

    @functools.cached_property
    def extra_env(self) -> Json:
        """`hub.extraEnv` by name, whichever form it has: a text, or an object with `value` or `valueFrom`."""
        found = at(self.all, "hub.extraEnv")
        if isinstance(found, dict):
            return found
        return {text(row, "name"): row for row in rows(self.all, "hub.extraEnv")}

    @functools.cached_property
    def extra_config(self) -> dict[str, str]:
        """`hub.extraConfig` in the order in which the hub reads it."""
        found = mapping(self.all, "hub.extraConfig")
        return {key: str(found[key]) for key in sorted(found)}

    @functools.cached_property
    def spawner_classes(self) -> list[tuple[str, str]]:
        """(where, what) of each place that sets the spawner, in the order in which they are read; the last one wins."""
        told = [("hub.config", text(self.all, "hub.config.JupyterHub.spawner_class"))]
        for key, code in self.extra_config.items():
            told += [(f"hub.extraConfig.{key}", found[1]) for found in _SPAWNER.finditer(code)]
        return [(where, what) for where, what in told if what]

    @property
    def has_moorage(self) -> bool:
        """Whether moorage is the spawner."""
        return bool(self.spawner_classes) and is_moorage(self.spawner_classes[-1][1])

    @property
    def service_url(self) -> str | None:
        given = self.extra_env.get("MOORAGE_SERVICE_URL")
        told = self.option("service_url") or (given if isinstance(given, str) else text(given, "value"))
        return str(told) if told else None

    def option(self, name: str) -> Any:
        """What `hub.config` or the lines of `hub.extraConfig` set a spawner's option to; code that is no plain text,
        number or boolean comes back as it is written.
        """
        value = None
        for of in _CLASSES:
            found = at(self.all, f"hub.config.{of}.{name}")
            value = found if found is not None else value
        line = re.compile(rf"^[ \t]*c\.(?:{'|'.join(_CLASSES)})\.{name}[ \t]*=[ \t]*(.+?)[ \t]*$", re.MULTILINE)
        for code in self.extra_config.values():
            for found in line.finditer(code):
                plain = _PLAIN.match(found[1])
                value = plain[2] if plain else found[1]
        return value

    def lines_with(self, word: str) -> list[str]:
        """The keys of `hub.extraConfig` whose code sets an option of this name."""
        pattern = re.compile(rf"^[ \t]*c\.\w+\.{word}\b", re.MULTILINE)
        return [key for key, code in self.extra_config.items() if pattern.search(code)]

    @functools.cached_property
    def pull_secrets(self) -> tuple[str, ...]:
        """Names of the Secrets with which images are pulled, as the values name them."""
        told = []
        for path in ("imagePullSecrets", "hub.image.pullSecrets", "singleuser.image.pullSecrets"):
            found = at(self.all, path)
            named = found if isinstance(found, list) else []
            told += [one if isinstance(one, str) else text(one, "name") for one in named]
        return tuple(dict.fromkeys(name for name in told if name))


def is_moorage(spawner_class: str) -> bool:
    return "moorage" in spawner_class.lower()
