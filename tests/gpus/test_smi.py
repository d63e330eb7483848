"""`nvidia-smi` in every shape that was seen: each row of real cards, each placeholder, each way to fail."""

import pytest

from moorage.gpus.sources.smi import FIELDS, OLD_FIELDS, parse_csv, parse_list, with_list
from moorage.gpus.sources.smi_xml import parse_xml

# Columns in the order of older queries, with the name in the middle as people write it by hand.
WIDE = ("index", "uuid", "name", "memory.total", "memory.used", "memory.free", "utilization.gpu", "mig.mode.current")
U = "GPU-0472e0b4-1111-2222-3333-444455556666"


def figures(card):
    return (card.memory_total, card.memory_used, card.memory_free, card.utilization)


@pytest.mark.parametrize(
    ("row", "model", "numbers", "mig"),
    [
        (
            "NVIDIA GeForce RTX 4080 SUPER, 16376 MiB, 596 MiB, 15348 MiB, 0 %, [N/A]",
            "NVIDIA GeForce RTX 4080 SUPER",
            (16376, 596, 15348, 0),
            None,
        ),
        (
            "NVIDIA GeForce RTX 4080 SUPER, 16376 MiB, 1474 MiB, 14470 MiB, 7 %, [N/A]",
            "NVIDIA GeForce RTX 4080 SUPER",
            (16376, 1474, 14470, 7),
            None,
        ),
        (
            "NVIDIA GeForce RTX 2080 SUPER, 8192 MiB, 211 MiB, 7582 MiB, 0 %, [N/A]",
            "NVIDIA GeForce RTX 2080 SUPER",
            (8192, 211, 7582, 0),
            None,
        ),
        (
            "NVIDIA H100 80GB HBM3, 81559 MiB, 0 MiB, 81081 MiB, 0 %, Disabled",
            "NVIDIA H100 80GB HBM3",
            (81559, 0, 81081, 0),
            False,
        ),
        (
            "NVIDIA H100 80GB HBM3, 81559 MiB, 19818 MiB, 61263 MiB, 100 %, Disabled",
            "NVIDIA H100 80GB HBM3",
            (81559, 19818, 61263, 100),
            False,
        ),
        (
            "NVIDIA H100 80GB HBM3, 81559 MiB, 59 MiB, 81022 MiB, [N/A], Enabled",
            "NVIDIA H100 80GB HBM3",
            (81559, 59, 81022, None),
            True,
        ),
        (
            "NVIDIA H100 80GB HBM3, 81559 MiB, 11125 MiB, 69956 MiB, [N/A], Enabled",
            "NVIDIA H100 80GB HBM3",
            (81559, 11125, 69956, None),
            True,
        ),
        (
            "NVIDIA H200, 143771 MiB, 55 MiB, 143103 MiB, [N/A], Enabled",
            "NVIDIA H200",
            (143771, 55, 143103, None),
            True,
        ),
        ("NVIDIA L40S, 46068 MiB, 0 MiB, 45460 MiB, 100 %, [N/A]", "NVIDIA L40S", (46068, 0, 45460, 100), None),
        (
            "NVIDIA GeForce RTX 4090, 24564 MiB, 1 MiB, 24129 MiB, 0 %, [N/A]",
            "NVIDIA GeForce RTX 4090",
            (24564, 1, 24129, 0),
            None,
        ),
        ("Tesla T4, 15360 MiB, 0 MiB, 14913 MiB, 0 %, [N/A]", "Tesla T4", (15360, 0, 14913, 0), None),
        ("GRID P40-24Q, 24576 MiB, 1000 MiB, 23000 MiB, 3 %, [N/A]", "GRID P40-24Q", (24576, 1000, 23000, 3), None),
        (
            "NVIDIA H100L-2-24C, 24576 MiB, [N/A], [N/A], [N/A], [N/A]",
            "NVIDIA H100L-2-24C",
            (24576, None, None, None),
            None,
        ),
        ("NVIDIA GB10, [N/A], [N/A], [N/A], 2 %, [N/A]", "NVIDIA GB10", (None, None, None, 2), None),
        ("Orin (nvgpu), [N/A], [N/A], [N/A], [N/A], [N/A]", "Orin (nvgpu)", (None, None, None, None), None),
        (
            "NVIDIA Thor, [Not Supported], [Not Supported], [Not Supported], 0 %, [N/A]",
            "NVIDIA Thor",
            (None, None, None, 0),
            None,
        ),
        (
            "NVIDIA A100-SXM4-80GB, [Insufficient Permissions], [Insufficient Permissions], [Insufficient Permissions], [N/A], Enabled",
            "NVIDIA A100-SXM4-80GB",
            (None, None, None, None),
            True,
        ),
    ],
)
def test_a_real_row_is_read_as_it_stands(row, model, numbers, mig) -> None:
    output = parse_csv(f"0, {U}, {row}\n", fields=WIDE)

    assert [(card.index, card.uuid, card.model, figures(card), card.mig) for card in output.cards] == [
        (0, U, model, numbers, mig)
    ]


