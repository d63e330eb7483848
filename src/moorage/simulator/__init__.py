"""A small Kubernetes cluster in one process, for tests and for the demo.

`Simulator` speaks the Kubernetes API over real HTTP on a loopback address: list, watch, paging, selectors, create,
patch, delete, dry-run, events. It may have a scheduler that places pods by moorage's own verdicts, and a kubelet that
runs a pod's command as a local process. Everything in it lives on one event loop and ends with it.

    async with Simulator() as simulator:
        simulator.add(node("n1", cpu="4"), pod("p", on="n1", cpu="3"))
        ...  # any Kubernetes client on simulator.url

Its rooms, each of which knows only those below it:

    demo         clusters to look at: the scenario, traffic, the whole demo
    simulator    one cluster as an object, put together from what follows
    controllers  what acts by itself: the scheduler, the kubelets, a keeper for each pod
    api          from an HTTP request to what it does to the objects
    rules        what an API server does to an object before it stores it, and what that means for a pod
    lists        what is read out of the store: pages, watches, selectors, tables
    store        the objects, their kinds, and the refusals that every room may give
"""

from moorage.simulator.builders import namespace, node, pod
from moorage.simulator.simulator import Simulator

__all__ = ["Simulator", "namespace", "node", "pod"]
