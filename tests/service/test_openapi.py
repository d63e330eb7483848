"""Generated requests against the API's own description, over a real port, with every check that the generator knows."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from moorage.simulator import node, pod

EXAMPLES = 6
ADMIN, READER = "a" * 40, "r" * 40
OF_HUB = "h" * 32
MOORAGE = [sys.executable, "-m", "moorage.cli"]
# All modes take a minute of one core; a machine that does other work as well is slower.
pytestmark = pytest.mark.timeout(300)
# The stream never ends by itself; its tests are in test_stream.
LEFT_OUT = "/api/v1/cluster/stream"


def started(stack: contextlib.ExitStack, *words: str) -> subprocess.Popen:
    process = stack.enter_context(
        subprocess.Popen([*MOORAGE, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    )
    stack.callback(process.terminate)
    return process


def until_ready(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{url}/readyz", timeout=2).close()
            return
        assert time.monotonic() < deadline, "the service did not start"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    """Services of one cluster as processes of their own: with tokens of every way, and without."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "tokens").write_text(f"ada:admin:{ADMIN}\nbob:reader:{READER}\n")
    (folder / "own").write_text("own")
    objects = [node("a", gpu=1), node("b"), pod("p", on="a", cpu="1")]
    (folder / "dump.json").write_text(json.dumps({"kind": "List", "items": objects}))
    with contextlib.ExitStack() as stack:
        simulator = started(stack, "simulate", "--port", "0", "--from", str(folder / "dump.json"))
        server = simulator.stdout.readline().split("--server ")[1].split()[0]
        urls = {}
        ways = [
            *("--token-file", str(folder / "tokens"), "--hub-api-url", f"http://127.0.0.1:{hub(stack)}"),
            *("--hub-api-token-file", str(folder / "own"), "--kubernetes-tokens"),
        ]
        for name, more in (("tokens", ways), ("open", [])):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            started(stack, "serve", "--port", str(port), "--api-server", server, "--images", '["q/x:1"]', *more)
            urls[name] = f"http://127.0.0.1:{port}"
        for url in urls.values():
            until_ready(url)
        yield urls


def hub(stack: contextlib.ExitStack) -> int:
    """Stands for a hub that knows one administrator."""

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers["Authorization"] == f"token {OF_HUB}"
            user = {"name": "ada", "admin": True, "groups": [], "scopes": ["access:services"]}
            body = json.dumps(user if known else {}).encode()
            self.send_response(200 if known else 403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Hub))
    stack.callback(server.shutdown)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def generated(url: str, *, folder, token: str | None = None) -> subprocess.CompletedProcess:
    words = ["run", f"{url}/openapi.json", "--checks", "all", "--max-examples", str(EXAMPLES), "--seed", "1"]
    words += ["--exclude-path", LEFT_OUT, "--generation-deterministic", "--no-color"]
    if token is not None:
        words += ["--header", f"Authorization: Bearer {token}"]
    program = "from schemathesis.cli import schemathesis; schemathesis()"
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("SCHEMATHESIS_")},
        capture_output=True,
        text=True,
        timeout=200,
    )


@pytest.mark.parametrize(
    ("service", "token"),
    [("tokens", None), ("open", None), ("tokens", READER), ("tokens", ADMIN), ("tokens", OF_HUB)],
    ids=["anonymous", "loopback", "reader", "admin", "hub"],
)
def test_what_is_answered_is_what_is_described(services, tmp_path, service, token) -> None:
    ended = generated(services[service], folder=tmp_path, token=token)

    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    assert "Tested: 13" in ended.stdout


@pytest.mark.parametrize(("service", "demanded"), [("tokens", True), ("open", False)])
def test_a_token_is_described_where_it_is_demanded(services, service, demanded) -> None:
    with urllib.request.urlopen(f"{services[service]}/openapi.json", timeout=10) as answer:
        described = json.load(answer)

    operations = [operation for path in described["paths"].values() for operation in path.values()]
    assert any("security" in operation for operation in operations) is demanded
    assert any("401" in operation["responses"] for operation in operations) is demanded
