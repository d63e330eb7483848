"""From settings to the sources of machines."""

from moorage.machines.configured import Configured, Directory
from moorage.machines.picture import Machines
from moorage.service.settings import Settings


def machines_of(settings: Settings, *, nodes: Directory) -> Machines:
    """What this service can know of machines that may come."""
    machines = Machines()
    if settings.machines_file is not None:
        machines.add(Configured(settings.machines_file, nodes=nodes))
    return machines
