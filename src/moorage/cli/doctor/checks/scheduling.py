"""Who places people's pods, with which priority, and what the cluster does when there is no room."""

import contextlib
import re

import yaml

from moorage.cli.doctor.checks.chart import numbers
from moorage.cli.doctor.cluster import images, ready
from moorage.cli.doctor.facts import Facts
from moorage.cli.doctor.findings import Finding, State, Unknown, attention, failed, note, ok, skipped, unknown
from moorage.cli.doctor.reading import Json, at, mapping, text
from moorage.cli.doctor.settings import listed
from moorage.cli.doctor.values import Values
from moorage.errors import InvalidObject, quoted
from moorage.scheduling.profiles import Profile, profiles

_MAY_BE_BEHIND = 1  # minor versions; source: kubernetes.io/releases/version-skew-policy
_GKE = "cloud.google.com/gke-nodepool"
_SCHEDULER_NEXT = "`kubectl apply -f deploy/kubernetes/optional/scheduler.yaml` and MOORAGE_SCHEDULER_CONFIGMAPS={0}, or `rights.schedulerConfigMap: {0}` of moorage's chart"  # fmt: skip # noqa: E501


def priorities(facts: Facts, values: Values) -> Finding:
    """The priority of people's pods, in the cluster and in the service's settings."""
    known = facts.cluster.priorities
    if isinstance(known, Unknown):
        return unknown("priorities", known)
    classes = {text(one, "metadata.name"): _value(one) for one in known}
    told = facts.service.settings if isinstance(facts.service.settings, dict) else {}
    given = told.get("MOORAGE_USER_PRIORITY", "").strip()
    assumed = int(given) if re.fullmatch(r"-?[0-9]{1,10}", given) else 0
    if at(values.all, "scheduling.podPriority.enabled") is True:
        release = facts.hub.name or "jupyterhub"
        named = [f"{full}-default-priority" for full in (_full(values) or release, f"{release}-jupyterhub")]
        name = next((one for one in named if one in classes), named[0])
        has = classes.get(name)
        if has is None:
            return attention(
                "priorities",
                f"Pod priority is on, but there is no PriorityClass {name}.",
                why="The API server refuses pods that name a class that is not there.",
                next="see `kubectl get priorityclasses`, and "
                f"`helm history {release} --namespace {facts.hub.namespace}`",
            )
        where = f"by the class {name}"
    else:
        usual = next((one for one in known if one.get("globalDefault") is True), None)
        has = _value(usual) if usual else 0
        where = f"by the cluster's default class {text(usual, 'metadata.name')}" if usual else "as no class is set"
    if has != assumed and isinstance(facts.service.settings, dict):
        return attention(
            "priorities",
            f"People's pods have the priority {has}, {where}; the service takes it for {assumed}.",
            why="What an eviction could make room for is then told wrongly on nodes.",
            next=f"set MOORAGE_USER_PRIORITY={has}, or `settings.user_priority: {has}` of moorage's chart",
        )
    return ok("priorities", f"People's pods have the priority {has}, {where}.")


def _full(values: Values) -> str:
    return text(values.all, "fullnameOverride")


def user_scheduler(facts: Facts, values: Values) -> Finding:
    """The chart's scheduler for people's pods: that it runs, is of the cluster's age, and what it switches off."""
    found = facts.cluster.scheduler
    if at(values.all, "scheduling.userScheduler.enabled") is False:
        return ok("user-scheduler", "Off: the cluster's own scheduler places people's pods.")
    if isinstance(found, Unknown):
        return unknown("user-scheduler", found)
    if not found:
        return ok("user-scheduler", "None runs: the cluster's own scheduler places people's pods.")
    where = f"{facts.hub.namespace}/{text(found[0], 'metadata.name')}"
    if not ready(found[0]):
        return failed(
            "user-scheduler",
            f"The Deployment {where} has no ready pod.",
            why="People's pods name it as their scheduler, and nobody else places them.",
            next=f"`kubectl --namespace {facts.hub.namespace} logs deployment/{text(found[0], 'metadata.name')}`, "
            "or `scheduling.userScheduler.enabled: false` of the hub's chart",
        )
    image = next(iter(images(found)), "")
    own, cluster = numbers(image.partition("@")[0].rpartition(":")[2]), numbers(str(facts.cluster.version))
    told = _configured(facts, where=where)
    if told.state is not State.OK or not own or not cluster:
        return told
    spelled = f"It is of Kubernetes {own[0]}.{own[1]}, and the cluster of {cluster[0]}.{cluster[1]}"
    if own[:2] > cluster[:2]:
        return attention(
            "user-scheduler",
            f"{spelled}: Kubernetes supports no scheduler that is newer than its API server.",
            why="It may wait for kinds that this API server does not have, and place nothing.",
            next="set `scheduling.userScheduler.image.tag` of the hub's chart to "
            f"v{cluster[0]}.{cluster[1]}.0, or upgrade the cluster",
        )
    if cluster[1] - own[1] > _MAY_BE_BEHIND:
        return note(
            "user-scheduler",
            f"{spelled}. {told.says}",
            why="Kubernetes supports one minor version of difference; Zero to JupyterHub pins an older one, which "
            "works. What came later, such as devices of DRA and resized pods, it may judge otherwise than moorage.",
            next="nothing, as long as starts work; otherwise `scheduling.userScheduler.image.tag: "
            f"v{cluster[0]}.{cluster[1]}.0` of the hub's chart",
        )
    return told


