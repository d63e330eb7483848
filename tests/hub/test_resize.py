"""A server that runs becomes larger or smaller in place: real hub, real service, a simulated cluster."""

import html
import json
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import aiohttp
import pytest
import pytest_asyncio
from kubernetes_asyncio.client import ApiClient, Configuration

from moorage.hub.running import api, culling
from moorage.hub.running import pod as pods
from moorage.simulator import Simulator, builders
from moorage.simulator.api.authorization import Rule
from moorage.simulator.store.resources import kind_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONFIG = """
c.MoorageSpawner.user_limits = {"cpu": "10", "servers": 2}
c.MoorageSpawner.memory_max = "20Gi"
c.Spawner.group_overrides = {
    "10-whole": {"groups": ["whole"], "spawner_override": {"cpu_guarantee_ratio": 1.0}},
    "20-presets": {"groups": ["ready-made"], "spawner_override": {
        "presets_only": True,
        "presets": [
            {"name": "small", "display_name": "Small", "default": True, "cpu": "1", "memory": "1Gi", "gpu": 0},
            {"name": "large", "display_name": "Large", "cpu": "2", "memory": "4Gi", "gpu": 0},
        ],
    }},
}
culler = [sys.executable, "-c", "import time; time.sleep(600)", "jupyterhub_idle_culler", "--timeout=3600", "--max-age", "60"]
c.JupyterHub.services = [*c.JupyterHub.services, {"name": "culler", "command": culler}]
c.JupyterHub.load_groups = {"whole": {"users": ["guaranteed"]}, "ready-made": {"users": ["tina"]}}
"""
RIGHTS = [
    Rule(("get", "list", "watch", "create", "delete"), ("pods", "events", "secrets", "services"), groups=("",)),
]
RESIZE = (("patch",), ("pods/resize",))
USAGE = Rule(("get",), ("pods",), groups=("metrics.k8s.io",))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster():
    async with Simulator(scheduler=True, kubelet=True) as simulator:
        simulator.add(
            builders.namespace("jupyter"),
            builders.node("atlas", cpu="8", memory="32Gi", gpu=1, labels={"nvidia.com/gpu.product": "Tesla-T4"}),
            builders.node("borg", cpu="8", memory="32Gi", unschedulable=True),
        )
        yield simulator


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(tmp_path_factory, cluster, load):
    folder = tmp_path_factory.mktemp("service")
    kubeconfig = cluster.kubeconfig(folder / "kubeconfig", token="service")
    async with load("moorage_test_rig").Service(folder, kubeconfig=kubeconfig) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hub(tmp_path_factory, cluster, service, load):
    folder = tmp_path_factory.mktemp("resize")
    cluster.authorizer.add("hub", "system:serviceaccount:jupyter:hub", [*RIGHTS, RESIZE])
    cluster.authorizer.add("service", "service")
    kubeconfig = cluster.kubeconfig(folder / "kubeconfig", token="hub", namespace="jupyter")
    rig = load("moorage_test_rig")
    async with rig.Hub(folder, service_url=service.url, kubeconfig=kubeconfig, config=CONFIG) as made:
        yield made


@pytest.fixture
def until(load):
    return load("moorage_test_rig").until


class Server:
    """One person's default server."""

    def __init__(self, hub, cluster, name):
        self.hub, self.cluster, self.name = hub, cluster, name

    async def start(self, **options):
        body = {"moorage": 1, "cpu": "2", "memory": "2Gi", **options} if options is not None else None
        code, answer = await self.hub.api("POST", f"/users/{self.name}/server", body)
        assert code in (201, 202), answer

    @property
    def pod(self):
        return self.cluster.get("pods", "jupyter", f"jupyter-{self.name}")

    @property
    def resources(self):
        return pods.container(self.pod)["resources"]

    async def has(self, token=None):
        headers = {"Authorization": f"token {token or self.hub.token}"}
        url = f"{self.hub.url}/hub/moorage/server?user={self.name}"
        async with aiohttp.ClientSession(headers=headers) as http, http.get(url) as answer:
            return await answer.json()

    async def patch(self, *, token=None, **body):
        headers = {"Authorization": f"token {token or self.hub.token}"}
        url = f"{self.hub.url}/hub/moorage/server"
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.patch(url, json={"user": self.name, **body}) as answer,
        ):
            return answer.status, await answer.json()


