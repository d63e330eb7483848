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

from moorage.errors import InvalidQuantity
from moorage.hub import amounts


class Settings(HasTraits):
    """The options, and what they may be."""

    service_url = Unicode(
        config=True,
        help="Address of the moorage service. Default: $MOORAGE_SERVICE_URL, otherwise http://moorage:8000.",
    )
    service_token = Unicode(
        config=True, help="Bearer token for the service, if it asks for one. Default: $MOORAGE_SERVICE_TOKEN."
    )
    cpu_guarantee_ratio = Float(
        0.5,
        min=0,
        max=1,
        config=True,
        help="The part of the chosen CPU that the scheduler reserves; the whole is the limit.",
    )
    default_node = Unicode("", config=True, help="The node that the form has selected first; empty is Automatic.")
    default_cpu = Unicode("", config=True, help="The CPU that the form offers first, for example 2 or 500m.")
    default_memory = Unicode("", config=True, help="The memory that the form offers first, for example 4Gi.")
    default_gpu = Integer(
        -1, config=True, help="The GPUs that the form offers first; -1: what the service says, otherwise 0."
    )
    default_image = Unicode("", config=True, help="Name or reference of the image that the form has selected first.")
    cpu_min = Unicode("100m", config=True, help="The least CPU that may be chosen.")
    cpu_max = Unicode("", config=True, help="The most CPU that may be chosen; empty: as much as the largest node has.")
    cpu_step = Unicode("", config=True, help="Only multiples of this much CPU may be chosen; empty: any amount.")
    cpu_choices: Any = List(config=True, help="Only these amounts of CPU may be chosen, for example ['1', '2', '4'].")
    memory_min = Unicode("128Mi", config=True, help="The least memory that may be chosen.")
    memory_max = Unicode(
        "", config=True, help="The most memory that may be chosen; empty: as much as the largest node has."
    )
    memory_step = Unicode("", config=True, help="Only multiples of this much memory may be chosen; empty: any amount.")
    memory_choices: Any = List(
        config=True, help="Only these amounts of memory may be chosen, for example ['2Gi', '8Gi']."
    )
    gpu_max = Integer(
        -1,
        config=True,
        help="The most GPUs that may be chosen; -1: as many as the largest node has, 0: none are offered.",
    )
    gpu_resources = List(
        Unicode(), config=True, help="The GPU resources that are offered; empty: those that the nodes have."
    )
    images = List(
        Dict(),
        config=True,
        help="The offered images, instead of the service's: name, reference, display_name, description, default.",
    )
    refuse_too_large = Bool(
        True,
        config=True,
        help="Refuse what no node could give even if it were empty. Switch off where nodes are added on demand.",
    )
    show_holders = Union(
        [Enum(["admins", "own", "all"]), Callable()],
        default_value="admins",
        config=True,
        help="Who may see the names of others' pods that hold a card or room: 'admins' of JupyterHub, 'all', nobody "
        "('own'), or a function of the user that returns True. Everybody sees their own servers. Needs a service token "
        "with `+holders`.",
    )
    end_hopeless_pulls = Bool(
        True,
        config=True,
        help="End a start after two tries where its image can't be loaded for good (there is none, it may not be had, "
        "its name is not valid), instead of waiting until start_timeout. What may pass is waited for.",
    )
    dry_run = Bool(
        True,
        config=True,
        help="Let the API server try the pod (dryRun=All) first, so that quota and policies refuse it on the form.",
    )
    dry_run_timeout = Float(
        2.0, min=0.1, config=True, help="How long to wait for that, in seconds; then start without it."
    )

    @default("service_url")
    def _service_url_default(self) -> str:
        return os.environ.get("MOORAGE_SERVICE_URL") or "http://moorage:8000"

    @default("service_token")
    def _service_token_default(self) -> str:
        return os.environ.get("MOORAGE_SERVICE_TOKEN", "")

    @validate(
        "cpu_min", "cpu_max", "cpu_step", "cpu_choices", "memory_min", "memory_max", "memory_step", "memory_choices"
    )
    def _check_bound(self, proposal: Any) -> Any:
        """A bound with a typing error must not become no bound."""
        name, value = proposal.trait.name, proposal.value
        read = amounts.read_cpu if name.startswith("cpu") else amounts.read_memory
        try:
            for amount in value if isinstance(value, list) else [value]:
                if amount != "":
                    read(amount)
        except InvalidQuantity as error:
            raise TraitError(f"c.MoorageSpawner.{name}: {error.message}") from None
        return value

    @validate("show_holders")
    def _check_show_holders(self, proposal: Any) -> Any:
        if inspect.iscoroutinefunction(proposal.value):
            raise TraitError("c.MoorageSpawner.show_holders: it is asked in passing, so it can't be an async function")
        return proposal.value
