"""`moorage doctor` on the release and the objects of a hub, as Helm and the API server keep them."""

import asyncio
import base64
import contextlib
import copy
import gzip
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from moorage import clock
from moorage.cli.commands import main
from moorage.cli.doctor.checks import findings
from moorage.cli.doctor.facts import Facts, Service, Tokens
from moorage.cli.doctor.hub import Hub
from moorage.cli.doctor.live import Live
from moorage.cli.doctor.release import Release, coalesced
from moorage.cli.doctor.values import Values
from moorage.service.run import serving
from moorage.service.settings import Settings
from moorage.simulator.api.authorization import Rule

DEPLOY = Path(__file__).parents[2] / "deploy"
OURS = yaml.safe_load((DEPLOY / "zero-to-jupyterhub/values.yaml").read_text())
TOKEN = "t0ken-that-nobody-may-see-0123456789abcdef"
ADMIN = "admin-token"
SERVICE, HUB = "system:serviceaccount:moorage:moorage", "system:serviceaccount:jhub:hub"


@dataclass
class Ended:
    status: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)


def packed(content):
    return base64.b64encode(content if isinstance(content, bytes) else content.encode()).decode()


def secret(name, namespace, *, kind="Opaque", labels=None, **data):
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
        "data": {key: packed(value) for key, value in data.items()},
    }


def release(values, *, name="hub", namespace="jhub", revision=7, status="deployed", content=None, chart=None):
    """As Helm stores a revision; `content` in place of what it would write."""
    made = {
        "name": name,
        "namespace": namespace,
        "version": revision,
        "info": {"status": status},
        "config": values,
        "chart": chart
        or {
            "metadata": {"name": "jupyterhub", "version": "4.4.0", "appVersion": "5.5.0"},
            "values": {"fullnameOverride": "", "singleuser": {"storage": {"type": "dynamic", "capacity": "10Gi"}}},
        },
    }
    body = base64.b64encode(gzip.compress(json.dumps(made).encode())) if content is None else content
    labels = {"owner": "helm", "name": name, "status": status, "version": str(revision)}
    stored = f"sh.helm.release.v1.{name}.v{revision}"
    return secret(stored, namespace, kind="helm.sh/release.v1", labels=labels, release=body)


def deployment(values, *, namespace="jhub", app="jupyterhub", release="hub", chart="jupyterhub-4.4.0"):
    """The hub's Deployment as the chart makes it of these values."""
    labels = {"app": app, "component": "hub", "release": release}
    env = [{"name": name} for name in values["hub"].get("extraEnv", {})]
    spec = {
        "serviceAccountName": "hub",
        "initContainers": values["hub"].get("initContainers", []),
        "containers": [{"name": "hub", "image": "quay.io/jupyterhub/k8s-hub:4.4.0", "env": env}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "hub", "namespace": namespace, "labels": {**labels, "chart": chart}},
        "spec": {"replicas": 1, "template": {"metadata": {"labels": labels}, "spec": spec}},
        "status": {"readyReplicas": 1},
    }


def moorages_objects():
    """The service as deploy/kubernetes makes it, with a ready pod behind it."""
    found = []
    for name in ("service", "network-policy", "deployment"):
        [one] = yaml.safe_load_all((DEPLOY / f"kubernetes/{name}.yaml").read_text())
        one["metadata"]["namespace"] = "moorage"
        found.append(one)
    found[2]["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example.org/moorage:0.1.0"
    endpoints = [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}, {"addresses": ["10.0.0.2"]}]
    labels = {"kubernetes.io/service-name": "moorage"}
    metadata = {"name": "moorage-1", "namespace": "moorage", "labels": labels}
    slices = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata}
    return [*found, {**slices, "addressType": "IPv4", "endpoints": endpoints, "ports": [{"port": 8000}]}]


def storage_class(name="fast", *, default=True, binding="WaitForFirstConsumer"):
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    metadata = {"name": name, "annotations": annotations}
    kind = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": metadata}
    return {**kind, "provisioner": "example.org/disk", "volumeBindingMode": binding}


def granted(*files):
    """The rules of the Roles in these manifests."""
    found = []
    for file in files:
        for one in yaml.safe_load_all((DEPLOY / "kubernetes" / f"{file}.yaml").read_text()):
            namespace = one["metadata"].get("namespace")
            for rule in one.get("rules", ()):
                verbs, kinds, groups = rule["verbs"], rule["resources"], rule["apiGroups"]
                found.append(Rule(tuple(verbs), tuple(kinds), (namespace,) if namespace else None, tuple(groups)))
    return found


