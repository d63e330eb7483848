"""From settings to sources. What is not switched on is not there: without any setting labels, counts and the status of
pods speak alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moorage.gpus.sources import exporters
from moorage.gpus.sources.base import Source
from moorage.gpus.sources.exec import SELECTORS, Exec
from moorage.gpus.sources.prometheus import Directory, Prometheus
from moorage.gpus.sources.sweep import Pace

if TYPE_CHECKING:
    from moorage.kube.client import Client

# Settings, each also an environment variable MOORAGE_… of the service.
NAMES = (
    "gpu_prometheus_url",
    "gpu_prometheus_token_file",
    "gpu_dcgm",
    "gpu_dcgm_namespace",
    "gpu_dcgm_port",
    "gpu_amd",
    "gpu_amd_namespace",
    "gpu_amd_port",
    "gpu_agent",
    "gpu_agent_namespace",
    "gpu_agent_port",
    "gpu_exec_namespace",
    "gpu_exec_selector",
    "gpu_exec_command",
    "gpu_poll_seconds",
    "gpu_node_deadline_seconds",
)

_Make = Callable[..., Source]


def sources(settings: Mapping[str, Any], *, client: Client, directory: Directory) -> list[Source]:
    """The sources that are switched on, in no particular order: their precedence is `merge`'s."""
    every = float(settings.get("gpu_poll_seconds") or 15)
    deadline = float(settings.get("gpu_node_deadline_seconds") or 4)
    pace = Pace(every=every, deadline=deadline)
    found: list[Source] = []
    url = settings.get("gpu_prometheus_url")
    if url:
        token_file = settings.get("gpu_prometheus_token_file")
        token = Path(token_file) if token_file else None
        found.append(Prometheus(str(url), directory=directory, token_file=token, every=every))
    makers: tuple[tuple[str, _Make], ...] = (
        ("gpu_dcgm", exporters.dcgm),
        ("gpu_amd", exporters.amd),
        ("gpu_agent", partial(exporters.agent, extra=settings.get("gpu_resources") or ())),
    )
    for name, make in makers:
        if settings.get(name):
            port = settings.get(f"{name}_port")
            where: dict[str, Any] = {"namespace": settings.get(f"{name}_namespace") or None, "pace": pace}
            found.append(make(client, **where, **({"port": int(port)} if port else {})))
    namespace = settings.get("gpu_exec_namespace")
    if namespace:
        selector = settings.get("gpu_exec_selector")
        found.append(
            Exec(
                client,
                namespace=str(namespace),
                selectors=(str(selector),) if selector else SELECTORS,
                command=str(settings.get("gpu_exec_command") or "nvidia-smi"),
                pace=Pace(every=max(every, 30.0), deadline=deadline, at_once=32, doubtful_at_once=8),
            )
        )
    return found
