"""Secrets with which images are pulled."""

from moorage.cli.doctor.facts import Facts
from moorage.cli.doctor.findings import Finding, Unknown, failed, ok, unknown
from moorage.cli.doctor.reading import at
from moorage.cli.doctor.values import Values

_TYPES = ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg")


def pull_secrets(facts: Facts, values: Values) -> Finding:
    """Each named Secret is there, and of a type that the kubelet reads."""
    made = ["the one that the chart makes"] if at(values.all, "imagePullSecret.create") is True else []
    missing = [name for name, found in facts.pull_secrets.items() if found is None]
    odd = [name for name, found in facts.pull_secrets.items() if isinstance(found, str) and found not in _TYPES]
    where = f"in the namespace {facts.hub.namespace}"
    if missing:
        return failed(
            "pull secrets",
            f"The values name {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not {where}.",
            next=f"`kubectl --namespace {facts.hub.namespace} create secret docker-registry {missing[0]} …`",
        )
    if odd:
        return failed(
            "pull secrets",
            f"{', '.join(odd)} {where} is no Secret of the type {_TYPES[0]}.",
            next="make it with `kubectl create secret docker-registry`",
        )
    unread = next((found for found in facts.pull_secrets.values() if isinstance(found, Unknown)), None)
    if unread is not None:
        return unknown("pull secrets", unread)
    told = [*made, *facts.pull_secrets]
    if not told:
        return ok("pull secrets", "None: every image, moorage's included, has to be one that nodes may pull.")
    return ok("pull secrets", f"{', '.join(told)}.")