@pytest_asyncio.fixture(loop_scope="session")
async def server(hub, cluster, until):
    made = []

    async def start(name, **options):
        server = Server(hub, cluster, name)
        made.append(server)
        await hub.api("POST", f"/users/{name}")
        await server.start(**options)

        async def is_ready():
            return (await hub.api("GET", f"/users/{name}"))[1]["servers"].get("", {}).get("ready")

        await until(is_ready, what=lambda: str(server.pod))
        return server

    yield start
    for each in made:
        await hub.api("DELETE", f"/users/{each.name}/server")
        await until(lambda each=each: each.pod is None)


async def test_a_server_grows_and_shrinks_without_a_restart_and_the_next_start_has_its_size(hub, server, until):
    ada = await server("ada")
    before = ada.pod["status"]["containerStatuses"][0]

    code, answer = await ada.patch(cpu="4", memory="6Gi")

    assert code == 200, answer
    assert (answer["fits"], answer["cpu"], answer["memory"]) == (True, "4", "6Gi")
    assert ada.resources == {"limits": {"cpu": "4", "memory": "6Gi"}, "requests": {"cpu": "2", "memory": "6Gi"}}
    await until(lambda: pods.in_force(ada.pod).memory == 6 << 30)
    after = ada.pod["status"]["containerStatuses"][0]
    assert (after["containerID"], after["restartCount"]) == (before["containerID"], 0)

    code, answer = await ada.patch(memory="1Gi")

    assert code == 200, answer
    assert any("Less memory" in note for note in answer["notes"])
    assert ada.resources["limits"] == {"cpu": "4", "memory": "1Gi"}
    saved = (await hub.api("GET", "/users/ada"))[1]["servers"][""]["user_options"]
    assert (saved["cpu"], saved["memory"]) == ("4", "1Gi")
    await hub.api("DELETE", "/users/ada/server")
    await until(lambda: ada.pod is None)
    assert (await hub.api("POST", "/users/ada/server"))[0] in (201, 202)
    await until(lambda: ada.pod and ada.pod["status"]["phase"] == "Running")
    assert ada.resources["limits"] == {"cpu": "4", "memory": "1Gi"}


async def test_what_it_has_and_could_grow_to_is_told(server):
    bea = await server("bea", gpu=1)

    has = await bea.has()

    assert (has["running"], has["node"], has["cpu"], has["memory"]) == (True, "atlas", "2", "2Gi")
    assert has["gpus"] == {"nvidia.com/gpu": 1}
    assert has["resize"] is None
    assert has["since"] == bea.pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    # The node has no more CPU, and 20 GiB is what one server may have.
    assert has["can_resize"], has
    assert (has["could_grow_to"]["cpu"], has["could_grow_to"]["memory"]) == ("8", "20Gi")
    assert has["gpu_model"] == "Tesla T4"


async def test_when_it_would_be_culled_is_told_by_the_cullers_own_arguments(hub, server):
    cal = await server("cal")

    culled = (await cal.has())["culled"]

    started = (await hub.api("GET", "/users/cal"))[1]["servers"][""]["started"]
    assert datetime.fromisoformat(culled["at"]) - datetime.fromisoformat(started) < timedelta(seconds=61)
    assert culled["text"] == "1 min after its start"


@pytest.mark.parametrize(
    ("words", "name", "told"),
    [
        (["--timeout=60"], "", "1 min without activity"),
        (["--timeout=60", "--cull-default-servers=False"], "", None),
        (["--timeout=60", "--cull_default_servers=false"], "lab", "1 min without activity"),
        (["--timeout=60", "--cull-named-servers=false", "--max-age=7200"], "lab", "2 h after its start"),
    ],
)
async def test_servers_that_the_culler_spares_are_told_apart(monkeypatch, words, name, told):
    arguments = culling._arguments({"command": ["python3", "-m", "jupyterhub_idle_culler", *words]})
    monkeypatch.setattr(culling, "_culler", lambda: arguments)
    now = datetime(2026, 1, 1, tzinfo=UTC)

    culled, reason = culling.of(SimpleNamespace(name=name, orm_spawner=SimpleNamespace(last_activity=now, started=now)))

    assert (culled or {}).get("text", "").endswith(told or "")
    assert (reason is None) == (told is not None)


async def test_without_a_culler_it_is_told_that_nothing_is_known():
    culled, reason = culling.of(SimpleNamespace())

    assert (culled, reason.startswith("This hub runs no jupyterhub-idle-culler.")) == (None, True)


