"""Whether a node's NVIDIA driver is new enough for an image, by what the image asks for and what the node's labels say.

The image's NVIDIA_REQUIRE_CUDA names alternatives, separated by spaces; each is a list of conditions, separated by
commas, such as `cuda>=12.4` or `brand=tesla,driver>=535,driver<536`. Where none holds, NVIDIA's container runtime
starts no container that gets a GPU. The labels are those of GPU feature discovery.
Sources: nvidia-container-toolkit internal/config/image/cuda_image.go; k8s-device-plugin internal/lm/nvml.go
"""

import operator
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from moorage.images.image import Image
from moorage.images.presence import references
from moorage.texts import t

if TYPE_CHECKING:
    from moorage.scheduling.accounting.nodeinfo import NodeInfo

REQUIRE = "NVIDIA_REQUIRE_CUDA"
_LABELS = {
    "cuda": ("nvidia.com/cuda.runtime-version", "nvidia.com/cuda.runtime"),
    "driver": ("nvidia.com/cuda.driver-version", "nvidia.com/cuda.driver"),
}
_OPERATORS = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip
_CONDITION = re.compile(r"(cuda|driver)(>=|<=|>|<|=|!=)(\d+(?:\.\d+)*)$")
_LONGEST = 4000

_GPUS = "nvidia.com/"

Version = tuple[int, ...]


def required_by(env: Any) -> str | None:
    """What an image asks for, by the environment of its configuration."""
    for line in env if isinstance(env, list) else ():
        if isinstance(line, str) and line.startswith(f"{REQUIRE}="):
            return line.partition("=")[2][:_LONGEST] or None
    return None


def marks(pod: Mapping[str, Any], images: Mapping[str, Image], *, nodes: Mapping[str, "NodeInfo"]) -> dict[str, str]:
    """By node, what is to be said of its driver where a pod asks for GPUs. `images` are those known, by their full
    reference.
    """
    required = {image.cuda for key in references(pod) if (image := images.get(key)) and image.cuda}
    if not required or not _asks_for_gpus(pod):
        return {}
    found = {}
    for name, info in nodes.items():
        said = next((words for each in required if (words := too_old(each, info.labels))), None)
        if said is not None:
            found[name] = said
    return found


def _asks_for_gpus(pod: Mapping[str, Any]) -> bool:
    spec = pod.get("spec")
    containers = spec.get("containers") if isinstance(spec, dict) else None
    for container in containers if isinstance(containers, list) else ():
        resources = container.get("resources") if isinstance(container, dict) else None
        limits = resources.get("limits") if isinstance(resources, dict) else None
        if isinstance(limits, dict) and any(str(name).startswith(_GPUS) for name in limits):
            return True
    return False


def too_old(required: str | None, labels: Mapping[str, str]) -> str | None:
    """In plain words, why the driver of a node with these labels can't run the image; None where it may."""
    if not required:
        return None
    cuda, driver = _version(labels, "cuda"), _version(labels, "driver")
    if cuda is None:
        return None
    least = _needed(required, cuda, driver)
    if least is None:
        return None
    most = ".".join(map(str, cuda))
    return t("The image needs CUDA {least}; the driver there supports up to {most}.", least=least, most=most)


@lru_cache(maxsize=1000)
def _needed(required: str, cuda: Version, driver: Version | None) -> str | None:
    """The least version of CUDA that would do, where this one does not."""
    alternatives = required[:_LONGEST].split()
    if any(_may_hold(each, cuda=cuda, driver=driver) for each in alternatives):
        return None
    needed = [
        found[3]
        for each in alternatives
        for part in each.split(",")
        if (found := _CONDITION.match(part)) and found[1] == "cuda" and found[2] == ">="
    ]
    return min(needed, key=_numbers, default=None)


def _may_hold(alternative: str, *, cuda: Version, driver: Version | None) -> bool:
    """What can't be read, such as the brand of a card, speaks against nothing."""
    have = {"cuda": cuda, "driver": driver}
    for part in alternative.split(","):
        found = _CONDITION.match(part)
        version = have[found[1]] if found else None
        if found and version is not None and not _compares(version, found[2], _numbers(found[3])):
            return False
    return True


def _compares(have: Version, how: str, wanted: Version) -> bool:
    # As far as both go: the driver 535.104 is one of 535.
    part = have[: len(wanted)] + (0,) * (len(wanted) - len(have))
    return bool(_OPERATORS[how](part, wanted))


def _version(labels: Mapping[str, str], what: str) -> Version | None:
    """Of a runtime major and minor; of a driver all that the labels say."""
    for prefix in _LABELS[what]:
        parts = [labels.get(f"{prefix}.{part}") for part in ("major", "minor")]
        if all(part is not None and part.isdecimal() for part in parts):
            return tuple(int(part) for part in parts if part is not None)
    return None


def _numbers(text: str) -> Version:
    return tuple(map(int, text.split(".")))
