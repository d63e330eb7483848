"""What the API says in OpenAPI. The cluster is served from bytes: these models describe them, and tests compare."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class ErrorBody(BaseModel):
    code: str
    message: str
    hint: str


class ErrorAnswer(BaseModel):
    error: ErrorBody


class Amounts(BaseModel):
    model_config = ConfigDict(extra="allow")

    cpu: float = Field(description="Cores, exact to the milli-core.")
    memory: str = Field(description="Ki, Mi or Gi; rounded down for what is free and up for what is taken.")
    gpu: int | None = Field(
        description="Whole units of all known GPU resources; null where only the scheduler can tell (see `gpu_units`), "
        "and while no device plugin has reported the cards that a node's labels promise (see `preparing`)."
    )
    cpu_millicores: int
    memory_bytes: int
    ephemeral_storage_bytes: int
    pods: int
    extended: dict[str, int | None]


class Card(BaseModel):
    model_config = ConfigDict(extra="allow")

    index: int | None
    model: str
    memory_total: str
    memory_used: str
    memory_free: str
    utilization: float | None
    available: bool


class Preparing(BaseModel):
    reason: Literal["being_added", "starting", "devices", "leaving"]
    text: str = Field(description="The same in words.")
    since: str | None = Field(description="As far as the cluster tells.")
    overdue: bool = Field(description="Whether this should be over by now.")


class KindLabel(BaseModel):
    key: str
    value: str


class GpuKind(BaseModel):
    resource: str
    model: str
    memory_mib: int | None = Field(description="Of one unit; null when unknown.")
    sharing: Literal["time-slicing", "mps", "mig", "partition"] | None = Field(
        description="How several pods come to one card; null where each has its own."
    )
    slots: int | None = Field(description="How many of them share a card; null when unknown.")
    profile: str | None = Field(description="Which part of a card a unit is, such as 1g.5gb.")
    labels: list[KindLabel] = Field(description="Each alone tells the model: what a pod's affinity may ask for.")


class Node(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str
    capacity: Amounts
    allocatable: Amounts
    allocated: Amounts
    available: Amounts = Field(description="What a new pod could get right now; 0 on a node that takes no pods.")
    evictable: Amounts = Field(
        description="What pods below the priority of people's servers hold, and would make room of; never in available."
    )
    free: Amounts = Field(
        description="Allocatable minus allocated, whatever the node's state; below 0 when overcommitted."
    )
    preparing: Preparing | None = Field(
        description="Why the node is not yet what it will be, or not for long: it is being added, it has a startup "
        "taint, it lacks the devices that its labels promise (then `gpu` of what it has is null), or it is about to be "
        "removed."
    )
    gpu_details: list[Card]
    gpu_kinds: list[GpuKind] = Field(description="The models behind the resource names, where labels tell them.")
    schedulable: bool
    images_present: list[list[str]] | None = Field(
        None, description="The names of each image on the node; only on request."
    )


class Reason(BaseModel):
    code: str
    message: str = Field(description="The scheduler's own words.")
    text: str = Field(description="Plain words.")
    short_by: dict[str, Any] | None = Field(description="How much of each resource is missing.")


class Evict(BaseModel):
    count: int
    budget_violations: int = Field(description="How many of them a PodDisruptionBudget protects.")
    longest_grace_seconds: int
    placeholders: int = Field(description="How many of them only keep room.")
    servers: int = Field(description="How many of them are notebook servers.")
    pods: list[str] = Field(description="Their names, as far as the caller may see them.")


class Evictions(BaseModel):
    not_eligible: str | None = Field(description="Why the scheduler would evict nobody for this pod.")
    nodes: list[str] = Field(
        description="Where it would evict: one node where that is determined, otherwise one of these."
    )
    at_once: bool = Field(description="Whether room is there at once: only placeholders go, or pods without grace.")


class NodeVerdict(BaseModel):
    model_config = ConfigDict(extra="allow")

    fits: bool
    plugin: str | None
    reasons: list[Reason]
    unresolvable: bool = Field(description="Whether evicting other pods would not help.")
    evict: Evict | None = Field(description="What the scheduler could evict here; null where that makes no room.")
    image_problem: Reason | None = Field(
        description="Why an image of the pod can't run there, which no scheduler asks; null where nothing says so."
    )
    image_present: bool | None = Field(
        description="Whether the node holds the pod's images already; null where its kubelet does not tell."
    )
    driver_problem: str | None = Field(
        description="Why the node's NVIDIA driver may be too old for an image of the pod; null where nothing says so."
    )


class Prefilter(BaseModel):
    model_config = ConfigDict(extra="allow")

    plugin: str
    reasons: list[Reason]


class Refusal(BaseModel):
    model_config = ConfigDict(extra="allow")

    kind: str = Field(description="Whose rule it is, such as ResourceQuota.")
    name: str
    message: str = Field(description="The API server's own words.")
    text: str = Field(description="Plain words.")
    resource: str | None


class QuotaLeft(BaseModel):
    name: str = Field(description="Of the ResourceQuota.")
    resource: str = Field(description="As the quota counts it, such as requests.cpu.")
    left: int = Field(description="Without this pod: thousandths for cpu, otherwise whole units.")
    asked: int = Field(description="What this pod counts.")
    hard: int


class Held(BaseModel):
    model_config = ConfigDict(extra="allow")

    resource: str
    amount: int = Field(description="In whole units; cpu in thousandths.")
    namespace: str
    pod: str | None = Field(description="null where only the namespace may be seen.")
    until: str | None = Field(
        description="When that pod has ended at the latest, by its activeDeadlineSeconds; null where nothing says."
    )


class WaitReason(BaseModel):
    nodes: int | None = Field(description="On how many nodes; null where it is about none in particular.")
    message: str = Field(description="The scheduler's own words.")
    text: str = Field(description="Plain words.")


class InQueue(BaseModel):
    model_config = ConfigDict(extra="allow")

    queue: str
    cluster_queue: str | None
    standing: Literal["waiting", "reserved", "admitted", "given_up", "finished"]
    ahead: int | None = Field(description="How many come before it in its cluster queue; null when unknown.")
    ahead_in_queue: int | None = Field(description="How many of its own queue come before it; null when unknown.")
    priority: int
    since: str | None
    reason: str | None = Field(description="Kueue's own.")
    message: str = Field(description="Kueue's own words.")
    text: str = Field(description="Plain words.")


class QueueWaiting(InQueue):
    workload: str | None = Field(description="null where it may not be seen.")
    pod: str | None = Field(description="null where it may not be seen.")
    uid: str | None = Field(description="The pod's; null where it may not be seen.")
    user: str | None = Field(description="Whose notebook server it is; null where it is none or may not be seen.")


class QueueShare(BaseModel):
    resource: str
    flavor: str
    quota: int | None = Field(description="In base units: thousandths of a core, bytes, pieces; null when unknown.")
    used: int | None = Field(description="What is reserved of it, by all queues that share the cluster queue.")
    left: int | None = Field(description="What is left of the cluster queue's own quota.")
    borrows: bool = Field(description="Whether others of its cohort may lend more.")
    unknown: str | None = Field(description="Why amounts are null.")


class Queue(BaseModel):
    namespace: str
    name: str
    cluster_queue: str | None
    cohort: str | None
    closed: str | None = Field(description="Why nothing is admitted, where that is so.")
    resources: list[QueueShare]
    running: int = Field(description="How many have quota.")
    pending: int
    waiting: list[QueueWaiting] = Field(description="In order, those that have none.")


class Queues(BaseModel):
    kueue: Literal["followed", "not_allowed", "absent", "unknown"]
    reason: str | None = Field(description="Why nothing, or nothing newer, is known.")
    places: Literal["kueue", "counted"] | None = Field(
        description="Who tells the places: Kueue, or we by priority and age; null where nobody waits."
    )
    places_reason: str | None = Field(description="Why Kueue does not.")
    queues: list[Queue]


class Waiting(BaseModel):
    model_config = ConfigDict(extra="allow")

    namespace: str | None = Field(description="null where it may not be seen.")
    pod: str | None = Field(description="null where it may not be seen.")
    uid: str | None = Field(description="null where it may not be seen.")
    user: str | None = Field(description="Whose notebook server it is; null where it is none or may not be seen.")
    component: str | None = Field(
        description="What part of a hub it is: singleuser-server, user-placeholder (it only keeps room), …"
    )
    asks: Amounts = Field(description="What it asks for.")
    since: str | None = Field(description="When it was made.")
    state: Literal["gated", "new", "no_room", "makes_room"] = Field(
        description="Held back by a gate, not looked at yet, refused by every node, or room is being made for it."
    )
    text: str = Field(description="Why it waits, in plain words.")
    reasons: list[WaitReason] = Field(description="What the scheduler said last.")
    priority: int
    scheduler: str
    decided_by: str | None = Field(description="What decides about it where that is not kube-scheduler.")
    queue: InQueue | None = Field(description="What Kueue says of it; null where it does not pass a queue.")


class MachineGpu(BaseModel):
    model: str | None = Field(description="null where nobody knows it.")
    count: int


class PoolLabel(BaseModel):
    key: str
    value: str


class Machine(BaseModel):
    model_config = ConfigDict(extra="allow")

    pool: str
    kind: str | None = Field(description="Its instance type; null when unknown.")
    source: Literal["karpenter", "cluster-autoscaler", "configured", "seen"] = Field(description="Who knows of it.")
    state: Literal["on_its_way", "can_be_added", "at_maximum", "backing_off", "unknown"]
    why: str | None = Field(description="What keeps it away, or is not known of it.")
    capacity: Amounts | None = Field(description="null when nobody knows what it looks like.")
    allocatable: Amounts | None = Field(description="What pods could use on it, before those of DaemonSets.")
    labels: dict[str, str]
    taints: list[dict[str, Any]] = Field(description="Those that it keeps once it is ready.")
    zones: list[str] = Field(description="Where it may come, if its labels do not say that.")
    gpu: MachineGpu | None
    gpu_kinds: list[GpuKind] = Field(description="As of a node.")
    left: int | None = Field(description="How many more may come; null when unknown.")
    about_seconds: int | None = Field(description="How long one takes, as seen here; null until one was seen.")
    since: str | None = Field(description="When it began to come.")
    node: str | None = Field(description="Its node, where there is one already.")
    label: PoolLabel | None = Field(description="The label by which its pool is chosen.")


class MachineVerdict(Machine):
    fits: bool | None = Field(description="Whether the pod would fit on it; null when unknown.")
    reasons: list[Reason]
    image_problem: Reason | None


class FitAnswer(BaseModel):
    model_config = ConfigDict(extra="allow")

    fits: bool = Field(description="Whether the API server would accept the pod and at least one node has room for it.")
    answer: Literal["now", "after_eviction", "on_its_way", "new_machine", "waits", "never"] = Field(
        description="Whether there is a place now, after an eviction, on a machine that is on its way or can be added, "
        "once other pods have ended, or never as it is."
    )
    answer_text: str = Field(description="The same in words.")
    evictions: Evictions
    revision: int
    refusals: list[Refusal] = Field(description="Why the API server would reject it, as far as its rules are known.")
    quota: list[QuotaLeft] | None = Field(
        description="What quotas have left to such a pod; null where nobody has read them."
    )
    prefilter: Prefilter | None = Field(description="Why no node at all is considered.")
    nodes: dict[str, NodeVerdict]
    image_bytes: int | None = Field(
        description="What a node without the pod's images has to load; null where no registry tells."
    )
    machines: list[MachineVerdict] = Field(description="What a machine would be that is not there yet.")
    would_work: dict[str, Any]
    held_by: dict[str, list[Held]] = Field(
        description="By node, who holds what is short, as far as the caller may see it."
    )
    warnings: list[str] = Field(
        description="What would hold the pod up after it is scheduled, where this is known to be so."
    )
    undecided: list[Any] = Field(description="What only the cluster itself can decide about this pod.")
    not_considered: list[str] = Field(description="What no answer takes into account.")


class Image(BaseModel):
    name: str
    display_name: str
    description: str | None
    default: bool
    reference: str
    tag: str | None
    digest: str | None
    size_bytes: int | None
    os: list[str] = Field(description="All operating systems that it is built for, such as linux; empty when unknown.")
    arch: list[str] = Field(description="All architectures that it is built for, such as amd64; empty when unknown.")
    pushed_at: str | None
    nodes_present: list[str] | None = Field(description="Nodes that already have the image; null when unknown.")


class FormDefaultsAnswer(BaseModel):
    default_node: str | None
    default_cpu: str | None
    default_memory: str | None
    default_gpu: int
    default_image: str | None
    warnings: list[str] = Field(description="Warnings about these values.")


class Health(BaseModel):
    status: Literal["ok"]
