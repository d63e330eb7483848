"""What the administrator configured stays: profiles, tolerations, hooks, selectors, other resources."""

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONFIG = """
c.KubeSpawner.profile_list = [
    {"display_name": "Plain", "slug": "plain", "default": True, "kubespawner_override": {"mem_limit": "7G", "environment": {"PROFILE": "plain"}}},
    {
        "display_name": "Rich",
        "slug": "rich",
        "kubespawner_override": {"environment": {"PROFILE": "rich"}, "node_selector": {"pool": "rich"}},
        "profile_options": {"image": {"display_name": "Flavour", "choices": {"a": {"display_name": "A", "kubespawner_override": {"environment": {"FLAVOUR": "a"}}}}}},
    },
]
c.KubeSpawner.tolerations = [{"key": "notebooks", "operator": "Exists"}]
c.KubeSpawner.node_selector = {"disk": "fast"}
c.KubeSpawner.extra_resource_limits = {"example.com/licence": "1", "nvidia.com/gpu": "1"}
c.KubeSpawner.extra_resource_guarantees = {"example.com/licence": "1", "nvidia.com/gpu": "1"}
c.KubeSpawner.image_pull_policy = "Never"

def hook(spawner, user_options):
    spawner.environment = {**spawner.environment, "HOOK": str(user_options.get("cpu"))}

def modify(spawner, pod):
    pod.metadata.labels["modified"] = "yes"
    return pod

c.Spawner.apply_user_options = hook
c.KubeSpawner.modify_pod_hook = modify
"""


@pytest_asyncio.fixture(loop_scope="session")
async def user(own_hub, request):
    user = await own_hub.log_in(f"a{abs(hash(request.node.name)) % 10**8}")
    yield user
    await own_hub.api("DELETE", f"/users/{user.name}/server")
    await user.close()


async def pod_of(cluster, load, name):
    return await load("moorage_test_rig").until(lambda: load("moorage_test_pods").pod_of(cluster, name))


def environment(pod):
    return {item["name"]: item.get("value") for item in pod["spec"]["containers"][0]["env"]}


async def test_a_choice_and_a_profile_both_reach_the_pod_and_the_choice_wins(own_hub, user, cluster, load):
    fields = {
        "profile": "rich",
        "profile-option-rich--image": "a",
        "node": "atlas",
        "cpu": "2",
        "memory": "3Gi",
        "gpu": "0",
        "image": "torch",
    }

    status, where = await user.submit(**fields)

    assert status == 302, where
    pod = await pod_of(cluster, load, user.name)
    asked = load("moorage_test_pods").asked(pod)
    assert asked["limits"] == {"cpu": "2", "memory": "3Gi", "example.com/licence": "1"}
    assert asked["selector"] == {"disk": "fast", "pool": "rich", "kubernetes.io/hostname": "atlas"}
    assert asked["image"] == "registry.example/jupyter/torch:latest"
    assert {"PROFILE": "rich", "FLAVOUR": "a", "HOOK": "2"}.items() <= environment(pod).items()
    assert {"key": "notebooks", "operator": "Exists"}.items() <= pod["spec"]["tolerations"][0].items()
    assert pod["spec"]["containers"][0]["imagePullPolicy"] == "Never"
    assert pod["metadata"]["labels"]["modified"] == "yes"


async def test_one_persons_choice_leaves_nothing_to_the_next(own_hub, user, cluster, load):
    status, answer = await own_hub.api("POST", f"/users/{user.name}/server", {"moorage": 1, "node": None, "gpu": 0})

    assert status in (201, 202), answer
    asked = load("moorage_test_pods").asked(await pod_of(cluster, load, user.name))
    assert asked["selector"] == {"disk": "fast"}


async def test_options_of_a_profile_alone_are_kubespawners(own_hub, user, cluster, load):
    status, answer = await own_hub.api("POST", f"/users/{user.name}/server", {"profile": "plain"})

    assert status in (201, 202), answer
    pod = await pod_of(cluster, load, user.name)
    assert load("moorage_test_pods").asked(pod)["limits"]["memory"] == "7Gi"
    assert environment(pod)["PROFILE"] == "plain"


@pytest.mark.parametrize(
    "body",
    [
        {"profile": "gone"},
        {"profile": "rich", "image": "gone"},
        {"profile": ["x"]},
        {"moorage": 1, "profiles": {"profile": "gone"}},
    ],
)
async def test_a_profile_that_is_gone_is_a_400_that_counts_as_nothing(own_hub, user, body):
    status, answer = await own_hub.api("POST", f"/users/{user.name}/server", body)

    assert status == 400, answer
    assert "not offered" in answer["message"]
    assert await own_hub.failures() == 0


async def test_the_form_shows_profiles_and_choices(user):
    page = await user.form()

    assert 'name="profile"' in page
    assert 'name="node"' in page
