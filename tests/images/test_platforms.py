"""Where an image runs: its operating systems and architectures against a node's labels."""

from types import SimpleNamespace

import pytest

from moorage.images.configured import read_images
from moorage.images.image import Image, built_for
from moorage.images.platforms import misfit, misfits

LINUX = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
WINDOWS = {"kubernetes.io/os": "windows", "kubernetes.io/arch": "amd64"}
ARM = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"}


@pytest.mark.parametrize(
    ("os", "arch", "node", "reason"),
    [
        (("linux",), ("amd64",), LINUX, None),
        (("linux",), ("amd64",), WINDOWS, "Runs Windows; the image is for Linux."),
        (("linux",), (), WINDOWS, "Runs Windows; the image is for Linux."),
        (("windows",), ("amd64",), LINUX, "Runs Linux; the image is for Windows."),
        (("linux", "windows"), ("amd64",), WINDOWS, None),
        (("linux",), ("amd64",), ARM, "Its architecture is arm64; the image is for amd64."),
        ((), ("s390x", "ppc64le"), ARM, "Its architecture is arm64; the image is for s390x or ppc64le."),
        (("linux",), ("amd64", "arm64"), ARM, None),
        (("linux",), ("arm",), ARM, None),
        (("linux",), ("386",), LINUX, None),
        (("linux",), ("arm64",), {"kubernetes.io/arch": "arm"}, "Its architecture is arm; the image is for arm64."),
    ],
)
def test_an_image_runs_where_a_manifest_of_it_is_for_the_node(os, arch, node, reason) -> None:
    assert misfit(os=os, arch=arch, node=node) == reason


@pytest.mark.parametrize(
    ("os", "arch", "node"), [((), (), WINDOWS), (("linux",), ("amd64",), {}), ((), ("amd64",), WINDOWS)]
)
def test_what_is_not_known_speaks_against_no_node(os, arch, node) -> None:
    assert misfit(os=os, arch=arch, node=node) is None


def test_every_image_of_a_pod_must_run() -> None:
    images = {
        "docker.io/library/both:1": Image(name="a", display_name="", reference="both:1", os=("linux", "windows")),
        "docker.io/library/side:latest": Image(name="b", display_name="", reference="side", os=("linux",)),
    }
    pod = {"spec": {"initContainers": [{"image": "side"}], "containers": [{"image": "both:1"}, {"image": "new:1"}]}}
    nodes = {"win": SimpleNamespace(labels=WINDOWS), "lin": SimpleNamespace(labels=LINUX)}

    assert misfits(pod, images, nodes=nodes) == {"win": "Runs Windows; the image is for Linux."}


@pytest.mark.parametrize("pod", [{}, {"spec": None}, {"spec": {"containers": "x"}}, {"spec": {"containers": [5, {}]}}])
def test_a_pod_of_any_shape_has_no_known_image(pod) -> None:
    assert misfits(pod, {}, nodes={}) == {}


@pytest.mark.parametrize(
    ("platforms", "os", "arch"),
    [
        ([{"os": "linux", "architecture": "arm64"}, {"os": "linux", "architecture": "amd64"}], ("linux",), ("amd64", "arm64")),
        ([{"os": "linux", "architecture": "amd64"}, {"os": "unknown", "architecture": "unknown"}], ("linux",), ("amd64",)),
        # One manifest that says nothing of itself may be for any node.
        ([{"os": "linux", "architecture": "amd64"}, {}], (), ()),
        ([{"architecture": "amd64"}], (), ("amd64",)),
        ([{"os": 5, "architecture": ""}], (), ()),
        ([], (), ()),
    ],
)  # fmt: skip
def test_an_image_is_for_all_that_its_manifests_are_for(platforms, os, arch) -> None:
    assert (built_for(platforms, "os"), built_for(platforms, "architecture")) == (os, arch)


def test_an_administrator_can_say_what_an_image_is_for(caplog) -> None:
    images = read_images(
        [{"reference": "a:1", "os": "linux", "arch": ["amd64", "arm64"]}, {"reference": "b:1", "os": [5]}, "c:1"]
    )

    assert [(image.reference, image.os, image.arch) for image in images] == [
        ("a:1", ("linux",), ("amd64", "arm64")),
        ("c:1", (), ()),
    ]
    assert caplog.messages == ["image left out"]