@pytest.mark.parametrize("name", ["NVIDIA GB10", "Orin (nvgpu)", "NVIDIA Thor", "Xavier"])
def test_a_card_that_shares_the_systems_memory_is_told_as_such(name) -> None:
    output = parse_csv(f"0, {U}, 00000000:01:00.0, [N/A], [N/A], [N/A], 2 %, [N/A], {name}\n")

    assert output.cards[0].memory_kind == "unified"


def test_a_discrete_card_that_fails_to_tell_its_memory_does_not_become_unified() -> None:
    output = parse_csv(
        f"0, {U}, 00000000:01:00.0, [Unknown Error], [Unknown Error], [N/A], 2 %, [N/A], NVIDIA RTX A6000\n"
    )

    assert output.cards[0].memory_kind is None


def test_a_unified_card_that_tells_a_small_number_is_not_called_unified_by_its_name_alone() -> None:
    output = parse_csv(f"0, {U}, 00000000:01:00.0, 8128 MiB, 199 MiB, 7929 MiB, 2 %, [N/A], NVIDIA N1X\n")

    assert (output.cards[0].memory_kind, output.cards[0].memory_total) == (None, 8128)


@pytest.mark.parametrize(
    "placeholder",
    ["[N/A]", "N/A", "[Not Supported]", "[Unknown Error]", "[Insufficient Permissions]", "[GPU is lost]", "[GPU requires reset]", "[Not Found]", "[Requested functionality has been deprecated]", "ERR!", "", "-1 MiB", "1e5 MiB", "99999999999 MiB"],
)  # fmt: skip
def test_a_placeholder_becomes_none_with_its_reason_and_never_a_number(placeholder) -> None:
    output = parse_csv(
        f"0, {U}, 00000000:01:00.0, {placeholder}, {placeholder}, {placeholder}, {placeholder}, [N/A], Tesla T4\n"
    )

    assert figures(output.cards[0]) == (None, None, None, None)
    assert set(output.cards[0].why) == {"memory_total", "memory_used", "memory_free", "utilization"}


def test_header_and_units_may_be_there_or_not() -> None:
    with_header = "index, uuid, name, memory.total [MiB], memory.used [MiB], memory.free [MiB], utilization.gpu [%], mig.mode.current\n"
    row = f"0, {U}, Tesla T4, 15360, 12, 14901, 25, [N/A]\n"

    output = parse_csv(with_header + row)

    assert [figures(card) for card in output.cards] == [(15360, 12, 14901, 25)]


def test_a_name_with_a_comma_stays_whole_since_it_comes_last() -> None:
    output = parse_csv(f"0, {U}, 00000000:01:00.0, 1 MiB, 0 MiB, 1 MiB, 0 %, [N/A], Odd, card, name\n")

    assert output.cards[0].model == "Odd, card, name"


