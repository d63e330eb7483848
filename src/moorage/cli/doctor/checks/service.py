"""The service as the cluster has it, and the token that the hub shows there."""

from shlex import quote

from moorage.cli.doctor.facts import Facts
from moorage.cli.doctor.findings import Finding, Unknown, attention, failed, ok, unknown
from moorage.cli.doctor.reading import Json, at, rows, text
from moorage.cli.doctor.values import Values

_APPLY = "docs/install.md, “The service”: `kubectl apply -k deploy/kubernetes`"


def reachable(facts: Facts) -> Finding:
    """There is a Service where the hub looks, with that port and with ready pods behind it."""
    service = facts.service
    if not service.name:
        return unknown("service", f"{service.url} is no Service of this cluster")
    if isinstance(service.there, Unknown):
        return unknown("service", service.there)
    named = f"{service.namespace}/{service.name}"
    if service.there is None:
        says = f"There is no Service {named}"
        if isinstance(facts.values, Values) and facts.values.has_moorage:
            return failed("service", f"{says}, which the hub asks at {service.url}.", next=_APPLY)
        return attention("service", f"{says}.", next=_APPLY)
    ports = [port.get("port") for port in rows(service.there, "spec.ports")]
    if service.port not in ports:
        listed = ", ".join(map(str, ports)) or "none"
        return failed(
            "service",
            f"The hub asks {service.url}, but the Service {named} has the ports {listed}.",
            next="set c.MoorageSpawner.service_url to the Service's port",
        )
    if isinstance(service.slices, Unknown):
        return unknown("service", service.slices)
    ready, known = _endpoints(service.slices)
    if not ready:
        says = f"None of {known} pods behind the Service {named} is ready" if known else f"{named} has no pod behind it"
        holders = {text(one, "namespace") for one in rows(service.binding, "subjects")}
        if holders and service.namespace not in holders:
            return failed(
                "service",
                f"{says}, and the ClusterRoleBinding moorage gives its rights to the namespace "
                f"{', '.join(sorted(holders))} instead of {service.namespace}.",
                next="an overlay with another namespace has to set the subject's too, as deploy/overlay does",
            )
        return failed(
            "service",
            f"{says}.",
            next=f"`kubectl --namespace {service.namespace} describe pods -l app.kubernetes.io/name=moorage`",
        )
    return ok("service", f"{ready} of {known} pods behind {service.url} are ready.")


def token(facts: Facts) -> Finding:
    """The hub's token is one that the service knows."""
    tokens = facts.tokens
    for found, place in ((tokens.hub, tokens.hub_secret), (tokens.service, tokens.service_secret)):
        if isinstance(found, Unknown):
            return unknown("token", found)
        if found is None:
            has_moorage = isinstance(facts.values, Values) and facts.values.has_moorage
            return (failed if has_moorage else attention)(
                "token", f"There is no Secret {place}.", next="docs/install.md makes both Secrets of one token"
            )
    person = _person(str(tokens.service), str(tokens.hub).strip())
    if person is None:
        return failed(
            "token",
            f"The hub's token ({tokens.hub_secret}) is none of those that the service knows ({tokens.service_secret}).",
            next="write the service's token into the hub's Secret again, and restart the hub",
            commands=_copied(facts),
        )
    if tokens.in_values:
        return attention(
            "token",
            "The hub's token is one that the service knows, but it stands in the release's values.",
            next="put it into a Secret and name that in hub.extraEnv, as moorage's values do",
        )
    name, role = person
    return ok("token", f"Both Secrets have the same token, of “{name}” with the role {role}.")


def _copied(facts: Facts) -> tuple[str, ...]:
    """The commands that bring the hub's token from the service's Secret into the hub's, and show it nowhere: where both
    are Secrets, and the service's has one by the name `hub`, as chart and manifests make it.
    """
    tokens = facts.tokens
    if tokens.in_values or not any(line.strip().startswith("hub:") for line in str(tokens.service).splitlines()):
        return ()
    of_service, _, theirs = map(quote, tokens.service_secret.partition("/"))
    where, _, mine = map(quote, tokens.hub_secret.partition("/"))
    deployment = quote(text(facts.hub.deployment, "metadata.name") or "hub")
    made = f"create secret generic {mine} --from-file=token=/dev/stdin --dry-run=client -o yaml"
    told = (
        f"kubectl --namespace {of_service} get secret {theirs} -o jsonpath='{{.data.tokens}}'",
        "base64 -d",
        "sed -n 's/^hub:[^:]*://p'",
        "tr -d '\\n'",
        f"kubectl --namespace {where} {made}",
        "kubectl apply -f -",
    )
    return " | ".join(told), f"kubectl --namespace {where} rollout restart deployment/{deployment}"


def _endpoints(slices: list[Json]) -> tuple[int, int]:
    """(ready, known) addresses; unknown readiness counts as ready. Source: discovery.k8s.io/v1 EndpointConditions"""
    found = [endpoint for one in slices for endpoint in rows(one, "endpoints")]
    return sum(at(endpoint, "conditions.ready") is not False for endpoint in found), len(found)


def _person(lines: str, token: str) -> tuple[str, str] | None:
    """Name and role of the line that has this token."""
    for line in map(str.strip, lines.splitlines()):
        name, _, rest = line.partition(":")
        role, _, known = rest.partition(":")
        if token and known.strip() == token and not line.startswith("#"):
            return name.strip(), role.strip()
    return None
