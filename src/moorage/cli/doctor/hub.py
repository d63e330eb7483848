"""Find the hub: its release in Helm's Secrets, or its Deployment by the chart's labels.

Both are asked for in all namespaces, and where that is not allowed, in each that can be read.
"""

import asyncio
from dataclasses import dataclass

from moorage.cli.doctor.findings import Unknown
from moorage.cli.doctor.reading import Json, Reader, mapping, text
from moorage.cli.doctor.release import OF_HELM, NoRelease, Release, read_hub_secret, read_release
from moorage.errors import MoorageError

_USUAL = "jupyterhub"
_MOST_NAMESPACES = 300


@dataclass(frozen=True, slots=True)
class Hub:
    """Where the hub is. `deployment` is None where the namespace has none; `newest` is a later revision that failed."""

    namespace: str
    name: str
    release: Release | Unknown
    deployment: Json | Unknown | None
    newest: tuple[int, str] | None = None


async def find_hub(reader: Reader, *, namespace: str | None, release: str | None) -> Hub:
    """The one hub that was meant. Raises `MoorageError` where there is none, or several."""
    deployed = {"owner": "helm", "status": "deployed", **({"name": release} if release else {})}
    of_the_chart = {"component": "hub", **({"release": release} if release else {})}
    secrets, deployments = await asyncio.gather(
        _everywhere(reader, "secrets", namespace, deployed), _everywhere(reader, "deployments", namespace, of_the_chart)
    )
    if isinstance(secrets, Unknown) and namespace is None:
        secrets = Unknown(secrets.reason, next="name the hub with --namespace, and grant list on secrets there")
    releases, garbage = _releases(secrets)
    found = {(one.namespace, one.name): one for one in releases}
    named = {
        (text(one, "metadata.namespace"), release_name(one)): one
        for one in (deployments if isinstance(deployments, list) else ())
    }
    live = {place: one for place, one in named.items() if place in found or _is_of_the_chart(one)}
    hubs = sorted({*found, *live})
    why_not = Unknown(garbage[0]) if garbage else secrets if isinstance(secrets, Unknown) else None
    if not hubs and why_not is None and isinstance(deployments, list):
        raise _nothing(namespace, release)
    if len(hubs) > 1:
        raise _several(hubs)
    where, name = hubs[0] if hubs else (namespace or reader.namespace, release or "")
    deployment = deployments if isinstance(deployments, Unknown) else live.get((where, name))
    if (where, name) in found:
        known = found[where, name]
        return Hub(where, name, known, deployment, await _newest(reader, known))
    return Hub(where, name, why_not or await _from_hub_secret(reader, where, deployment), deployment)


def release_name(deployment: Json) -> str:
    labels = mapping(deployment, "metadata.labels")
    return text(labels, "release") or str(labels.get("app.kubernetes.io/instance") or "")


def _is_of_the_chart(deployment: Json) -> bool:
    """Other software has components called hub as well."""
    labels = mapping(deployment, "metadata.labels")
    return any(str(labels.get(key) or "").startswith("jupyterhub-") for key in ("chart", "helm.sh/chart"))


async def _everywhere(
    reader: Reader, plural: str, namespace: str | None, labels: dict[str, str]
) -> list[Json] | Unknown:
    found = await reader.list(plural, namespace=namespace, selector=labels)
    if isinstance(found, list) or namespace:
        return found
    namespaces = await reader.list("namespaces")
    names = [reader.namespace, _USUAL]
    if isinstance(namespaces, list):
        names += [text(one, "metadata.name") for one in namespaces[:_MOST_NAMESPACES]]
    answers = [await reader.list(plural, namespace=name, selector=labels) for name in dict.fromkeys(names) if name]
    read = [answer for answer in answers if isinstance(answer, list)]
    return [one for answer in read for one in answer] if read else found


def _releases(secrets: list[Json] | Unknown) -> tuple[list[Release], list[str]]:
    """The newest of each release of the hub's chart, and a sentence for each Secret that is garbage."""
    newest: dict[tuple[str, str], Release] = {}
    garbage = []
    for secret in [] if isinstance(secrets, Unknown) else secrets:
        if secret.get("type") != OF_HELM:
            continue
        try:
            found = read_release(secret)
        except NoRelease as error:
            garbage.append(error.message)
            continue
        if found is not None:
            before = newest.get((found.namespace, found.name))
            if before is None or (found.revision or 0) >= (before.revision or 0):
                newest[found.namespace, found.name] = found
    return list(newest.values()), garbage


def _nothing(namespace: str | None, release: str | None) -> MoorageError:
    named = f" named {release}" if release else ""
    where = f"in the namespace {namespace}" if namespace else "in any namespace that can be read"
    return MoorageError(
        f"no release{named} of the chart jupyterhub {where}",
        hint="name it with --namespace and --release, as `helm list --all-namespaces` shows them",
    )


def _several(hubs: list[tuple[str, str]]) -> MoorageError:
    listed = ", ".join(f"{name} in the namespace {where}" for where, name in hubs)
    return MoorageError(f"there are several hubs: {listed}", hint="choose one with --namespace and --release")


async def _from_hub_secret(reader: Reader, namespace: str, deployment: Json | Unknown | None) -> Release | Unknown:
    """A hub without a release of Helm's: its own Secret, named as its Deployment, has the values."""
    named = text(deployment, "metadata.name") or "hub"
    secret = await reader.one("secrets", named, namespace=namespace)
    if isinstance(secret, Unknown):
        return secret
    found = read_hub_secret(secret) if secret is not None else None
    return found or Unknown(f"there is no release of Helm's, and no values in the Secret {namespace}/{named}")


async def _newest(reader: Reader, release: Release) -> tuple[int, str] | None:
    """(revision, status) of a later revision than the deployed one."""
    found = await reader.list("secrets", namespace=release.namespace, selector={"owner": "helm", "name": release.name})
    told = []
    for secret in [] if isinstance(found, Unknown) else found:
        number, status = text(secret, "metadata.labels.version"), text(secret, "metadata.labels.status")
        if number.isdecimal() and int(number) > (release.revision or 0):
            told.append((int(number), status))
    return max(told, default=None)
