"""The release, the hub that runs of it, its versions and names."""

import re

from moorage.cli.doctor.facts import Facts
from moorage.cli.doctor.findings import Finding, Unknown, attention, failed, ok, unknown
from moorage.cli.doctor.reading import Json, at, mapping, rows, text
from moorage.cli.doctor.values import Values
from moorage.kube.errors import cut

LEAST_CHART, LEAST_HUB, LEAST_SPAWNER = (4, 2, 0), (5, 3, 0), (7, 0, 0)
_HUB_IMAGE = "jupyterhub/k8s-hub"
_NEEDS = "moorage needs JupyterHub 5.3, KubeSpawner 7.0 (chart 4.2.0) or newer"


def release(facts: Facts) -> Finding:
    """Which release it is, and whether its last upgrade went through."""
    found, newest = facts.hub.release, facts.hub.newest
    if isinstance(found, Unknown):
        return unknown("release", found)
    of = f"the chart {found.within} with jupyterhub" if found.within else "the chart jupyterhub"
    if found.revision is None:
        return ok("release", f"{of[0].upper()}{of[1:]} {found.chart_version}, rendered without Helm's own records.")
    says = f"Revision {found.revision} of {of} {found.chart_version} is deployed"
    if newest is None:
        return ok("release", f"{says}.")
    return attention(
        "release",
        f"{says}, but the newest revision is {newest[0]} and its status is {newest[1] or 'unknown'}.",
        next=f"see `helm history {found.name} --namespace {found.namespace}`",
    )


def running(facts: Facts) -> Finding:
    """Whether the hub's pod is up."""
    hub, namespace = facts.hub.deployment, facts.hub.namespace
    if isinstance(hub, Unknown):
        return unknown("hub", hub)
    if hub is None:
        return failed(
            "hub",
            f"The namespace {namespace} has no Deployment of the hub.",
            next=f"see `kubectl --namespace {namespace} get pods`",
        )
    name = text(hub, "metadata.name")
    if (at(hub, "status.readyReplicas") or 0) == 0 and at(hub, "spec.replicas") != 0:
        why, command = _waits(facts.pods)
        return failed(
            "hub",
            f"The Deployment {name} has no ready pod{why}.",
            next=f"see `kubectl --namespace {namespace} {command} deployment/{name}`",
        )
    return ok("hub", f"The Deployment {name} is ready.")


def versions(facts: Facts, values: Values) -> Finding:
    """JupyterHub by the chart's appVersion, KubeSpawner by the chart's hub image."""
    found = values.release
    image = hub_image(facts, values)
    own = _HUB_IMAGE not in image
    chart = numbers(_tag(image) if not own else found.chart_version) or numbers(found.chart_version)
    hub = numbers(found.app_version)
    named = f"Chart {found.chart_version or 'of an unknown version'}"
    named += f", JupyterHub {found.app_version}" if found.app_version else ""
    if not own and chart != numbers(found.chart_version):
        named = f"The hub's image is that of chart {_tag(image)}"
    if chart is None:
        return unknown("versions", f"the chart's version {found.chart_version!r} can't be read")
    if chart < LEAST_CHART or (hub is not None and hub < LEAST_HUB and not own):
        return failed(
            "versions",
            f"{named}: {_NEEDS}. With less, choices are ignored.",
            next="upgrade the chart first: `helm upgrade … --version 4.4.0` with all your values files",
        )
    if own and image:
        return unknown(
            "versions",
            f"the hub runs an image of its own, {image}, and what is in it can't be seen from here; {_NEEDS}",
            next=f"`kubectl --namespace {facts.hub.namespace} exec deployment/{_deployment(facts)} -- pip list`, or "
            "`python3 -m moorage doctor` there",
        )
    return ok("versions", f"{named}: new enough. Which KubeSpawner is in that image is seen on the hub alone.")


def names(facts: Facts, values: Values) -> Finding:
    """Overrides of names change what other tools look for. Null puts the release's name in front of all names."""
    told = [
        f"{key} is {text(values.all, key) or 'null'}"
        for key in ("fullnameOverride", "nameOverride")
        if text(values.all, key) or (key == "fullnameOverride" and values.own.get(key, "") is None)
    ]
    if not told:
        return ok("names", "The chart's usual names.")
    app = text(facts.hub.deployment, "spec.template.metadata.labels.app")
    live = f": the hub's Deployment is {_deployment(facts)}, its pod's label app={app}" if app else ""
    return ok("names", f"{' and '.join(told)}{live}.")


def hub_image(facts: Facts, values: Values | None) -> str:
    """The image of the hub's container: the running one, otherwise the values'."""
    for container in rows(facts.hub.deployment, "spec.template.spec.containers"):
        if text(container, "name") == "hub":
            return text(container, "image")
    image = mapping(values.all if values else None, "hub.image")
    return f"{text(image, 'name')}:{text(image, 'tag')}" if image else ""


def _waits(pods: list[Json] | Unknown) -> tuple[str, str]:
    """Why no pod of the hub is ready, as its status says it, and the command that shows more."""
    for pod in [] if isinstance(pods, Unknown) else pods:
        for path in ("status.initContainerStatuses", "status.containerStatuses"):
            for container in rows(pod, path):
                reason = text(container, "state.waiting.reason") or text(container, "state.terminated.reason")
                if reason not in ("", "PodInitializing", "Completed"):
                    command = "describe" if "Image" in reason else "logs --all-containers --previous"
                    return f": {reason} in its container {text(container, 'name')}", command
        for condition in rows(pod, "status.conditions"):
            if text(condition, "type") == "PodScheduled" and text(condition, "status") == "False":
                return f": {cut(text(condition, 'message')).rstrip('.')}", "describe"
    return "", "logs"


def _deployment(facts: Facts) -> str:
    return text(facts.hub.deployment, "metadata.name") or "hub"


def _tag(image: str) -> str:
    return image.partition("@")[0].rpartition(":")[2]


def numbers(version: str) -> tuple[int, int, int] | None:
    """Major, minor and patch, whatever follows them; None where there are none."""
    found = re.match(r"v?(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?", version)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None
