"""Events about objects, counted as the recorder of client-go counts them: the same words again raise `count`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from moorage.simulator.store.metadata import now
from moorage.simulator.store.resources import EVENTS, NAMESPACES

if TYPE_CHECKING:
    from moorage.simulator.api.objects import Api

Json = dict[str, Any]

# As many different events are remembered to be counted, those of long ago are told anew.
_MOST_KNOWN = 4096


class Recorder:
    """Writes events for one component of the cluster."""

    def __init__(self, api: Api, component: str) -> None:
        self._api = api
        self._component = component
        self._names: dict[tuple[str, ...], str] = {}

    def record(
        self, about: Json, reason: str, message: str, *, warning: bool = False, field: str = "", host: str = ""
    ) -> None:
        """Tell something about this object, in its namespace."""
        metadata = about["metadata"]
        namespace = metadata.get("namespace") or "default"
        kind = "Warning" if warning else "Normal"
        identity = (metadata["uid"], reason, message, field, kind)
        # As client-go names them: those of one object sort by time, also where their whole seconds are the same.
        name = self._names.get(identity) or f"{metadata['name']}.{time.time_ns():x}"
        self._names.pop(identity, None)
        self._names[identity] = name
        if len(self._names) > _MOST_KNOWN:
            del self._names[next(iter(self._names))]
        moment = now()
        if self._api.find(EVENTS, namespace, name) is not None:
            self._api.update(
                EVENTS,
                namespace,
                name,
                lambda event: {**event, "count": int(event.get("count", 1)) + 1, "lastTimestamp": moment},
                trusted=True,
            )
            return
        subject: Json = {
            "kind": about["kind"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "apiVersion": about["apiVersion"],
            "resourceVersion": metadata["resourceVersion"],
        }
        if metadata.get("namespace"):
            subject["namespace"] = metadata["namespace"]
        if field:
            subject["fieldPath"] = field
        event = {
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": subject,
            "reason": reason,
            "message": message,
            "source": {"component": self._component, **({"host": host} if host else {})},
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
            "type": kind,
            "eventTime": None,
            "reportingComponent": self._component,
            "reportingInstance": host,
        }
        if self._api.find(NAMESPACES, None, namespace) is not None:
            self._api.create(EVENTS, namespace, event, trusted=True)
