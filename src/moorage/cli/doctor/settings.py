"""The service's settings as its Deployment has them: the ConfigMaps that it takes them from, and what stands above."""

import os

from moorage.cli.doctor.findings import Unknown
from moorage.cli.doctor.reading import Json, Reader, mapping, rows, text

IN_CLUSTER = "KUBERNETES_SERVICE_HOST"


async def read_settings(reader: Reader, deployment: Json | Unknown | None) -> dict[str, str] | Unknown | None:
    """`MOORAGE_…` by name; None where there is no Deployment. What comes out of a Secret is an empty text here.

    In one of the service's own pods, which may not read its Deployment, they are those of the environment.
    """
    if isinstance(deployment, Unknown) and IN_CLUSTER in os.environ and "MOORAGE_TOKEN_FILE" in os.environ:
        return {name: value for name, value in os.environ.items() if name.startswith("MOORAGE_")}
    if not isinstance(deployment, dict):
        return deployment
    namespace = text(deployment, "metadata.namespace")
    found: dict[str, str] = {}
    for container in rows(deployment, "spec.template.spec.containers")[:1]:
        for source in rows(container, "envFrom"):
            if name := text(source, "configMapRef.name"):
                settings = await reader.one("configmaps", name, namespace=namespace)
                if isinstance(settings, Unknown):
                    return settings
                if settings is None:
                    return Unknown(
                        f"there is no ConfigMap {namespace}/{name}, which the service takes its settings from"
                    )
                found |= {key: str(value) for key, value in mapping(settings, "data").items()}
        found |= {text(one, "name"): text(one, "value") for one in rows(container, "env")}
    return {name: value for name, value in found.items() if name.startswith("MOORAGE_")}


def listed(settings: dict[str, str], name: str) -> list[str]:
    """A setting of several values, separated by commas."""
    return [part.strip() for part in settings.get(name, "").split(",") if part.strip()]


def is_on(settings: dict[str, str], name: str) -> bool:
    return settings.get(name, "").strip().lower() in ("1", "true", "yes", "on", "t", "y")
