"""The pod and the claim that KubeSpawner makes: their amounts in canonical text, what of them the service may see, and
the API server's word on them.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from kubernetes_asyncio.client.models import V1ContainerResizePolicy
from kubernetes_asyncio.client.rest import ApiException

from moorage.hub.amounts import cpu_text, memory_text

# Words of the API server when the hub itself may not create pods; that is not about the choice.
_RIGHT_MISSING = re.compile(r"cannot (create|patch|get) resource")
# Refusals of admission: forbidden (quota, LimitRange, PodSecurity, webhooks), invalid, and webhooks' own codes.
_REFUSALS = (400, 403, 406, 422)
_FORBIDDEN = 403
_CLASS = "volume.beta.kubernetes.io/storage-class"


def canonical(pod: Any) -> Any:
    """The same pod with numbers of CPU and memory as the quantities that the API server would store: 2.0 → "2",
    3221225472 → "3Gi".
    """
    for container in pod.spec.containers or ():
        resources = container.resources
        for amounts in (getattr(resources, "limits", None), getattr(resources, "requests", None)):
            if not isinstance(amounts, dict):
                continue
            for name, value in amounts.items():
                if isinstance(value, bool) or not isinstance(value, int | float):
                    continue
                if name == "cpu" and (milli := round(value * 1000)) == value * 1000:
                    amounts[name] = cpu_text(milli)
                elif name == "memory" and value == int(value):
                    amounts[name] = memory_text(int(value))
                elif value == int(value):
                    amounts[name] = str(int(value))
    return pod


def stays_on_resize(pod: Any) -> Any:
    """The same pod, whose server runs on when its amounts change. What an administrator says of that stays."""
    own = next((each for each in pod.spec.containers or () if each.name == "notebook"), None)
    if own is not None and not getattr(own, "resize_policy", None):
        own.resize_policy = [
            V1ContainerResizePolicy(resource_name=name, restart_policy="NotRequired") for name in ("cpu", "memory")
        ]
    return pod


def pull_policy(image: str) -> str:
    """A digest or a fixed tag never changes, so what a node has is good; `latest` may be newer elsewhere."""
    if "@" in image:
        return "IfNotPresent"
    tag = image.rpartition("/")[2].partition(":")[2]
    return "Always" if tag in ("", "latest") else "IfNotPresent"


def for_verdict(pod: dict[str, Any], *, namespace: str) -> dict[str, Any]:
    """What the scheduler looks at, and no more: no environment, commands or hooks, since these carry tokens."""
    metadata = pod.get("metadata") or {}
    spec = dict(pod.get("spec") or {})
    for key in ("containers", "initContainers"):
        if isinstance(spec.get(key), list):
            spec[key] = [_bare(container) for container in spec[key]]
    kept = {key: metadata[key] for key in ("name", "labels") if key in metadata}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**kept, "namespace": namespace}, "spec": spec}


def _bare(container: Any) -> Any:
    if not isinstance(container, dict):
        return container
    kept = ("name", "image", "resources", "ports", "restartPolicy", "restartPolicyRules")
    return {key: container[key] for key in kept if key in container}


def claim_for_verdict(claim: dict[str, Any], *, namespace: str) -> dict[str, Any]:
    """What decides which volume a claim gets."""
    metadata = claim.get("metadata") or {}
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key == _CLASS}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": metadata.get("name"), "namespace": namespace, "annotations": annotations},
        "spec": claim.get("spec") or {},
    }


async def refusal(api: Any, pod: Any, *, namespace: str, timeout: float) -> str | None:
    """What the API server would say against this pod, from a create that it only tries (`dryRun=All`), or None.

    None also when it can't be asked: no answer in time, no right to, an error of its own. The real create will then
    tell.
    """
    error = await _error(api.create_namespaced_pod(namespace, pod, dry_run="All"), timeout=timeout)
    return words(error) if error is not None else None


async def claim_refusal(api: Any, claim: Any, *, namespace: str, timeout: float) -> str | None:
    """The same for a claim. A quota refuses one that is there already, too: KubeSpawner then looks, and goes on."""
    create = api.create_namespaced_persistent_volume_claim(namespace, claim, dry_run="All")
    error = await _error(create, timeout=timeout)
    said = words(error) if error is not None else None
    if said is None or error is None or error.status != _FORBIDDEN:
        return said
    read = api.read_namespaced_persistent_volume_claim(claim.metadata.name, namespace)
    return said if await _error(read, timeout=timeout) is not None else None


async def _error(request: Any, *, timeout: float) -> ApiException | None:
    """What the API server answers if it is no success; None also where there is no answer."""
    try:
        await asyncio.wait_for(request, timeout)
    except ApiException as error:
        return error
    except Exception:  # unreachable, closed, too slow: nothing is known against the object
        return None
    return None


def words(error: ApiException) -> str | None:
    """The API server's own sentence when it refuses a pod for what it asks, or None for every other kind of failure."""
    if error.status not in _REFUSALS:
        return None
    message = ""
    try:
        message = str(json.loads(error.body or "")["message"])
    except (ValueError, TypeError, KeyError):
        message = str(error.reason or "")
    message = " ".join(message.split())[:1000]
    return None if not message or _RIGHT_MISSING.search(message) else message
