"""What is configured, what is merged, and which nodes hold an image."""

import pytest

from moorage.images.catalogue import Catalogue
from moorage.images.configured import ImageListError, read_file, read_images
from moorage.images.image import Image, split_reference
from moorage.images.presence import Presence, full


def catalogue(*images: Image, default: str | None = None) -> list[Image]:
    return Catalogue(list(images), sources=[], refresh_seconds=1, default=default).listing.images


def test_a_reference_alone_is_enough() -> None:
    [image] = read_images(["quay.io/jupyter/scipy-notebook:2026-11-02"])

    assert image.name == image.reference == "quay.io/jupyter/scipy-notebook:2026-11-02"
    assert image.display_name == "scipy-notebook (2026-11-02)"
    assert image.tag == "2026-11-02"


def test_an_object_says_more() -> None:
    entry = {"name": "scipy", "reference": "q/s:1", "display_name": "SciPy", "description": "All", "default": True}

    [image] = read_images([entry])

    assert (image.name, image.display_name, image.description, image.default) == ("scipy", "SciPy", "All", True)


def test_a_bad_entry_hides_no_other(caplog) -> None:
    images = read_images([None, 5, {}, {"reference": ""}, {"reference": " a"}, {"reference": "a", "name": 5}, "good:1"])

    assert [image.name for image in images] == ["good:1"]
    assert caplog.messages == ["image left out"] * 6


@pytest.mark.parametrize("text", ["- a:1\n- reference: b:2\n", '["a:1", {"reference": "b:2"}]', "images: [a:1, b:2]"])
def test_a_file_is_yaml_or_json(tmp_path, text) -> None:
    path = tmp_path / "images"
    path.write_text(text)

    assert [image.reference for image in read_file(path)] == ["a:1", "b:2"]


@pytest.mark.parametrize("text", ["a: [", "just text", "5", "{a: b}"])
def test_a_file_of_another_shape_is_told(tmp_path, text) -> None:
    path = tmp_path / "images"
    path.write_text(text)

    with pytest.raises(ImageListError) as caught:
        read_file(path)

    assert str(path) in str(caught.value)


def test_there_is_exactly_one_default() -> None:
    one, other = Image(name="a", display_name="", reference="x/a"), Image(name="b", display_name="", reference="x/b")
    marked = Image(name="c", display_name="", reference="x/c", default=True)

    assert [image.name for image in catalogue(one, other) if image.default] == ["a"]
    assert [image.name for image in catalogue(one, marked, marked) if image.default] == ["c"]
    assert [image.name for image in catalogue(one, marked, default="a") if image.default] == ["a"]
    assert [image.name for image in catalogue(one, other, default="x/b") if image.default] == ["b"]
    assert catalogue() == []


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("a", ("a", None, None)),
        ("a:1", ("a", "1", None)),
        ("host:5000/a/b", ("host:5000/a/b", None, None)),
        ("host:5000/a/b:1", ("host:5000/a/b", "1", None)),
        ("a@sha256:00", ("a", None, "sha256:00")),
        ("h:1/a:2@sha256:00", ("h:1/a", "2", "sha256:00")),
    ],
)
def test_references_are_split(reference, parts) -> None:
    assert split_reference(reference) == parts


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("python", "docker.io/library/python:latest"),
        ("jupyter/scipy:1", "docker.io/jupyter/scipy:1"),
        ("localhost/a:1", "localhost/a:1"),
        ("quay.io/a/b@sha256:00", "quay.io/a/b@sha256:00"),
        ("host:5000/b:2", "host:5000/b:2"),
    ],
)
def test_references_are_compared_in_full(short, long) -> None:
    assert full(short) == long


def test_nodes_that_hold_an_image_are_named() -> None:
    nodes = {
        "n2": ["docker.io/jupyter/scipy:1"],
        "n1": ["docker.io/jupyter/scipy@sha256:aa", "docker.io/jupyter/scipy:1"],
        "n3": ["quay.io/other:1"],
    }
    image = Image(name="s", display_name="", reference="jupyter/scipy:1")
    other = Image(name="o", display_name="", reference="jupyter/other:1")

    present = Presence(lambda: nodes).of([image, other])

    assert present(image) == ["n1", "n2"]
    assert present(other) == []


def test_where_no_node_tells_of_images_it_is_unknown() -> None:
    image = Image(name="s", display_name="", reference="jupyter/scipy:1")

    assert Presence(lambda: {"n1": []}).of([image])(image) is None


def test_nodes_are_looked_through_once_in_a_while() -> None:
    calls, now = [], [0.0]
    image = Image(name="s", display_name="", reference="a:1")
    presence = Presence(lambda: calls.append(1) or {"n": ["docker.io/library/a:1"]}, clock=lambda: now[0])

    for moment in (0, 1, 9, 11):
        now[0] = moment
        presence.of([image])(image)

    assert len(calls) == 2
