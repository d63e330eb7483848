"""Random pods that ask for a place in a scene: most of what a notebook's manifest can hold, and then some."""

import random
from collections.abc import Callable

from rig.api import Obj
from rig.scenes import GPU_NAMES, ZONES, Scene

Part = Callable[[Obj, random.Random, Scene], None]


def ask(chance: random.Random, made: Scene, *, number: int) -> Obj:
    """A pod in the namespace `asks`. Half of them ask for little, so that the other rules get their turn."""
    requests: Obj = {
        "cpu": chance.choice(["0", "100m", "500u", "1", "1500m", "4", "30"]),
        "memory": chance.choice(["64Mi", "1.5Gi", "2e9", "16Gi", "100Gi"]),
    }
    if chance.random() < 0.5:
        requests = {"cpu": "100m", "memory": "64Mi"}
    pod: Obj = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"ask-{made.number}-{number}",
            "namespace": "asks",
            "labels": {"app": chance.choice(["web", "notebook", "batch"])},
        },
        "spec": {
            "containers": [{"name": "notebook", "image": "none", "resources": {"requests": requests}}],
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
        },
    }
    for part in chance.sample(PARTS, chance.choice([0, 1, 1, 2, 3])):
        part(pod, chance, made)
    return pod


def uses_claims(pod: Obj) -> bool:
    return any("persistentVolumeClaim" in volume for volume in pod["spec"].get("volumes", []))


def _resources(pod: Obj) -> Obj:
    resources: Obj = pod["spec"]["containers"][0]["resources"]
    return resources


def gpus(pod: Obj, chance: random.Random, made: Scene) -> None:
    name = chance.choice(GPU_NAMES)
    count = str(chance.choice([1, 1, 2, 4, 16]))
    _resources(pod).setdefault("limits", {})[name] = count


def limits_alone(pod: Obj, chance: random.Random, made: Scene) -> None:
    resources = _resources(pod)
    resources["limits"] = {**resources.get("limits", {}), "cpu": "3", "memory": "3Gi"}
    resources.pop("requests", None)


def ephemeral_storage(pod: Obj, chance: random.Random, made: Scene) -> None:
    _resources(pod).setdefault("requests", {})["ephemeral-storage"] = chance.choice(["1Gi", "200Gi"])


def hugepages(pod: Obj, chance: random.Random, made: Scene) -> None:
    resources = _resources(pod)
    resources.setdefault("requests", {}).setdefault("cpu", "100m")
    for which in ("requests", "limits"):
        resources.setdefault(which, {})["hugepages-2Mi"] = "64Mi"


def first_containers(pod: Obj, chance: random.Random, made: Scene) -> None:
    sidecar = {
        "name": "side",
        "image": "none",
        "restartPolicy": "Always",
        "resources": {"requests": {"cpu": "1", "memory": "500M"}},
    }
    plain = {"name": "first", "image": "none", "resources": {"requests": {"cpu": chance.choice(["2", "7900m", "60"])}}}
    containers = [sidecar, plain]
    chance.shuffle(containers)
    pod["spec"]["initContainers"] = containers


def pod_level(pod: Obj, chance: random.Random, made: Scene) -> None:
    resources = pod["spec"]["containers"][0]["resources"]
    extended = {name: value for name, value in resources.get("limits", {}).items() if "/" in name}
    pod["spec"]["containers"][0]["resources"] = {"limits": extended} if extended else {}
    pod["spec"]["resources"] = chance.choice(
        [
            {"requests": {"cpu": "2", "memory": "1Gi"}},
            {"limits": {"cpu": "6", "memory": "9Gi"}},
            {"requests": {"cpu": "50"}, "limits": {"memory": "2Gi"}},
        ]
    )
    pod["spec"].pop("initContainers", None)


def overhead(pod: Obj, chance: random.Random, made: Scene) -> None:
    pod["spec"]["runtimeClassName"] = "boxed"


def node_selector(pod: Obj, chance: random.Random, made: Scene) -> None:
    node = chance.choice(made.nodes)["metadata"]
    pod["spec"]["nodeSelector"] = chance.choice(
        [
            {"kubernetes.io/hostname": node["labels"].get("kubernetes.io/hostname", "none")},
            {"topology.kubernetes.io/zone": chance.choice(ZONES)},
            {"pool": chance.choice(["cpu", "gpu"])},
            {"pool": "gpu", "kubernetes.io/arch": "arm64"},
        ]
    )


