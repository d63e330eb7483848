"""Three questions to the API server that the hub's client has no words for in every release: a resize, its version, and
what a pod uses.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any

Json = dict[str, Any]

TIMEOUT = 5.0
# In-place resize came to everybody with 1.33.
_SINCE = (1, 33)
_KEPT_SECONDS = 300.0
_STRATEGIC = "application/strategic-merge-patch+json"
_RIGHT_MISSING = re.compile(r"cannot \w+ resource ")

_versions: dict[str, tuple[float, tuple[int, int]]] = {}


async def ask(client: Any, method: str, path: str, *, query: Any = (), body: Any = None) -> tuple[int, Any]:
    """The status and the JSON of the answer; (0, None) where there is none in time, None for what is no JSON."""
    headers = {"Accept": "application/json", **({"Content-Type": _STRATEGIC} if body is not None else {})}
    try:
        # Not turned into objects of the client: older ones don't know what was added since.
        answer = await client.call_api(
            path,
            method,
            query_params=list(query),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
            _preload_content=False,
            _request_timeout=TIMEOUT,
        )
        text = await answer.read()
    except Exception:  # away, or too slow
        return 0, None
    try:
        return answer.status, json.loads(text)
    except ValueError:
        return answer.status, None


async def resize(spawner: Any, pod: Json, resources: Json, *, name: str, dry_run: bool) -> tuple[int, Any]:
    """Change the amounts of this container of the very same pod, or only try to."""
    metadata = pod["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/resize"
    body = {
        "metadata": {"uid": metadata["uid"]},
        "spec": {"containers": [{"name": name, "resources": resources}]},
    }
    return await ask(spawner.api.api_client, "PATCH", path, query=[("dryRun", "All")] if dry_run else [], body=body)


async def is_too_old(spawner: Any) -> bool:
    """Whether this Kubernetes has no in-place resize. What is not known is not too old."""
    client = spawner.api.api_client
    kept = _versions.get(client.configuration.host)
    if kept is None or time.monotonic() - kept[0] > _KEPT_SECONDS:
        code, told = await ask(client, "GET", "/version")
        if code != 200:
            return False
        try:
            version = int(told["major"]), int(re.sub(r"\D", "", told["minor"]))
        except (KeyError, TypeError, ValueError):
            return False
        kept = _versions[client.configuration.host] = time.monotonic(), version
    return kept[1] < _SINCE


async def usage(spawner: Any, pod: Json) -> tuple[int, Any]:
    metadata = pod["metadata"]
    path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
    return await ask(spawner.api.api_client, "GET", path)


def message(answer: Any) -> str:
    """The API server's own sentence."""
    text = answer.get("message") if isinstance(answer, dict) else None
    return " ".join(str(text or "").split())[:1000]


def lacks_right(code: int, answer: Any) -> bool:
    """Whether it is the hub that may not ask, and not what was asked."""
    return code == 403 and _RIGHT_MISSING.search(message(answer)) is not None
