"""What a spawner offers, from the administrator's settings and the service's word."""

import logging
from types import SimpleNamespace

import pytest
from traitlets import TraitError

from moorage.hub.choice.offering import offer_of
from moorage.hub.spawner import MoorageSpawner
from moorage.hub.view.facts import Amounts, NodeFacts, Units

GI = 1 << 30


def settings(**more):
    usual = {
        "default_node": "", "default_cpu": "", "default_memory": "", "default_gpu": -1, "default_image": "",
        "cpu_min": "100m", "cpu_max": "", "cpu_step": "", "cpu_choices": [],
        "memory_min": "128Mi", "memory_max": "", "memory_step": "", "memory_choices": [],
        "gpu_max": -1, "gpu_resources": [], "images": [], "refuse_too_large": True, "cpu_guarantee_ratio": 0.5,
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
