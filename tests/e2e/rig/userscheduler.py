"""The scheduler that Zero to JupyterHub brings along: kube-scheduler with other scores, so that users fill a node first."""

import contextlib
from collections.abc import Iterator, Sequence

import yaml

from rig.api import Obj
from rig.controlplane import ControlPlane, answers_insecurely
from rig.ports import free_port
from rig.processes import Program, until

GROUP = "kubescheduler.config.k8s.io/v1"
# By falling weight: where its affinity draws the pod, where its image is, and then the fullest.
SCORES = {"NodeAffinity": 14631, "InterPodAffinity": 1331, "NodeResourcesFit": 121, "ImageLocality": 11}


def profile(name: str) -> Obj:
    fullest = {
        "apiVersion": GROUP,
        "kind": "NodeResourcesFitArgs",
        "scoringStrategy": {
            "type": "MostAllocated",
            "resources": [{"name": "cpu", "weight": 1}, {"name": "memory", "weight": 1}],
        },
    }
    return {
        "schedulerName": name,
        "plugins": {
            "score": {
                "disabled": [{"name": "*"}],
                "enabled": [{"name": plugin, "weight": weight} for plugin, weight in SCORES.items()],
            }
        },
        "pluginConfig": [{"name": "NodeResourcesFit", "args": fullest}],
    }


def configuration(profiles: Sequence[Obj]) -> Obj:
    """What such a process is started with."""
    kind = {"apiVersion": GROUP, "kind": "KubeSchedulerConfiguration"}
    return {**kind, "leaderElection": {"leaderElect": False}, "profiles": list(profiles)}


@contextlib.contextmanager
def scheduler(cluster: ControlPlane, profiles: Sequence[Obj]) -> Iterator[Program]:
    """One more process with these profiles, for the time of a `with`."""
    port = free_port()
    kubeconfig = cluster.kubeconfig_of("system:kube-scheduler")
    config = cluster.folder / "user-scheduler.yaml"
    client = {"clientConnection": {"kubeconfig": str(kubeconfig), "qps": 2000, "burst": 2000}}
    config.write_text(yaml.safe_dump({**configuration(profiles), **client}))
    program = Program(
        cluster.programs / "kube-scheduler",
        f"--config={config}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        log=cluster.folder / "user-scheduler.log",
    )

    def healthy() -> bool:
        program.check()
        return answers_insecurely(f"https://127.0.0.1:{port}/readyz")

    try:
        program.start()
        until(healthy, within=30, what="the users' scheduler is healthy")
        yield program
    finally:
        program.kill()


def user_scheduler(cluster: ControlPlane, names: Sequence[str]) -> contextlib.AbstractContextManager[Program]:
    """The users' scheduler under each of these names."""
    return scheduler(cluster, [profile(name) for name in names])
