"""Labels of real nodes, as discovery daemons and clouds write them."""

import pytest

from moorage.gpus.labels.vendors import LabelFacts, Slices, read


def nvidia(**labels: str) -> dict[str, str]:
    return {f"nvidia.com/gpu.{name.replace('_', '-')}": value for name, value in labels.items()}


def test_a_consumer_card() -> None:
    facts = read(
        nvidia(family="ampere", machine="kind", memory="24564", present="true", product="NVIDIA-GeForce-RTX-4090")
    )

    assert (facts.model, facts.memory, facts.vendor, facts.present) == (
        "NVIDIA GeForce RTX 4090",
        24564,
        "nvidia",
        True,
    )


@pytest.mark.parametrize(
    ("product", "model"),
    [
        ("NVIDIA-H100-80GB-HBM3", "NVIDIA H100 80GB HBM3"),
        ("NVIDIA-A100-SXM4-40GB", "NVIDIA A100-SXM4-40GB"),
        ("A100-PCIE-40GB", "A100-PCIE-40GB"),
        ("Tesla-V100-SXM2-16GB-N", "Tesla V100-SXM2-16GB N"),
        ("Tesla-T4-SHARED", "Tesla T4"),
        ("NVIDIA-H100-NVL-MIG-1g.12gb", "NVIDIA H100 NVL"),
        ("NVIDIA-GB10", "NVIDIA GB10"),
        ("GRID-A100D-7-80C", "GRID A100D-7-80C"),
        ("GRID-V100D-8C", "GRID V100D-8C"),
        ("GRID-M10-0B4", "GRID M10-0B4"),
        ("NVIDIA-H100L-2-24C", "NVIDIA H100L-2-24C"),
        ("NVIDIA-H100-1-10CME", "NVIDIA H100-1-10CME"),
        ("NVIDIA-L4-3Q-SHARED", "NVIDIA L4-3Q"),
        ("NVIDIA-RTX-A6000-48Q", "NVIDIA RTX A6000-48Q"),
        ("NVIDIA-RTX6000-Ada-48Q", "NVIDIA RTX6000-Ada-48Q"),
        ("NVIDIA-RTX-Pro-6000-Blackwell-DC-4-96Q", "NVIDIA RTX Pro 6000 Blackwell DC-4-96Q"),
        ("Tesla-P100-PCIE-16GB", "Tesla P100-PCIE-16GB"),
    ],
)
def test_a_model_is_written_as_people_write_it(product, model) -> None:
    assert read(nvidia(product=product)).model == model


def test_eight_cards_without_sharing() -> None:
    facts = read(
        nvidia(count="8", memory="16384", product="Tesla-V100-SXM2-16GB", replicas="1", sharing_strategy="none")
    )

    assert (facts.count, facts.replicas, facts.sharing) == (8, 1, None)


def test_time_slicing_counts_replicas_for_each_card() -> None:
    facts = read(nvidia(count="4", product="Tesla-T4-SHARED", replicas="4"))

    assert (facts.count, facts.replicas, facts.sharing) == (4, 4, "time-slicing")


def test_mps_is_named() -> None:
    assert read(nvidia(count="1", product="Tesla-T4-SHARED", replicas="4", sharing_strategy="mps")).sharing == "mps"


def test_one_mig_profile_for_all_makes_memory_that_of_a_slice() -> None:
    facts = read(
        nvidia(product="NVIDIA-H100-NVL-MIG-1g.12gb", memory="11008", count="7") | {"nvidia.com/mig.strategy": "single"}
    )

    assert (facts.slice_profile, facts.memory, facts.mig_strategy) == ("1g.12gb", 11008, "single")


def test_mixed_profiles_under_the_single_strategy_are_told() -> None:
    facts = read(nvidia(product="NVIDIA-A100-SXM4-40GB-MIG-INVALID"))

    assert facts.slice_profile is None
    assert "MIG profiles are mixed" in facts.notes[0]


def test_mixed_mig_tells_each_profile() -> None:
    labels = nvidia(product="A100-PCIE-40GB", memory="40536", count="1") | {
        "nvidia.com/mig-1g.5gb.count": "4",
        "nvidia.com/mig-1g.5gb.memory": "4864",
        "nvidia.com/mig-2g.10gb.count": "2",
        "nvidia.com/mig-2g.10gb.engines.copy": "2",
    }

    assert read(labels).slices == (Slices(profile="1g.5gb", count=4, memory=4864), Slices(profile="2g.10gb", count=2))


def test_a_card_without_memory_of_its_own_has_no_memory_label() -> None:
    facts = read(nvidia(product="NVIDIA-GB10", count="1"))

    assert (facts.memory, facts.memory_kind) == (None, "unified")


def test_amd_tells_its_memory_in_gigabytes() -> None:
    facts = read(
        {"amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM", "amd.com/gpu.vram": "192G", "amd.com/gpu.family": "AI"}
    )

    assert (facts.model, facts.memory, facts.vendor) == ("AMD Instinct MI300X OAM", 192 * 1024, "amd")


def test_amds_older_labels_carry_the_value_in_the_key() -> None:
    assert read({"beta.amd.com/gpu.vram.64G": "8", "beta.amd.com/gpu.family.AI": "8"}).memory == 64 * 1024


