"""The defaults of the form: from the settings, changed by an admin, kept in a file where there is one."""

import logging
import re
from pathlib import Path
from typing import Any

import msgspec

from moorage.cluster.asks import plain
from moorage.errors import InvalidQuantity, MoorageError, quoted
from moorage.files import replace_file
from moorage.quantity import Quantity
from moorage.service.http.inputs import FormDefaultsChange
from moorage.service.settings import Settings

log = logging.getLogger(__name__)

# RFC 1123 subdomain, as the API server checks a node's name.
_NODE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
# Loose on purpose: the kubelet decides; this keeps out what can't be a reference at all.
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]*")


class RefusedDefault(MoorageError):
    """A value that the form could never offer."""


class NotKept(MoorageError):
    """The file can't be written."""


class Values(msgspec.Struct, frozen=True):
    default_node: str | None = None
    default_cpu: str | None = None
    default_memory: str | None = None
    default_gpu: int = 0
    default_image: str | None = None


class FormDefaults:
    def __init__(self, settings: Settings) -> None:
        self._file = settings.state_file
        self._configured = checked(
            Values(),
            {
                "default_node": settings.default_node,
                "default_cpu": settings.default_cpu,
                "default_memory": settings.default_memory,
                "default_gpu": settings.default_gpu,
                "default_image": settings.default_image,
            },
        )
        self._values = self._configured
        self._seen: tuple[int, int] | None = None
        self._refused: str | None = None

    @property
    def kept(self) -> bool:
        """Whether a change outlives this process."""
        return self._file is not None

    def current(self) -> Values:
        """Read again when another replica, or a person, has written the file."""
        if self._file is None:
            return self._values
        try:
            status = self._file.stat()
        except OSError:
            return self._values
        seen = status.st_mtime_ns, status.st_ino
        if seen != self._seen:
            self._seen = seen
            self._read(self._file)
        return self._values

    def change(self, change: FormDefaultsChange) -> Values:
        values = checked(self.current(), change.model_dump(exclude_unset=True))
        if self._file is not None:
            _write(self._file, msgspec.json.format(msgspec.json.encode(values), indent=1) + b"\n")
        self._values = values
        return values

    def _read(self, file: Path) -> None:
        try:
            stored = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
            self._values = checked(self._configured, stored)
        except (OSError, msgspec.MsgspecError, MoorageError, UnicodeDecodeError) as exc:
            log.warning(
                "form defaults rejected; the previous ones stay in force", extra={"file": str(file), "reason": str(exc)}
            )


def checked(values: Values, given: dict[str, Any]) -> Values:
    """These values with the given ones applied; raises `RefusedDefault` with a sentence that names the field."""
    fields = dict(given)
    if "default_node" in fields:
        fields["default_node"] = _node(fields["default_node"])
    for name in ("default_cpu", "default_memory"):
        if name in fields:
            fields[name] = _quantity(name, fields[name])
    if "default_gpu" in fields:
        fields["default_gpu"] = _count(fields["default_gpu"])
    if "default_image" in fields:
        fields["default_image"] = _image(fields["default_image"])
    known = {name: value for name, value in fields.items() if name in Values.__struct_fields__}
    return msgspec.structs.replace(values, **known)


def _node(value: Any) -> str | None:
    if value in (None, ""):
        return None
    if not isinstance(value, str) or len(value) > 253 or _NODE_NAME.fullmatch(value) is None:
        raise RefusedDefault(
            "default_node is not a valid node name",
            hint="Use a name from /api/v1/cluster/resources, or null for Automatic.",
        )
    return value


def _quantity(name: str, value: Any) -> str | None:
    if value in (None, ""):
        return None
    text = plain(value)
    try:
        quantity = Quantity.parse(text if isinstance(text, str) and len(text) <= 64 else "")
    except InvalidQuantity as exc:
        raise RefusedDefault(
            f"{name} {quoted(value)} is not a Kubernetes quantity",
            hint="Use an amount such as 2, 500m, 1.5Gi or 800M, or null for none.",
        ) from exc
    if quantity.nanos <= 0:
        raise RefusedDefault(f"{name} {quoted(value)} is not greater than 0", hint="Use null to offer no default.")
    return str(text)


def _count(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise RefusedDefault(
            f"default_gpu {quoted(value)} is not a whole number", hint="Use a whole number, 0 or more."
        )
    return value


def _image(value: Any) -> str | None:
    if value in (None, ""):
        return None
    if not isinstance(value, str) or len(value) > 1024 or _IMAGE.fullmatch(value) is None:
        raise RefusedDefault(
            "default_image is not an image reference", hint="Use a name or reference from /api/v1/images/jupyter."
        )
    return value


def _write(file: Path, data: bytes) -> None:
    try:
        replace_file(file, data)
    except OSError as exc:
        log.warning("form defaults can't be written", extra={"file": str(file), "reason": exc.strerror})
        raise NotKept(
            f"The new values can't be saved: {exc.strerror or type(exc).__name__}.",
            hint="Nothing was changed. Check MOORAGE_STATE_FILE and the permissions of its folder.",
        ) from exc
