"""From settings to the sources of machines."""

from collections.abc import Callable, Iterable

from moorage.kube.client import Client
from moorage.kube.kept import Kept
from moorage.machines.autoscaler import ClusterAutoscaler
from moorage.machines.configured import Configured
from moorage.machines.karpenter import Karpenter
from moorage.machines.notes import Notes
from moorage.machines.picture import Machines, Source
from moorage.machines.seen import Seen
from moorage.machines.times import Times
from moorage.scheduling.alternatives.machines import Machine
from moorage.scheduling.cluster import Cluster
from moorage.service.settings import Settings


def machines_of(
    settings: Settings, *, client: Client, cluster: Callable[[], Cluster], shared: Kept | None = None
) -> Machines:
    """What this service can know of machines that may come. `shared`: where replicas keep what they have seen."""
    notes = Notes(settings.machines_state_file, shared=shared)
    seen = Seen(cluster, notes=notes)
    described: list[Source] = [seen]
    if settings.machines_file is not None:
        described.append(Configured(settings.machines_file, nodes=lambda: cluster().nodes))

    def known() -> Iterable[Machine]:
        return (machine for source in described for machine in source.machines())

    def all_() -> Iterable[Machine]:
        return machines.now()

    autoscaler = ClusterAutoscaler(client, namespace=settings.cluster_autoscaler_namespace, pools=seen.pools)
    times = Times(cluster, machines=all_, notes=notes)
    machines = Machines([*described, Karpenter(cluster, known=known), autoscaler, times], about=times.about)
    return machines
