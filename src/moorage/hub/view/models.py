"""The models behind a node's GPU resources: the service's JSON, checked field by field."""

from __future__ import annotations

from typing import Any

from moorage.hub.models import SHARING, Model
from moorage.hub.view.checked import text, whole


def models_of(value: Any) -> dict[str, Model]:
    """The service's `gpu_kinds`, by resource."""
    found: dict[str, Model] = {}
    for item in value[:50] if isinstance(value, list) else ():
        resource = text(item.get("resource"), 316) if isinstance(item, dict) else None
        model = text(item.get("model"), 100) if resource else None
        labels = item.get("labels") if model else None
        pairs = tuple(
            (key, content)
            for each in (labels[:20] if isinstance(labels, list) else ())
            if isinstance(each, dict) and (key := text(each.get("key"))) and (content := text(each.get("value"), 63))
        )
        if resource and model and pairs:
            sharing = item.get("sharing")
            found[resource] = Model(
                pairs,
                model,
                memory=whole(item.get("memory_mib")),
                sharing=sharing if sharing in SHARING else None,
                slots=whole(item.get("slots")),
                profile=text(item.get("profile"), 63),
            )
    return found