class Doctor:
    """A cluster with a hub on which all is well; a test changes one thing and asks."""

    def __init__(self, simulator, folder):
        self.cluster, self._folder = simulator, folder
        simulator.authorizer.add(ADMIN, "admin")
        self.service = simulator.authorizer.add("service-token", SERVICE, granted("cluster-role"))
        self.install(OURS)
        simulator.add(*moorages_objects(), storage_class())
        self.configured()
        simulator.add(secret("moorage-hub", "jhub", token=TOKEN))
        lines = f"hub:reader+holders:{TOKEN}\nadmin:admin:another-{TOKEN}\n"
        simulator.add(secret("moorage-tokens", "moorage", tokens=lines))

    def install(self, values, **more):
        self.cluster.add(release(values, **more), deployment(values))

    def with_values(self, **given):
        """moorage's values and these."""
        nulls = {key: value for key, value in given.items() if value is None}
        self.install(coalesced(copy.deepcopy(OURS), given) | nulls)

    def configured(self, **settings):
        """The service with these settings beside the usual ones."""
        metadata = {"name": "moorage-settings", "namespace": "moorage"}
        usual = (DEPLOY / "kubernetes/settings.env").read_text().splitlines()
        settings = dict(line.split("=", 1) for line in usual) | settings
        self.cluster.add({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": settings})

    def kubeconfig(self, token=ADMIN):
        return str(self.cluster.kubeconfig(self._folder / "kubeconfig", token=token))

    async def run(self, *arguments, token=ADMIN):
        words = ["doctor", "--kubeconfig", self.kubeconfig(token), *arguments]
        ran = await asyncio.to_thread(CliRunner().invoke, main, words, env={"COLUMNS": "80"})
        assert TOKEN not in ran.output
        return Ended(ran.exit_code, ran.stdout, ran.stderr)

    async def says(self, subject, *arguments, token=ADMIN):
        """(state, sentence and advice) of one subject."""
        ended = await self.run("-o", "json", *arguments, token=token)
        [found] = [one for one in ended.json()["findings"] if one["subject"] == subject]
        assert ended.status == any(one["state"] not in ("ok", "note", "skipped") for one in ended.json()["findings"])
        return found["state"], f"{found['says']} {found['next'] or ''}"


@pytest.fixture
def doctor(simulator, tmp_path):
    return Doctor(simulator, tmp_path)


async def test_a_hub_on_which_all_is_well(doctor, moorage):
    ended = await moorage("doctor", "--kubeconfig", doctor.kubeconfig())

    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("Release hub in the namespace jhub\n")
    assert ended.out.endswith("All is well.\n")
    assert "Chart 4.4.0, JupyterHub 5.5.0: new enough." in ended.out
    assert "2 of 2 pods behind http://moorage.moorage:8000 are ready." in ended.out
    assert "“hub” with the role reader+holders" in " ".join(ended.out.split())
    assert max(map(len, ended.out.splitlines())) <= 80


async def test_each_finding_has_the_id_that_the_page_lists(doctor):
    page = (DEPLOY.parent / "docs/cli.md").read_text()
    _, _, table = page.partition("<!-- doctor: checks -->")
    listed = re.findall(r"^\| `([a-z-]+)` \|", table.partition("<!-- end of checks -->")[0], re.MULTILINE)

    ended = await doctor.run("-o", "json")

    assert list(dict.fromkeys(one["id"].partition(".")[0] for one in ended.json()["findings"])) == listed


async def test_what_is_wrong_has_a_mark_a_sentence_and_what_to_do(doctor):
    doctor.with_values(singleuser={"image": {"pullSecrets": ["mine"]}})

    ended = await doctor.run()

    assert ended.status == 1
    text = " ".join(ended.out.split())
    assert "✗ pull secrets The values name mine, which is not in the namespace jhub. Images of that registry" in text
    assert "don't start. → `kubectl --namespace jhub create secret docker-registry mine …`" in text
    assert re.search(r"1 wrong; \d+ fine\.$", text)


async def test_a_hub_without_moorage_is_told_what_to_do_first(doctor):
    doctor.install({"hub": {"extraEnv": [{"name": "OAUTH_CLIENT_SECRET", "value": "hush"}]}})

    moorage = await doctor.says("moorage")
    extra_env = await doctor.says("extraEnv")

    assert moorage[0] == extra_env[0] == "attention"
    assert "moorage hub-values" in moorage[1]
    assert "hub.extraEnv is a list" in extra_env[1]
    assert "hush" not in str((moorage, extra_env))


async def test_commands_have_the_releases_own_names_and_lines_that_can_be_copied(doctor):
    doctor.install({"hub": {"extraEnv": [{"name": "A", "value": "a"}]}}, name="lab")
    doctor.cluster.delete("secrets", "jhub", "sh.helm.release.v1.hub.v7")
    doctor.cluster.add(deployment(OURS, release="lab"))

    ended = await doctor.run()

    lines = ended.out.splitlines()
    first = lines.index("moorage, extraEnv:")
    assert lines[first + 1 : first + 3] == [
        "  $ helm get values lab --namespace jhub --output yaml | moorage hub-values - > hub-values.yaml",
        "  $ helm upgrade lab jupyterhub/jupyterhub --namespace jhub --version 4.4.0 --values hub-values.yaml",
    ]


async def test_a_terminal_that_knows_ascii_alone_still_shows_all(doctor, moorage):
    ended = await moorage("doctor", "--kubeconfig", doctor.kubeconfig(), env={"PYTHONIOENCODING": "ascii"})

    assert ended.status == 0
    assert "+ hub" in ended.out
    assert ended.out.endswith("All is well.\n")


@pytest.mark.parametrize(
    ("subject", "values", "state", "words"),
    [
        ("profiles", {"singleuser": {"profileList": [{"display_name": "Big"}]}}, "ok", "1 profile: Big. moorage shows them as presets"),
        ("caps", {"singleuser": {"cpu": {"limit": 2}, "memory": {"limit": "4G"}}}, "ok", "2 CPU by default and at most; 4G memory by default and at most"),
        ("caps", {"singleuser": {"cpu": {"limit": 2}}, "hub": {"config": {"MoorageSpawner": {"cpu_max": "8"}}}}, "ok", "2 CPU by default, at most what cpu_max says."),
        ("caps", {"singleuser": {"cpu": {"limit": 2}}, "hub": {"extraConfig": {"x": "c.MoorageSpawner.lift_configured_limits = True"}}}, "ok", "2 CPU by default."),
        ("network", {"hub": {"networkPolicy": {"egressAllowRules": {"privateIPs": False}}}}, "ok", "admit the hub"),
        ("network", {"hub": {"networkPolicy": {"egress": [], "egressAllowRules": {"privateIPs": False}}}}, "failed", "no private addresses"),
        ("placeholders", {"scheduling": {"userPlaceholder": {"replicas": 2}}}, "attention", "pod priority is off"),
        (
            "placeholders",
            {"scheduling": {"userPlaceholder": {"replicas": 2}, "podPriority": {"enabled": True}}},
            "ok",
            "2 placeholder pods; pod priority is on",
        ),
        ("names", {"fullnameOverride": "lab"}, "ok", "fullnameOverride is lab: the hub's Deployment is hub"),
        ("names", {"fullnameOverride": None}, "ok", "fullnameOverride is null: "),
        ("storage", {"singleuser": {"storage": {"dynamic": {"storageClass": "gone"}}}}, "failed", "no StorageClass gone"),
        ("storage", {"singleuser": {"storage": {"type": "none"}}}, "ok", "files are gone"),
        ("storage", {"singleuser": {"storage": {"type": "static", "static": {"pvcName": "all"}}}}, "failed", "claim all"),
        ("moorage", {"hub": {"extraConfig": {"60": 'c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"'}}}, "failed", "60"),
        ("service", {"hub": {"extraConfig": {"60": 'c.MoorageSpawner.service_url = "http://moorage.gone:8000"'}}}, "failed", "gone/moorage"),
        ("service", {"hub": {"extraConfig": {"60": 'c.MoorageSpawner.service_url = "http://moorage.moorage:80"'}}}, "failed", "8000"),
        ("service", {"hub": {"extraConfig": {"60": 'c.MoorageSpawner.service_url = "https://a:b@m.example.org/"'}}}, "unknown", "https://m.example.org:443 is no"),
    ],
)  # fmt: skip
async def test_values_are_told_as_they_are(doctor, subject, values, state, words):
    doctor.with_values(**values)

    told = await doctor.says(subject)

    assert told[0] == state
    assert words in told[1]


async def test_a_hub_that_does_not_come_up_says_why(doctor):
    live = deployment(OURS)
    labels = live["spec"]["template"]["metadata"]["labels"]
    waiting = {"name": "moorage", "ready": False, "state": {"waiting": {"reason": "ImagePullBackOff"}}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "hub-1", "namespace": "jhub", "labels": labels}}
    doctor.cluster.add({**live, "status": {}}, {**pod, "spec": {}, "status": {"initContainerStatuses": [waiting]}})

    told = await doctor.says("hub")

    assert told[0] == "failed"
    assert "no ready pod: ImagePullBackOff in its container moorage" in told[1]
    assert "describe deployment/hub" in told[1]


async def test_a_chart_that_is_too_old_fails(doctor):
    chart = {"metadata": {"name": "jupyterhub", "version": "4.1.0", "appVersion": "5.2.1"}, "values": {}}
    doctor.cluster.delete("deployments", "jhub", "hub")
    doctor.cluster.add(release(OURS, chart=chart))

    told = await doctor.says("versions")

    assert told[0] == "failed"
    assert "JupyterHub 5.2.1" in told[1]
    assert "chart 4.2.0" in told[1]


async def test_an_image_of_an_older_chart_in_a_newer_one_fails(doctor):
    live = deployment(OURS)
    live["spec"]["template"]["spec"]["containers"][0]["image"] = "quay.io/jupyterhub/k8s-hub:4.1.0"
    doctor.cluster.add(live)

    told = await doctor.says("versions")

    assert told[0] == "failed"
    assert told[1].startswith("The hub's image is that of chart 4.1.0: moorage needs")


async def test_an_image_of_the_hubs_own_is_unknown_and_how_to_look_is_told(doctor):
    live = deployment(OURS)
    live["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example.org/hub:7"
    doctor.cluster.add(live)

    told = await doctor.says("versions")

    assert told[0] == "unknown"
    assert "exec deployment/hub -- pip list" in told[1]


async def test_a_service_in_another_namespace_is_found_before_the_hub_names_it(doctor):
    doctor.install({"hub": {}})
    doctor.cluster.delete("services", "moorage", "moorage")
    service, *_, slices = moorages_objects()
    for one in (service, slices):
        one["metadata"]["namespace"] = "spawn"
    doctor.cluster.add(service, slices)

    assert "http://moorage.spawn:8000 are ready" in (await doctor.says("service"))[1]


async def test_variables_that_helm_dropped_are_missed_in_the_running_pod(doctor):
    lost = copy.deepcopy(OURS)
    lost["hub"]["extraEnv"] = [{"name": "MINE", "value": "1"}]
    live = deployment({"hub": {**OURS["hub"], "extraEnv": {"MINE": "1"}}})
    doctor.cluster.add(release(lost), live)

    assert (await doctor.says("extraEnv"))[0] == "failed"
    assert "PYTHONPATH is missing" in (await doctor.says("moorage"))[1]


@pytest.mark.parametrize(("subject", "words"), [("moorage", "moorage/moorage has no pod"), ("other", "gives its rights to the namespace other instead of moorage")])  # fmt: skip
async def test_a_service_without_pods_and_without_its_rights_is_told_apart(doctor, subject, words):
    doctor.cluster.delete("endpointslices", "moorage", "moorage-1")
    _, binding = yaml.safe_load_all((DEPLOY / "kubernetes/cluster-role.yaml").read_text())
    binding["subjects"][0]["namespace"] = subject
    doctor.cluster.add(binding)

    told = await doctor.says("service")

    assert told[0] == "failed"
    assert words in told[1]
    assert ("instead of" in told[1]) == (subject == "other")


async def test_another_name_of_the_app_is_not_admitted_by_the_policy(doctor):
    doctor.cluster.add(deployment(OURS, app="lab"))

    told = await doctor.says("network")

    assert told[0] == "failed"
    assert "app=lab" in told[1]
    assert "moorage.io/client" in told[1]


async def test_a_token_that_the_service_does_not_know_is_found_without_being_shown(doctor):
    doctor.cluster.add(secret("moorage-hub", "jhub", token=f"old-{TOKEN}"))

    told = await doctor.says("token")

    assert told[0] == "failed"
    assert "none of those that the service knows" in told[1]

    ended = await doctor.run()
    copied, restarted = (line for line in ended.out.splitlines() if line.startswith("  $ kubectl"))
    assert "--namespace moorage get secret moorage-tokens" in copied
    assert "create secret generic moorage-hub --from-file=token=/dev/stdin" in copied
    assert restarted.endswith("--namespace jhub rollout restart deployment/hub")


async def test_another_version_in_the_hub_than_in_the_service_is_told(doctor):
    values = copy.deepcopy(OURS)
    values["hub"]["initContainers"][0]["image"] = "registry.example.org/moorage:0.0.9"
    doctor.install(values)

    assert "moorage:0.0.9" in (await doctor.says("moorage"))[1]


async def test_a_newer_revision_that_failed_is_told(doctor):
    doctor.cluster.add(release(OURS, revision=8, status="failed"))

    told = await doctor.says("release")

    assert told[0] == "attention"
    assert "newest revision is 8 and its status is failed" in told[1]


async def test_the_class_binds_before_a_node_is_chosen_in_a_cluster_of_several_zones(doctor, node):
    doctor.cluster.add(storage_class(binding="Immediate"))
    doctor.cluster.add(*(node(zone, labels={"topology.kubernetes.io/zone": zone}) for zone in "ab"))

    told = await doctor.says("storage")

    assert told[0] == "attention"
    assert "2 zones" in told[1]


async def test_several_hubs_are_named_and_one_can_be_chosen(doctor):
    doctor.cluster.add(release(OURS, name="two", namespace="elsewhere"))

    both = await doctor.run()
    one = await doctor.run("--namespace", "jhub")
    other = await doctor.run("--release", "two", "-o", "json")

    assert (both.status, both.out) == (2, "")
    assert "two in the namespace elsewhere, hub in the namespace jhub" in both.err
    assert "--namespace and --release" in both.err
    assert one.status == 0
    assert other.json()["namespace"] == "elsewhere"


async def test_a_hub_that_is_part_of_another_chart_is_found(doctor):
    # Helm writes the alias over the name; the lock alone keeps it.
    parts = [{"name": "other", "version": "1"}, {"name": "jh", "version": ">=4", "alias": "jh"}]
    chart = {"metadata": {"name": "campus", "dependencies": parts}, "lock": {"dependencies": [{"name": "other", "version": "1"}, {"name": "jupyterhub", "version": "4.2.0"}]}}  # fmt: skip
    doctor.cluster.add(release({"jh": OURS}, chart=chart), deployment(OURS, chart="jh-4.2.0"))

    ended = await doctor.run("-o", "json")

    told = {one["subject"]: one["says"] for one in ended.json()["findings"]}
    assert told["release"] == "Revision 7 of the chart campus with jupyterhub 4.2.0 is deployed."
    assert "50-moorage sets it as the spawner" in told["moorage"]
    assert told["hub"] == "The Deployment hub is ready."


async def test_a_hub_that_helm_does_not_keep_tells_its_values_in_its_own_secret(doctor):
    doctor.cluster.delete("secrets", "jhub", "sh.helm.release.v1.hub.v7")
    values = {**OURS, "Chart": {"Name": "jupyterhub", "Version": "4.4.0"}, "Release": {"Name": "hub"}}
    doctor.cluster.add(secret("hub", "jhub", **{"values.yaml": yaml.safe_dump(values)}))

    ended = await doctor.run()

    assert ended.status == 0
    assert "rendered without Helm's own records" in " ".join(ended.out.split())


async def test_no_hub_and_no_cluster_end_with_a_sentence_and_status_2(doctor, moorage):
    none = await doctor.run("--namespace", "empty")
    away = await moorage("doctor", "--kubeconfig", "/dev/null")

    assert (none.status, away.status) == (2, 2)
    assert "no release of the chart jupyterhub in the namespace empty" in none.err
    assert len(none.err.splitlines()) == len(away.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"!", "not base64 twice"),
        (base64.b64encode(b"PK not gzip"), "not gzip"),
        (base64.b64encode(gzip.compress(b"x" * 5000, mtime=0)[:-9]), "cut off"),
        (base64.b64encode(b"\x1f\x8b damaged"), "damaged gzip"),
        (base64.b64encode(gzip.compress(b"no JSON", mtime=0)), "not JSON"),
        (base64.b64encode(gzip.compress(b"[" * 100000, mtime=0)), "not JSON"),
        (base64.b64encode(gzip.compress(b"[1]", mtime=0)), "its JSON is no object"),
    ],
)
async def test_garbage_in_a_release_is_a_sentence_and_the_rest_is_still_told(doctor, content, words):
    doctor.cluster.add(release({}, content=content))

    ended = await doctor.run("-o", "json")

    told = {one["subject"]: one for one in ended.json()["findings"]}
    assert ended.status == 1
    assert told["caps"]["state"] == "unknown"
    assert words in told["caps"]["says"]
    assert told["service"]["state"] == told["hub"]["state"] == "ok"


