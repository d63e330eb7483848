"""Parts that every object has, and how structs are set up: camel case in JSON, no garbage collection of their own.

msgspec reads annotations when a struct is first decoded, so none of these modules defers them or hides an import.
"""

from typing import ClassVar

import msgspec
from msgspec import Raw

Amount = str | int | float | None
Amounts = dict[str, Amount]
EMPTY = Raw(b"")


class Part(msgspec.Struct, rename="camel", gc=False):
    """Part of an object."""


class Value(msgspec.Struct, rename="camel", gc=False, frozen=True):
    """Part of an object that is compared or kept in sets."""


class OwnerReference(Part):
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class ObjectMeta(Part):
    name: str = ""
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    generate_name: str | None = None
    labels: dict[str, str | None] | None = None
    annotations: dict[str, str | None] | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    owner_references: list[OwnerReference] | None = None


class Object(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """A kind that the API server stores."""

    KIND: ClassVar[str] = ""
    PLURAL: ClassVar[str] = ""
    metadata: ObjectMeta = msgspec.field(default_factory=ObjectMeta)
