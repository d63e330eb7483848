"""What a spawner offers, from the administrator's settings and the service's word."""

import logging
from types import SimpleNamespace

import pytest
from traitlets import TraitError

from moorage.hub.choice.offered.offer import Defaults
from moorage.hub.choice.offered.offering import offer_of
from moorage.hub.spawner import MoorageSpawner
from moorage.hub.view.facts import Amounts, NodeFacts, Units

GI = 1 << 30


def settings(**more):
    usual = {
        "default_node": "", "default_cpu": "", "default_memory": "", "default_gpu": -1, "default_image": "",
        "cpu_min": "100m", "cpu_max": "", "cpu_step": "", "cpu_choices": [],
        "memory_min": "128Mi", "memory_max": "", "memory_step": "", "memory_choices": [],
        "gpu_max": -1, "gpu_resources": [], "images": [], "nodes": "", "whose": {}, "by_person": frozenset(), "presets": [], "presets_only": False, "groups": frozenset(), "user_limits": {}, "lift_configured_limits": False, "refuse_too_large": True, "cpu_guarantee_ratio": 0.5, "queues": [], "queue_priority_class": "",
        "log": logging.getLogger("test"),
    }  # fmt: skip
    return SimpleNamespace(**{**usual, **more})


def offered(spawner=None, *, said=None, configured=None, nodes=None, images=None):
    return offer_of(spawner or settings(), nodes=nodes, images=images, said=said or {}, configured=configured or {})


def node(name="atlas", *, gpus=(), closed=None):
    size = Amounts(16000, 64 * GI)
    return NodeFacts(name, name, size, size, size, tuple(gpus), closed=closed)


def test_the_hubs_configuration_comes_before_the_service_and_that_before_kubespawner():
    said, configured = {"default_cpu": "3", "default_memory": "3Gi"}, {"cpu_limit": 4.0, "mem_limit": 4 * GI}

    by_hub = offered(settings(default_cpu="2"), said=said, configured=configured).defaults
    by_kubespawner = offered(configured=configured).defaults

    assert (by_hub.cpu, by_hub.memory) == (2000, 3 * GI)
    assert (by_kubespawner.cpu, by_kubespawner.memory) == (4000, 4 * GI)


@pytest.mark.parametrize("bad", ["lots", 7.5, [], {}, "-1", "9999Ti", True])
def test_a_default_that_can_not_be_used_is_no_default(bad):
    defaults = offered(
        settings(memory_max="64Gi", cpu_max="8"),
        said={"default_memory": bad, "default_cpu": bad, "default_gpu": bad, "default_node": bad, "default_image": bad},
    ).defaults

    assert defaults.memory == 2 * GI
    assert defaults.cpu in (1000, 7500)


def test_a_bound_with_a_typing_error_is_no_missing_bound():
    spawner = MoorageSpawner.__new__(MoorageSpawner)

    for name, value in (("cpu_max", "many"), ("memory_max", "512m"), ("memory_choices", ["2Gi", "huge"])):
        with pytest.raises(TraitError, match=name):
            setattr(spawner, name, value)
    spawner.memory_max = "64Gi"


def test_whose_names_are_shown_is_asked_in_passing():
    async def later(user):
        return True

    spawner = MoorageSpawner.__new__(MoorageSpawner)

    with pytest.raises(TraitError, match="show_holders"):
        spawner.show_holders = later
    spawner.show_holders = lambda user: user.admin


def test_our_default_moves_into_the_administrators_bounds():
    defaults = offered(settings(cpu_min="2", memory_max="1Gi", memory_step="512Mi")).defaults

    assert (defaults.cpu, defaults.memory) == (2000, GI)


def test_a_default_node_that_is_closed_or_gone_is_automatic():
    nodes = {"shut": node("shut", closed="cordoned"), "open": node("open")}

    assert offered(settings(default_node="shut"), nodes=nodes).defaults.node is None
    assert offered(settings(default_node="gone"), nodes=nodes).defaults.node is None
    assert offered(settings(default_node="open"), nodes=nodes).defaults.node == "open"


def test_the_kinds_of_gpu_are_those_that_the_nodes_have():
    nodes = {"a": node("a", gpus=[Units("nvidia.com/gpu", 2, 2, 2), Units("amd.com/gpu", 0, 0, 0)])}

    assert offered(nodes=nodes).gpu_resources == ("nvidia.com/gpu",)
    assert offered(nodes={"b": node("b")}).gpu_resources == ()
    assert offered(settings(gpu_max=0), nodes=nodes).gpu_resources == ()
    assert offered(nodes=None).gpu_resources == ("nvidia.com/gpu",)


def test_the_administrators_images_take_the_place_of_the_services():
    spawner = settings(images=[{"name": "own", "reference": "registry.example/own:1"}, {"broken": 1}])

    assert [image.name for image in offered(spawner, images=()).images] == ["own"]