async def test_a_right_that_is_missing_is_named_and_the_rest_is_still_told(doctor):
    allowed = ["deployments", "services", "endpointslices", "networkpolicies", "storageclasses", "nodes"]
    doctor.cluster.authorizer.add("reader", "reader", [(["get", "list"], allowed)])

    ended = await doctor.run("-o", "json", token="reader")

    told = {one["subject"]: one for one in ended.json()["findings"]}
    assert ended.status == 1
    assert {subject for subject, one in told.items() if one["state"] == "unknown"} == {
        "release", "versions", "moorage", "extraEnv", "profiles", "caps", "placeholders", "names", "pull secrets",
        "storage", "priorities", "user-scheduler", "queues", "token", "state", "sign-in", "rights",
    }  # fmt: skip
    assert told["token"]["says"] == "Unknown: not allowed to get secrets in the namespace jhub."
    assert told["caps"]["next"] == "name the hub with --namespace, and grant list on secrets there"
    assert told["service"]["state"] == "ok"


async def test_rights_in_the_hubs_namespace_alone_are_enough_to_find_it(doctor):
    doctor.cluster.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "jhub"}})
    rule = doctor.cluster.authorizer.add("local", "local", [(["list"], ["namespaces"])]).rules
    rule.append(type(rule[0])(("get", "list"), ("*",), ("jhub",)))

    ended = await doctor.run("-o", "json", token="local")

    told = {one["subject"]: one for one in ended.json()["findings"]}
    assert told["release"]["state"] == told["caps"]["state"] == "ok"
    assert told["service"]["says"] == "Unknown: not allowed to get services in the namespace moorage."


