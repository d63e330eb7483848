"""The hub's configuration in these tests. What a test varies comes as Python in $MOORAGE_TEST_CONFIG."""

import os
import sys
import time
from pathlib import Path

from jupyterhub.handlers.base import BaseHandler
from tornado.ioloop import PeriodicCallback

c = get_config()  # noqa: F821
folder = Path(os.environ["MOORAGE_TEST_FOLDER"])

c.JupyterHub.spawner_class = "moorage"
c.MoorageSpawner.service_url = os.environ["MOORAGE_TEST_SERVICE"]

c.JupyterHub.bind_url = f"http://127.0.0.1:{os.environ['MOORAGE_TEST_PORT']}"
c.JupyterHub.hub_ip = "127.0.0.1"
c.JupyterHub.hub_port = int(os.environ["MOORAGE_TEST_HUB_PORT"])
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{os.environ['MOORAGE_TEST_PROXY_PORT']}"
c.ConfigurableHTTPProxy.command = [os.environ["MOORAGE_TEST_PROXY"]]
c.ConfigurableHTTPProxy.pid_file = str(folder / "proxy.pid")
c.JupyterHub.db_url = f"sqlite:///{folder / 'hub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(folder / "cookie_secret")
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {"boss"}
c.JupyterHub.allow_named_servers = True
c.JupyterHub.services = [{"name": "tests", "api_token": os.environ["MOORAGE_TEST_TOKEN"]}]
c.JupyterHub.load_roles = [
    {
        "name": "tests",
        "services": ["tests"],
        "scopes": ["admin:users", "admin:groups", "admin:servers", "tokens", "access:servers", "read:metrics"],
    },
]
# Long enough for a refusal to be the answer on a busy machine.
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 3}
c.Spawner.consecutive_failure_limit = 5
c.KubeSpawner.namespace = "jupyter"
c.KubeSpawner.cmd = [sys.executable, str(Path(__file__).with_name("singleuser.py"))]
c.KubeSpawner.image = "registry.example/jupyter/fallback:1"
c.KubeSpawner.start_timeout = 60
c.KubeSpawner.storage_pvc_ensure = False


class Failures(BaseHandler):
    def get(self):
        self.finish({"failures": self.settings.get("failure_count", 0), "hold_ms": Hold.worst * 1000})
        Hold.worst = 0.0


class Rotate(BaseHandler):
    """Makes the log-ins of a person invalid, wherever they are."""

    def get(self):
        self.find_user(self.get_argument("user")).orm_user.cookie_id = os.urandom(16).hex()
        self.db.commit()
        self.finish("done")


class Hold:
    """The longest time that the event loop was late."""

    worst = 0.0
    last = time.perf_counter()

    @classmethod
    def tick(cls):
        now = time.perf_counter()
        cls.worst = max(cls.worst, now - cls.last - 0.005)
        cls.last = now


c.JupyterHub.extra_handlers = [(r"/test/failures", Failures), (r"/test/rotate", Rotate)]
PeriodicCallback(Hold.tick, 5).start()
exec(os.environ.get("MOORAGE_TEST_CONFIG", ""))

# Where a test says nothing of amounts, the form begins with these.
if "mem_guarantee" not in c.KubeSpawner and "cpu_guarantee" not in c.KubeSpawner:
    for limit, name, amount in (("cpu_limit", "default_cpu", "1"), ("mem_limit", "default_memory", "2Gi")):
        if limit not in c.KubeSpawner and name not in c.MoorageSpawner:
            setattr(c.MoorageSpawner, name, amount)
