"""The defaults of the form: from the settings, changed by an admin, kept in a file or a ConfigMap where one is set."""

import logging
import re
from pathlib import Path
from typing import Any

import msgspec

from moorage.cluster.answers.asks import plain
from moorage.errors import InvalidQuantity, MoorageError, quoted
from moorage.files import replace_file
from moorage.kube.kept import Kept, NotWritten
from moorage.quantity import Quantity
from moorage.service.http.inputs import FormDefaultsChange
from moorage.service.settings import Settings

log = logging.getLogger(__name__)

# RFC 1123 subdomain, as the API server checks a node's name.
_NODE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
KEY = "form-defaults.json"
_LOST = (
    "Changes are lost when the service restarts, and other replicas don't tell them, since neither "
    "MOORAGE_STATE_CONFIGMAP nor MOORAGE_STATE_FILE is set."
)
# Loose on purpose: the kubelet decides; this keeps out what can't be a reference at all.
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]*")


class RefusedDefault(MoorageError):
    """A value that the form could never offer."""


class NotKept(MoorageError):
    """A change can't be saved, and was not made."""


class Values(msgspec.Struct, frozen=True):
    default_node: str | None = None
    default_cpu: str | None = None
    default_memory: str | None = None
    default_gpu: int = 0
    default_image: str | None = None


class FormDefaults:
    """The values that hold now. `shared`: where all replicas keep them; it is the truth, so that all tell the same."""

    def __init__(self, settings: Settings, *, shared: Kept | None = None) -> None:
        self._file = settings.state_file
        self._shared = shared
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
        self._text: str | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why a change may not outlive this process, or not reach it, in a sentence each."""
        if self._shared is not None:
            return self._shared.troubles
        if self._file is None:
            return (_LOST,)
        return ()

    def current(self) -> Values:
        """As they are after the newest change by this or another replica, or by a person."""
        if self._shared is not None:
            return self._shared_values(self._shared.data.get(KEY))
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

    async def change(self, change: FormDefaultsChange) -> Values:
        """Raises `RefusedDefault` and `NotKept`; nothing was changed then."""
        given = change.model_dump(exclude_unset=True)
        values = checked(self.current(), given)
        if self._shared is not None:
            return await self._change_shared(self._shared, given)
        if self._file is not None:
            _write(self._file, _encoded(values))
        self._values = values
        return values

    async def _change_shared(self, shared: Kept, given: dict[str, Any]) -> Values:
        values = self._values

        def make(text: str | None) -> str:
            nonlocal values
            values = checked(self._shared_values(text), given)
            return _encoded(values).decode()

        try:
            await shared.change(KEY, make)
        except NotWritten as exc:
            log.warning("form defaults can't be written", extra={"configmap": shared.name, "reason": exc.message})
            raise NotKept(f"The new values can't be saved. {exc.message}", hint=exc.hint) from exc
        return values

    def _shared_values(self, text: str | None) -> Values:
        if text is None:
            self._text, self._values = None, self._configured
        elif text != self._text:
            self._text = text
            self._take(text.encode(), at=f"ConfigMap {self._shared.name}" if self._shared is not None else "")
        return self._values

    def _read(self, file: Path) -> None:
        try:
            data = file.read_bytes()
        except OSError as exc:
            _reject(str(file), exc)
        else:
            self._take(data, at=str(file))

    def _take(self, data: bytes, *, at: str) -> None:
        try:
            self._values = checked(self._configured, msgspec.json.decode(data, type=dict[str, Any]))
        except (msgspec.MsgspecError, MoorageError, UnicodeDecodeError) as exc:
            _reject(at, exc)


def _reject(at: str, reason: Exception) -> None:
    log.warning("form defaults rejected; the previous ones stay in force", extra={"file": at, "reason": str(reason)})


def _encoded(values: Values) -> bytes:
    return msgspec.json.format(msgspec.json.encode(values), indent=1) + b"\n"


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