async def test_what_is_in_use_is_told_where_it_may_be_read(cluster, server):
    dee = await server("dee")
    name = dee.pod["metadata"]["name"]
    usage = {"name": "notebook", "usage": {"cpu": "250000001n", "memory": "1572864Ki"}}
    measured = {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "PodMetrics",
        "metadata": {"name": name, "namespace": "jupyter"},
    }
    cluster.add({**measured, "timestamp": "2026-11-28T10:00:00Z", "containers": [usage]})

    cluster.authorizer.add("hub", "system:serviceaccount:jupyter:hub", [*RIGHTS, RESIZE, USAGE])
    told = (await dee.has())["uses"]
    cluster.authorizer.add("hub", "system:serviceaccount:jupyter:hub", [*RIGHTS, RESIZE])
    without = await dee.has()
    cluster.delete(kind_of("podmetrics"), "jupyter", name)

    assert told == {
        "cpu_millicores": 251,
        "memory_bytes": 1536 << 20,
        "text": "1.5 GiB memory, 0.251 CPU",
        "at": "2026-11-28T10:00:00Z",
    }
    assert without["uses"] is None
    assert "no right to “get” “pods” of metrics.k8s.io in the namespace jupyter" in without["uses_reason"]


async def test_a_trial_changes_nothing_and_what_it_has_counts_as_its_own(server):
    cyd = await server("cyd", cpu="6", memory="20Gi")

    code, answer = await cyd.patch(cpu="7", dry_run=True)

    assert (code, answer["fits"]) == (200, True), answer
    assert cyd.resources["limits"] == {"cpu": "6", "memory": "20Gi"}


async def test_without_room_it_is_told_waits_and_happens_once_there_is_some(cluster, server, until):
    dan = await server("dan")
    cluster.add(builders.pod("other", on="atlas", cpu="6", memory="1Gi", namespace="jupyter"))

    async def is_seen():
        return (await dan.patch(cpu="6", dry_run=True))[1].get("fits") is False

    await until(is_seen, what="the service knows the other pod")
    code, answer = await dan.patch(cpu="6", dry_run=True)
    assert answer["waits"]
    assert "No room on atlas now: 1 CPU" in answer["text"]
    assert answer["would_work"] == [{"text": "4 CPU", "use": {"cpu": "4"}}]

    code, answer = await dan.patch(cpu="6")

    assert code == 200, answer

    async def is_deferred():
        return ((await dan.has())["resize"] or {}).get("state") == "deferred"

    await until(is_deferred)
    has = await dan.has()
    assert (has["cpu"], has["asked"]["cpu"]) == ("2", "6")
    assert "Waiting for room on atlas to change to 6 CPU, 2 GiB memory." in has["resize"]["text"]
    assert "Node didn't have enough resource: cpu" in has["resize"]["detail"]

    cluster.delete("pods", "jupyter", "other")

    async def is_done():
        has = await dan.has()
        return has["resize"] is None and has["cpu"] == "6"

    await until(is_done)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"cpu": "9"}, "9 CPU is too much: atlas has 8."),
        ({"memory": "21Gi"}, "The maximum is 20 GiB."),
        ({"cpu": "11"}, "You may have up to 10 CPU over all your servers."),
        ({"gpu": 0}, "GPUs can't be changed while a server runs."),
        ({"mem": "3Gi"}, "Did you mean “memory”?"),
        ({"memory": "lots"}, "“lots” is not a valid amount"),
        ({}, "Say how much CPU or memory"),
    ],
)
async def test_what_may_not_be_is_refused_with_its_reason(server, asked, words):
    eve = await server("eve")

    code, answer = await eve.patch(**asked)
    _, tried = await eve.patch(**asked, dry_run=True)

    assert (code, words in answer["message"]) == (400, True), answer
    assert tried["refusal"] == answer["message"]
    assert eve.resources["limits"] == {"cpu": "2", "memory": "2Gi"}


async def test_another_class_of_service_is_refused_before_anybody_is_asked(cluster, server, until):
    guaranteed = await server("guaranteed")
    name = guaranteed.pod["metadata"]["name"]
    body = guaranteed.resources
    assert body["requests"] == body["limits"]
    # As if the administrator had changed the ratio meanwhile.
    own = pods.container(guaranteed.pod)
    smaller = {**own, "resources": {"limits": body["limits"], "requests": {"cpu": "1", "memory": "2Gi"}}}
    cluster.patch("pods", "jupyter", name, {"spec": {"containers": [smaller]}})

    async def is_seen():
        refusal = (await guaranteed.patch(cpu="3", dry_run=True))[1]["refusal"]
        return "(Guaranteed in place of Burstable)" in refusal and "rejected" not in refusal

    await until(is_seen)

    assert (await guaranteed.patch(cpu="3"))[0] == 400


