"""Whether NetworkPolicies leave the way to the service open: to the hub, and to Prometheus where that has a token."""

from moorage.cli.doctor.facts import Facts
from moorage.cli.doctor.findings import Finding, Unknown, attention, failed, note, ok, skipped, unknown
from moorage.cli.doctor.policies import End, Port, passes
from moorage.cli.doctor.reading import Json, at, mapping, rows, text
from moorage.cli.doctor.values import Values

_LABEL = 'set `hub.labels: {moorage.io/client: "true"}` in the values; the policy of moorage\'s chart admits that label'
_ON_THE_HUB = "`kubectl --namespace {} exec deployment/{} -- python3 -m moorage doctor` tries it from there"
_NOT_KNOWN = "Whether the cluster's network enforces them, no object tells."


def to_the_service(facts: Facts) -> Finding:
    """The policies of the service's pods let the hub's pod in, and those of the hub's pod let it out."""
    hub, service = facts.hub.deployment, facts.service
    if service.there is None:
        return ok("network", "There is no service to reach yet.")
    if isinstance(facts.values, Values) and _may_not_leave(facts.values, service.port):
        return failed(
            "network",
            "The hub's own NetworkPolicy lets it reach no private addresses, and the service's port is no exception.",
            next="add moorage's rule to hub.networkPolicy.egress, as `moorage hub-values` does",
        )
    for one in (service.policies, service.hub_policies, hub):
        if isinstance(one, Unknown):
            return unknown("network", one)
    labels = mapping(hub, "spec.template.metadata.labels")
    if not labels:
        return ok("network", "There is no hub's pod yet.")
    mine = End(labels, facts.hub.namespace, service.hub_namespace, _addresses(facts.pods))
    told = ", ".join(f"{key}={labels[key]}" for key in ("app", "component") if key in labels)
    in_, by = _in(facts, mine)
    if in_ is False:
        return failed(
            "network",
            f"{_policies(by, service.namespace)} {_do(by)} not admit the hub's pod ({told}).",
            next=_LABEL,
        )
    out, of = passes(_list(service.hub_policies), way="Egress", of=mine, other=_service(facts), port=_port(facts))
    if out is False:
        return failed(
            "network",
            f"{_policies(of, facts.hub.namespace)} {_do(of)} not let the hub's pod ({told}) out to the service.",
            next="add moorage's rule to hub.networkPolicy.egress, as `moorage hub-values` does, or to that policy",
        )
    if in_ is None or out is None:
        unclear = _policies(by, service.namespace) if in_ is None else _policies(of, facts.hub.namespace)
        return note(
            "network",
            f"Whether {unclear[0].lower()}{unclear[1:]} lets the hub reach the service can't be told from here: "
            "it goes by addresses, or by labels of namespaces that can't be read.",
            next=_ON_THE_HUB.format(facts.hub.namespace, text(hub, "metadata.name")),
        )
    if not by and not of:
        return ok("network", "No NetworkPolicy is in the hub's way to the service.")
    return ok("network", f"The NetworkPolicies admit the hub to the service. {_NOT_KNOWN}")


