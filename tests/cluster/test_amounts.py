"""How amounts are shown."""

import pytest

from moorage.cluster.amounts import Amounts, GpuNames, cores, memory_text


@pytest.mark.parametrize(
    ("amount", "up", "text"),
    [
        (0, False, "0Gi"),
        (64 * 2**30, False, "64Gi"),
        (3 * 2**29, False, "1536Mi"),
        (2**20 + 1024, False, "1025Ki"),
        (2**30 + 1, False, "1048576Ki"),
        (2**30 + 1, True, "1048577Ki"),
        (1, False, "0Ki"),
        (1, True, "1Ki"),
        (-(2**30), False, "-1Gi"),
        (-1, False, "-1Ki"),
        (2**50, False, "1048576Gi"),
    ],
)
def test_memory_is_whole_where_it_can_be_and_never_promises_too_much(amount, up, text):
    assert memory_text(amount, up=up) == text


@pytest.mark.parametrize(("milli", "shown"), [(16000, 16), (4500, 4.5), (4501, 4.501), (0, 0), (-500, -0.5)])
def test_cores_are_whole_where_they_are_whole(milli, shown):
    assert cores(milli) == shown
    assert isinstance(cores(milli), int) == (milli % 1000 == 0)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("nvidia.com/gpu", True),
        ("nvidia.com/gpu.shared", True),
        ("nvidia.com/mig-1g.5gb", True),
        ("amd.com/gpu", True),
        ("amd.com/cpx_nps4", True),
        ("gpu.intel.com/i915", True),
        ("gpu.intel.com/xe", True),
        ("gpu.intel.com/i915_monitoring", False),
        ("nvidia.com/gpumem", False),
        ("example.com/fpga", False),
        ("lab.example/accelerator", True),
    ],
)
def test_a_gpu_is_known_by_its_resource_name_or_named_by_the_administrator(name, counts):
    assert (name in GpuNames(("lab.example/accelerator",))) == counts


def test_what_is_left_counts_names_of_either_side():
    left = Amounts(1000, 10, 0, 5, {"a/b": 1}).minus(Amounts(2000, 1, 0, 1, {"c/d": 2}))

    assert left == Amounts(-1000, 9, 0, 4, {"a/b": 1, "c/d": -2})
    assert left.clamped() == Amounts(0, 9, 0, 4, {"a/b": 1, "c/d": 0})
