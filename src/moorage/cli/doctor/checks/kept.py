"""What the service's replicas keep together: whether it is there, and whether they may change it."""

from moorage.cli.doctor.facts import Facts
from moorage.cli.doctor.findings import Finding, Unknown, failed, ok, unknown
from moorage.cli.doctor.kept import SETTING
from moorage.cli.doctor.reading import Json, at, rows

_NEEDED = {"get", "list", "watch", "patch"}


def state(facts: Facts) -> Finding:
    """The ConfigMap that a setting names is there and the service may read and change it."""
    kept = facts.service.kept
    if isinstance(kept.name, Unknown):
        return unknown("state", kept.name)
    if kept.name is None:
        return ok("state", f"Defaults of the form come from the settings; {SETTING} keeps changes for all replicas.")
    namespace, _, name = kept.name.partition("/")
    if isinstance(kept.there, Unknown):
        return unknown("state", kept.there)
    if kept.there is None:
        return failed(
            "state",
            f"There is no ConfigMap {kept.name}, in which the service keeps the form's defaults.",
            next=f"`kubectl --namespace {namespace} create configmap {name}`, or an upgrade of moorage's chart",
        )
    if isinstance(kept.roles, Unknown):
        return unknown("state", kept.roles)
    granted = {verb for role in kept.roles for rule in rows(role, "rules") for verb in _verbs(rule, name)}
    if lacking := sorted(_NEEDED - granted) if "*" not in granted else []:
        return failed(
            "state",
            f"The service may not {', '.join(lacking)} the ConfigMap {kept.name}, which keeps the form's defaults.",
            next="`kubectl apply -f deploy/kubernetes/optional/state.yaml`, or rights.stateConfigMap of the chart",
        )
    return ok("state", f"All replicas keep the form's defaults in the ConfigMap {kept.name}.")


def _verbs(rule: Json, name: str) -> set[str]:
    """What a rule grants on this ConfigMap."""
    groups, resources, names = (at(rule, key) or [] for key in ("apiGroups", "resources", "resourceNames"))
    concerns = {"", "*"} & set(groups) and {"configmaps", "*"} & set(resources) and (not names or name in names)
    return set(at(rule, "verbs") or ()) if concerns else set()
