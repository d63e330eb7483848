"""A small Kubernetes cluster in one process, for tests and for the demo.

`Simulator` speaks the Kubernetes API over real HTTP on a loopback address: list, watch, paging, selectors, create,
patch, delete, dry-run, events. It may have a scheduler that places pods by moorage's own verdicts, and a kubelet that
runs a pod's command as a local process. Everything in it lives on one event loop and ends with it.

    async with Simulator() as simulator:
        simulator.add(node("n1", cpu="4"), pod("p", on="n1", cpu="3"))
        ...  # any Kubernetes client on simulator.url
"""

from moorage.simulator.builders import namespace, node, pod
from moorage.simulator.demo.run import run
from moorage.simulator.simulator import Simulator

__all__ = ["Simulator", "namespace", "node", "pod", "run"]
