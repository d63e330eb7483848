"""The service's settings as its Deployment has them: the ConfigMaps that it takes them from, and what stands above."""

from moorage.cli.doctor.reading import Json, Reader, Unknown, mapping, rows, text


async def read_settings(reader: Reader, deployment: Json | Unknown | None) -> dict[str, str] | Unknown | None:
    """`MOORAGE_…` by name; None where there is no Deployment. What comes out of a Secret is an empty text here."""
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
