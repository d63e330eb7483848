"""What a container's process gets: its command and its environment, resolved from the pod and the objects that it
refers to.

There are no images here. A command that this machine has not got is looked up in a short table of what notebook images
start, and Python is always the one that runs the simulator. There are no network namespaces either: a command that
listens on every address is given the pod's own instead.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from moorage.errors import MoorageError
from moorage.quantity import Quantity
from moorage.simulator.store.resources import BY_PLURAL

if TYPE_CHECKING:
    from moorage.simulator.store.reading import Reader

Json = dict[str, Any]

_SINGLE_USER = [sys.executable, "-m", "jupyterhub.singleuser"]
COMMANDS = {
    "jupyterhub-singleuser": _SINGLE_USER,
    "start-singleuser.py": _SINGLE_USER,
    "start-singleuser.sh": _SINGLE_USER,
    "start-notebook.py": _SINGLE_USER,
    "start-notebook.sh": _SINGLE_USER,
    "python": [sys.executable],
    "python3": [sys.executable],
}
_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")
_ANY_ADDRESS = "0.0.0.0"  # noqa: S104 # what a pod may bind, and what a process here may not
_EVERYWHERE = (_ANY_ADDRESS, "::", "[::]", "")


class BadEnvironment(MoorageError):
    """The kubelet's CreateContainerConfigError."""


class NoCommand(MoorageError):
    """The container runtime has nothing to execute."""


def expand(text: str, env: Json) -> str:
    """`$(NAME)` by its value, as in commands, arguments and values of the environment."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return str(env[found[1]]) if found[1] in env else found[0]

    return _REFERENCE.sub(value, text)


def environment(objects: Reader, pod: Json, container: Json) -> dict[str, str]:
    """Raises `BadEnvironment` where a secret or config map is missing."""
    namespace = pod["metadata"]["namespace"]
    env: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        prefix = source.get("prefix") or ""
        for field, plural in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
            if field in source:
                env |= {prefix + k: v for k, v in _data(objects, plural, namespace, source[field]).items()}
    for item in container.get("env") or ():
        if item.get("value") is not None or not item.get("valueFrom"):
            env[item["name"]] = expand(str(item.get("value") or ""), env)
        else:
            value = _from(objects, pod, container, item["valueFrom"])
            if value is not None:
                env[item["name"]] = value
    return env


def _data(objects: Reader, plural: str, namespace: str, reference: Json) -> dict[str, str]:
    name = reference.get("name") or ""
    found = objects.find(BY_PLURAL[plural], namespace, name)
    if found is None:
        if reference.get("optional"):
            return {}
        raise BadEnvironment(f'{BY_PLURAL[plural].singular} "{name}" not found')
    data = found.get("data") or {}
    if plural == "secrets":
        return {key: base64.b64decode(text).decode(errors="replace") for key, text in data.items()}
    return dict(data)


def _from(objects: Reader, pod: Json, container: Json, source: Json) -> str | None:
    namespace = pod["metadata"]["namespace"]
    if field := source.get("fieldRef"):
        return _field(pod, str(field.get("fieldPath")))
    if amount := source.get("resourceFieldRef"):
        return _amount(container, amount)
    for name, plural in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
        if reference := source.get(name):
            data = _data(objects, plural, namespace, reference)
            if reference["key"] in data:
                return data[reference["key"]]
            if reference.get("optional"):
                return None
            kind = BY_PLURAL[plural].name
            raise BadEnvironment(f"couldn't find key {reference['key']} in {kind} {namespace}/{reference.get('name')}")
    return None


def _field(pod: Json, path: str) -> str:
    found = re.fullmatch(r"metadata\.(labels|annotations)\['([^']+)'\]", path)
    if found:
        return str((pod["metadata"].get(found[1]) or {}).get(found[2], ""))
    if path == "status.podIPs":
        path = "status.podIP"
    value: Any = pod
    for step in path.split("."):
        value = (value or {}).get(step)
    return "" if value is None else str(value)


def _amount(container: Json, reference: Json) -> str:
    section, _, name = str(reference.get("resource")).partition(".")
    text = ((container.get("resources") or {}).get(section) or {}).get(name, "0")
    divisor = Quantity.parse(reference.get("divisor") or 1).nanos or Quantity.parse(1).nanos
    return str(-(-Quantity.parse(text).nanos // divisor))


def command(container: Json, env: dict[str, str], *, address: str) -> list[str] | None:
    """What to execute; None where only the image would know."""
    given = [str(word) for word in [*(container.get("command") or ()), *(container.get("args") or ())]]
    words = [expand(word, env) for word in given]
    if not words:
        if "JUPYTERHUB_API_TOKEN" not in env:
            return None
        words = list(_SINGLE_USER)
    words = [word.replace(_ANY_ADDRESS, address) for word in words]
    first = words[0]
    if Path(first).name in COMMANDS:
        return [*COMMANDS[Path(first).name], *words[1:]]
    if shutil.which(first, path=_path(env)) is None:
        raise NoCommand(
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
            "runc create failed: "
            f'unable to start container process: exec: "{first}": executable file not found in $PATH: unknown'
        )
    return words


def _path(env: dict[str, str]) -> str:
    own = str(Path(sys.executable).parent)
    return os.pathsep.join([own, env.get("PATH") or os.defpath, os.environ.get("PATH", "")])


def process_environment(env: dict[str, str], *, home: Path, address: str) -> dict[str, str]:
    """The pod's environment, and the little that an image would have set."""
    result = {"HOME": str(home), "LANG": "C.UTF-8", "HOSTNAME": "localhost", **env, "PATH": _path(env)}
    if not Path(result["HOME"]).is_dir() or not os.access(result["HOME"], os.W_OK):
        result["HOME"] = str(home)
    if service := result.get("JUPYTERHUB_SERVICE_URL"):
        parts = urlsplit(service)
        if (parts.hostname or "") in _EVERYWHERE:
            place = f"{address}:{parts.port}" if parts.port else address
            result["JUPYTERHUB_SERVICE_URL"] = urlunsplit(parts._replace(netloc=place))
    return result