def of_prometheus(facts: Facts) -> Finding:
    """Prometheus is let in, where it has a token and its pods are found by their usual label."""
    tokens, pods = facts.tokens.service, facts.service.prometheus
    if not any(line.strip().startswith("prometheus:") for line in str(tokens or "").splitlines()):
        return ok("prometheus", "The service has no token for Prometheus, as `metrics.serviceMonitor` makes one.")
    if isinstance(facts.service.policies, Unknown):
        return unknown("prometheus", facts.service.policies)
    if isinstance(pods, Unknown):
        return skipped("prometheus", f"Where Prometheus runs can't be seen: {pods.reason}.", next=pods.next)
    if not pods:
        return skipped(
            "prometheus", "No pod has the label app.kubernetes.io/name=prometheus: whether it gets in is unknown."
        )
    ends = [End(mapping(one, "metadata.labels"), text(one, "metadata.namespace"), None, _ips(one)) for one in pods]
    told = [_in(facts, end) for end in ends]
    where = ", ".join(sorted({end.namespace for end, (open_, _) in zip(ends, told, strict=True) if open_ is False}))
    if where and not any(open_ for open_, _ in told):
        by = told[0][1]
        return attention(
            "prometheus",
            f"{_policies(by, facts.service.namespace)} {_do(by)} not admit Prometheus, of the namespace {where}.",
            why="No number of the service reaches it, and MoorageDown fires although all is well.",
            next=f"`metrics.namespace: {where}` of moorage's chart, or deploy/kubernetes/optional/prometheus.yaml",
        )
    if any(open_ is None for open_, _ in told) and not any(open_ for open_, _ in told):
        return note("prometheus", "Whether the NetworkPolicies admit Prometheus can't be told from here.")
    if not told[0][1]:
        return ok("prometheus", "No NetworkPolicy is in Prometheus's way to the service.")
    return ok("prometheus", f"The NetworkPolicies admit Prometheus to the service. {_NOT_KNOWN}")


def _in(facts: Facts, other: End) -> tuple[bool | None, list[str]]:
    return passes(_list(facts.service.policies), way="Ingress", of=_service(facts), other=other, port=_port(facts))


def _service(facts: Facts) -> End:
    """A pod of the service, as its Deployment makes them, otherwise as the Service selects them."""
    service = facts.service
    made = mapping(
        service.deployment if isinstance(service.deployment, dict) else None, "spec.template.metadata.labels"
    )
    found = (
        ()
        if isinstance(service.slices, Unknown)
        else tuple(
            str(address)
            for one in service.slices
            for endpoint in rows(one, "endpoints")
            for address in (endpoint.get("addresses") or ())
        )
    )
    return End(made or mapping(service.there, "spec.selector"), service.namespace, service.namespace_labels, found)


def _port(facts: Facts) -> Port:
    """The port of the pod behind the Service's port."""
    service = facts.service
    target: object = service.port
    for one in rows(service.there, "spec.ports"):
        if one.get("port") == service.port:
            target = one.get("targetPort") or service.port
    of = service.deployment if isinstance(service.deployment, dict) else None
    known = {
        text(port, "name"): port.get("containerPort")
        for container in rows(of, "spec.template.spec.containers")
        for port in rows(container, "ports")
    }
    if isinstance(target, str):
        number = known.get(target)
        return Port(number if isinstance(number, int) else None, target)
    name = next((name for name, number in known.items() if number == target), "")
    return Port(target if isinstance(target, int) else None, name)


def _list(policies: list[Json] | Unknown) -> list[Json]:
    return [] if isinstance(policies, Unknown) else policies


def _addresses(pods: list[Json] | Unknown) -> tuple[str, ...]:
    return () if isinstance(pods, Unknown) else tuple(ip for one in pods for ip in _ips(one))


def _ips(pod: Json) -> tuple[str, ...]:
    return (ip,) if (ip := text(pod, "status.podIP")) else ()


def _policies(names: list[str], namespace: str) -> str:
    told = ", ".join(f"{namespace}/{name}" for name in names)
    return f"The NetworkPolic{'y' if len(names) == 1 else 'ies'} {told}"


def _do(names: list[str]) -> str:
    return "does" if len(names) == 1 else "do"


def _may_not_leave(values: Values, port: int | None) -> bool:
    """The chart lets the hub go to private addresses unless told otherwise."""
    policy = mapping(values.all, "hub.networkPolicy")
    if policy.get("enabled") is False or at(policy, "egressAllowRules.privateIPs") is not False:
        return False
    rules = rows(policy, "egress")
    return not any(not rows(rule, "ports") or port in (p.get("port") for p in rows(rule, "ports")) for rule in rules)
