"""Whether a node holds the images of a pod, by what its kubelet reports."""

from types import SimpleNamespace

import pytest

from moorage.images.image import Image
from moorage.images.presence import Holding, size_of

LAB, LAB_NOW, LAB_BEFORE = "r.example/lab:1", "r.example/lab@sha256:now", "r.example/lab@sha256:before"
POD = {"spec": {"containers": [{"image": LAB}]}}


def node(*images):
    return SimpleNamespace(images=images)


def held(*images, pod=POD, known=()):
    by_reference = {image.reference: image for image in known}
    return Holding().of(pod, by_reference, nodes={"n": node(*images)}).get("n")


def lab(**more):
    return Image(name="lab", display_name="Lab", reference=LAB, **more)


def test_a_node_that_reports_the_image_holds_it():
    assert held((LAB_NOW, LAB)) is True
    assert held(("r.example/other:1",)) is False


def test_nothing_is_told_where_a_kubelet_reports_nothing_or_not_all():
    many = [(f"r.example/other:{number}",) for number in range(50)]

    assert held() is None
    assert held(*many) is None
    assert held(*many[:-1], (LAB,)) is True


def test_a_tag_that_has_moved_on_is_not_held_by_who_has_the_older_image():
    assert held((LAB_BEFORE, LAB), known=[lab(digest="sha256:now")]) is False
    assert held((LAB_NOW, LAB), known=[lab(digest="sha256:now")]) is True
    assert held((LAB_NOW,), known=[lab(digest="sha256:now")]) is True
    assert held((LAB,), known=[lab(digest="sha256:now")]) is True


@pytest.mark.parametrize(
    ("asked", "reported"),
    [("lab", "docker.io/library/lab:latest"), ("me/lab:1", "docker.io/me/lab:1"), ("lab:1", "lab:1")],
)
def test_short_references_are_those_of_docker_hub(asked, reported):
    assert held((reported,), pod={"spec": {"containers": [{"image": asked}]}}) is True


def test_all_images_of_a_pod_count():
    pod = {
        "spec": {"initContainers": [{"image": "r.example/init:1"}], "containers": [{"image": LAB}, {"image": 7}, None]}
    }

    assert held((LAB,), pod=pod) is False
    assert held((LAB,), ("r.example/init:1",), pod=pod) is True


def test_a_node_is_looked_at_again_when_its_list_changes():
    holding, nodes = Holding(), {"n": node(("r.example/other:1",))}
    assert holding.of(POD, {}, nodes=nodes) == {"n": False}

    nodes["n"].images = ((LAB,),)

    assert holding.of(POD, {}, nodes=nodes) == {"n": True}


def test_what_is_to_be_loaded_is_known_where_it_is_of_all_images():
    other = Image(name="o", display_name="O", reference="r.example/other:1")
    both = {"spec": {"containers": [{"image": LAB}, {"image": other.reference}]}}

    assert size_of(POD, {LAB: lab(size_bytes=5)}) == 5
    assert size_of(both, {LAB: lab(size_bytes=5), other.reference: other}) is None
    assert size_of({"spec": {}}, {}) is None