async def test_the_rights_that_the_page_names_are_enough(doctor):
    page = (DEPLOY.parent / "docs/cli.md").read_text()
    [sentence] = re.findall(r"these are enough: (.*?)\.\n? ", page)
    kinds = [tuple(re.findall(r"`(\w+)`", part)) for part in sentence.split(";")]
    rules = [
        Rule(("get", "list"), kinds[0], ("jhub",)),
        Rule(("get", "list"), kinds[1], ("moorage",)),
        Rule(("list",), kinds[2]),
        Rule(("create",), kinds[3]),
    ]
    doctor.cluster.authorizer.add("named", "named", rules)

    ended = await doctor.run("--namespace", "jhub", token="named")

    assert ended.status == 0, ended.out


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PATHS = (
    "hub", "hub.extraEnv", "hub.extraConfig", "hub.extraConfig.x", "hub.config", "hub.config.KubeSpawner", "hub.image",
    "hub.initContainers", "singleuser", "singleuser.profileList", "singleuser.cpu", "singleuser.cpu.limit",
    "singleuser.extraResource.limits", "singleuser.storage", "singleuser.storage.type", "singleuser.storage.dynamic",
    "singleuser.image.pullSecrets", "imagePullSecrets", "imagePullSecret", "scheduling", "fullnameOverride",
    "scheduling.userPlaceholder.replicas", "nameOverride",
)  # fmt: skip