def test_what_kubespawner_is_configured_to_give_is_the_default_and_the_most():
    offer = offered(configured={"cpu_limit": 2.5, "mem_limit": 4 * GI})

    assert (offer.defaults.cpu, offer.cpu.most) == (2500, 2500)
    assert (offer.defaults.memory, offer.memory.most) == (4 * GI, 4 * GI)


def test_a_configured_limit_below_the_usual_least_or_off_the_steps_is_offered_all_the_same():
    offer = offered(settings(cpu_step="1", memory_min="1Gi"), configured={"cpu_limit": 0.05, "mem_limit": 256 << 20})

    assert (offer.defaults.cpu, offer.defaults.memory) == (50, 256 << 20)
    assert offer.cpu.offers(50)
    assert not offer.cpu.offers(51)


@pytest.mark.parametrize(
    ("options", "cpu", "memory"),
    [
        ({"lift_configured_limits": True}, None, None),
        ({"cpu_max": "16"}, 16000, 4 * GI),
        ({"memory_max": "64Gi"}, 2000, 64 * GI),
        ({"cpu_choices": ["1", "2", "8"]}, None, 4 * GI),
        ({"memory_choices": ["2Gi", "4Gi", "8Gi"]}, 2000, None),
    ],
)
def test_an_option_that_says_how_much_lifts_the_configured_limit_of_that_amount(options, cpu, memory):
    offer = offered(settings(**options), configured={"cpu_limit": 2, "mem_limit": 4 * GI})

    assert (offer.cpu.most, offer.memory.most) == (cpu, memory)
    assert (offer.defaults.cpu, offer.defaults.memory) == (2000, 4 * GI)
    assert offer.cpu.offers(8000) is ("memory_max" not in options and "memory_choices" not in options)


def test_where_only_guarantees_are_configured_they_stay_without_a_limit_and_nothing_is_the_most():
    offer = offered(configured={"mem_guarantee": 8 * GI})

    assert offer.defaults.unlimited == {"cpu", "memory"}
    assert offer.defaults.as_configured == {"cpu": 0, "memory": 8 * GI}
    assert (offer.cpu.most, offer.memory.most) == (None, None)


@pytest.mark.parametrize(
    ("options", "memory"),
    [
        ({"memory_max": "64Gi"}, 3 * GI),
        ({"memory_choices": ["4Gi"]}, 4 * GI),
        ({"memory_step": "2Gi"}, 2 * GI),
        ({"user_limits": {"memory": "64Gi"}}, 3 * GI),
        ({"default_memory": "4Gi"}, 4 * GI),
        ({"presets_only": True}, 3 * GI),
    ],
)
def test_an_amount_that_an_option_bounds_always_has_a_limit(options, memory):
    offer = offered(settings(**options), configured={"mem_guarantee": 3 * GI})

    assert "memory" not in offer.defaults.as_configured
    assert offer.defaults.memory == memory


def test_where_nothing_is_configured_there_is_neither_limit_nor_guarantee():
    nothing = frozenset({"cpu", "memory"})

    assert offered().defaults == Defaults(cpu=0, memory=0, as_configured={"cpu": 0, "memory": 0}, unlimited=nothing)
    assert offered(configured={"cpu_limit": 2}).defaults.unlimited == {"memory"}


@pytest.mark.parametrize(
    ("configured", "kept"),
    [
        ({"cpu_limit": 2, "cpu_guarantee": 0.5, "mem_limit": 4 * GI, "mem_guarantee": GI}, {"cpu": 500, "memory": GI}),
        # What is not requested by name is requested as it is limited.
        ({"cpu_limit": 2, "mem_limit": 4 * GI}, {"cpu": 2000}),
        ({"cpu_limit": 2, "cpu_guarantee": 2, "mem_limit": 4 * GI, "mem_guarantee": 4 * GI}, {"cpu": 2000}),
        ({"cpu_limit": 2, "cpu_guarantee": 1, "mem_limit": 4 * GI, "mem_guarantee": 4 * GI}, {}),
    ],
)
def test_what_a_choice_of_the_same_amount_would_change_stays_as_configured(configured, kept):
    defaults = offered(configured=configured).defaults

    assert defaults.as_configured == kept
    assert (defaults.cpu, defaults.memory, defaults.unlimited) == (2000, 4 * GI, frozenset())


def test_a_limit_that_no_node_has_stays_where_its_guarantee_has_room():
    nodes = {"atlas": node()}

    kept = offered(configured={"mem_limit": 999 * GI, "mem_guarantee": GI}, nodes=nodes).defaults
    requested = offered(configured={"mem_limit": 999 * GI}, nodes=nodes).defaults

    assert (kept.memory, kept.as_configured["memory"]) == (999 * GI, GI)
    assert (requested.memory, "memory" in requested.as_configured) == (64 * GI, False)


