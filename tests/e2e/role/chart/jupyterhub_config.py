"""Reads the chart's values, as far as the tests of the role set them. What lies where comes from the stand-in for the kubelet."""

import json
import os
from pathlib import Path

import yaml

c = get_config()  # noqa: F821
mounts = {path: Path(folder) for path, folder in json.loads(os.environ["MOUNTS"]).items()}
ports = json.loads(os.environ["PORTS"])
secret, database = mounts["/srv/secret"], mounts["/srv/database"]
values = yaml.safe_load((secret / "values.yaml").read_text())
hub = values["hub"]

c.JupyterHub.bind_url = f"http://127.0.0.1:{ports['proxy']}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{ports['hub']}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{ports['proxy_api']}"
c.ConfigurableHTTPProxy.command = [os.environ["PROXY"]]
c.ConfigurableHTTPProxy.pid_file = str(database / "proxy.pid")
c.JupyterHub.db_url = f"sqlite:///{database / 'hub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(database / "cookie_secret")
c.JupyterHub.cleanup_servers = False
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.KubeSpawner.namespace = os.environ["POD_NAMESPACE"]
c.KubeSpawner.image = "notebook:1"
storage = values["singleuser"].get("storage")
if storage:
    c.KubeSpawner.storage_pvc_ensure = True
    c.KubeSpawner.storage_capacity = storage
    c.KubeSpawner.storage_access_modes = ["ReadWriteOnce"]
    c.KubeSpawner.volumes = {"home": {"name": "home", "persistentVolumeClaim": {"claimName": "{pvc_name}"}}}
    c.KubeSpawner.volume_mounts = {"home": {"name": "home", "mountPath": "/home/jovyan"}}
for name, settings in hub["config"].items():
    c[name].update(settings)
c.JupyterHub.services = [
    {"name": name, "api_token": (secret / f"hub.services.{name}.apiToken").read_text(), **service}
    for name, service in hub["services"].items()
]
c.JupyterHub.load_roles = [{"name": name, **role} for name, role in hub["loadRoles"].items()]
for name in sorted(hub["extraConfig"]):
    exec(compile(hub["extraConfig"][name], name, "exec"), {"c": c})
