"""From a node's labels to a server on a card of the chosen model: real service, scheduler and hub, with what an
administrator binds pods to already.
"""

import re

import pytest
import pytest_asyncio

from moorage.simulator import Simulator, builders

pytestmark = pytest.mark.asyncio(loop_scope="session")

PRODUCT, POOL = "nvidia.com/gpu.product", "eks.amazonaws.com/nodegroup"
A100, RTX = "NVIDIA-A100-SXM4-40GB", "NVIDIA-GeForce-RTX-4090"
IMAGES = "- {name: minimal, reference: 'registry.example/jupyter/minimal:2026.11', default: true}\n"
MACHINES = f"""
- pool: large
  kind: p4d
  labels: {{{POOL}: large, {PRODUCT}: {A100}, nvidia.com/gpu.count: "8", rack: a, team: lab}}
  allocatable: {{cpu: "96", memory: 512Gi, nvidia.com/gpu: 8}}
"""
CONFIG = """
c.MoorageSpawner.nodes = "team=lab"
c.KubeSpawner.node_affinity_required = [
    {"matchExpressions": [{"key": "rack", "operator": "In", "values": [rack]}]} for rack in ("a", "b")
]
"""


def gpu_node(name, product, *, count=1, rack="a", **more):
    labels = {PRODUCT: product, "nvidia.com/gpu.count": str(count), "team": "lab", "rack": rack}
    return builders.node(name, cpu="16", memory="64Gi", gpu=count, labels=labels, **more)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory, load):
    rig = load("moorage_test_rig")
    folder = tmp_path_factory.mktemp("models")
    (folder / "machines.yaml").write_text(MACHINES)
    async with Simulator(scheduler=True, kubelet=True) as cluster:
        cluster.add(
            builders.namespace("jupyter"),
            gpu_node("a-gamer", RTX),
            gpu_node("other-rack", A100, rack="c"),
            gpu_node("z-lab", A100, rack="b"),
            builders.node("plain", cpu="16", memory="64Gi", labels={"team": "lab", "rack": "a"}),
        )
        kubeconfig = cluster.kubeconfig(folder / "kubeconfig")
        settings = {
            "MOORAGE_MACHINES_FILE": str(folder / "machines.yaml"),
            "MOORAGE_LABEL_ALLOW_LIST": "team,rack",
        }
        async with (
            rig.Service(folder, kubeconfig=kubeconfig, images=IMAGES, **settings) as service,
            rig.Hub(folder, service_url=service.url, kubeconfig=kubeconfig, config=CONFIG) as hub,
        ):
            yield cluster, hub


async def ask(hub, person, **fields):
    headers = {"X-XSRFToken": await person.token()}
    form = {"node": "", "cpu": "2", "memory": "3Gi", "gpu": "1", "image": "minimal", **fields}
    async with person.http.post(f"{hub.url}/hub/moorage/fit", json=form, headers=headers) as answer:
        return await answer.json()


async def test_the_form_has_the_models_of_nodes_and_machines_that_its_person_may_use(stack):
    _, hub = stack
    person = await hub.log_in("reader")

    page = await person.form()

    options = re.findall(r'<option value="([^"]*)"[^>]*>([^<]*)</option>', page.partition('name="gpu_kind"')[2])
    assert options[:3] == [
        ("nvidia.com/gpu", "Any GPU: 2 of 2 free"),
        (f"nvidia.com/gpu={A100}", "A100 40 GB: 1 of 1 free"),
        (f"nvidia.com/gpu={RTX}", "RTX 4090: 1 of 1 free"),
    ]
    await person.close()


async def test_a_server_comes_to_a_node_of_the_model_within_all_that_binds_it(stack, load):
    cluster, hub = stack
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    options = {"moorage": 1, "cpu": "2", "memory": "3Gi", "gpu": 1, "gpu_kind": A100}

    await hub.api("POST", "/users/first")
    status, message = await hub.api("POST", "/users/first/server", options)
    assert status in (201, 202), message

    def bound():
        pod = pods.pod_of(cluster, "first")
        return pod and pod["spec"].get("nodeName")

    assert await until(bound) == "z-lab"
    required = pods.pod_of(cluster, "first")["spec"]["affinity"]["nodeAffinity"]
    terms = required["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [[each["key"] for each in term["matchExpressions"]] for term in terms] == [["rack", "team", PRODUCT]] * 2


async def test_where_the_model_is_used_up_another_is_suggested_and_a_machine_told(stack, load):
    _, hub = stack
    person = await hub.log_in("second")

    async def refused():
        answer = await ask(hub, person, gpu_kind=A100)
        return None if answer["fits"] else answer

    answer = await load("moorage_test_rig").until(refused)

    assert {"gpu_resource": "nvidia.com/gpu", "gpu_kind": RTX} in [way["use"] for way in answer["would_work"]]
    kinds = {name: answer["kinds"][place] for name, place in answer["nodes"].items()}
    assert kinds["a-gamer"]["reasons"][0]["text"] == "It has no A100 40 GB."
    assert kinds["~large/p4d"]["fits"]
    assert "can be added" in answer["machine"]["text"]
    await person.close()
