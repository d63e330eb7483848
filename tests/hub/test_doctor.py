"""`moorage doctor` in a hub's pod: the hub's packages alone, and what the hub itself can see."""

import asyncio
import contextlib
import re
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import aiohttp
import kubespawner.clients
import pytest
from aiohttp import web
from kubernetes_asyncio.config import kube_config

from moorage.cli.doctor.onhub import checks, seen
from moorage.cli.doctor.onhub.seen import look
from moorage.simulator import Simulator, builders
from moorage.simulator.api.authorization import Rule

TOKEN = "t0ken-that-nobody-may-see-0123456789abcdef"
# What the image of Zero to JupyterHub's hub lacks; in an environment with all of moorage's packages they are hidden.
HIDDEN = "import sys\nfor name in ('click', 'rich', 'msgspec'): sys.modules[name] = None\n"


@pytest.fixture
async def cluster():
    async with Simulator() as simulator:
        simulator.add(builders.namespace("jhub"), builders.node("atlas", cpu="4"))
        yield simulator


@pytest.fixture
def environment(tmp_path, cluster):
    """What a pod of the hub has."""
    return {
        "KUBECONFIG": str(cluster.kubeconfig(tmp_path / "kubeconfig")),
        "POD_NAMESPACE": "jhub",
        "MOORAGE_SERVICE_TOKEN": TOKEN,
    }


@pytest.fixture
def told(monkeypatch, environment):
    """Ask in this process, whose packages are those of the hub under test: the findings by their ids."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    async def ask(url=None, **more):
        for name, value in {**environment, **more}.items():
            monkeypatch.setenv(name, value)
        # Read when the package is imported, and kept by KubeSpawner.
        monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", {**environment, **more}["KUBECONFIG"])
        kubespawner.clients.load_config.cache_clear()
        return {one.id: one for one in checks.findings(await look(server=url))}

    yield ask
    kubespawner.clients.load_config.cache_clear()


@pytest.fixture
async def service(load, cluster, tmp_path):
    """The address of the real service on this cluster."""
    (tmp_path / "tokens").write_text(f"hub:reader:{TOKEN}\n")
    kubeconfig = cluster.kubeconfig(tmp_path / "of-the-service")
    made = load("moorage_test_rig").Service(
        tmp_path, kubeconfig=kubeconfig, MOORAGE_TOKEN_FILE=str(tmp_path / "tokens")
    )
    await made.start()
    yield made.url
    await made.kill()


@contextlib.asynccontextmanager
async def answering(handle):
    """The address of a server with this one answer."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_it_needs_nothing_but_the_hubs_own_packages(load, environment, service, tmp_path):
    rig = load("moorage_test_rig")
    script = f"{HIDDEN}from moorage.cli import main\nsys.argv[:] = ['moorage', 'doctor']\nmain()"
    command = ("-c", script) if sys.executable == rig.PYTHON else ("-m", "moorage", "doctor")
    process = await asyncio.create_subprocess_exec(
        rig.PYTHON, *command, env={**rig.surroundings(), **environment, "MOORAGE_SERVICE_URL": service},
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip

    out, err = (text.decode() for text in await process.communicate())

    assert (process.returncode, err) == (0, "")
    assert out.startswith("In the hub's pod, namespace jhub\n")
    assert out.endswith("All is well.\n")
    assert "KubeSpawner 7." in out
    assert "The clock of the service and the API server agrees with the hub's." in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 100
    assert TOKEN not in out


async def test_the_ids_are_those_of_the_other_doctor(told):
    found = await told("http://127.0.0.1:1")

    page = (Path(__file__).parents[2] / "docs/cli.md").read_text()
    assert len(found) > 5
    assert [id for id in found if f"| `{id}` |" not in page] == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:1", "nobody listens there"),
        ("http://moorage.invalid:8000", "no address is known for the name moorage.invalid"),
        ("http://[::bad", "can't be reached"),
    ],
)
async def test_an_address_that_leads_nowhere_is_told_by_what_is_wrong_with_it(told, url, words):
    found = (await told(MOORAGE_SERVICE_URL=url))["service"]

    assert found.state == "failed"
    assert words in found.says
    assert found.why
    assert found.next


async def test_silence_is_told_as_what_a_policy_does(told, monkeypatch):
    monkeypatch.setattr(seen, "_WITHIN", aiohttp.ClientTimeout(total=0.2))

    async def handle(_):
        await asyncio.sleep(60)

    async with answering(handle) as url:
        found = (await told(url))["service"]

    assert found.state == "failed"
    assert "is silent, as behind a NetworkPolicy" in found.says


@pytest.mark.parametrize(
    ("token", "words"), [("another", "refuses the hub's token"), ("", "MOORAGE_SERVICE_TOKEN is not set")]
)
async def test_a_token_that_the_service_does_not_know_is_told(told, token, words):
    async def handle(_):
        return web.json_response({"error": {"message": "This service needs a token."}}, status=401)

    async with answering(handle) as url:
        found = await told(url, MOORAGE_SERVICE_TOKEN=token)

    assert (found["service"].state, found["answers"].state) == ("ok", "failed")
    assert words in found["answers"].says


async def test_another_version_and_a_clock_that_is_wrong_are_told(told):
    async def handle(request):
        then = format_datetime(datetime.now(UTC) - timedelta(seconds=900), usegmt=True)
        text = 'moorage_build_info{version="99.0"} 1\n' if request.path == "/metrics" else "[]"
        return web.Response(text=text, headers={"Date": then})

    async with answering(handle) as url:
        found = await told(url)

    assert "is moorage 99.0" in found["answers"].says
    assert found["clock"].state == "attention"
    assert re.match(r"The service's clock is [89]\d\d s behind the hub's\.$", found["clock"].says)


async def test_something_else_at_the_address_is_told(told):
    async def handle(_):
        return web.Response(status=404, text="<html>")

    async with answering(handle) as url:
        found = (await told(url))["answers"]

    assert (found.state, "HTTP 404" in found.says) == ("failed", True)


async def test_the_address_is_read_from_the_charts_values(told, tmp_path, monkeypatch):
    values = tmp_path / "values.yaml"
    values.write_text("hub:\n  extraConfig:\n    m: 'c.MoorageSpawner.service_url = \"http://127.0.0.1:2\"'\n")
    monkeypatch.setattr(seen, "VALUES", values)
    monkeypatch.delenv("MOORAGE_SERVICE_URL", raising=False)

    assert "http://127.0.0.1:2 (by the hub's values)" in (await told())["service"].says


async def test_rights_that_the_hub_lacks_are_named(told, tmp_path, cluster):
    cluster.authorizer.add("hub-token", "hub", [Rule(("get", "list", "watch"), ("*",), ("jhub",))])
    limited = cluster.kubeconfig(tmp_path / "limited", token="hub-token")

    found = (await told("http://127.0.0.1:1", KUBECONFIG=str(limited)))["rights"]

    assert found.state == "failed"
    assert "create pods, delete pods, create persistentvolumeclaims" in found.says


async def test_without_an_api_server_the_rest_is_told(told, tmp_path):
    found = await told("http://127.0.0.1:1", KUBECONFIG=str(tmp_path / "none"))

    assert found["api-server"].state == "failed"
    assert "The hub can't ask the API server" in found["api-server"].says
    assert (found["versions"].state, found["rights"].state) == ("ok", "unknown")
