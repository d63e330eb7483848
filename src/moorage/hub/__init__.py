"""moorage in JupyterHub: a KubeSpawner whose form knows the cluster.

One line of configuration, `c.JupyterHub.spawner_class = "moorage"`, and where the service is, unless it is at
http://moorage:8000:

c.JupyterHub.spawner_class = "moorage" c.MoorageSpawner.service_url = "http://127.0.0.1:8001"

Every option of KubeSpawner goes on working, under its own name or ours. On the simulator, whose kubelet runs a pod's
command as a local process, a hub also needs to say which command that is:

c.KubeSpawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"] c.KubeSpawner.namespace = "jupyter"
"""

from importlib.util import find_spec

from moorage.errors import MissingPackage

# What the hub loads by name, such as a spawner class, must say more than that an import failed.
for _package in ("jupyterhub", "kubespawner", "aiohttp"):
    if find_spec(_package) is None:
        raise MissingPackage("moorage's spawner", package=_package, extra="hub")

from moorage.hub import versions  # noqa: E402 - it needs one of these packages

versions.refuse_old(versions.found())