def test_one_bad_card_of_three_does_not_hide_the_others() -> None:
    text = (
        f"0, {U}, 00000000:01:00.0, 24576 MiB, 30 MiB, 24000 MiB, 0 %, [N/A], NVIDIA GeForce RTX 3090\n"
        "Unable to determine the device handle for GPU0000:02:00.0: Unknown Error\n"
        "[Unknown Error], [Unknown Error], [Unknown Error], [Unknown Error], [Unknown Error], [Unknown Error], [Unknown Error], [Unknown Error], [Unknown Error]\n"
        "2, GPU-22222222-1111-2222-3333-444455556666, 00000000:03:00.0, 24576 MiB, 40 MiB, 24000 MiB, 0 %, [N/A], NVIDIA GeForce RTX 3090\n"
    )

    output = parse_csv(text)

    assert [(card.index, card.pci, card.lost) for card in output.cards] == [
        (0, "00000000:01:00.0", False),
        (None, "00000000:02:00.0", True),
        (2, "00000000:03:00.0", False),
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "Unable to determine the device handle for GPU 0000:0B:00.0: Unknown Error",
        "Unable to determine the device handle for GPU0000:0B:00.0: Unknown Error",
        "Unable to determine the device handle for GPU 0000:0B:00.0: GPU has fallen off the bus.",
        "Unable to determine the device handle for GPU0000:0B:00.0: GPU is lost.  Reboot the system to recover this GPU",
    ],
)
def test_each_spelling_of_a_card_out_of_reach_names_the_card(sentence) -> None:
    output = parse_csv(sentence + "\n")

    assert [(card.pci, card.lost) for card in output.cards] == [("00000000:0B:00.0", True)]
    assert "reach" in (output.cards[0].problem or "")


def test_a_single_field_may_fail_alone() -> None:
    output = parse_csv(
        "0, NVIDIA RTX A6000, GPU-0472e0b4-aaaa, [Unknown Error], 6 MiB, 49140 MiB\n",
        fields=("index", "name", "uuid", "utilization.gpu", "memory.used", "memory.total"),
    )

    assert figures(output.cards[0]) == (49140, 6, None, None)
    assert output.cards[0].why == {"utilization": "the driver says Unknown Error"}


@pytest.mark.parametrize(
    "text",
    [
        "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 550.144\n",
        "Failed to initialize NVML: Unknown Error\n",
        "Failed to initialize NVML: No supported GPUs were found\nUnable to determine the number of GPUs\n",
        "No devices were found\n",
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n",
        'exec: "nvidia-smi": executable file not found in $PATH\n',
    ],
)
def test_a_tool_that_fails_as_a_whole_says_why_and_invents_no_card(text) -> None:
    output = parse_csv(text)

    assert output.cards == []
    assert output.failure is not None
    assert output.failure.startswith(text.split("\n")[0][:40])


def test_a_driver_too_old_for_a_field_is_recognised() -> None:
    output = parse_csv('Field "mig.mode.current" is not a valid field to query.\n')

    assert output.unknown_field == "mig.mode.current"
    assert "mig.mode.current" not in OLD_FIELDS
    assert FIELDS[-1] == "name"


def test_a_warning_about_the_info_rom_leaves_the_rows_valid() -> None:
    text = (
        f"0, {U}, 00000000:01:00.0, 24576 MiB, 30 MiB, 24000 MiB, 0 %, [N/A], NVIDIA GeForce RTX 3090\n"
        "WARNING: infoROM is corrupted at gpu 0000:01:00.0\n"
    )

    output = parse_csv(text)

    assert len(output.cards) == 1
    assert output.problems == ["WARNING: infoROM is corrupted at gpu 0000:01:00.0"]


def test_the_list_names_slices_by_uuid() -> None:
    text = (
        "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aa11)\n"
        "  MIG 3g.40gb     Device  0: (UUID: MIG-0001)\n"
        "  MIG 1g.10gb     Device  1: (UUID: MIG-0002)\n"
        "GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-bb22)\n"
    )

    output = parse_list(text)

    assert [(card.uuid, [(part.profile, part.uuid) for part in card.parts]) for card in output.cards] == [
        ("GPU-aa11", [("3g.40gb", "MIG-0001"), ("1g.10gb", "MIG-0002")]),
        ("GPU-bb22", []),
    ]


def test_slices_of_old_drivers_keep_their_long_names() -> None:
    output = parse_list("GPU 0: A100-PCIE-40GB (UUID: GPU-aa11)\n  MIG 1g.5gb Device 0: (UUID: MIG-GPU-aa11/1/0)\n")

    assert output.cards[0].parts[0].uuid == "MIG-GPU-aa11/1/0"


