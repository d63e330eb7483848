"""What an administrator may set: the options of `c.MoorageSpawner` that KubeSpawner does not have."""

from __future__ import annotations

import inspect
import os
from typing import Any

from traitlets import (
    Bool,
    Callable,
    Dict,
    Enum,
    Float,
    HasTraits,
    Integer,
    List,
    TraitError,
    Unicode,
    Union,
    default,
    validate,
)

from moorage.hub import policy
from moorage.hub.policy import Number, offered


class Settings(HasTraits):
    """The options, and what they may be."""

    service_url = Unicode(
        config=True,
        help="Address of the moorage service. Default: $MOORAGE_SERVICE_URL, otherwise http://moorage:8000.",
    )
    service_token = Unicode(
        config=True, help="Bearer token for the service, if it asks for one. Default: $MOORAGE_SERVICE_TOKEN."
    )
    cpu_guarantee_ratio: Any = offered(
        Float(0.5, min=0, max=1), "Share of the chosen CPU that is requested; all of it is the limit."
    )
    default_node: Any = offered(Unicode(""), "Node selected in the form by default; empty means Automatic.")
    default_cpu: Any = offered(Number(""), "Default CPU in the form, such as 2 or 500m.")
    default_memory: Any = offered(Unicode(""), "Default memory in the form, such as 4Gi.")
    default_gpu: Any = offered(Integer(-1, min=-1), "Default GPUs in the form; -1 takes what the service says, or 0.")
    default_image: Any = offered(Unicode(""), "Name or reference of the image selected in the form by default.")
    cpu_min: Any = offered(Number("100m"), "Minimum CPU that can be chosen.")
    cpu_max: Any = offered(
        Number(""),
        "Maximum CPU that can be chosen; empty: KubeSpawner's cpu_limit, or as much as the largest node has.",
    )
    cpu_step: Any = offered(Number(""), "CPU can be chosen only in multiples of this; empty: any amount.")
    cpu_choices: Any = offered(List(), "CPU can be chosen only from these amounts, such as ['1', '2', '4'].")
    memory_min: Any = offered(Unicode("128Mi"), "Minimum memory that can be chosen.")
    memory_max: Any = offered(
        Unicode(""),
        "Maximum memory that can be chosen; empty: KubeSpawner's mem_limit, or as much as the largest node has.",
    )
    memory_step: Any = offered(Unicode(""), "Memory can be chosen only in multiples of this; empty: any amount.")
    memory_choices: Any = offered(List(), "Memory can be chosen only from these amounts, such as ['2Gi', '8Gi'].")
    gpu_max: Any = offered(
        Integer(-1, min=-1),
        "Maximum GPUs that can be chosen; -1: as many as extra_resource_limits says, or as the largest node has; "
        "0: none are offered.",
    )
    gpu_resources: Any = offered(
        List(Unicode()), "GPU resources on offer; empty: those in extra_resource_limits, or those that the nodes have."
    )
    images: Any = offered(
        List(Dict()), "Images instead of the service's: name, reference, display_name, description, default, os, arch."
    )
    nodes: Any = offered(
        Unicode(""),
        "Nodes that can be had, as a label selector such as pool=gpu,zone in (a,b), which binds Automatic too; empty: "
        "all.",
    )
    presets: Any = offered(
        List(),
        "Choices made beforehand, a dictionary each: name (of a-z, 0-9, -), display_name, description, default, cpu, "
        "memory, gpu, gpu_resource, gpu_kind (a model, as the node's label has it), image, node, nodes (a label "
        "selector), allowed_groups. What is absent stays the person's choice.",
    )
    presets_only: Any = offered(Bool(False), "Offer presets only: no amounts can be chosen by hand, on any path.")
    queues: Any = offered(
        List(Unicode()),
        "Kueue's LocalQueues in which servers wait for quota. Of several one is chosen on the form, and the first is "
        "the default; empty: none. Give wait_for_room, too.",
    )
    queue_priority_class: Any = offered(
        Unicode(""), "Kueue's WorkloadPriorityClass of servers that pass a queue; empty: the pod's own priority counts."
    )
    user_limits: Any = offered(
        Dict(),
        "What one person may hold over all their servers: cpu, memory, gpu (every kind together), servers, or a "
        "resource, such as {'nvidia.com/gpu': 2, 'memory': '128Gi', 'servers': 3}.",
    )
    lift_configured_limits: Any = offered(
        Bool(False),
        "Let people choose more than KubeSpawner's cpu_limit, mem_limit and extra_resource_limits say. These are "
        "the default and, unless cpu_max, memory_max or gpu_max is set, the maximum.",
    )
    refuse_too_large: Any = offered(
        Bool(True),
        "Refuse what no node, and no machine that may be added, could give even when empty. Turn off where nodes are "
        "added on demand and the service doesn't know of it.",
    )
    show_holders = Union(
        [Enum(["admins", "own", "all"]), Callable()],
        default_value="admins",
        config=True,
        help="Who sees the names of other people's pods that hold GPUs or room: JupyterHub 'admins', 'all', nobody "
        "('own'), or a function that takes the user and returns True. Everybody sees their own servers. Needs a "
        "service token with `+holders`.",
    )
    wait_for_room: Any = Float(
        0.0,
        min=0,
        config=True,
        help="Seconds that a start may wait for a node, such as 7200; 0: only as part of start_timeout, as KubeSpawner "
        "does. Otherwise start_timeout counts from the moment that the server has a node, and waiting counts neither "
        "as a failure nor towards concurrent_spawn_limit, and outlives a restart of the hub.",
    )
    end_hopeless_pulls = Bool(
        True,
        config=True,
        help="End a start after two tries if its image can never be pulled (it does not exist, access is denied, or "
        "its name is invalid), instead of waiting for start_timeout. Temporary errors are waited out.",
    )
    dry_run = Bool(
        True,
        config=True,
        help="Let the API server check the pod and its storage claim (dryRun=All) first, so that quotas and policies "
        "refuse them on the form.",
    )
    dry_run_timeout = Float(
        2.0, min=0.1, config=True, help="Seconds to wait for the dry run before starting without it."
    )

    @default("service_url")
    def _service_url_default(self) -> str:
        return os.environ.get("MOORAGE_SERVICE_URL") or "http://moorage:8000"

    @default("service_token")
    def _service_token_default(self) -> str:
        return os.environ.get("MOORAGE_SERVICE_TOKEN", "")

    @validate(*policy.CHECKED)
    def _check_bound(self, proposal: Any) -> Any:
        """A bound with a typing error must not become no bound."""
        if not callable(proposal.value):
            policy.check(proposal.trait.name, proposal.value)
        return proposal.value

    @validate("show_holders")
    def _check_show_holders(self, proposal: Any) -> Any:
        if inspect.iscoroutinefunction(proposal.value):
            raise TraitError("c.MoorageSpawner.show_holders: it is asked in passing, so it can't be an async function")
        return proposal.value
