"""The ways in which people and programs get into the service's API and dashboard."""

from moorage.cli.doctor.facts import Facts
from moorage.cli.doctor.findings import Finding, Unknown, attention, ok, skipped, unknown
from moorage.cli.doctor.reading import mapping, text
from moorage.cli.doctor.settings import is_on
from moorage.cli.doctor.values import Values


def ways(facts: Facts) -> Finding:
    """Which ways are on, and whether the hub knows the service where people log in with it."""
    settings = facts.service.settings
    if isinstance(settings, Unknown):
        return unknown("sign-in", settings)
    if settings is None:
        return skipped("sign-in", "There is no Deployment of the service whose settings could be read.")
    if is_on(settings, "MOORAGE_ALLOW_ANONYMOUS_ACCESS_FROM_EVERYWHERE"):
        return attention(
            "sign-in",
            "Everybody who reaches the service's port is let in (MOORAGE_ALLOW_ANONYMOUS_ACCESS_FROM_EVERYWHERE).",
            why="The names of nodes and what runs on them are open to every pod of the cluster.",
            next="remove the setting: tokens are made by moorage's chart, or as docs/install.md has it",
        )
    told = []
    if settings.get("MOORAGE_TOKEN_FILE"):
        told.append("tokens from a file")
    if "MOORAGE_HUB_API_URL" in settings:
        client = settings.get("MOORAGE_HUB_CLIENT_ID") or "service-moorage"
        name = client.removeprefix("service-")
        if isinstance(facts.values, Values) and name not in _services(facts.values):
            return attention(
                "sign-in",
                f"The service lets people log in with the hub, which knows no service {name}.",
                why="The hub refuses the log-in, so nobody can open the dashboard.",
                next=f"add `hub.services.{name}` to the hub's values, as docs/service.md shows",
            )
        told.append("the hub's log-in")
    if is_on(settings, "MOORAGE_KUBERNETES_TOKENS"):
        told.append("Kubernetes' own tokens")
    if not told:
        return attention(
            "sign-in",
            "No way to sign in is set.",
            why="The service does not start like that, unless it listens on loopback alone.",
            next="set MOORAGE_TOKEN_FILE, or install moorage's chart, which does",
        )
    return ok("sign-in", f"{', '.join(told)[0].upper()}{', '.join(told)[1:]}.")


def _services(values: Values) -> set[str]:
    known = mapping(values.all, "hub.services")
    return {*known, *(text(one, "name") for one in known.values() if isinstance(one, dict))}