@given(changes=st.dictionaries(st.sampled_from(PATHS), anything, max_size=4), live=anything)
def test_values_of_any_shape_get_a_finding_for_each_subject(changes, live):
    values = copy.deepcopy(OURS)
    for path, value in changes.items():
        place = values
        *way, last = path.split(".")
        for key in way:
            if not isinstance(place.get(key), dict):
                place[key] = {}
            place = place[key]
        place[last] = value
    found = Release("hub", "jhub", "jupyterhub", "4.4.0", "5.5.0", 1, "deployed", values, values)
    hub = Hub("jhub", "hub", found, {"spec": live} if isinstance(live, dict) else None)
    service = Service("http://moorage.moorage:8000", "moorage", "moorage", 8000)
    facts = Facts(hub, [], Values(found), {}, [], None, set(), service, Tokens("jhub/moorage-hub", "moorage/tokens"))

    told = findings(facts)

    assert len({one.id for one in told}) == len(told) > 15
    assert all(one.says for one in told)


def shared_state(doctor):
    """The service's settings name a ConfigMap, and what optional/state.yaml brings is there."""
    doctor.configured(MOORAGE_STATE_CONFIGMAP="moorage/moorage-state")
    doctor.cluster.add(*yaml.safe_load_all((DEPLOY / "kubernetes/optional/state.yaml").read_text()))


async def test_what_replicas_keep_together_is_told(doctor):
    assert "Defaults of the form come from the settings" in (await doctor.says("state"))[1]

    shared_state(doctor)

    assert await doctor.says("state") == (
        "ok",
        "All replicas keep the form's defaults in the ConfigMap moorage/moorage-state. ",
    )


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("configmaps", "There is no ConfigMap moorage/moorage-state"),
        ("roles", "may not get, list, patch, watch the ConfigMap moorage/moorage-state"),
        ("rolebindings", "may not get, list, patch, watch the ConfigMap moorage/moorage-state"),
    ],
)
async def test_what_replicas_can_not_keep_is_told_with_what_mends_it(doctor, kind, words):
    shared_state(doctor)
    doctor.cluster.delete(kind, "moorage", "moorage-state")

    told = await doctor.says("state")

    assert told[0] == "failed"
    assert words in told[1]
    assert "kubectl" in told[1]


ALL_SETTINGS = {
    "MOORAGE_QUOTA_NAMESPACES": "jupyterhub",
    "MOORAGE_SCHEDULER_CONFIGMAPS": "jupyterhub/user-scheduler",
    "MOORAGE_KUBERNETES_TOKENS": "true",
    "MOORAGE_CLUSTER_AUTOSCALER_NAMESPACE": "kube-system",
    "MOORAGE_GPU_EXEC_NAMESPACE": "gpu-operator",
}
ADDONS = [
    {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "gpu"}, "spec": {}},
    {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "ClusterQueue", "metadata": {"name": "all"}, "spec": {}},
]
OPTIONAL = {
    "quotas": "limits",
    "scheduler": "scheduler",
    "token-review": "token-review",
    "cluster-autoscaler": "cluster-autoscaler",
    "gpu-exec": "gpu-exec",
    "karpenter": "karpenter",
    "kueue": "kueue",
}


async def rights_that_are_missing(doctor):
    ended = await doctor.run("-o", "json")
    return {
        one["id"].removeprefix("rights."): one
        for one in ended.json()["findings"]
        if one["id"].startswith("rights") and one["state"] not in ("ok", "skipped")
    }


async def test_rights_that_settings_and_addons_ask_for_are_granted_by_the_optional_files(doctor):
    doctor.configured(**ALL_SETTINGS)
    doctor.cluster.add(*ADDONS)
    doctor.service.rules.extend(granted(*(f"optional/{file}" for file in OPTIONAL.values())))

    assert await rights_that_are_missing(doctor) == {}
    assert ", ".join(sorted(OPTIONAL)) in (await doctor.says("rights"))[1]