async def test_a_change_that_would_restart_the_container_is_refused(cluster, server, until):
    fay = await server("fay")
    assert {each["restartPolicy"] for each in pods.container(fay.pod)["resizePolicy"]} == {"NotRequired"}
    own = {**pods.container(fay.pod), "resizePolicy": [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]}
    cluster.patch("pods", "jupyter", fay.pod["metadata"]["name"], {"spec": {"containers": [own]}})

    async def is_refused():
        _, answer = await fay.patch(memory="3Gi", dry_run=True)
        return "would restart the server's container" in answer.get("refusal", "")

    await until(is_refused)
    assert (await fay.patch(cpu="3", dry_run=True))[1]["fits"] is True


async def test_where_only_presets_may_be_had_their_amounts_may(server, hub):
    tina = await server("tina", cpu=None, memory=None, preset="small")

    refused = (await tina.patch(cpu="1500m", dry_run=True))[1]
    code, answer = await tina.patch(cpu="2", memory="4Gi")

    assert refused["refusal"].startswith("This hub offers presets only.")
    assert {"text": "Large", "use": {"cpu": "2", "memory": "4 GiB"}} in refused["would_work"]
    assert code == 200, answer
    assert (await hub.api("GET", "/users/tina"))[1]["servers"][""]["user_options"]["preset"] == "large"


