"""Which cluster is found, and with which credentials."""

import base64
import json
import ssl
import stat
import sys

import pytest
import yaml

from moorage.kube import connect as module
from moorage.kube.connect import connect
from moorage.kube.credentials import ExecPlugin, TokenFile
from moorage.kube.errors import Forbidden, NoConnection, NotFound, Unreachable


@pytest.fixture(autouse=True)
def _no_cluster_of_ours(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)


def write(path, *, server="http://127.0.0.1:1", user=None, cluster=None, name="lab", current=True):
    content = {
        "clusters": [{"name": name, "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": name, "user": user or {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "research"}}],
    }
    if current:
        content["current-context"] = name
    path.write_text(yaml.safe_dump(content))
    return path


async def header(client):
    return await client.endpoint.credentials.authorization()


async def test_a_server_that_is_named_is_used_as_it_is():
    client = await connect(server="http://127.0.0.1:8001/", token="t")

    assert client.server == "http://127.0.0.1:8001"
    assert await header(client) == "Bearer t"


async def test_a_server_without_scheme_is_refused_with_an_example():
    with pytest.raises(NoConnection, match="not the address") as refused:
        await connect(server="localhost:8001")

    assert "https://" in refused.value.hint


async def test_without_any_cluster_the_error_says_what_to_name():
    with pytest.raises(NoConnection) as refused:
        await connect()

    assert "--kubeconfig" in refused.value.hint


async def test_the_simulators_kubeconfig_leads_to_it(simulator, tmp_path, node):
    simulator.add(node("n1"))

    async with await connect(kubeconfig=simulator.kubeconfig(tmp_path / "config")) as client:
        body = json.loads(await client.get("/api/v1/nodes"))

    assert [item["metadata"]["name"] for item in body["items"]] == ["n1"]


async def test_the_environment_names_kubeconfigs_and_the_first_to_name_a_thing_wins(monkeypatch, tmp_path):
    first = write(tmp_path / "first", server="http://127.0.0.1:1", current=False)
    second = write(tmp_path / "second", server="http://127.0.0.1:2")
    monkeypatch.setenv("KUBECONFIG", f"{first}:{tmp_path / 'missing'}:{second}")

    client = await connect()

    assert client.server == "http://127.0.0.1:1"
    assert client.namespace == "research"


async def test_a_context_is_chosen_by_name_and_an_unknown_one_is_refused_with_those_there_are(tmp_path):
    config = write(tmp_path / "config")

    with pytest.raises(NoConnection, match="no context 'other'") as refused:
        await connect(kubeconfig=config, context="other")

    assert refused.value.hint == "it has: lab"


async def test_paths_in_a_kubeconfig_are_relative_to_it(tmp_path):
    (tmp_path / "token").write_text("from-a-file\n")

    client = await connect(kubeconfig=write(tmp_path / "config", user={"tokenFile": "token"}))

    assert await header(client) == "Bearer from-a-file"


async def test_a_token_file_is_read_again_when_it_may_have_changed(tmp_path):
    now = 0.0
    path = tmp_path / "token"
    path.write_text("old")
    credentials = TokenFile(path, clock=lambda: now)
    assert await credentials.authorization() == "Bearer old"
    path.write_text("new")
    assert await credentials.authorization() == "Bearer old"

    now = 61.0

    assert await credentials.authorization() == "Bearer new"


async def test_a_token_file_that_is_away_for_a_moment_keeps_the_last_token(tmp_path):
    now = 0.0
    path = tmp_path / "token"
    path.write_text("old")
    credentials = TokenFile(path, clock=lambda: now)
    await credentials.authorization()

    path.unlink()
    now = 61.0

    assert await credentials.authorization() == "Bearer old"


async def test_name_and_password_are_basic_authentication(tmp_path):
    client = await connect(kubeconfig=write(tmp_path / "config", user={"username": "ada", "password": "x:y"}))

    assert await header(client) == "Basic " + base64.b64encode(b"ada:x:y").decode()


def plugin(tmp_path, code):
    path = tmp_path / "log-in"
    path.write_text(f"#!{sys.executable}\n{code}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


async def test_an_exec_plugin_is_run_and_its_token_kept_until_it_ends(tmp_path):
    plugin(
        tmp_path,
        "import json, os, pathlib\n"
        "count = pathlib.Path(os.environ['COUNT']); n = int(count.read_text() or 0) + 1; count.write_text(str(n))\n"
        "assert json.loads(os.environ['KUBERNETES_EXEC_INFO'])['kind'] == 'ExecCredential'\n"
        "print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential',\n"
        "  'status': {'token': f't{n}', 'expirationTimestamp': '2099-01-01T00:00:00Z'}}))\n",
    )
    (tmp_path / "count").write_text("")
    settings = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "./log-in",
        "env": [{"name": "COUNT", "value": str(tmp_path / "count")}],
    }

    client = await connect(kubeconfig=write(tmp_path / "config", user={"exec": settings}))

    assert await header(client) == "Bearer t1"
    assert await header(client) == "Bearer t1"


