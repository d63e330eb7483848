"""A hub's release: its chart and the values that it was made with.

Helm keeps each revision in a Secret `sh.helm.release.v1.NAME.vN` of the type `helm.sh/release.v1`, whose `release` is
JSON in gzip in base64, and the Secret's own base64 around it. Where no Helm keeps it (Argo CD renders charts itself),
the chart's Secret for the hub has the same values in `values.yaml`.
Source: helm v3 pkg/storage/driver/util.go; zero-to-jupyterhub templates/hub/secret.yaml
"""

import base64
import binascii
import zlib
from dataclasses import dataclass, field
from typing import Any

import msgspec

from moorage.cli.doctor.reading import Json, at, mapping, rows, text
from moorage.errors import MoorageError

CHART = "jupyterhub"
OF_HELM = "helm.sh/release.v1"
_LARGEST = 64 << 20  # bytes of JSON; a Secret holds 1 MiB, which could unpack to a thousand times that
_GZIP = zlib.MAX_WBITS | 16


class NoRelease(MoorageError):
    """A Secret that is no release of Helm's; the message never has any of its content."""


@dataclass(frozen=True, slots=True)
class Release:
    """One revision. `values` are what the templates saw, `own` what the person gave."""

    name: str
    namespace: str
    chart: str
    chart_version: str
    app_version: str = ""
    revision: int | None = None
    status: str = ""
    values: Json = field(default_factory=dict)
    own: Json = field(default_factory=dict)
    within: str | None = None  # the chart that has the hub's chart as a part

    @property
    def where(self) -> str:
        return f"{self.name} in the namespace {self.namespace}"


def read_release(secret: Json) -> Release | None:
    """The hub's release in a Secret of Helm's; None for one of another chart. Raises `NoRelease`."""
    named = f"the Secret {text(secret, 'metadata.namespace')}/{text(secret, 'metadata.name')} is no release of Helm's"
    found = _unpacked(at(secret, "data.release"), named=named)
    chart = mapping(found, "chart")
    known = _part(chart)
    if known is None:
        return None
    part, version = known
    metadata, own, defaults = mapping(chart, "metadata"), mapping(found, "config"), mapping(chart, "values")
    if part:
        own, defaults = mapping(own, part), mapping(defaults, part)
    revision = found.get("version")
    return Release(
        name=text(found, "name"),
        namespace=text(found, "namespace") or text(secret, "metadata.namespace"),
        chart=CHART,
        chart_version=version,
        app_version="" if part else text(metadata, "appVersion"),
        revision=revision if isinstance(revision, int) else None,
        status=text(found, "info.status"),
        values=coalesced(defaults, own),
        own=own,
        within=text(metadata, "name") if part else None,
    )


def read_hub_secret(secret: Json) -> Release | None:
    """The values that the chart gives to its hub; None where the Secret has none."""
    import yaml

    try:
        packed = at(secret, "data")["values.yaml"]
        values = yaml.safe_load(base64.b64decode(packed, validate=True))
    except (TypeError, KeyError, ValueError, RecursionError, yaml.YAMLError):
        return None
    if not isinstance(values, dict):
        return None
    return Release(
        name=text(values, "Release.Name"),
        namespace=text(secret, "metadata.namespace"),
        chart=CHART,
        chart_version=text(values, "Chart.Version"),
        app_version=text(values, "Chart.AppVersion"),
        values=values,
        own=values,
    )


def coalesced(defaults: Json, own: Json) -> Json:
    """As Helm puts values together: maps by key, everything else replaced, null takes a default away."""
    made = dict(defaults)
    for key, value in own.items():
        below = made.get(key)
        if value is None:
            made.pop(key, None)
        elif isinstance(value, dict) and isinstance(below, dict):
            made[key] = coalesced(below, value)
        else:
            made[key] = value
    return made


def _unpacked(packed: Any, *, named: str) -> Json:
    if not isinstance(packed, str):
        raise NoRelease(f"{named}: it has no data.release")
    try:
        body = base64.b64decode(base64.b64decode(packed, validate=True), validate=True)
    except (binascii.Error, ValueError):
        raise NoRelease(f"{named}: its data is not base64 twice") from None
    if body[:2] == b"\x1f\x8b":
        try:
            unpacker = zlib.decompressobj(_GZIP)
            body = unpacker.decompress(body, _LARGEST)
        except zlib.error:
            raise NoRelease(f"{named}: its data is damaged gzip") from None
        if not unpacker.eof:
            raise NoRelease(f"{named}: its data is cut off or far too large")
    elif body[:1] != b"{":
        raise NoRelease(f"{named}: its data is not gzip")
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NoRelease(f"{named}: its data is not JSON") from None
    if not isinstance(found, dict):
        raise NoRelease(f"{named}: its JSON is no object")
    return found


def _part(chart: Json) -> tuple[str, str] | None:
    """(key of its values, version) of the hub's chart: no key where it is the chart itself, None where it is neither.

    Helm writes a part's alias over its name; only the lock, which has the parts in the same order, keeps the name.
    """
    if text(chart, "metadata.name") == CHART:
        return "", text(chart, "metadata.version")
    locked = rows(chart, "lock.dependencies")
    for number, part in enumerate(rows(chart, "metadata.dependencies")):
        lock = locked[number] if number < len(locked) else {}
        if CHART in (text(part, "name"), text(lock, "name")):
            return text(part, "alias") or text(part, "name"), text(lock, "version") or text(part, "version")
    return None
