"""The chart of tests/e2e/role/chart in two versions, on a repository of its own."""

import contextlib
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CHART = Path(__file__).resolve().parents[1] / "role" / "chart"
NEW, OLD, TOO_OLD = "4.4.0", "4.2.0", "4.1.0"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def _pack(helm: Path, version: str, folder: Path) -> None:
    chart = folder / version / "jupyterhub"
    shutil.copytree(CHART, chart)
    if version != NEW:
        values, template = chart / "values.yaml", chart / "templates" / "hub.yaml"
        values.write_text(values.read_text().partition("# Came with")[0])
        template.write_text(template.read_text().partition("{{- if .Values.httpRoute")[0])
    command = [helm, "package", chart, "--version", version, "--destination", folder / "repository"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)


@contextlib.contextmanager
def repository(helm: Path, folder: Path) -> Iterator[str]:
    """Its URL, for the time of a `with`."""
    for version in (NEW, OLD, TOO_OLD):
        _pack(helm, version, folder)
    packed = folder / "repository"
    subprocess.run([helm, "repo", "index", packed], check=True, capture_output=True, timeout=30)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(packed)))
    thread = threading.Thread(target=server.serve_forever, name="charts", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