@pytest.mark.parametrize("lost", OPTIONAL)
async def test_an_optional_right_that_is_missing_is_named_with_the_file_and_the_value_that_grant_it(doctor, lost):
    doctor.configured(**ALL_SETTINGS)
    doctor.cluster.add(*ADDONS)
    kept = (f"optional/{file}" for name, file in OPTIONAL.items() if name != lost)
    doctor.service.rules.extend(granted(*kept))

    missing = await rights_that_are_missing(doctor)

    assert list(missing) == [lost]
    assert missing[lost]["state"] == "attention"
    assert f"kubectl apply -f deploy/kubernetes/optional/{OPTIONAL[lost]}.yaml" in missing[lost]["next"]
    assert "`rights." in missing[lost]["next"]
    assert missing[lost]["why"]


@pytest.mark.parametrize(("kind", "state"), [("nodes", "failed"), ("csinodes", "attention")])
async def test_a_kind_that_the_service_may_not_watch_is_named(doctor, kind, state):
    rules = doctor.service.rules
    rules[:] = [Rule(r.verbs, tuple(k for k in r.resources if k != kind), None, r.groups) for r in rules]
    rules.append(Rule(("list",), (kind,)))

    missing = await rights_that_are_missing(doctor)

    assert list(missing) == [kind]
    assert missing[kind]["state"] == state
    assert f"may not watch {kind}" in missing[kind]["says"]


async def test_a_service_without_any_right_gets_one_line_and_not_sixteen(doctor):
    doctor.service.rules.clear()

    missing = await rights_that_are_missing(doctor)

    assert list(missing) == ["rights"]
    assert "may list none of the 16 kinds" in missing["rights"]["says"]


async def test_in_its_own_pod_the_service_asks_for_itself_and_needs_no_further_right(doctor, monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("MOORAGE_TOKEN_FILE", "/etc/moorage/tokens/tokens")
    monkeypatch.setenv("MOORAGE_QUOTA_NAMESPACES", "jupyterhub")
    asked = ("--server", "http://127.0.0.1:1")

    told = await doctor.says("rights.quotas", *asked, token="service-token")
    doctor.service.rules.extend(granted("optional/limits"))

    assert told[0] == "attention"
    assert (await doctor.says("rights", *asked, token="service-token"))[0] == "ok"
    assert (await doctor.says("sign-in", *asked, token="service-token"))[0] == "ok"


async def test_rights_of_the_hub_that_nobody_asked_for_are_told_and_are_no_fault(doctor):
    ended = await doctor.run("-o", "json")

    told = {one["id"]: one for one in ended.json()["findings"]}
    assert ended.status == 0
    assert told["rights.hub-resize"]["state"] == told["rights.hub-usage"]["state"] == "skipped"
    assert "optional/hub-resize.yaml" in told["rights.hub-resize"]["next"]

    doctor.cluster.authorizer.add("hub-token", HUB, [Rule(("patch", "get"), ("*",), ("jhub",))])
    ended = await doctor.run("-o", "json")
    assert not [one for one in ended.json()["findings"] if one["id"].startswith("rights.hub")]


def hubs(kind, name, **more):
    """An object of the hub's namespace, of the chart's user-scheduler or beside it."""
    labels = {"component": "user-scheduler", "release": "hub", "app": "jupyterhub"}
    return {"kind": kind, "metadata": {"name": name, "namespace": "jhub", "labels": labels}, **more}


def user_scheduler(*, tag="v1.36.1", ready=1, profile=None):
    configuration = {
        "kind": "KubeSchedulerConfiguration",
        "profiles": [{"schedulerName": "hub-user-scheduler"} | (profile or {})],
    }
    containers = [{"name": "kube-scheduler", "image": f"registry.k8s.io/kube-scheduler:{tag}"}]
    return (
        hubs("Deployment", "user-scheduler", apiVersion="apps/v1", spec={"replicas": 2, "template": {"spec": {"containers": containers}}}, status={"readyReplicas": ready}),
        hubs("ConfigMap", "user-scheduler", apiVersion="v1", data={"config.yaml": yaml.safe_dump(configuration)}),
    )  # fmt: skip


def priority_class(name, value, **more):
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name},
        "value": value,
        **more,
    }


def status_of_autoscaler():
    metadata = {"name": "cluster-autoscaler-status", "namespace": "kube-system"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"status": ""}}


def with_kubelet(node, version):
    node["status"]["nodeInfo"] = {"kubeletVersion": version}
    return node


NO_FILTER = {"plugins": {"filter": {"disabled": [{"name": "TaintToleration"}]}}}
BY_HUB = "c.MoorageSpawner.queues = ['gpu']"
PRODUCT = {"nvidia.com/gpu.product": "NVIDIA-L4"}


