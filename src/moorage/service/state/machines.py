"""From settings to the sources of machines."""

from collections.abc import Callable, Iterable

from moorage.machines.configured import Configured
from moorage.machines.karpenter import Karpenter
from moorage.machines.picture import Machines, Source
from moorage.scheduling.cluster import Cluster
from moorage.scheduling.machines import Machine
from moorage.service.settings import Settings


def machines_of(settings: Settings, *, cluster: Callable[[], Cluster]) -> Machines:
    """What this service can know of machines that may come."""
    described: list[Source] = []
    if settings.machines_file is not None:
        described.append(Configured(settings.machines_file, nodes=lambda: cluster().nodes))

    def known() -> Iterable[Machine]:
        return (machine for source in described for machine in source.machines())

    return Machines([*described, Karpenter(cluster, known=known)])
