"""From what a person wants to the pod that asks for it.

In flows a wish as the API and the command line take it (cpu, memory, GPU count, node, …); out flows the plain JSON of a
pod whose verdict answers the wish. Nothing is guessed silently: a GPU resource that was not named is the one that the
chosen node, or else most of the cluster, has.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_UP, Decimal
from typing import Any

from moorage.cluster.amounts import GpuNames
from moorage.errors import InvalidQuantity, MoorageError, quoted
from moorage.quantity import Quantity
from moorage.scheduling.accounting.names import is_extended
from moorage.scheduling.accounting.nodeinfo import NodeInfo
from moorage.scheduling.alternatives.machines import Machine, as_node
from moorage.scheduling.cluster import Cluster

HOSTNAME = "kubernetes.io/hostname"
USUAL_GPU = "nvidia.com/gpu"
_LONGEST = 64
_NANO = Decimal("1e-9")
_EXAMPLES = {"cpu": "4, 0.5 or 500m", "memory": "16Gi, 1.5Gi or 800M"}


class InvalidAsk(MoorageError):
    """A wish that no pod could ask for."""


def pod_of(ask: Mapping[str, Any], *, cluster: Cluster, machines: Sequence[Machine] = ()) -> dict[str, Any]:
    """A pod with one container whose requests and limits are the wish. `machines` are those that may come."""
    amounts: dict[str, str] = {}
    for name in ("cpu", "memory"):
        if (value := ask.get(name)) is not None:
            amounts[name] = _quantity(name, value)
    node = ask.get("node") or None
    resource = _gpu_resource(ask.get("gpu_resource"))
    if gpu := _count(ask.get("gpu")):
        amounts[resource or usual_gpu(cluster, node=node, machines=machines)] = str(gpu)
    selector = dict(ask.get("node_selector") or {})
    if node is not None:
        selector[HOSTNAME] = _hostname(cluster, node)
    container = {
        "name": "notebook",
        "image": ask.get("image") or "notebook",
        "resources": {"requests": amounts, "limits": amounts},
    }
    spec: dict[str, Any] = {"containers": [container]}
    if selector:
        spec["nodeSelector"] = selector
    if tolerations := ask.get("tolerations"):
        spec["tolerations"] = list(tolerations)
    namespace = ask.get("namespace") or "default"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "ask", "namespace": namespace},
        "spec": spec,
    }


def usual_gpu(cluster: Cluster, *, node: str | None = None, machines: Sequence[Machine] = ()) -> str:
    """The GPU resource that is meant when none is named. Machines count where no node has any."""
    units = _gpus([cluster.nodes[node]] if node in cluster.nodes else cluster.nodes.values())
    units = units or _gpus(as_node(machine) for machine in machines)
    if not units or USUAL_GPU in units:
        return USUAL_GPU
    return min(units, key=lambda name: (-units[name], name))


def _gpus(infos: Iterable[NodeInfo]) -> Counter[str]:
    """How many of these have any of each GPU resource."""
    names = GpuNames()
    scalars = (info.allocatable.scalars.items() for info in infos)
    return Counter(name for amounts in scalars for name, amount in amounts if name in names and amount > 0)


def _hostname(cluster: Cluster, node: str) -> str:
    """The label's value, which need not be the node's name. An unknown node stays unknown, and every node says so."""
    info = cluster.nodes.get(node)
    return info.labels.get(HOSTNAME, node) if info is not None else node


def plain(value: Any) -> Any:
    """A number of JSON as decimal text without an exponent, to the nano-unit; all else as it is."""
    # Compared first: a whole number can be too large for `isfinite`.
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) >= 1e18 or not math.isfinite(value):
        return value
    number = Decimal(str(value))
    exponent = number.as_tuple().exponent
    return format(number.quantize(_NANO, ROUND_UP) if isinstance(exponent, int) and exponent < -9 else number, "f")


def _quantity(name: str, value: Any) -> str:
    text = plain(value)
    try:
        quantity = Quantity.parse(text if isinstance(text, str) and len(text) <= _LONGEST else "")
    except InvalidQuantity as exc:
        raise InvalidAsk(
            f"{name} {quoted(value)} is not a Kubernetes quantity", hint=f"use an amount such as {_EXAMPLES[name]}"
        ) from exc
    if quantity.nanos < 0:
        raise InvalidAsk(f"{name} {quoted(value)} is below 0", hint="ask for 0 or more")
    return str(text)


def _gpu_resource(name: Any) -> str | None:
    if not name:
        return None
    if not isinstance(name, str) or not is_extended(name):
        raise InvalidAsk(
            f"gpu_resource {quoted(name)} is not a valid extended resource name",
            hint="use the name that the node has, such as nvidia.com/gpu",
        )
    return name


def _count(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidAsk(f"gpu {quoted(value)} is not a whole number", hint="ask for a whole number, 0 or more")
    return value