@pytest.mark.parametrize(
    ("id", "state", "words", "broken"),
    [
        ("devices", "attention", "node bare has GPUs, but no label says", lambda d, node: d.cluster.add(node("bare", gpu=1))),
        ("devices", "ok", "1 node with GPUs", lambda d, node: d.cluster.add(node("a", gpu=1, labels=PRODUCT), node("b"))),
        ("devices", "attention", "node idle has a GPU by the labels", lambda d, node: d.cluster.add(node("idle", labels={"nvidia.com/gpu.present": "true"}))),
        ("kubernetes", "attention", "node old has a kubelet 1.32", lambda d, node: d.cluster.add(with_kubelet(node("old"), "v1.32.9"))),
        ("kubernetes", "attention", "node new has a kubelet 1.37", lambda d, node: d.cluster.add(with_kubelet(node("new"), "v1.37.0"))),
        ("kubernetes", "ok", "kubelets go with it", lambda d, node: d.cluster.add(with_kubelet(node("fine"), "v1.33.0+k3s1"))),
        ("user-scheduler", "ok", "changes scores alone", lambda d, node: d.cluster.add(*user_scheduler())),
        ("user-scheduler", "failed", "has no ready pod", lambda d, node: d.cluster.add(*user_scheduler(ready=0))),
        ("user-scheduler", "note", "of Kubernetes 1.30, and the cluster of 1.36. It runs", lambda d, node: d.cluster.add(*user_scheduler(tag="v1.30.14"))),
        ("user-scheduler", "attention", "of Kubernetes 1.37, and the cluster of 1.36: Kubernetes supports no", lambda d, node: d.cluster.add(*user_scheduler(tag="v1.37.0"))),
        ("user-scheduler", "attention", "TaintToleration switched off", lambda d, node: d.cluster.add(*user_scheduler(tag="v1.30.14", profile=NO_FILTER))),
        ("user-scheduler", "attention", "TaintToleration switched off", lambda d, node: d.cluster.add(*user_scheduler(profile=NO_FILTER))),
        ("priorities", "attention", "no PriorityClass hub-default-priority", lambda d, node: d.with_values(scheduling={"podPriority": {"enabled": True}})),
        ("priorities", "attention", "priority 7, by the cluster's default class usual; the service takes it for 0", lambda d, node: d.cluster.add(priority_class("usual", 7, globalDefault=True))),
        ("autoscaler", "attention", "may not read its status", lambda d, node: d.cluster.add(status_of_autoscaler())),
        ("autoscaler", "ok", "Karpenter can add machines", lambda d, node: d.cluster.add(ADDONS[0])),
        ("autoscaler", "ok", "None is found", lambda d, node: None),
        ("queues", "failed", "has no Kueue", lambda d, node: d.with_values(hub={"extraConfig": {"60": BY_HUB}})),
        ("queues", "failed", "has no LocalQueue", lambda d, node: (d.cluster.add(ADDONS[1]), d.service.rules.extend(granted("optional/kueue")), d.with_values(hub={"extraConfig": {"60": BY_HUB}}))),
        ("queues", "ok", "uses none of its queues", lambda d, node: d.cluster.add(ADDONS[1])),
        ("sign-in", "attention", "knows no service moorage", lambda d, node: d.configured(MOORAGE_HUB_API_URL="http://hub:8081/hub/api")),
        ("sign-in", "attention", "Everybody who reaches", lambda d, node: d.configured(MOORAGE_ALLOW_ANONYMOUS_ACCESS_FROM_EVERYWHERE="true")),
        ("sign-in", "attention", "No way to sign in", lambda d, node: d.configured(MOORAGE_TOKEN_FILE="")),
        ("sign-in", "ok", "Tokens from a file, Kubernetes' own tokens", lambda d, node: d.configured(MOORAGE_KUBERNETES_TOKENS="true")),
    ],
)  # fmt: skip
async def test_the_cluster_around_the_hub_is_told_as_it_is(doctor, node, id, state, words, broken):
    broken(doctor, node)

    ended = await doctor.run("-o", "json")

    [found] = [one for one in ended.json()["findings"] if one["id"] == id]
    assert (found["state"], words in found["says"]) == (state, True), found
    assert state == "ok" or (found["why"] and found["next"])
    troubled = {one["id"] for one in ended.json()["findings"] if one["state"] not in ("ok", "skipped")}
    assert state == "ok" or troubled == {id}, "nothing else is blamed"


async def test_what_the_users_scheduler_has_switched_off_is_fine_where_the_service_reads_it(doctor):
    doctor.cluster.add(*user_scheduler(profile=NO_FILTER))
    doctor.configured(MOORAGE_SCHEDULER_CONFIGMAPS="jhub/user-scheduler")

    assert (await doctor.says("user-scheduler"))[0] == "ok"


@pytest.mark.parametrize(("apart", "words"), [(-90, "s ahead of this machine's"), (90, "s behind this machine's")])
async def test_a_clock_that_is_wrong_is_told_with_what_it_does(doctor, monkeypatch, apart, words):
    ours = clock.now
    monkeypatch.setattr(clock, "now", lambda: ours() + apart)

    told = await doctor.says("clock")

    assert told[0] == "attention"
    assert words in told[1]
    assert "timedatectl" in told[1]


async def test_the_services_clock_is_told_apart_from_the_api_servers(doctor, monkeypatch, tmp_path):
    async with running(doctor, tmp_path) as (url, _):
        well = await asked(doctor, url)
        ours = clock.now
        monkeypatch.setattr(clock, "now", lambda: ours() + 90)
        wrong = await asked(doctor, url)

    assert (well["clock"]["state"], wrong["clock"]["state"]) == ("ok", "attention")
    assert "API server, the service and this machine agree" in well["clock"]["says"]
    assert wrong["clock"]["says"].count("s behind this machine's.") == 2


def policy(name, namespace, *, selector=None, way="Ingress", rules=()):
    spec = {"podSelector": selector or {}, "policyTypes": [way], way.lower(): list(rules)}
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    return {**kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


BY_TEAM = [{"to": [{"namespaceSelector": {"matchLabels": {"team": "x"}}}]}]


async def test_labels_of_a_namespace_that_cant_be_read_leave_the_way_open_to_doubt(doctor):
    doctor.cluster.add(policy("lan", "jhub", way="Egress", rules=BY_TEAM))
    kinds = ("secrets", "deployments", "pods", "configmaps", "networkpolicies", "services", "endpointslices")
    doctor.cluster.authorizer.add("some", "some", [Rule(("get", "list"), kinds)])

    told = await doctor.says("network", token="some")

    assert told[0] == "note"
    assert "Whether the NetworkPolicy jhub/lan lets the hub reach the service can't be told" in told[1]
    assert "exec deployment/hub -- python3 -m moorage doctor" in told[1]


def prometheus(namespace="monitoring"):
    labels = {"app.kubernetes.io/name": "prometheus"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "prometheus-0", "namespace": namespace, "labels": labels},
        "spec": {"containers": [{"name": "p", "image": "p"}]},
    }


