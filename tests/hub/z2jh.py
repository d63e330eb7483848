"""A hub as the chart of Zero to JupyterHub makes it: what its configuration sets, and the cluster that it stands in.

`configure` writes the settings, for any configuration file; `addition` is the same as Python text for
$MOORAGE_TEST_CONFIG; `standing` runs such a hub with the real service on the simulator.
"""

import contextlib

FULLNAME = "hub"
NAMESPACE = "jupyter"
PURPOSE = "hub.jupyter.org/node-purpose"
DEDICATED = ("hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated")
IMAGES = "- {name: minimal, reference: 'registry.example/jupyter/minimal:2026.11', default: true}\n"
USER_PRIORITY, PLACEHOLDER_PRIORITY = 0, -10


def names(fullname=FULLNAME):
    """What `fullnameOverride` changes."""
    joined = f"{fullname}-" if fullname else ""
    return {
        "scheduler": f"{joined}user-scheduler",
        "priority": f"{joined}default-priority",
        "placeholder": f"{joined}placeholder-priority",
    }


def configure(c, *, fullname=FULLNAME, node_purpose="prefer", storage_class=None, capacity="10Gi"):
    """The chart's settings of the spawner and the hub, on whatever the file has set before.

    `node_purpose` is `scheduling.userPods.nodeAffinity.matchNodePurpose`: prefer, require or ignore.
    """
    spawner, named = c.KubeSpawner, names(fullname)
    spawner.storage_pvc_ensure = True
    spawner.pvc_name_template = "claim-{user_server}"
    spawner.storage_capacity = capacity
    spawner.storage_access_modes = ["ReadWriteOnce"]
    if storage_class is not None:
        spawner.storage_class = storage_class
    spawner.volumes = {
        "volume-{user_server}": {
            "name": "volume-{user_server}",
            "persistentVolumeClaim": {"claimName": "{pvc_name}"},
        }
    }
    spawner.volume_mounts = {"volume-{user_server}": {"name": "volume-{user_server}", "mountPath": "/home/jovyan"}}
    spawner.init_containers = [
        {
            "name": "block-cloud-metadata",
            "image": "registry.example/jupyter/network-tools:1",
            "command": ["iptables", "--append", "OUTPUT", "--destination", "169.254.169.254", "--jump", "DROP"],
            "securityContext": {"privileged": True, "runAsUser": 0, "capabilities": {"add": ["NET_ADMIN"]}},
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        }
    ]
    spawner.mem_guarantee = "1G"
    spawner.scheduler_name = named["scheduler"]
    spawner.priority_class_name = named["priority"]
    spawner.extra_labels = {"hub.jupyter.org/network-access-hub": "true"}
    spawner.tolerations = [
        {"key": key, "operator": "Equal", "value": "user", "effect": "NoSchedule"} for key in DEDICATED
    ]
    term = {"matchExpressions": [{"key": PURPOSE, "operator": "In", "values": ["user"]}]}
    if node_purpose == "prefer":
        spawner.node_affinity_preferred = [{"weight": 100, "preference": term}]
    elif node_purpose == "require":
        spawner.node_affinity_required = [term]
    spawner.uid, spawner.fs_gid = 1000, 100
    spawner.allow_privilege_escalation = False
    spawner.events_enabled = True
    spawner.start_timeout = 300
    c.Spawner.consecutive_failure_limit = 5
    c.JupyterHub.concurrent_spawn_limit = 64
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.last_activity_interval = 60
    # The pending page comes at once, and REST answers 202.
    c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}


def addition(more="", **choices):
    """The settings as text for $MOORAGE_TEST_CONFIG, and `more` after them."""
    return f"import runpy\nrunpy.run_path({__file__!r})['configure'](c, **{choices!r})\n{more}"


def storage_class(name, *, provisioner="disk.example", waits=True, default=False, **more):
    mark = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": mark},
        "provisioner": provisioner,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer" if waits else "Immediate",
        **more,
    }


def priority_classes(fullname=FULLNAME):
    named = names(fullname)
    return [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": named[which]},
            "value": value,
            "globalDefault": False,
            "description": which,
        }
        for which, value in (("priority", USER_PRIORITY), ("placeholder", PLACEHOLDER_PRIORITY))
    ]


def cluster(builders, *, fullname=FULLNAME):
    """A node for users, one for users alone, one for the hub and one for nobody in particular; two storage classes."""
    zone = "topology.kubernetes.io/zone"
    return [
        builders.namespace(NAMESPACE),
        *priority_classes(fullname),
        storage_class("standard", default=True),
        storage_class("at-once", waits=False),
        builders.node("user-1", cpu="8", memory="32Gi", labels={PURPOSE: "user", zone: "a"}),
        builders.node(
            "user-2",
            cpu="16",
            memory="64Gi",
            gpu=1,
            labels={PURPOSE: "user", zone: "b"},
            taints=[{"key": DEDICATED[0], "value": "user", "effect": "NoSchedule"}],
        ),
        builders.node(
            "core-1",
            cpu="4",
            memory="16Gi",
            labels={PURPOSE: "core", zone: "a"},
            taints=[{"key": DEDICATED[0], "value": "core", "effect": "NoSchedule"}],
        ),
        builders.node("any-1", cpu="4", memory="16Gi", labels={zone: "b"}),
    ]


@contextlib.asynccontextmanager
async def standing(load, folder, *, more="", images=IMAGES, **choices):
    """`(hub, simulated cluster)` of such a hub. `more` is further configuration, `choices` are those of `configure`."""
    from moorage.simulator import Simulator, builders

    rig = load("moorage_test_rig")
    fullname = choices.get("fullname", FULLNAME)
    async with Simulator(scheduler=True, scheduler_names=[names(fullname)["scheduler"]], kubelet=True) as simulator:
        simulator.add(*cluster(builders, fullname=fullname))
        kubeconfig = simulator.kubeconfig(folder / "kubeconfig")
        config = addition(more, **choices)
        async with (
            rig.Service(folder, kubeconfig=kubeconfig, images=images) as service,
            rig.Hub(folder, service_url=service.url, kubeconfig=kubeconfig, config=config) as hub,
        ):
            yield hub, simulator
