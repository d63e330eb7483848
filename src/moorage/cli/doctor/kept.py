"""The ConfigMap in which the service's replicas keep what they share, where its settings name one."""

import asyncio
from dataclasses import dataclass, field

from moorage.cli.doctor.findings import Unknown
from moorage.cli.doctor.reading import Json, Reader, rows, text

SETTING = "MOORAGE_STATE_CONFIGMAP"


@dataclass(frozen=True, slots=True)
class Kept:
    """Its name as the setting has it, what is there, and the Roles that are bound to the service in its namespace."""

    name: str | Unknown | None = None
    there: Json | Unknown | None = None
    roles: list[Json] | Unknown = field(default_factory=list)


async def read_kept(
    reader: Reader, deployment: Json | Unknown | None, settings: dict[str, str] | Unknown | None
) -> Kept:
    """What the Deployment's settings name."""
    if not isinstance(settings, dict):
        return Kept(settings)
    if not (name := settings.get(SETTING)):
        return Kept()
    home = text(deployment, "metadata.namespace")
    namespace, _, short = name.partition("/")
    there, roles, bindings = await asyncio.gather(
        reader.one("configmaps", short, namespace=namespace),
        reader.list("roles", namespace=namespace),
        reader.list("rolebindings", namespace=namespace),
    )
    if isinstance(roles, Unknown) or isinstance(bindings, Unknown):
        return Kept(
            name, there, roles if isinstance(roles, Unknown) else bindings if isinstance(bindings, Unknown) else []
        )
    account = text(deployment, "spec.template.spec.serviceAccountName"), home
    bound = {
        text(binding, "roleRef.name")
        for binding in bindings
        for one in rows(binding, "subjects")
        if (text(one, "name"), text(one, "namespace")) == account
    }
    return Kept(name, there, [role for role in roles if text(role, "metadata.name") in bound])