XML = """<?xml version="1.0" ?>
<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">
<nvidia_smi_log>
  <attached_gpus>2</attached_gpus>
  <gpu id="00000000:1A:00.0">
    <product_name>NVIDIA H100 80GB HBM3</product_name>
    <uuid>GPU-aa11</uuid>
    <mig_mode><current_mig>Enabled</current_mig></mig_mode>
    <mig_devices>
      <mig_device><index>0</index><gpu_instance_id>2</gpu_instance_id><compute_instance_id>0</compute_instance_id>
        <fb_memory_usage><total>40448 MiB</total><reserved>0 MiB</reserved><used>26 MiB</used><free>40421 MiB</free></fb_memory_usage></mig_device>
      <mig_device><index>1</index><gpu_instance_id>7</gpu_instance_id><compute_instance_id>0</compute_instance_id>
        <fb_memory_usage><total>9984 MiB</total><used>N/A</used><free>9970 MiB</free></fb_memory_usage></mig_device>
    </mig_devices>
    <fb_memory_usage><total>81559 MiB</total><reserved>478 MiB</reserved><used>59 MiB</used><free>81022 MiB</free></fb_memory_usage>
    <utilization><gpu_util>N/A</gpu_util></utilization>
    <temperature><gpu_temp>31 C</gpu_temp></temperature>
    <processes></processes>
  </gpu>
  <gpu id="00000000:1B:00.0">
    <product_name>Tesla T4</product_name>
    <uuid>GPU-bb22</uuid>
    <mig_mode><current_mig>N/A</current_mig></mig_mode>
    <fb_memory_usage><total>15360 MiB</total><reserved>448 MiB</reserved><used>0 MiB</used><free>14913 MiB</free></fb_memory_usage>
    <utilization><gpu_util>0 %</gpu_util></utilization>
    <processes><process_info><pid>1</pid><process_name>a, b</process_name><used_memory>25 MiB</used_memory></process_info></processes>
  </gpu>
</nvidia_smi_log>
"""


def test_the_log_in_xml_gives_cards_and_the_memory_of_their_slices() -> None:
    output = parse_xml(XML)

    assert [(card.uuid, card.pci, figures(card), card.mig, card.processes) for card in output.cards] == [
        ("GPU-aa11", "00000000:1A:00.0", (81559, 59, 81022, None), True, 0),
        ("GPU-bb22", "00000000:1B:00.0", (15360, 0, 14913, 0), None, 1),
    ]
    assert [(part.instance, part.memory_total, part.memory_used) for part in output.cards[0].parts] == [
        (2, 40448, 26),
        (7, 9984, None),
    ]


def test_a_log_that_breaks_off_keeps_the_cards_that_were_whole() -> None:
    output = parse_xml(XML[: XML.index("Tesla T4")])

    assert [card.uuid for card in output.cards] == ["GPU-aa11"]
    assert output.problems


def test_a_lost_card_in_the_log_keeps_its_address_and_its_neighbours() -> None:
    text = (
        XML.replace("Tesla T4", "Unknown Error")
        .replace("GPU-bb22", "Unknown Error")
        .replace("15360 MiB", "GPU is lost")
    )

    output = parse_xml(text)

    assert [(card.pci, card.uuid, card.lost) for card in output.cards] == [
        ("00000000:1A:00.0", "GPU-aa11", False),
        ("00000000:1B:00.0", None, True),
    ]


def test_entities_in_a_log_are_not_expanded() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]>' + XML[XML.index("<nvidia_smi_log") :].replace(
        "Tesla T4", "&b;"
    )

    output = parse_xml(bomb)

    assert all(card.model in (None, "NVIDIA H100 80GB HBM3") for card in output.cards)


def test_a_tool_that_fails_before_it_writes_xml_says_why() -> None:
    assert parse_xml("Failed to initialize NVML: Unknown Error\n").failure == "Failed to initialize NVML: Unknown Error"


def test_slices_are_named_by_the_list_in_the_drivers_order() -> None:
    listed = parse_list(
        "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aa11)\n  MIG 3g.40gb Device 0: (UUID: MIG-1)\n  MIG 1g.10gb Device 1: (UUID: MIG-2)\n"
    )

    cards = with_list(parse_xml(XML).cards, listed.cards)

    assert [(part.uuid, part.profile, part.instance) for part in cards[0].parts] == [
        ("MIG-1", "3g.40gb", 2),
        ("MIG-2", "1g.10gb", 7),
    ]


def test_a_number_with_a_hole_in_it_is_no_number() -> None:
    output = parse_csv(f"0, {U}, 00000000:01:00.0, 2\x00564 MiB, 4 MiB, 1 MiB, 7 %, [N/A], Tesla\x00T4\n")

    assert (output.cards[0].memory_total, output.cards[0].model) == (None, "Tesla T4")