FROM_MONITORING = {"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]}
OF_OTHERS = {"matchLabels": {"app": "others"}}


@pytest.mark.parametrize(
    ("id", "state", "words", "objects"),
    [
        ("network", "ok", "The NetworkPolicies admit the hub to the service. Whether", ()),
        ("network", "ok", "admit the hub", (policy("deny", "moorage"), policy("theirs", "jhub", selector=OF_OTHERS, way="Egress"))),
        ("network", "failed", "The NetworkPolicy jhub/deny does not let the hub's pod (app=jupyterhub, component=hub) out", (policy("deny", "jhub", way="Egress"),)),
        ("network", "ok", "admit the hub", (policy("lan", "jhub", way="Egress", rules=[{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]),)),
        ("network", "failed", "jhub/lan does not let", (policy("lan", "jhub", way="Egress", rules=[{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 443}]}]),)),
        ("prometheus", "attention", "The NetworkPolicy moorage/moorage does not admit Prometheus, of the namespace monitoring.", (prometheus(),)),
        ("prometheus", "ok", "admit Prometheus", (prometheus(), policy("scrape", "moorage", rules=[FROM_MONITORING]))),
        ("prometheus", "skipped", "No pod has the label", ()),
    ],
)  # fmt: skip
async def test_policies_in_the_way_to_the_service_are_named(doctor, id, state, words, objects):
    lines = f"hub:reader+holders:{TOKEN}\nprometheus:reader:scrape-{TOKEN}\n"
    doctor.cluster.add(secret("moorage-tokens", "moorage", tokens=lines), *objects)

    ended = await doctor.run("-o", "json")

    [found] = [one for one in ended.json()["findings"] if one["id"] == id]
    assert (found["state"], words in found["says"]) == (state, True), found


@contextlib.asynccontextmanager
async def running(doctor, folder, **settings):
    """The service of this cluster, with the tokens of its Secret."""
    (folder / "tokens").write_text(f"hub:reader+holders:{TOKEN}\n")
    (folder / "api-token").write_text(ADMIN)
    made = Settings(
        port=0,
        api_server=doctor.cluster.url,
        api_token_file=folder / "api-token",
        token_file=folder / "tokens",
        **settings,
    )
    async with serving(made) as (url, parts), asyncio.timeout(20):
        while not parts.ready:
            await asyncio.sleep(0.02)
        yield url, parts


async def asked(doctor, url, *arguments):
    ended = await doctor.run("-o", "json", "--server", url, *arguments)
    return {one["id"]: one for one in ended.json()["findings"]}


async def test_the_service_is_asked_with_the_hubs_token_where_its_address_is_given(doctor, node, tmp_path):
    doctor.cluster.add(node("a", gpu=2, labels=PRODUCT))
    async with running(doctor, tmp_path) as (url, _):
        told = await asked(doctor, url)
        doctor.cluster.add(secret("moorage-hub", "jhub", token=f"old-{TOKEN}"))
        refused = await asked(doctor, url)

    assert {told[id]["state"] for id in ("answers", "gpu-sources", "registry")} == {"ok"}, told
    assert told["gpu-sources"]["says"].startswith("2 cards, by ")
    assert refused["answers"]["state"] == "failed"
    assert "refuses the token" in refused["answers"]["says"]
    assert refused["registry"]["state"] == "unknown"


async def test_a_source_of_cards_and_a_registry_that_do_not_answer_are_told_with_their_reason(doctor, node, tmp_path):
    doctor.cluster.add(node("a", gpu=2, labels=PRODUCT))
    doctor.configured(MOORAGE_GPU_DCGM="true")
    dead = {"oci_url": "http://127.0.0.1:1", "oci_repositories": ["lab"]}
    async with running(doctor, tmp_path, gpu_dcgm=True, **dead) as (url, parts):
        while parts.catalogue.listing.reason is None:
            await asyncio.sleep(0.02)
        told = await asked(doctor, url)

    assert told["gpu-sources"]["state"] == "attention"
    assert (
        "2 of 2 cards have no reading of use and memory, although the dcgm-exporter is asked"
        in told["gpu-sources"]["says"]
    )
    assert told["registry"]["state"] == "failed"
    assert told["registry"]["says"].startswith("The registry does not answer: ")


async def test_an_address_at_which_nothing_answers_is_told(doctor):
    told = await asked(doctor, "http://127.0.0.1:1")

    assert told["answers"]["state"] == "failed"
    assert "127.0.0.1:1 does not answer" in told["answers"]["says"]


async def test_without_an_address_nobody_outside_of_the_cluster_is_shown_the_hubs_token(doctor, monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    told = await doctor.says("answers")

    assert told[0] == "skipped"
    assert "port-forward service/moorage 8000" in told[1]


@pytest.mark.parametrize(
    ("id", "live", "words"),
    [
        ("answers", {"stale": True}, "may be out of date"),
        ("answers", {"version": "99.0"}, "is moorage 99.0"),
        ("gpu-sources", {"nodes": [{"gpu_details": [{"stale": True, "age_seconds": 95, "source": "dcgm"}, {"utilization": 0}]}]}, "Of 2 cards, 1 was read 95 s ago or earlier: dcgm (1)"),
        ("registry", {"images": {"Moorage-Images-Source": "kept", "Moorage-Images-Age-Seconds": "300.4", "Moorage-Images-Reason": "harbor: 401"}}, "harbor: 401. Its list is 300 s old"),
        ("registry", {"images": {"Moorage-Images-Source": "loading"}}, "not there yet"),
    ],
)  # fmt: skip
def test_what_the_service_tells_of_itself(id, live, words):
    found = Release("hub", "jhub", "jupyterhub", "4.4.0", "5.5.0", 1, "deployed", OURS, OURS)
    service = Service("http://moorage.moorage:8000", "moorage", "moorage", 8000)
    tokens = Tokens("jhub/moorage-hub", "moorage/tokens")
    facts = Facts(
        Hub("jhub", "hub", found, None), [], Values(found), {}, [], None, set(), service, tokens,
        live=Live("http://moorage.moorage:8000", 200, **live),
    )  # fmt: skip

    [told] = [one for one in findings(facts) if one.id == id]

    assert told.state == "attention"
    assert words in told.says