async def test_an_exec_plugin_is_run_again_when_its_token_has_ended(tmp_path):
    path = plugin(
        tmp_path,
        "import json\nprint(json.dumps({'status': {'token': 't', 'expirationTimestamp': '2020-01-01T00:00:00Z'}}))\n",
    )
    credentials = ExecPlugin([str(path)], api_version="client.authentication.k8s.io/v1", env={})
    await credentials.authorization()
    plugin(tmp_path, "import json\nprint(json.dumps({'status': {'token': 'fresh'}}))\n")

    assert await credentials.authorization() == "Bearer fresh"


async def test_an_exec_plugin_that_fails_says_why(tmp_path):
    plugin(tmp_path, "import sys\nsys.exit('please log in first')\n")
    settings = {"apiVersion": "v1", "command": "./log-in", "installHint": "install it"}
    client = await connect(kubeconfig=write(tmp_path / "config", user={"exec": settings}))

    with pytest.raises(NoConnection, match="please log in first") as refused:
        await header(client)

    assert refused.value.hint == "install it"


async def test_an_exec_plugin_that_is_not_there_says_so(tmp_path):
    settings = {"apiVersion": "v1", "command": "no-such-command-at-all"}
    client = await connect(kubeconfig=write(tmp_path / "config", user={"exec": settings}))

    with pytest.raises(NoConnection, match="can't be run"):
        await header(client)


@pytest.mark.parametrize("content", ["", "[]", "clusters: 7\ncurrent-context: x", "{", "a: b: c"])
async def test_what_is_no_kubeconfig_is_refused_in_words(tmp_path, content):
    path = tmp_path / "config"
    path.write_text(content)

    with pytest.raises(NoConnection):
        await connect(kubeconfig=path)


async def test_a_certificate_that_is_none_is_refused_in_words(tmp_path):
    config = write(
        tmp_path / "config", server="https://127.0.0.1:1", cluster={"certificate-authority-data": "bm9wZQ=="}
    )

    with pytest.raises(NoConnection, match="can't be used"):
        await connect(kubeconfig=config)


async def test_verification_is_off_only_where_the_kubeconfig_says_so(tmp_path):
    plain = await connect(kubeconfig=write(tmp_path / "a", server="https://127.0.0.1:1"))
    skipping = await connect(
        kubeconfig=write(tmp_path / "b", server="https://127.0.0.1:1", cluster={"insecure-skip-tls-verify": True})
    )

    assert plain.endpoint.tls.verify_mode == ssl.CERT_REQUIRED
    assert skipping.endpoint.tls.verify_mode == ssl.CERT_NONE


async def test_in_a_pod_the_service_account_is_used(monkeypatch, tmp_path):
    (tmp_path / "token").write_text("pod-token")
    (tmp_path / "namespace").write_text("moorage")
    monkeypatch.setattr(module, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setattr(module, "_trusting", lambda authority: ssl.create_default_context())
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")

    client = await connect()

    assert (client.server, client.namespace) == ("https://[fd00::1]:6443", "moorage")
    assert await header(client) == "Bearer pod-token"


# The library still says utcnow, which Python 3.12 and newer warn of.
@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
async def test_an_old_auth_provider_is_left_to_the_library_that_knows_it(tmp_path):
    provider = {"name": "gcp", "config": {"access-token": "old-school", "expiry": "2099-01-01T00:00:00Z"}}

    client = await connect(kubeconfig=write(tmp_path / "config", user={"auth-provider": provider}))

    assert await header(client) == "Bearer old-school"


async def test_answers_that_are_failures_come_as_errors_of_their_own(simulator):
    async with await connect(server=simulator.url) as client:
        with pytest.raises(NotFound):
            await client.get("/api/v1/namespaces/none/pods/none")
        simulator.faults.revoke_right("nodes")
        with pytest.raises(Forbidden):
            await client.get("/api/v1/nodes")
        simulator.faults.drop(path="/api/v1/pods")
        with pytest.raises(Unreachable):
            await client.get("/api/v1/pods")


async def test_nobody_at_the_address_is_told_with_the_address_apart():
    async with await connect(server="http://127.0.0.1:9") as client:
        with pytest.raises(Unreachable) as refused:
            await client.get("/version")

    assert refused.value.message == "the Kubernetes API server can't be reached"
    assert refused.value.hint is not None
    assert "http://127.0.0.1:9" in refused.value.hint
