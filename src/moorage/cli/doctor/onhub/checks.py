"""From what is seen in a hub's pod to findings, with the ids that the doctor of a workstation has for them, too."""

import re

from moorage import __version__
from moorage.cli.doctor import apart
from moorage.cli.doctor.findings import Finding, attention, failed, ok, skipped, unknown
from moorage.cli.doctor.onhub.seen import OPTIONAL, Cluster, Seen, Service

_LEAST = {"jupyterhub": ("JupyterHub", (5, 3)), "jupyterhub-kubespawner": ("KubeSpawner", (7, 0))}
_UNKNOWN = "The form says that availability is unknown."
_CLOCK_WHY = "Ages and waiting times are told wrongly by as much, and tokens and certificates may be refused."
_FROM_OUTSIDE = "`moorage doctor` on a workstation tells more, under `service` and `network`"
_HOW = {
    "address": ("{}", "set c.MoorageSpawner.service_url to an address such as http://moorage.moorage:8000"),
    "name": (
        "no address is known for the name {}",
        "it is SERVICE.NAMESPACE: `kubectl get services --all-namespaces -l app.kubernetes.io/name=moorage` lists them",
    ),
    "silence": ("{} is silent, as behind a NetworkPolicy that lets nobody in", _FROM_OUTSIDE),
    "refused": ("nobody listens there, as where no pod of the service is ready ({})", _FROM_OUTSIDE),
    "connection": ("{}", _FROM_OUTSIDE),
    "answer": ("{}", "see whether that is the address of moorage: something else may answer there"),
}


def findings(seen: Seen) -> list[Finding]:
    return [
        _versions(seen),
        _moorage(seen),
        _service(seen.service),
        _answers(seen.service),
        _api_server(seen.cluster),
        _clocks(seen),
        _rights(seen.cluster),
    ]


def _versions(seen: Seen) -> Finding:
    told = " and ".join(f"{name} {seen.versions.get(of) or 'unknown'}" for of, (name, _) in _LEAST.items())
    old = [name for of, (name, least) in _LEAST.items() if _older(seen.versions.get(of), least)]
    if old:
        return failed(
            "versions",
            f"{told}: moorage needs JupyterHub 5.3 and KubeSpawner 7.0 or newer.",
            why="With less, choices are ignored.",
            next="upgrade the hub's chart to 4.2.0 or newer",
        )
    return ok("versions", f"{told}: new enough.")


def _moorage(seen: Seen) -> Finding:
    if seen.broken:
        return failed(
            "moorage",
            f"moorage {__version__} in {seen.where} can't be loaded as the hub's spawner: {seen.broken}",
            why="The hub does not start with it.",
            next="an image or a package of another version may lie in PYTHONPATH",
        )
    return ok("moorage", f"moorage {__version__} in {seen.where} can be loaded as the hub's spawner.")


def _service(service: Service) -> Finding:
    if not service.how:
        return ok("service", f"{service.url} answers, by {service.by}: nothing is in the way.")
    words, next_ = _HOW[service.how]
    return failed(
        "service",
        f"{service.url} (by {service.by}) can't be reached: {words.format(service.trouble)}.",
        why=_UNKNOWN,
        next=next_,
    )


def _answers(service: Service) -> Finding:
    if service.how:
        return unknown("answers", "the service can't be reached", next="see `service`")
    if service.status in (401, 403):
        says = (
            "refuses the hub's token" if service.has_token else "asks for a token, and MOORAGE_SERVICE_TOKEN is not set"
        )
        return failed(
            "answers",
            f"The service {says}{_because(service)}.",
            why=_UNKNOWN,
            next="give the hub one of the service's tokens, and restart it: docs/install.md, “The hub”",
        )
    if service.status != 200:
        return failed(
            "answers",
            f"The service answers with HTTP {service.status}{_because(service)}.",
            why=_UNKNOWN,
            next="see the log of the service",
        )
    if service.stale:
        return attention(
            "answers",
            "The service answers, and says that its picture of the cluster may be out of date.",
            why="People see numbers of some time ago, marked so.",
            next="the log of the service says since when and why",
        )
    if service.version and service.version != __version__:
        return attention(
            "answers",
            f"The service is moorage {service.version}, and this hub has {__version__}.",
            why="The form may not understand what a newer service tells.",
            next="give the hub's init container the image of the service, and restart the hub",
        )
    return ok("answers", f"The service answers with the hub's token, is current, and has version {service.version}.")


def _api_server(cluster: Cluster) -> Finding:
    if cluster.trouble:
        return failed(
            "API server",
            f"The hub can't ask the API server: {cluster.trouble}.",
            why="No server starts, and none is known to run.",
            next="see the hub's service account, and the NetworkPolicies of its namespace",
        )
    return ok("API server", f"It answers, with Kubernetes {cluster.version}.")


def _clocks(seen: Seen) -> Finding:
    told = {"The service": seen.service.behind, "The API server": seen.cluster.behind}
    known = {of: by for of, by in told.items() if by is not None}
    wrong = [apart.in_words(by, of=of, than="the hub") for of, by in known.items() if abs(by) >= apart.AGREE_SECONDS]
    if wrong:
        return attention(
            "clock",
            " ".join(wrong),
            why=_CLOCK_WHY,
            next="synchronise the wrong one: `timedatectl status` on its node says whether that is done",
        )
    if not known:
        return unknown("clock", "neither the service nor the API server told its time", next="see `service`")
    silent = [f" {of} did not tell its time." for of in told if of not in known]
    agree = " and ".join(f"{of[0].lower()}{of[1:]}" for of in known)
    return ok("clock", f"The clock of {agree} agrees with the hub's.{''.join(silent)}")


def _rights(cluster: Cluster) -> Finding:
    if cluster.trouble:
        return unknown("rights", "the API server was not asked", next="see `api-server`")
    needed = [right for right in cluster.denied if right not in OPTIONAL]
    if needed:
        told = ", ".join(f"{verb} {kind}" for verb, kind, _ in needed)
        return failed(
            "rights",
            f"The hub may not do in the namespace {cluster.namespace}: {told}.",
            why="Servers don't start, or their progress is not seen.",
            next="`rbac.create` of the hub's chart makes these rights for its service account",
        )
    optional = [f"{verb} {kind}" for verb, kind, _ in cluster.denied]
    if optional:
        return skipped(
            "rights",
            f"The hub may do in the namespace {cluster.namespace} what starts need, and not {', '.join(optional)}.",
            next="where people should resize servers or see what these use: `rights.resize` and `rights.usage` of "
            "moorage's chart",
        )
    return ok("rights", f"The hub may do in the namespace {cluster.namespace} all that it needs.")


def _because(service: Service) -> str:
    return f": {service.trouble.rstrip('.')}" if service.trouble else ""


def _older(version: str | None, least: tuple[int, int]) -> bool:
    found = re.match(r"(\d+)(?:\.(\d+))?", version or "")
    return found is not None and (int(found[1]), int(found[2] or 0)) < least
