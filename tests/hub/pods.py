"""What the pod of a person asks for."""

from __future__ import annotations

from typing import Any

EXACTLY = {
    "selector": {"kubernetes.io/hostname": "atlas"},
    "limits": {"cpu": "2", "memory": "3Gi", "nvidia.com/gpu": "1"},
    "requests": {"cpu": "1", "memory": "3Gi", "nvidia.com/gpu": "1"},
    "image": "registry.example/jupyter/minimal:2026.11",
}


def pod_of(cluster: Any, name: str, server: str = "") -> dict[str, Any] | None:
    for pod in cluster.list("pods", "jupyter"):
        notes = pod["metadata"].get("annotations") or {}
        owner = notes.get("hub.jupyter.org/username"), notes.get("hub.jupyter.org/servername") or ""
        if owner == (name, server) and not pod["metadata"].get("deletionTimestamp"):
            return pod
    return None


def asked(pod: dict[str, Any]) -> dict[str, Any]:
    container = pod["spec"]["containers"][0]
    return {
        "selector": pod["spec"].get("nodeSelector"),
        "limits": container["resources"].get("limits"),
        "requests": container["resources"].get("requests"),
        "image": container["image"],
    }
