"""The checks, in the order in which they are shown: functions from facts to findings, without any I/O."""

from collections.abc import Callable

from moorage.cli.doctor.checks import (
    chart,
    cluster,
    images,
    kept,
    live,
    people,
    rights,
    scheduling,
    service,
    signin,
    spawner,
    storage,
)
from moorage.cli.doctor.facts import Facts
from moorage.cli.doctor.findings import Finding, unknown
from moorage.cli.doctor.reading import Unknown
from moorage.cli.doctor.values import Values

Check = Callable[[Facts, Values], Finding]

_OF_VALUES: dict[str, Check] = {
    "versions": chart.versions,
    "moorage": spawner.installed,
    "extraEnv": spawner.extra_env,
    "profiles": people.profiles,
    "caps": people.caps,
    "placeholders": people.placeholders,
    "names": chart.names,
    "pull secrets": images.pull_secrets,
    "storage": storage.claims,
    "priorities": scheduling.priorities,
    "user-scheduler": scheduling.user_scheduler,
    "queues": scheduling.queues,
}
_OF_CLUSTER = (
    cluster.api_server,
    cluster.clocks,
    cluster.kubernetes,
    cluster.devices,
    scheduling.autoscaler,
    service.reachable,
    service.admitted,
    service.token,
    live.answers,
    live.gpu_sources,
    live.registry,
    signin.ways,
    kept.state,
)


def findings(facts: Facts) -> list[Finding]:
    """One for each subject, and for rights one for each that is missing."""
    values = facts.values
    told = [chart.release(facts), chart.running(facts)]
    for subject, check in _OF_VALUES.items():
        told.append(unknown(subject, values) if isinstance(values, Unknown) else check(facts, values))
    return told + [check(facts) for check in _OF_CLUSTER] + rights.rights(facts)