def node_affinity(pod: Obj, chance: random.Random, made: Scene) -> None:
    names = [node["metadata"]["name"] for node in made.nodes]
    expressions = [
        {"key": "pool", "operator": "NotIn", "values": ["cpu"]},
        {"key": "pool", "operator": "Exists"},
        {"key": "pool", "operator": "DoesNotExist"},
        {"key": "cores", "operator": "Gt", "values": ["7"]},
        {"key": "cores", "operator": "Lt", "values": ["8"]},
        {"key": "topology.kubernetes.io/zone", "operator": "In", "values": chance.sample(ZONES, 2)},
    ]
    terms: list[Obj] = [
        {"matchExpressions": chance.sample(expressions, chance.randint(1, 2))} for _ in range(chance.randint(1, 2))
    ]
    if chance.random() < 0.3:
        terms = [
            {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [chance.choice([*names, "nobody"])]}]}
        ]
    if chance.random() < 0.1:
        terms = [
            {
                "matchFields": [
                    {"key": "metadata.name", "operator": "In", "values": [names[0]]},
                    {"key": "metadata.name", "operator": "In", "values": [names[-1]]},
                ]
            }
        ]
    _affinity(pod)["nodeAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}


def _affinity(pod: Obj) -> Obj:
    affinity: Obj = pod["spec"].setdefault("affinity", {})
    return affinity


def tolerations(pod: Obj, chance: random.Random, made: Scene) -> None:
    choices: list[Obj] = [
        {"operator": "Exists"},
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "dedicated", "operator": "Equal", "value": "lab"},
        {"key": "dedicated", "operator": "Equal", "value": "course", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/unschedulable", "operator": "Exists"},
        {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoSchedule"},
    ]
    pod["spec"]["tolerations"] = chance.sample(choices, chance.randint(1, 3))


def host_ports(pod: Obj, chance: random.Random, made: Scene) -> None:
    port: Obj = {
        "containerPort": 80,
        "hostPort": chance.choice([8080, 9090]),
        "protocol": chance.choice(["TCP", "UDP"]),
    }
    if chance.random() < 0.3:
        port["hostIP"] = "127.0.0.1"
    pod["spec"]["containers"][0]["ports"] = [port]


def host_network(pod: Obj, chance: random.Random, made: Scene) -> None:
    pod["spec"]["hostNetwork"] = True
    port = chance.choice([8080, 9090])
    pod["spec"]["containers"][0]["ports"] = [{"containerPort": port, "hostPort": port}]


def pod_affinity(pod: Obj, chance: random.Random, made: Scene) -> None:
    term: Obj = {
        "labelSelector": chance.choice(
            [
                {"matchLabels": {"app": chance.choice(["web", "notebook", "batch"])}},
                {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]},
                {"matchExpressions": [{"key": "app", "operator": "Exists"}]},
            ]
        ),
        "topologyKey": chance.choice(["kubernetes.io/hostname", "topology.kubernetes.io/zone", "pool"]),
    }
    reach = chance.random()
    if reach < 0.25:
        term["namespaceSelector"] = {}
    elif reach < 0.5:
        term["namespaceSelector"] = {"matchLabels": {"team": "others"}}
    elif reach < 0.6:
        term["namespaces"] = ["others"]
    which = chance.choice(["podAffinity", "podAntiAffinity"])
    _affinity(pod)[which] = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}


def spread(pod: Obj, chance: random.Random, made: Scene) -> None:
    constraint: Obj = {
        "maxSkew": chance.choice([1, 1, 2]),
        "topologyKey": chance.choice(["topology.kubernetes.io/zone", "kubernetes.io/hostname", "pool"]),
        "whenUnsatisfiable": chance.choice(["DoNotSchedule", "DoNotSchedule", "ScheduleAnyway"]),
        "labelSelector": {"matchLabels": {"app": chance.choice(["web", pod["metadata"]["labels"]["app"]])}},
    }
    if constraint["whenUnsatisfiable"] == "DoNotSchedule" and chance.random() < 0.3:
        constraint["minDomains"] = chance.choice([2, 3, 5])
    if chance.random() < 0.4:
        constraint["nodeTaintsPolicy"] = chance.choice(["Honor", "Ignore"])
        constraint["nodeAffinityPolicy"] = chance.choice(["Honor", "Ignore"])
    if chance.random() < 0.2:
        constraint["matchLabelKeys"] = ["app"]
        constraint["labelSelector"] = {"matchExpressions": [{"key": "nothing", "operator": "DoesNotExist"}]}
    pod["spec"]["topologySpreadConstraints"] = [constraint]


def claims(pod: Obj, chance: random.Random, made: Scene) -> None:
    names = [claim["metadata"]["name"] for claim in made.claims]
    wanted = chance.sample([*names, "missing"], chance.choice([1, 1, 2]))
    pod["spec"]["volumes"] = [
        {"name": f"data-{index}", "persistentVolumeClaim": {"claimName": name}} for index, name in enumerate(wanted)
    ]


def priority(pod: Obj, chance: random.Random, made: Scene) -> None:
    pod["spec"]["priorityClassName"] = chance.choice(["patient", "urgent"])


def gates(pod: Obj, chance: random.Random, made: Scene) -> None:
    if chance.random() < 0.3:
        pod["spec"]["schedulingGates"] = [{"name": "moorage.test/wait"}]


PARTS: tuple[Part, ...] = (
    gpus,
    gpus,
    limits_alone,
    ephemeral_storage,
    hugepages,
    first_containers,
    pod_level,
    overhead,
    node_selector,
    node_affinity,
    node_affinity,
    tolerations,
    tolerations,
    host_ports,
    host_network,
    pod_affinity,
    pod_affinity,
    spread,
    spread,
    claims,
    claims,
    claims,
    priority,
    gates,
)
