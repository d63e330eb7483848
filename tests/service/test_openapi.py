"""Generated requests against the API's own description, over a real port."""

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request

import hypothesis
import pytest
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

from moorage.simulator import node, pod

EXAMPLES = 25
TOKEN = "t" * 40


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """A service and a cluster as processes of their own: the generator compiles code, which CPython 3.11 minds in threads."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "tokens").write_text(f"ada:admin:{TOKEN}\n")
    objects = [node("a", gpu=1), node("b"), pod("p", on="a", cpu="1")]
    (folder / "dump.json").write_text(json.dumps({"kind": "List", "items": objects}))
    moorage = [sys.executable, "-m", "moorage.cli"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with contextlib.ExitStack() as stack:
        simulate = [*moorage, "simulate", "--port", "0", "--from", str(folder / "dump.json")]
        simulator = stack.enter_context(subprocess.Popen(simulate, stdout=subprocess.PIPE, text=True))
        stack.callback(simulator.terminate)
        server = simulator.stdout.readline().split("--server ")[1].split()[0]
        serve = [*moorage, "serve", "--port", address.rsplit(":", 1)[1], "--api-server", server]
        serve += ["--token-file", str(folder / "tokens"), "--images", '["q/x:1"]']
        service = stack.enter_context(subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        stack.callback(service.terminate)
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/readyz", timeout=2).close()
                break
            assert time.monotonic() < deadline, "the service did not start"
            time.sleep(0.05)
        yield address


@pytest.fixture(scope="module")
def schema(url):
    return schemathesis.openapi.from_url(f"{url}/openapi.json")


OPERATIONS = [
    ("GET", "/api/v1/cluster/resources"),
    ("GET", "/api/v1/cluster/resources/{name}"),
    ("POST", "/api/v1/cluster/fit"),
    ("GET", "/api/v1/images/jupyter"),
    ("GET", "/api/v1/jupyterhub/config"),
    ("PUT", "/api/v1/jupyterhub/config"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_what_is_answered_is_what_is_described(schema, url, method, path) -> None:
    @hypothesis.given(case=schema[path][method].as_strategy())
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        derandomize=True,
        database=None,
    )
    def generated(case) -> None:
        # Quantities and pods have rules that a schema can't say: what it allows may still be refused in a sentence.
        case.call_and_validate(
            base_url=url,
            headers={"Authorization": f"Bearer {TOKEN}"},
            excluded_checks=[positive_data_acceptance] if method in ("POST", "PUT") else [],
        )

    generated()
