"""The checks, in the order in which they are shown: functions from facts to findings, without any I/O."""

from collections.abc import Callable
from dataclasses import replace

from moorage.cli.doctor.checks import (
    chart,
    cluster,
    images,
    kept,
    live,
    network,
    people,
    rights,
    scheduling,
    service,
    signin,
    spawner,
    storage,
)
from moorage.cli.doctor.facts import Facts
from moorage.cli.doctor.findings import Finding, State, Unknown, unknown
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
    network.to_the_service,
    network.of_prometheus,
    service.token,
    live.answers,
    live.gpu_sources,
    live.registry,
    signin.ways,
    kept.state,
)


# Why a subject matters, where its findings do not say it themselves.
_WHY = {
    "release": "The hub may run with older values than those that were meant.",
    "hub": "Nobody can log in or start a server.",
    "moorage": "People don't get moorage's form, or one that does not go with the service.",
    "extraEnv": "The hub can't import moorage then, or shows the service no token.",
    "pull secrets": "Images of that registry can't be pulled, and servers that need them don't start.",
    "service": "The form then says that availability is unknown.",
    "network": "The form then says that availability is unknown.",
    "token": "The form then says that availability is unknown.",
    "state": "A change of the form's defaults is then refused, and nothing seen of machines outlives a restart.",
}


def findings(facts: Facts) -> list[Finding]:
    """One for each subject, and for rights one for each that is missing."""
    values = facts.values
    told = [chart.release(facts), chart.running(facts)]
    for subject, check in _OF_VALUES.items():
        told.append(unknown(subject, values) if isinstance(values, Unknown) else check(facts, values))
    told += [check(facts) for check in _OF_CLUSTER] + rights.rights(facts)
    return [_with_why(one) for one in told]


def _with_why(one: Finding) -> Finding:
    if one.why is not None or one.state not in (State.FAILED, State.ATTENTION):
        return one
    return replace(one, why=_WHY.get(one.subject))