async def test_a_quota_has_its_say(cluster, server):
    gus = await server("gus")
    hard = {"limits.memory": "5Gi"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team", "namespace": "jupyter"}}
    cluster.add({**quota, "spec": {"hard": hard}, "status": {"hard": hard, "used": {"limits.memory": "2Gi"}}})
    try:
        answer = (await gus.patch(memory="8Gi", dry_run=True))[1]
    finally:
        cluster.delete("resourcequotas", "jupyter", "team")

    assert answer["refusal"].startswith("Your team's quota leaves at most 5 GiB for this server.")
    assert answer["would_work"] == [{"text": "5 GiB", "use": {"memory": "5 GiB"}}]


async def test_without_the_right_it_is_told_which_one_and_how_to_give_it(cluster, server):
    hal = await server("hal")
    cluster.authorizer.add("hub", "system:serviceaccount:jupyter:hub", RIGHTS)
    try:
        code, answer = await hal.patch(cpu="3")
        has = await hal.has()
    finally:
        cluster.authorizer.add("hub", "system:serviceaccount:jupyter:hub", [*RIGHTS, RESIZE])

    assert code == 501
    assert "no right to “patch” “pods/resize” in the namespace jupyter" in answer["message"]
    assert "hub-resize.yaml" in answer["message"]
    assert (has["can_resize"], has["can_resize_reason"]) == (False, answer["message"])


async def test_who_may_start_a_server_may_resize_it_and_nobody_else(hub, server):
    ida = await server("ida")
    await hub.api("POST", "/users/joe")
    tokens = {}
    for owner, scopes in (
        ("ida", ["servers!user=ida"]),
        ("joe", ["servers!user=joe"]),
        ("ida", ["read:users!user=ida"]),
    ):
        _, made = await hub.api("POST", f"/users/{owner}/tokens", {"scopes": scopes})
        tokens[owner, scopes[0]] = made["token"]

    mine = await ida.patch(cpu="3", dry_run=True, token=tokens["ida", "servers!user=ida"])
    theirs = await ida.patch(cpu="3", dry_run=True, token=tokens["joe", "servers!user=joe"])
    reading = await ida.patch(cpu="3", dry_run=True, token=tokens["ida", "read:users!user=ida"])

    assert (mine[0], theirs[0], reading[0]) == (200, 404, 403)


async def test_another_site_can_not_resize_by_a_persons_cookie(hub, server):
    kim = await hub.log_in("kim")
    token = await kim.token()
    await server("kim")
    url, body = f"{hub.url}/hub/moorage/server", {"cpu": "3", "dry_run": True}

    async with (
        kim.http.patch(url, json=body) as without,
        kim.http.patch(url, json=body, headers={"X-XSRFToken": token}) as with_it,
    ):
        assert (without.status, with_it.status) == (403, 200), await with_it.text()
    await kim.close()


async def test_a_server_that_does_not_run_says_so(hub, cluster):
    await hub.api("POST", "/users/liv")
    liv = Server(hub, cluster, "liv")

    assert (await liv.has())["running"] is False
    assert (await liv.patch(cpu="1"))[0] == 409


def text_of(page):
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


async def test_home_tells_what_a_persons_servers_have_and_leads_to_the_page_of_each(hub, server):
    mia = await hub.log_in("mia")
    await server("mia")

    home = await mia.form("/hub/home")
    page = await mia.form("/hub/moorage/resize?user=mia&server=")

    assert "atlas 2 CPU, 2 GiB memory" in text_of(home)
    assert 'href="/hub/moorage/resize?user=mia&amp;server="' in home
    assert "Stop My Server" in text_of(home)
    assert "Has 2 CPU, 2 GiB memory" in text_of(page)
    assert "Up to 8 CPU and 20 GiB memory now." in text_of(page)
    await mia.close()


async def test_without_javascript_the_page_resizes_too(hub, server):
    nia = await hub.log_in("nia")
    token = await nia.token()
    running = await server("nia")
    url = f"{hub.url}/hub/moorage/resize?_xsrf={token}"

    async with nia.http.post(url, data={"user": "nia", "cpu": "3 cores", "memory": "2,5 GB"}) as answer:
        done = await answer.text()
    async with nia.http.post(url, data={"user": "nia", "cpu": "9", "memory": "3"}) as answer:
        refused = await answer.text()
    async with nia.http.post(f"{hub.url}/hub/moorage/resize", data={"user": "nia", "cpu": "1"}) as answer:
        by_another_site = answer.status

    assert running.resources["limits"] == {"cpu": "3", "memory": "2560Mi"}
    assert "Fits on atlas." in text_of(done) or "Changing to 3 CPU" in text_of(done)
    assert "9 CPU is too much: atlas has 8." in text_of(refused)
    assert 'value="9" aria-invalid="true"' in refused
    assert by_another_site == 403
    await nia.close()


async def test_administrators_see_what_all_running_servers_have_and_nobody_else(hub, server):
    await server("oda")
    boss, oda = await hub.log_in("boss"), await hub.log_in("oda")

    admin, servers = await boss.form("/hub/admin"), await boss.form("/hub/moorage/servers")
    async with oda.http.get(f"{hub.url}/hub/moorage/servers") as answer:
        theirs = answer.status
    async with oda.http.get(f"{hub.url}/hub/moorage/resize?user=boss&server=") as answer:
        of_another = answer.status

    assert 'href="/hub/moorage/servers"' in admin
    assert "react-admin-hook" in admin
    assert "oda default atlas 2 CPU, 2 GiB memory" in text_of(servers)
    assert (theirs, of_another) == (403, 404)
    await boss.close()
    await oda.close()


@pytest.mark.parametrize("server_name", ["", "nope"])
async def test_the_page_of_a_server_that_does_not_run_says_so(hub, server_name):
    person = await hub.log_in("pia")

    async with person.http.get(f"{hub.url}/hub/moorage/resize?server={server_name}") as answer:
        page = await answer.text()

    assert (answer.status, "This server is not running." in page) == ((404, False) if server_name else (200, True))
    await person.close()


@pytest.mark.parametrize(
    ("condition", "state", "words"),
    [
        ({"type": "PodResizePending", "reason": "Infeasible"}, "infeasible", "atlas can't give 2 CPU, 2 GiB memory."),
        ({"type": "PodResizePending", "reason": "Deferred"}, "deferred", "Waiting for room on atlas"),
        ({"type": "PodResizeInProgress", "reason": "Error"}, "error", "the node tries again"),
        ({"type": "PodResizeInProgress"}, "in_progress", "Changing to 2 CPU, 2 GiB memory."),
    ],
)
async def test_what_the_kubelet_says_of_a_change_is_told_in_words_and_in_its_own(
    cluster, server, until, condition, state, words
):
    ray = await server("ray")
    conditions = [*ray.pod["status"]["conditions"], {**condition, "status": "True", "message": "as the kubelet has it"}]
    cluster.patch("pods", "jupyter", ray.pod["metadata"]["name"], {"status": {"conditions": conditions}})

    async def told():
        return (await ray.has())["resize"]

    resize = await until(told)

    assert (resize["state"], resize["detail"]) == (state, "as the kubelet has it")
    assert words in resize["text"]


@pytest.mark.parametrize(("version", "too_old"), [("32+", True), ("33", False), ("?", False)])
async def test_a_cluster_before_in_place_resize_is_known_by_its_version(version, too_old):
    async with Simulator() as old:
        old.faults.add("answer", path="/version", status=200, body=json.dumps({"major": "1", "minor": version}))
        async with ApiClient(Configuration(host=old.url)) as client:
            asked = await api.is_too_old(SimpleNamespace(api=SimpleNamespace(api_client=client)))

    assert asked is too_old