def test_intel_by_node_feature_discovery() -> None:
    facts = read({"gpu.intel.com/product": "Flex_170", "gpu.intel.com/device.count": "1"})

    assert (facts.model, facts.count, facts.vendor) == ("Intel Flex 170", 1, "intel")


@pytest.mark.parametrize(
    ("labels", "model", "count", "memory"),
    [
        (
            {"cloud.google.com/gke-accelerator": "nvidia-tesla-t4", "cloud.google.com/gke-accelerator-count": "2"},
            "NVIDIA TESLA T4",
            2,
            None,
        ),
        (
            {
                "karpenter.k8s.aws/instance-gpu-name": "a10g",
                "karpenter.k8s.aws/instance-gpu-count": "1",
                "karpenter.k8s.aws/instance-gpu-memory": "22888",
            },
            "NVIDIA A10G",
            1,
            22888,
        ),
        ({"gpu.nvidia.com/class": "A40"}, "NVIDIA A40", None, None),
    ],
)
def test_clouds_name_the_model_their_own_way(labels, model, count, memory) -> None:
    facts = read(labels)

    assert (facts.model, facts.count, facts.memory, facts.present) == (model, count, memory, True)


@pytest.mark.parametrize(
    ("labels", "facts"),
    [
        ({"kubernetes.azure.com/accelerator": "nvidia"}, ("aks", "nvidia", None, None)),
        ({"accelerator": "nvidia"}, ("accelerator", "nvidia", None, None)),
        ({"accelerator": "amd"}, ("accelerator", "amd", None, None)),
        ({"accelerator": "nvidia-tesla-k80"}, ("accelerator", "nvidia", "NVIDIA TESLA K80", None)),
        ({"cloud.google.com/gke-gpu": "true"}, ("gke", None, None, None)),
        ({"k8s.amazonaws.com/accelerator": "true"}, ("cluster-autoscaler", None, None, None)),
        (
            {"k8s.amazonaws.com/accelerator": "nvidia-tesla-t4"},
            ("cluster-autoscaler", "nvidia", "NVIDIA TESLA T4", None),
        ),
        (
            {
                "karpenter.azure.com/sku-gpu-name": "A100",
                "karpenter.azure.com/sku-gpu-manufacturer": "nvidia",
                "karpenter.azure.com/sku-gpu-count": "2",
            },
            ("karpenter", "nvidia", "NVIDIA A100", 2),
        ),
        ({"eks.amazonaws.com/instance-gpu-name": "l40s"}, ("eks", "nvidia", "NVIDIA L40S", None)),
        (
            {"doks.digitalocean.com/gpu-brand": "amd", "doks.digitalocean.com/gpu-model": "mi300x"},
            ("doks", "amd", "AMD MI300X", None),
        ),
        (
            {"aliyun.accelerator/nvidia_name": "Tesla-V100-SXM2-16GB", "aliyun.accelerator/nvidia_count": "8"},
            ("ack", "nvidia", "NVIDIA Tesla V100-SXM2-16GB", 8),
        ),
    ],
)
def test_a_cloud_says_that_a_card_is_there_and_what_it_knows_of_it(labels, facts) -> None:
    found = read(labels)

    assert found.present
    assert (found.origin, found.vendor, found.model, found.count) == facts


@pytest.mark.parametrize(
    "labels",
    [
        {"accelerator": "none"},
        {"accelerator": "neuron"},
        {"accelerator": "intel-gaudi"},
        {"k8s.amazonaws.com/accelerator": "false"},
        {"kubernetes.azure.com/accelerator": ""},
        {"cloud.google.com/gke-gpu": "false"},
        {"cloud.google.com/gke-tpu-accelerator": "tpu-v5-lite-podslice"},
    ],
)
def test_another_accelerator_is_no_card(labels) -> None:
    assert read(labels) == LabelFacts()


def test_an_operators_mark_without_a_model_leaves_the_clouds_word_standing() -> None:
    facts = read({"nvidia.com/gpu.deploy.driver": "true", "cloud.google.com/gke-accelerator": "nvidia-l4"})

    assert (facts.vendor, facts.model, facts.present) == ("nvidia", "NVIDIA L4", True)


def test_what_feature_discovery_says_stands_before_the_cloud() -> None:
    facts = read(nvidia(product="NVIDIA-L4") | {"kubernetes.azure.com/accelerator": "nvidia"})

    assert (facts.origin, facts.model) == ("gpu-feature-discovery", "NVIDIA L4")


def test_a_card_on_the_bus_is_known_to_be_there() -> None:
    facts = read({"feature.node.kubernetes.io/pci-10de.present": "true"})

    assert (facts.vendor, facts.present, facts.model) == ("nvidia", True, None)


def test_any_intel_chip_on_the_bus_is_no_card() -> None:
    assert read({"feature.node.kubernetes.io/pci-8086.present": "true"}) == LabelFacts()


@pytest.mark.parametrize("value", ["", "many", "-1", "0x10", "1.5", "9" * 40, "٣"])
def test_a_label_that_is_no_number_says_nothing(value) -> None:
    facts = read(nvidia(product="Tesla-T4", memory=value, count=value, replicas=value))

    assert (facts.model, facts.memory, facts.count, facts.replicas) == ("Tesla T4", None, None, None)
