"""What all sources of machines need to know of a node: the label of its pool, and its cards."""

from collections.abc import Mapping

from moorage.gpus.labels import vendors as gpu_labels
from moorage.gpus.units import family
from moorage.objects import Node
from moorage.scheduling.accounting.nodeinfo import NodeInfo

# The labels by which clouds and autoscalers tell the pool of a node, the surest first.
POOL_LABELS = (
    "karpenter.sh/nodepool",
    "eks.amazonaws.com/nodegroup",
    "cloud.google.com/gke-nodepool",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "node.openshift.io/machine-pool",
    "alpha.eksctl.io/nodegroup-name",
    "cluster.x-k8s.io/deployment-name",
)
INSTANCE_TYPES = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
ZONES = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")


def pool_label(labels: Mapping[str, str | None]) -> tuple[str, str] | None:
    """The label that tells the pool, or None where none of those that are known does."""
    return next(((key, value) for key in POOL_LABELS if (value := labels.get(key))), None)


def instance_type(labels: Mapping[str, str | None]) -> str | None:
    return next((value for key in INSTANCE_TYPES if (value := labels.get(key))), None)


def cards_of(node: Node) -> frozenset[str]:
    """The resources by which a node offers cards."""
    amounts = (node.status.allocatable if node.status is not None else None) or {}
    return frozenset(name for name, amount in amounts.items() if family(name) is not None and amount not in ("0", 0))


def gpu_of(node: Node, *, model: str | None = None) -> tuple[str | None, int | None]:
    """Model and number of a node's cards, as far as its labels and its amounts tell; (None, None) without any.

    Raises `Unreadable` where an amount is garbage.
    """
    info = NodeInfo(node.metadata.name)
    info.set_node(node)
    amounts = {name: amount for name, amount in info.allocatable.scalars.items() if amount > 0}
    kinds = {name: kind for name in amounts if (kind := family(name)) is not None}
    count = sum(amounts[name] for name, kind in kinds.items() if kind.kind != "amount")
    if not count:
        return None, None
    return model or gpu_labels.read(info.labels).model, count
