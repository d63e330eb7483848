"""As a service that JupyterHub starts and shows: its address and path come from the hub.

Source: jupyterhub 6.1 jupyterhub/services/service.py (JUPYTERHUB_SERVICE_URL, JUPYTERHUB_SERVICE_PREFIX)
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from moorage.errors import MoorageError


def managed_by_hub(environment: Mapping[str, str]) -> dict[str, Any]:
    """Settings that a hub gives by its own variables, where ours do not say otherwise."""
    url = environment.get("JUPYTERHUB_SERVICE_URL", "")
    if not url:
        return {}
    parts = urlsplit(url)
    found: dict[str, Any] = {"host": parts.hostname, "port": parts.port}
    if prefix := environment.get("JUPYTERHUB_SERVICE_PREFIX", "").rstrip("/"):
        found["root_path"] = prefix
        # The hub's proxy shows it to everybody, although it listens on loopback.
        if environment.get("JUPYTERHUB_API_URL") and environment.get("JUPYTERHUB_API_TOKEN"):
            found |= _log_in(environment)
        elif not (
            environment.get("MOORAGE_TOKEN_FILE") or environment.get("MOORAGE_ALLOW_ANONYMOUS_ACCESS_FROM_EVERYWHERE")
        ):
            raise MoorageError(
                f"the hub exposes this service to everybody at {prefix}, and there is no token file",
                hint="set MOORAGE_TOKEN_FILE in the service's environment, "
                "or MOORAGE_ALLOW_ANONYMOUS_ACCESS_FROM_EVERYWHERE=true",
            )
    return {
        name: value
        for name, value in found.items()
        if value is not None and f"MOORAGE_{name.upper()}" not in environment
    }


def _log_in(environment: Mapping[str, str]) -> dict[str, Any]:
    base = environment.get("JUPYTERHUB_BASE_URL", "/").rstrip("/")
    return {
        "hub_api_url": environment["JUPYTERHUB_API_URL"],
        "hub_api_token": environment["JUPYTERHUB_API_TOKEN"],
        "hub_url": f"{environment.get('JUPYTERHUB_HOST', '')}{base}/hub",
        "hub_client_id": environment.get("JUPYTERHUB_CLIENT_ID") or None,
        "hub_oauth_callback": environment.get("JUPYTERHUB_OAUTH_CALLBACK_URL") or None,
    }