def test_one_of_a_list_is_chosen_also_where_nobody_does():
    configured = {"cpu_limit": 2, "cpu_guarantee": 0.5}

    assert "cpu" not in offered(settings(cpu_choices=["1", "2"]), configured=configured).defaults.as_configured


def test_configured_gpus_are_the_default_the_most_and_the_only_kind():
    nodes = {"a": node("a", gpus=[Units("nvidia.com/gpu", 4, 4, 4), Units("amd.com/gpu", 8, 8, 8)])}
    configured = {"extra_resource_limits": {"nvidia.com/gpu": "2", "hugepages-2Mi": "4Mi"}}

    offer = offered(configured=configured, nodes=nodes)

    assert (offer.gpu_resources, offer.defaults.gpu, dict(offer.gpu_limits)) == (
        ("nvidia.com/gpu",), 2, {"nvidia.com/gpu": 2},
    )  # fmt: skip
    lifted = offered(settings(lift_configured_limits=True), configured=configured, nodes=nodes)
    assert (lifted.gpu_resources, lifted.defaults.gpu) == (("nvidia.com/gpu", "amd.com/gpu"), 2)
    assert lifted.most_gpus("nvidia.com/gpu") is None
    assert offered(settings(gpu_max=3), configured=configured, nodes=nodes).most_gpus("nvidia.com/gpu") == 3
    assert offered(settings(gpu_max=1), configured=configured, nodes=nodes).defaults.gpu == 1
    both = offered(settings(gpu_resources=["amd.com/gpu", "nvidia.com/gpu"]), configured=configured, nodes=nodes)
    assert both.gpu_resources == ("amd.com/gpu", "nvidia.com/gpu")


@pytest.mark.parametrize("amount", ["0", 0])
def test_a_configured_count_of_none_offers_none(amount):
    nodes = {"a": node("a", gpus=[Units("nvidia.com/gpu", 4, 4, 4)])}

    offer = offered(configured={"extra_resource_limits": {"nvidia.com/gpu": amount}}, nodes=nodes)

    assert (offer.gpu_resources, offer.defaults.gpu) == ((), 0)


def test_a_configured_amount_of_gpus_that_can_not_be_read_is_none():
    offer = offered(configured={"extra_resource_limits": {"nvidia.com/gpu": "{username}"}}, nodes={"a": node("a")})

    assert dict(offer.gpu_limits) == {}


def test_a_configured_limit_that_no_node_has_is_no_default():
    nodes = {"a": node("a")}

    offer = offered(configured={"cpu_limit": 64, "mem_limit": 256 * GI}, nodes=nodes)
    grown = offered(settings(refuse_too_large=False), configured={"cpu_limit": 64}, nodes=nodes)

    assert (offer.defaults.cpu, offer.defaults.memory) == (16000, 64 * GI)
    assert (offer.cpu.most, grown.defaults.cpu) == (64000, 64000)


PRESET = ("cpu_limit", "mem_limit", "extra_resource_limits", "image")


def test_what_a_profile_sets_comes_before_every_other_default_and_may_be_more_than_the_options_say():
    strict = settings(
        default_cpu="1", default_image="usual", cpu_max="2", memory_choices=["1Gi", "2Gi"], gpu_max=1, gpu_resources=["amd.com/gpu"]
    )  # fmt: skip
    configured = {
        "cpu_limit": 4, "mem_limit": 8 * GI, "extra_resource_limits": {"nvidia.com/gpu": 2}, "image": "registry.example/p:1",
    }  # fmt: skip

    offer = offer_of(strict, nodes=None, images=(), said={"default_gpu": 1}, configured=configured, preset=PRESET)

    assert offer.defaults == Defaults(cpu=4000, memory=8 * GI, gpu=2, image="registry.example/p:1")
    assert (offer.cpu.most, offer.memory.choices) == (4000, (GI, 2 * GI, 8 * GI))
    assert (offer.gpu_resources, offer.gpu_most) == (("nvidia.com/gpu", "amd.com/gpu"), 2)
    assert offer.default_image().reference == "registry.example/p:1"


def test_a_profile_of_guarantees_alone_gives_these_without_a_limit():
    configured = {"cpu_guarantee": 2, "mem_guarantee": 6 * GI}

    offer = offer_of(
        settings(default_cpu="1", default_memory="1Gi"), nodes=None, images=(), said={}, configured=configured,
        preset=("cpu_guarantee", "mem_guarantee"),
    )  # fmt: skip

    assert offer.defaults.as_configured == {"cpu": 2000, "memory": 6 * GI}
    assert offer.defaults.unlimited == {"cpu", "memory"}
