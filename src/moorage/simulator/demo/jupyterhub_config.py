"""JupyterHub's configuration in the demo; the lines about moorage are what a real hub needs too."""

import os
import sys
from pathlib import Path

c = get_config()  # type: ignore[name-defined]  # noqa: F821

env = os.environ
folder = Path(env["MOORAGE_DEMO_FOLDER"])

# moorage
c.JupyterHub.spawner_class = "moorage"
c.MoorageSpawner.service_url = env["MOORAGE_DEMO_SERVICE_URL"]
# Without these the form would begin with no limit, which is what KubeSpawner gives.
c.MoorageSpawner.default_cpu = "1"
c.MoorageSpawner.default_memory = "2Gi"

# The hub and its proxy, on loopback alone.
c.JupyterHub.bind_url = f"http://127.0.0.1:{env['MOORAGE_DEMO_PORT']}"
c.JupyterHub.hub_ip = "127.0.0.1"
c.JupyterHub.hub_port = int(env["MOORAGE_DEMO_HUB_PORT"])
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{env['MOORAGE_DEMO_PROXY_API_PORT']}"
c.JupyterHub.cleanup_servers = False
c.JupyterHub.db_url = f"sqlite:///{folder / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(folder / "cookie_secret")
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = env["MOORAGE_DEMO_PASSWORD"]
c.Authenticator.allow_all = True
c.JupyterHub.allow_named_servers = True

# A script's way in: the token of .demo/info.json may start and stop anybody's server.
c.JupyterHub.services = [{"name": "demo-admin", "api_token": env["MOORAGE_DEMO_ADMIN_TOKEN"]}]
c.JupyterHub.load_roles = [
    {
        "name": "demo-admin",
        "services": ["demo-admin"],
        "scopes": ["admin:users", "admin:servers", "access:servers", "list:users"],
    }
]

# The simulator's kubelet runs a notebook as a local process.
c.KubeSpawner.namespace = "jupyter"
c.KubeSpawner.enable_user_namespaces = False
c.KubeSpawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
if os.geteuid() == 0:
    # The notebook is a process of whoever runs the demo; in a container that is often root.
    c.KubeSpawner.args = ["--allow-root"]
c.KubeSpawner.environment = {
    "HOME": str(folder / "home"),
    "JUPYTERHUB_SINGLEUSER_APP": "jupyter_server.serverapp.ServerApp",
}
c.KubeSpawner.default_url = "/lab"
c.KubeSpawner.delete_pvc = False
c.KubeSpawner.start_timeout = 120
(folder / "home").mkdir(exist_ok=True)
