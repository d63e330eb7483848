"""Putting a pod on a node, as the scheduler's Binding does.

Source: kubernetes v1.36 pkg/registry/core/pod/storage/storage.go (BindingREST)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.simulator.rules.podstatus import with_condition
from moorage.simulator.store.resources import PODS
from moorage.simulator.store.status import Refusal, conflict

if TYPE_CHECKING:
    from moorage.simulator.api.objects import Api

Json = dict[str, Any]


def bind(api: Api, namespace: str, name: str, node: str) -> None:
    """Raises `Refusal` where the pod is gone, has a node already, or is being deleted."""
    pod = api.read(PODS, namespace, name).body
    if not node:
        raise Refusal(400, "BadRequest", "binding target node is required")
    if pod["spec"].get("nodeName"):
        raise conflict(PODS, name, f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"')
    if pod["metadata"].get("deletionTimestamp"):
        raise conflict(PODS, name, f"pod {name} is being deleted, cannot be assigned to a host")

    def change(body: Json) -> Json:
        status = dict(body.get("status") or {})
        status["conditions"] = with_condition(list(status.get("conditions") or ()), "PodScheduled", holds=True)
        return {**body, "spec": {**body["spec"], "nodeName": node}, "status": status}

    api.update(PODS, namespace, name, change, trusted=True)
