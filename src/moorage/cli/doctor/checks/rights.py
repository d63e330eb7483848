"""Whether the service may read what it follows, and what its settings and the cluster's add-ons ask for."""

from itertools import groupby

from moorage.cli.doctor.facts import Facts
from moorage.cli.doctor.findings import Finding, Unknown, attention, failed, ok, skipped, unknown
from moorage.cli.doctor.rights import Answered


def rights(facts: Facts) -> list[Finding]:
    """One line where all is granted; otherwise one for each right that is missing, by its name."""
    of_service = [one for one in facts.rights if not one.right.of_hub]
    told = _of_service(facts, of_service)
    for one in facts.rights:
        if one.right.of_hub and one.denied and not isinstance(one.denied, Unknown):
            says = f"The hub may not {_verbs(one)} {one.right}. {one.right.why}"
            told.append(skipped(f"rights.{one.right.id}", says, next=f"if you want that: {one.right.mend}"))
    return told


def _of_service(facts: Facts, asked: list[Answered]) -> list[Finding]:
    deployment = facts.service.deployment
    if isinstance(deployment, Unknown) and not asked:
        return [unknown("rights", deployment)]
    if not asked:
        return [skipped("rights", "There is no Deployment of the service whose rights could be asked for.")]
    if unread := next((one.denied for one in asked if isinstance(one.denied, Unknown)), None):
        return [unknown("rights", unread)]
    account = asked[0].account
    base = [one for one in asked if one.right.base]
    if all(one.denied for one in base):
        return [
            failed(
                "rights",
                f"The service account {account} may list none of the {len(base)} kinds that the service follows.",
                why="Without its ClusterRole and the binding to this very account nothing can be told.",
                next=base[0].right.mend,
            )
        ]
    missing = [one for one in asked if one.denied]
    if not missing:
        others = sorted({one.right.id for one in asked if not one.right.base})
        more = f", and what its settings and add-ons ask for: {', '.join(others)}" if others else ""
        return [ok("rights", f"The service account {account} may list and watch all {len(base)} kinds{more}.")]
    told = []
    for name, group in groupby(missing, key=lambda one: one.right.id):
        these = list(group)
        right = these[0].right
        says = f"The service account {account} may not {_verbs(these[0])} {' and '.join(str(o.right) for o in these)}."
        made = failed if right.required else attention
        told.append(made(f"rights.{name}", says, why=right.why, next=right.mend))
    return told


def _verbs(one: Answered) -> str:
    return " and ".join(one.denied) if isinstance(one.denied, tuple) else ""
