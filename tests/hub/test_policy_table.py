"""A policy can't be passed: six persons, eight paths, eight options."""

import asyncio
import contextlib
import html
import re

import aiohttp
import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")

# What each option is for everybody, for members of a, of b (which counts for who is in both), and of the time before.
LEVELS = {
    "cpu_max": ["2", "4", "6", "8"],
    "memory_max": ["2Gi", "4Gi", "6Gi", "8Gi"],
    "gpu_max": [0, 1, 2, 3],
    "gpu_resources": [1, 2, 3, 4],
    "gpu_kind": ["pool=p0", "pool in (p0,p1)", "pool notin (p3)", ""],
    "images": [1, 2, 3, 4],
    "nodes": ["pool=p0", "pool in (p0,p1)", "pool notin (p3)", ""],
    "user_limits": [{"memory": "2Gi"}, {"memory": "4Gi"}, {"memory": "6Gi"}, {}],
}
IMAGES = [
    {"name": f"image-{n}", "reference": f"registry.example/image:{n}", "display_name": f"Image {n}", "default": n == 0}
    for n in range(4)
]
# The first is on every node, the others on the last one. A model is on one node each, so that who may not use a node
# may not have its model.
RESOURCES = ["nvidia.com/gpu", "nvidia.com/mig-1g.5gb", "nvidia.com/mig-2g.10gb", "nvidia.com/mig-3g.20gb"]
PRODUCT = "nvidia.com/gpu.product"
TRAITS = {"gpu_kind": "nodes"}
CONFIG = f"""
# A refusal is the answer however busy the machine is.
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 60}}
import asyncio
from pathlib import Path

LEVELS, IMAGES, RESOURCES, TRAITS = {LEVELS!r}, {IMAGES!r}, {RESOURCES!r}, {TRAITS!r}
LEVELS["images"] = [IMAGES[:n] for n in LEVELS["images"]]
LEVELS["gpu_resources"] = [RESOURCES[:n] for n in LEVELS["gpu_resources"]]
OF = {{name.replace("_", ""): name for name in LEVELS}}
away = Path({{folder!r}}) / "away"

def usual(trait):
    async def value(spawner):
        await asyncio.sleep(0)
        option, _, who = spawner.user.name.partition("-")
        if who == "raises" and away.exists():
            raise RuntimeError("the directory is away")
        name = OF.get(option)
        return LEVELS[name][0] if name and TRAITS.get(name, name) == trait else Trait[trait]
    return value

from moorage.hub.settings import Settings
Trait = {{name: Settings.class_traits()[name].trait_types[0].default() for name in LEVELS if name not in TRAITS}}
# An empty list that a callable gives is none.
Trait["gpu_resources"] = RESOURCES
for name in Trait:
    setattr(c.MoorageSpawner, name, usual(name))

def overrides(spawner):
    option = spawner.user.name.partition("-")[0]
    name = OF.get(option)
    values = LEVELS[name] if name else []
    return {{
        f"{{place}}0-{{group}}": {{"groups": [group], "spawner_override": {{TRAITS.get(name, name): value}}}}
        for place, (group, value) in enumerate(zip(("a", "b", "before"), values[1:]), 1)
    }}

c.Spawner.group_overrides = overrides
c.JupyterHub.load_groups = {{"a": {{"users": []}}, "b": {{"users": []}}, "before": {{"users": []}}}}
c.Authenticator.admin_users = {{"boss", *(name.replace("_", "") + "-admin" for name in LEVELS)}}
"""
# Each person, the groups they are in at the end, and which level that is; None is nothing at all.
PERSONS = {
    "nogroup": ([], 0),
    "one": (["a"], 1),
    "two": (["a", "b"], 2),
    "admin": ([], 0),
    "removed": ([], 0),
    "raises": ([], None),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def table(tmp_path_factory, load):
    from moorage.simulator import Simulator, builders

    rig, fake = load("moorage_test_rig"), load("moorage_test_fake_service")
    folder = tmp_path_factory.mktemp("table")
    gpu, size = "nvidia.com/gpu", 1 << 30
    async with Simulator(scheduler=True, kubelet=True) as simulator:
        simulator.add(builders.namespace("jupyter"))
        service = fake.FakeService()
        service.images = IMAGES
        for n in range(4):
            labels = {"pool": f"p{n}", PRODUCT: f"Model-{n}"}
            more = RESOURCES[1:] if n == 3 else []
            node = builders.node(f"node-{n}", cpu="900", memory="900Gi", gpu=90, labels=labels)
            for amounts in (node["status"]["capacity"], node["status"]["allocatable"]):
                amounts.update(dict.fromkeys(more, "90"))
            simulator.add(node)
            model = {"resource": gpu, "model": f"Model-{n}", "labels": [{"key": PRODUCT, "value": f"Model-{n}"}]}
            service.nodes[f"node-{n}"] = fake.node_json(
                f"node-{n}",
                cpu=900,
                memory=900 * size,
                gpus=dict.fromkeys((gpu, *more), (90, 90)),
                gpu_kinds=[{**dict.fromkeys(("memory_mib", "sharing", "slots", "profile")), **model}],
                labels=labels,
            )
        await service.start()
        kubeconfig = simulator.kubeconfig(folder / "kubeconfig")
        config = CONFIG.replace("{folder!r}", repr(str(folder)))
        async with rig.Hub(folder, service_url=service.url, kubeconfig=kubeconfig, config=config) as hub:
            yield hub, simulator, folder
        await service.stop()


def more_than(option, level):
    """What is one too many at this level, as options."""
    n = (level or 0) + 1
    return {
        "cpu_max": {"cpu": f"{2 * n + 1}"},
        "memory_max": {"memory": f"{2 * n + 1}Gi"},
        "gpu_max": {"gpu": n},
        "gpu_resources": {"gpu": 1, "gpu_resource": RESOURCES[n]},
        "gpu_kind": {"gpu": 1, "gpu_resource": RESOURCES[0], "gpu_kind": f"Model-{n}"},
        "images": {"image": f"image-{n}"},
        "nodes": {"node": f"node-{n}"},
        "user_limits": {"memory": f"{2 * n + 1}Gi"},
    }[option]


def shows(page, option, level):
    """Whether the form, as it is rendered, has anything to choose beyond this level."""
    helps = dict(re.findall(r'id="moorage-(cpu|memory|gpu)-help">([^<]*)<', page))
    # The last choice stands there, too, and is told to be none.
    options = re.findall(r'<option value="([^"]*)"[^>]*>([^<]*)</option>', page.partition('name="gpu_kind"')[2])
    kinds = [kind for kind, words in options if "(not offered" not in words]
    n = level + 1
    return {
        "cpu_max": helps.get("cpu") != f"0.1 to {2 * n}",
        "memory_max": helps.get("memory") != f"128 MiB to {2 * n} GiB",
        "gpu_max": helps.get("gpu", "None available") != (f"0 to {level}" if level else "None available"),
        "gpu_resources": RESOURCES[n] in kinds,
        "gpu_kind": f"{RESOURCES[0]}=Model-{n}" in kinds,
        "images": f"Image {n}" in page,
        "nodes": f'value="node-{n}"' in page or f"<bdi>node-{n}" in page,
        "user_limits": helps.get("memory") != f"128 MiB to {2 * n} GiB",
    }[option]


def beyond(pod, option, level):
    """Whether a pod has more than this level gives."""
    container = pod["spec"]["containers"][0]
    limits = container["resources"]["limits"]
    if option == "images":
        return int(container["image"].rpartition(":")[2]) > level
    if option == "gpu_resources":
        return any(resource in limits for resource in RESOURCES[level + 1 :])
    if option in ("nodes", "gpu_kind"):
        return int(pod["spec"]["nodeName"][-1]) > level
    if option == "gpu_max":
        return int(limits.get("nvidia.com/gpu", 0)) > level
    amount = limits["cpu" if option == "cpu_max" else "memory"]
    return int(amount.removesuffix("Gi")) > 2 * (level + 1)


async def set_groups(hub, name, groups):
    for group in ("a", "b", "before"):
        method = "POST" if group in groups else "DELETE"
        status, answer = await hub.api(method, f"/groups/{group}/users", {"users": [name]})
        assert status == 200, answer


async def had(table, load, name, body):
    """The pod of a start with these options, which is stopped again; None where it was refused."""
    hub, simulator, _ = table
    rig, pods = load("moorage_test_rig"), load("moorage_test_pods")
    status, answer = await hub.api("POST", f"/users/{name}/server", body)
    if status == 400:
        return None
    assert status in (201, 202), answer

    def placed():
        pod = pods.pod_of(simulator, name)
        return pod if pod and pod["spec"].get("nodeName") else None

    pod = await rig.until(placed, seconds=90, what=lambda: f"no pod of {name}: {hub.tail()}")

    async def ready():
        return (await hub.api("GET", f"/users/{name}"))[1]["servers"].get("", {}).get("ready")

    await rig.until(ready, seconds=90)
    await hub.api("DELETE", f"/users/{name}/server")

    async def gone():
        return not (await hub.api("GET", f"/users/{name}"))[1]["servers"]

    await rig.until(gone, seconds=90)
    return pod


@contextlib.asynccontextmanager
async def open_page(person):
    """An open page: a function that waits for what the hub says of the offer."""
    async with person.http.get(
        f"{person.hub.url}/hub/moorage/stream",
        headers={"X-XSRFToken": await person.token()},
        timeout=aiohttp.ClientTimeout(total=60),
    ) as stream:
        assert stream.status == 200

        async def told():
            async for line in stream.content:
                if line == b"event: offer\n":
                    return True
            return False

        yield told


async def asks(person, path, **fields):
    headers = {"X-XSRFToken": await person.token()}
    body = {"user": person.name, "server": "", **fields}
    async with person.http.post(f"{person.hub.url}/hub/moorage/{path}", json=body, headers=headers) as answer:
        assert answer.status == 200
        return await answer.json()


async def passes(table, load, option, who):
    """The paths on which this person gets more than the option says."""
    hub, _, folder = table
    name = f"{option.replace('_', '')}-{who}"
    groups, level = PERSONS[who]
    over = more_than(option, level)
    fields = {key: str(value) for key, value in over.items()}
    usual = {"cpu": "1", "memory": "1Gi", "gpu": "0"}
    found = []
    person = await hub.log_in(name)
    # Better times: more was theirs, was had, and is what is saved.
    await set_groups(hub, name, ["before"])
    assert await had(table, load, name, {"moorage": 1, "cpu": "1", "memory": "1Gi", **over}), f"{name}: {over}"
    async with open_page(person) as told:
        await set_groups(hub, name, groups)
        if who == "raises":
            (folder / "away").touch()
        heard = False
        with contextlib.suppress(TimeoutError):
            heard = await asyncio.wait_for(told(), 20)
        if not heard:
            found.append("the open page is told")
    now = await asks(person, "offer", **usual)
    if level is None and not now["closed"]:
        found.append("the open page")

    if await had(table, load, name, None) is not None:
        found.append("a restart with saved options")
    page = html.unescape(await person.form())
    if "can't be determined" not in page if level is None else shows(page, option, level):
        found.append("the form as rendered")
    if not (await asks(person, "fit", **{**usual, **fields})).get("refusal"):
        found.append("the verdict")
    status, answer = await person.submit(**{**usual, "node": "", **fields})
    if status == 302:
        found.append(f"the form: {answer}")
    _, token = await hub.api("POST", f"/users/{name}/tokens", {"note": "table"})
    status, answer = await hub.api("POST", f"/users/{name}/server", {"moorage": 1, **over}, token=token["token"])
    if status != 400 or "message" not in answer:
        found.append(f"REST: {answer}")
    status, answer = await hub.api("POST", f"/users/{name}/server", {"moorage": 1, **over})
    if status != 400:
        found.append(f"an administrator's start: {answer}")
    without = await had(table, load, name, {"moorage": 1})
    if (without is not None) if level is None else (without is None or beyond(without, option, level)):
        found.append("a start without options")
    await person.close()
    return [f"{name}: {path}" for path in found]


@pytest.mark.parametrize("option", LEVELS)
async def test_nobody_gets_more_than_their_policy_says_on_any_path(table, load, option):
    hub, _, folder = table
    (folder / "away").unlink(missing_ok=True)

    found = await asyncio.gather(*(passes(table, load, option, who) for who in PERSONS))

    assert [path for each in found for path in each] == []
    assert await hub.failures() == 0
