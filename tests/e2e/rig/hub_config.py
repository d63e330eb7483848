"""The configuration of the hub under test: what zero-to-jupyterhub would set, and one line about moorage."""

import json
import os
import runpy
from pathlib import Path

c = get_config()  # noqa: F821
settings = json.loads(Path(os.environ["MOORAGE_E2E_SETTINGS"]).read_text())
folder = Path(settings["folder"])

c.JupyterHub.spawner_class = "moorage"
c.MoorageSpawner.service_url = settings["service_url"]
c.MoorageSpawner.images = settings["images"]
if settings["z2jh"] is None:
    c.MoorageSpawner.default_cpu, c.MoorageSpawner.default_memory = "1", "2Gi"

c.JupyterHub.bind_url = f"http://127.0.0.1:{settings['port']}"
# Where single-user servers find the hub: an address that pods reach.
c.JupyterHub.hub_bind_url = f"http://{settings['hub_address']}:{settings['hub_port']}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{settings['proxy_port']}"
c.ConfigurableHTTPProxy.command = [settings["proxy"]]
c.ConfigurableHTTPProxy.pid_file = str(folder / "proxy.pid")
c.JupyterHub.db_url = f"sqlite:///{folder / 'hub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(folder / "cookie_secret")
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.services = [{"name": "tests", "api_token": settings["token"]}]
c.JupyterHub.load_roles = [
    {
        "name": "tests",
        "services": ["tests"],
        "scopes": ["admin:users", "admin:servers", "access:servers"],
    },
]
# Most pods of these tests run nowhere: the hub must not end itself for that.
c.Spawner.consecutive_failure_limit = 0
# How long a start by REST waits for its end before it is answered 202; no pod of a node without kubelet ever runs.
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 3}
c.KubeSpawner.namespace = settings["namespace"]
c.KubeSpawner.image = settings["image"]
c.KubeSpawner.image_pull_policy = "IfNotPresent"
c.KubeSpawner.storage_pvc_ensure = False
c.KubeSpawner.start_timeout = 60
c.KubeSpawner.uid = 1000
c.KubeSpawner.cmd = ["/usr/bin/python3", "-m", "jupyterhub.singleuser"]
c.KubeSpawner.environment = {
    "HOME": "/tmp",
    "JUPYTERHUB_SINGLEUSER_APP": "jupyter_server.serverapp.ServerApp",
}
c.KubeSpawner.extra_pod_config = {"dnsPolicy": "Default", "terminationGracePeriodSeconds": 1}
if settings["z2jh"] is not None:
    runpy.run_path(settings["z2jh_module"])["configure"](c, **settings["z2jh"])
    c.Spawner.consecutive_failure_limit = 0

exec(settings["more"])


def hungry(spawner, pod):
    """Somebody whose server takes more memory than they chose, before it answers."""
    if spawner.user.name == "greedy":
        pod.spec.containers[0].args = ["/usr/bin/python3", "-c", "held = b'x' * (1 << 30)"]
    return pod


c.KubeSpawner.modify_pod_hook = hungry