def _configured(facts: Facts, *, where: str) -> Finding:
    config = facts.cluster.scheduler_config
    if isinstance(config, Unknown):
        return unknown("user-scheduler", config)
    told = [one for profile in _profiles(config) for one in _switched_off(profile)]
    if not told:
        return ok(
            "user-scheduler", "It runs, and its configuration changes scores alone: verdicts are those of its own."
        )
    known = facts.service.settings if isinstance(facts.service.settings, dict) else {}
    named = {"/".join(one.split("/")[:2]) for one in listed(known, "MOORAGE_SCHEDULER_CONFIGMAPS")}
    if where in named or known.get("MOORAGE_SCHEDULER_CONFIG_FILE"):
        return ok("user-scheduler", f"It runs. {' '.join(told)} The service knows that.")
    return attention(
        "user-scheduler",
        " ".join(told),
        why="The service does not know that, and checks what this scheduler does not.",
        next=_SCHEDULER_NEXT.format(where),
    )


def _profiles(config: Json | None) -> tuple[Profile, ...]:
    with contextlib.suppress(yaml.YAMLError, InvalidObject, RecursionError):
        return profiles(yaml.safe_load(str(mapping(config, "data").get("config.yaml") or "")))
    return ()


def _switched_off(profile: Profile) -> list[str]:
    usual = profiles({"kind": "KubeSchedulerConfiguration"})[0]
    off = [name for name in usual.on_nodes if name not in profile.on_nodes]
    told = [f"The scheduler {profile.name} has {', '.join(off)} switched off."] if off else []
    if not profile.preempts:
        told.append(f"The scheduler {profile.name} evicts nobody.")
    return told + ([] if off else list(profile.doubts))


def autoscaler(facts: Facts) -> Finding:
    """Who adds machines, as far as it can be seen; the right to read that is `rights.karpenter` and so on."""
    cluster = facts.cluster
    told = facts.service.settings if isinstance(facts.service.settings, dict) else {}
    if isinstance(cluster.karpenter, Unknown):
        return unknown("autoscaler", cluster.karpenter)
    kinds = ["Karpenter"] if cluster.karpenter else []
    if isinstance(cluster.autoscaler, dict):
        kinds.append("Cluster Autoscaler")
        if (
            facts.service.deployment
            and not told.get("MOORAGE_CLUSTER_AUTOSCALER_NAMESPACE")
            and not _may_watch_it(facts)
        ):
            where = text(cluster.autoscaler, "metadata.namespace")
            return attention(
                "autoscaler",
                "Cluster Autoscaler runs, and the service may not read its status.",
                why="People are told that nothing fits, where a machine could be added.",
                next="`kubectl apply -f deploy/kubernetes/optional/cluster-autoscaler.yaml`, or "
                f"`rights.clusterAutoscalerNamespace: {where}` of moorage's chart",
            )
    if kinds:
        return ok("autoscaler", f"{' and '.join(kinds)} can add machines.")
    nodes = [] if isinstance(cluster.nodes, Unknown) else cluster.nodes
    if any(_GKE in node.labels for node in nodes) and not told.get("MOORAGE_MACHINES_FILE"):
        return skipped(
            "autoscaler",
            "A cluster of GKE: whether its pools grow can't be seen.",
            next="where they do, describe their machines in MOORAGE_MACHINES_FILE",
        )
    if isinstance(cluster.autoscaler, Unknown):
        return skipped("autoscaler", f"No Karpenter; of Cluster Autoscaler is unknown: {cluster.autoscaler.reason}.")
    return ok("autoscaler", "None is found: no machines are added by themselves.")


def _may_watch_it(facts: Facts) -> bool:
    return any(one.right.id == "cluster-autoscaler" and one.denied == () for one in facts.rights)


def queues(facts: Facts, values: Values) -> Finding:
    """Kueue, and the queues that the hub names."""
    kueue, found = facts.cluster.kueue, facts.cluster.queues
    named = values.option("queues")
    if isinstance(kueue, Unknown):
        return unknown("queues", kueue)
    if not kueue:
        if named:
            return failed(
                "queues",
                f"The hub sets queues ({quoted(str(named)[:60])}), but the cluster has no Kueue.",
                why="Nothing would ever admit the pods, or their place in line be told.",
                next="install Kueue, or remove `c.MoorageSpawner.queues`",
            )
        return ok("queues", "No Kueue.")
    if isinstance(found, Unknown):
        return unknown("queues", found)
    here = sorted(text(one, "metadata.name") for one in found)
    if named and not here:
        return failed(
            "queues",
            f"The hub sets queues ({quoted(str(named)[:60])}), and {facts.hub.namespace} has no LocalQueue.",
            why="Kueue admits no pod of a queue that is not there: servers wait for ever.",
            next=f"make one: `kubectl --namespace {facts.hub.namespace} create -f …` with `kind: LocalQueue`",
        )
    if not named:
        return ok("queues", "Kueue runs, and the hub uses none of its queues (`c.MoorageSpawner.queues`).")
    return ok("queues", f"Kueue's queues here: {', '.join(here[:5])}.")


def _value(one: Json | None) -> int:
    found = at(one, "value")
    return found if isinstance(found, int) and not isinstance(found, bool) else 0
