"""Text under names, by which others tell how they do."""

from typing import ClassVar

from moorage.objects.base import Object


class ConfigMap(Object):
    KIND: ClassVar[str] = "ConfigMap"
    PLURAL: ClassVar[str] = "configmaps"
    data: dict[str, str | None] | None = None
