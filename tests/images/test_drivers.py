"""Whether a node's NVIDIA driver is new enough for an image."""

from types import SimpleNamespace

import pytest

from moorage.images.drivers import marks, required_by, too_old
from moorage.images.image import Image

NODE = {"nvidia.com/cuda.runtime-version.major": "12", "nvidia.com/cuda.runtime-version.minor": "2", "nvidia.com/cuda.driver-version.major": "535", "nvidia.com/cuda.driver-version.minor": "104"}  # fmt: skip
OLDER_LABELS = {key.replace("-version", ""): value for key, value in NODE.items()}
NEEDS_124 = "The image needs CUDA 12.4; the driver there supports up to 12.2."


@pytest.mark.parametrize("labels", [NODE, OLDER_LABELS])
@pytest.mark.parametrize(
    ("required", "said"),
    [
        ("cuda>=12.2", None),
        ("cuda>=11.8", None),
        ("cuda>=12.4", NEEDS_124),
        ("cuda>=12.4 brand=tesla,driver>=470,driver<471", NEEDS_124),
        ("cuda>=12.4 brand=tesla,driver>=535,driver<536", None),
        ("cuda>=12.4 brand=tesla,driver>=525,driver<526 cuda>=12.1", None),
        ("cuda>=13", "The image needs CUDA 13; the driver there supports up to 12.2."),
        ("cuda>=twelve", None),
        ("arch>=9.0", None),
        ("", None),
        (None, None),
    ],
)
def test_an_image_says_what_it_needs_and_the_labels_what_there_is(labels, required, said):
    assert too_old(required, labels) == said


def test_a_node_that_does_not_tell_is_not_marked():
    assert too_old("cuda>=12.4", {}) is None
    assert too_old("cuda>=12.4", {"nvidia.com/cuda.runtime-version.major": "x"}) is None
    assert too_old("cuda>=12.4 driver>=535,driver<536", {k: v for k, v in NODE.items() if "runtime" in k}) is None


@pytest.mark.parametrize(
    ("env", "said"),
    [
        (["PATH=/bin", "NVIDIA_REQUIRE_CUDA=cuda>=12.4 brand=x"], "cuda>=12.4 brand=x"),
        (["NVIDIA_REQUIRE_CUDA="], None),
        (["NVIDIA_REQUIRE_CUDAS=1", 7], None),
        (None, None),
        ("NVIDIA_REQUIRE_CUDA=1", None),
    ],
)
def test_what_is_needed_stands_in_the_images_environment(env, said):
    assert required_by(env) == said


def test_nodes_are_marked_for_pods_that_ask_for_gpus():
    image = Image(name="t", display_name="T", reference="r.example/torch:1", cuda="cuda>=12.4")
    nodes = {"old": SimpleNamespace(labels=NODE), "cpu": SimpleNamespace(labels={})}
    plain = {"spec": {"containers": [{"image": image.reference}]}}
    gpu = {"spec": {"containers": [{"image": image.reference, "resources": {"limits": {"nvidia.com/gpu": 1}}}]}}

    assert marks(gpu, {image.reference: image}, nodes=nodes) == {"old": NEEDS_124}
    assert marks(plain, {image.reference: image}, nodes=nodes) == {}
    assert marks(gpu, {}, nodes=nodes) == {}
