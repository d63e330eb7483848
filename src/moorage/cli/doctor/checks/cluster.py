"""The cluster itself: whether its API server answers, its version and clock, and nodes whose devices have no labels."""

from moorage.cli.doctor import apart
from moorage.cli.doctor.checks.chart import numbers
from moorage.cli.doctor.facts import Facts
from moorage.cli.doctor.findings import Finding, Unknown, attention, failed, ok, unknown
from moorage.gpus.labels import vendors as labels
from moorage.gpus.units import family

LEAST, NEWEST = (1, 30), (1, 37)
_KUBELET_BEHIND = 3  # minor versions; source: kubernetes.io/releases/version-skew-policy
_CLOCK_WHY = "Ages and waiting times are told wrongly by as much, and tokens and certificates may be refused."
_CLOCK_NEXT = "synchronise the wrong one: `timedatectl status` says whether its machine does that"
_SHOWN = 3


def api_server(facts: Facts) -> Finding:
    """That it answers has been seen when there is anything to tell at all."""
    version = facts.cluster.version
    if isinstance(version, Unknown):
        return unknown("API server", version)
    return ok("API server", f"{facts.cluster.server} answers, with Kubernetes {version or 'of an unknown version'}.")


def clocks(facts: Facts) -> Finding:
    """Of the API server, and of the service where that was asked, against this machine's."""
    behind, service = facts.cluster.behind, facts.live.behind
    if isinstance(behind, Unknown):
        return unknown("clock", behind)
    told = [("The API server", behind)] + ([("The service", service)] if service is not None else [])
    wrong = [apart.in_words(by, of=of, than="this machine") for of, by in told if abs(by) >= apart.AGREE_SECONDS]
    if wrong:
        return attention("clock", " ".join(wrong), why=_CLOCK_WHY, next=_CLOCK_NEXT)
    if service is None:
        return ok("clock", "The clocks of the API server and of this machine agree. The service was not asked for its.")
    return ok("clock", "The clocks of the API server, the service and this machine agree.")


def kubernetes(facts: Facts) -> Finding:
    """Versions that moorage knows, and kubelets within Kubernetes' own version skew."""
    told = facts.cluster.version
    if isinstance(told, Unknown):
        return unknown("Kubernetes", told)
    version = numbers(told)
    if version is None:
        return unknown("Kubernetes", f"the version {told!r} can't be read")
    minor = version[:2]
    if minor < LEAST:
        return failed(
            "Kubernetes",
            f"The cluster has {told}; moorage needs {_spelled(LEAST)} or newer.",
            why="Older schedulers decide by other rules than those that are checked.",
            next="upgrade the cluster",
        )
    if isinstance(facts.cluster.nodes, Unknown):
        return unknown("Kubernetes", facts.cluster.nodes)
    kubelets = {node.name: found[:2] for node in facts.cluster.nodes if (found := numbers(node.kubelet))}
    odd = [
        name
        for name, has in kubelets.items()
        if has > minor or minor[0] != has[0] or minor[1] - has[1] > _KUBELET_BEHIND
    ]
    if odd:
        first = odd[0]
        return attention(
            "Kubernetes",
            f"{_nodes(odd)} {_has(odd)} a kubelet {_spelled(kubelets[first])}, which does not go with {told}.",
            why=f"Kubernetes supports kubelets up to {_KUBELET_BEHIND} minor versions older than the API server.",
            next=f"upgrade the node: `kubectl get node {first} -o wide`",
        )
    if minor > NEWEST:
        return attention(
            "Kubernetes",
            f"The cluster has {told}; verdicts follow the rules of {_spelled(NEWEST)}.",
            why="What a newer scheduler decides otherwise is not known here.",
            next="upgrade moorage, where there is a newer version",
        )
    return ok("Kubernetes", f"{told}, and the kubelets go with it." if kubelets else f"{told}.")


def devices(facts: Facts) -> Finding:
    """Cards without a model, and cards that labels promise but no device plugin serves."""
    nodes = facts.cluster.nodes
    if isinstance(nodes, Unknown):
        return unknown("devices", nodes)
    nameless, unserved, count = [], [], 0
    for node in nodes:
        found = labels.read(node.labels)
        cards = [name for name, amount in node.capacity.items() if family(name) and amount not in ("", "0")]
        count += bool(cards)
        if cards and found.model is None:
            nameless.append(node.name)
        elif found.present and not cards:
            unserved.append(node.name)
    if unserved:
        return attention(
            "devices",
            f"{_nodes(unserved)} {_has(unserved)} a GPU by the labels, and none that pods can get.",
            why="Nobody can get these cards before a device plugin or a DRA driver runs there.",
            next=f"see `kubectl describe node {unserved[0]}` and the pods of the GPU operator or device plugin on it",
        )
    if nameless:
        return attention(
            "devices",
            f"{_nodes(nameless)} {_has(nameless)} GPUs, but no label says of which model.",
            why="People see “Unknown GPU”, and can't ask for a model.",
            next="deploy GPU feature discovery (NVIDIA's operator has it, and `gfd.enabled=true` brings it with the "
            "device plugin's chart) or AMD's node labeller",
        )
    if not count:
        return ok("devices", "No node has GPUs.")
    return ok(
        "devices",
        f"{count} node{'s' * (count != 1)} with GPUs, and labels name {'their' if count > 1 else 'its'} model.",
    )


def _nodes(names: list[str]) -> str:
    told = ", ".join(names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"The node{'s' * (len(names) > 1)} {told}{more}"


def _has(names: list[str]) -> str:
    return "have" if len(names) > 1 else "has"


def _spelled(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
