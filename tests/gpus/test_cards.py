"""What the page says of a node's cards: counts and names together, and never more than both prove."""

from __future__ import annotations

import pytest

from moorage.gpus.cards import NO_SOURCE
from moorage.gpus.facts import CardFact, Holder, Part
from moorage.gpus.view import Holding

NOW = 1_700_000_000.0
GPU = "nvidia.com/gpu"
RTX = {
    "nvidia.com/gpu.product": "NVIDIA-GeForce-RTX-4090",
    "nvidia.com/gpu.memory": "24576",
    "nvidia.com/gpu.count": "1",
}


def units(capacity: int, *, held: int = 0, allocatable: int | None = None, name: str = GPU):
    return {
        "capacity": {name: capacity},
        "allocatable": {name: capacity if allocatable is None else allocatable},
        "requested": {name: held} if held else {},
    }


def seen(number: int, **more):
    known = {
        "source": "dcgm", "taken_at": NOW - 5, "uuid": f"GPU-{number}", "index": number, "model": "NVIDIA GeForce RTX 4090",
        "memory_total": 24564, "memory_used": 0, "memory_free": 24129, "utilization": 0, "counts_all": True,
    }  # fmt: skip
    return CardFact(**known | more)


def held_by(number: int, pod: str, **more) -> Holding:
    return Holding(resource=GPU, device=f"GPU-{number}", holder=Holder(namespace="lab", pod=pod, container="c"), **more)


def states(entries) -> list[tuple[str, bool]]:
    return [(entry["state"], entry["available"]) for entry in entries]


def test_labels_and_counts_alone_give_the_seeds_fields(details) -> None:
    (entry,) = details(labels=RTX, **units(1))

    assert {key: entry[key] for key in ("index", "model", "memory_total", "memory_used", "memory_free", "utilization", "available")} == {
        "index": 0, "model": "NVIDIA GeForce RTX 4090", "memory_total": "24576 MiB", "memory_used": "Unknown",
        "memory_free": "Unknown", "utilization": None, "available": True,
    }  # fmt: skip
    assert entry["unknown"]["memory_used"] == entry["unknown"]["utilization"] == NO_SOURCE


def test_units_without_any_other_fact_are_unknown_gpus(details) -> None:
    entries = details(**units(2))

    assert [(entry["model"], entry["memory_total"], entry["state"]) for entry in entries] == [
        ("Unknown GPU", "Unknown", "free")
    ] * 2


def test_a_node_without_cards_has_none(details) -> None:
    assert details(capacity={"example.com/fpga": 1}, allocatable={"example.com/fpga": 1}) == []


def test_counts_alone_never_say_which_card_is_held(details) -> None:
    entries = details(**units(4, held=1))

    assert states(entries) == [("unknown", True), ("unknown", True), ("unknown", True), ("unknown", False)]
    assert entries[0]["state_text"] == "1 of 4 units of this node held; unknown which"


def test_named_devices_say_which_card_is_held(details) -> None:
    entries = details(*(seen(number) for number in range(3)), holdings=(held_by(1, "notebook"),), **units(3, held=1))

    assert states(entries) == [("free", True), ("held", False), ("free", True)]
    assert [entry["holder"] for entry in entries] == [None, "lab/notebook", None]


def test_a_pod_label_of_metrics_counts_like_any_other_name(details) -> None:
    who = (Holder(namespace="lab", pod="a"),)
    entries = details(seen(0), seen(1, holders=who), **units(2, held=1))

    assert states(entries) == [("free", True), ("held", False)]


def test_a_missing_pod_label_is_no_proof_of_a_free_card(details) -> None:
    entries = details(seen(0), seen(1), **units(2, held=1))

    assert states(entries) == [("unknown", True), ("unknown", False)]


def test_a_label_of_a_pod_that_is_gone_holds_nothing(details) -> None:
    ended = (Holder(namespace="lab", pod="ended"),)
    entries = details(seen(0, holders=ended), pods=frozenset({("lab", "other")}), **units(1))

    assert (states(entries), entries[0]["holder"]) == ([("free", True)], None)


def test_more_names_than_counts_show_both(details) -> None:
    entries = details(seen(0), holdings=(held_by(0, "a"),), **units(1, held=0))

    assert entries[0]["disagreements"] == ["held: the scheduler counts 0 units of nvidia.com/gpu, sources name 1"]


@pytest.mark.parametrize(("policy", "shown"), [("hidden", None), ("namespace", "lab"), ("pod", "lab/a")])
def test_the_holder_is_named_as_far_as_everybody_may_know(details, policy, shown) -> None:
    (entry,) = details(seen(0), holdings=(held_by(0, "a"),), holders=policy, **units(1, held=1))

    assert entry["holder"] == shown


def test_a_held_card_without_a_name_says_why(details) -> None:
    (entry,) = details(labels=RTX, **units(1, held=1))

    assert (entry["holder"], entry["unknown"]["holder"]) == (None, "no source says which pod holds which card")


def test_the_slots_of_the_only_card_are_counted(details) -> None:
    (entry,) = details(labels=RTX | {"nvidia.com/gpu.replicas": "4"}, **units(4, held=1))

    assert (entry["state"], entry["state_text"], entry["slots"]) == (
        "shared",
        "shared: 1 of 4 slots held",
        {"total": 4, "held": 1},
    )


def test_named_slots_say_how_many_of_each_card_are_held(details) -> None:
    holdings = tuple(
        Holding(resource=GPU, device=device, holder=Holder(namespace="lab", pod=f"p{at}", container="c"))
        for at, device in enumerate(("GPU-0::1", "GPU-0::3", "GPU-1::0"))
    )

    entries = details(seen(0), seen(1), holdings=holdings, **units(8, held=3))

    assert [entry["state_text"] for entry in entries] == ["shared: 2 of 4 slots held", "shared: 1 of 4 slots held"]


def test_shared_memory_is_explained(details) -> None:
    labels = RTX | {"nvidia.com/gpu.replicas": "4"}

    (entry,) = details(seen(0, memory_used=15000, memory_free=9216), labels=labels, **units(4, held=1))

    assert (
        "4 slots on one 24 GB card; memory is shared; 9 GB free now; two slots may be the same card" in entry["notes"]
    )


def test_mps_limits_each_slot(details) -> None:
    labels = RTX | {"nvidia.com/gpu.replicas": "4", "nvidia.com/gpu.sharing-strategy": "mps"}

    (entry,) = details(labels=labels, **units(4))

    assert any("MPS limits each to 1/4 of it" in note for note in entry["notes"])


def test_slots_renamed_to_shared_are_one_cards(details) -> None:
    labels = RTX | {"nvidia.com/gpu.replicas": "8"}
    both = {GPU: 0, "nvidia.com/gpu.shared": 8}

    (entry,) = details(labels=labels, capacity=both, allocatable=both, requested={"nvidia.com/gpu.shared": 3})

    assert (entry["resource"], entry["state_text"]) == ("nvidia.com/gpu.shared", "shared: 3 of 8 slots held")


def test_a_card_out_of_service_is_told_even_if_nobody_names_it(details) -> None:
    entries = details(**units(4, allocatable=3))

    assert [entry["state"] for entry in entries] == ["unknown"] * 4
    assert entries[0]["state_text"] == "1 of 4 units out of service; unknown which"
    assert sum(entry["available"] for entry in entries) == 3


def test_an_xid_beside_a_missing_unit_names_the_card(details) -> None:
    entries = details(seen(0), seen(1, xid=79), **units(2, allocatable=1))

    assert [entry["state_text"] for entry in entries] == ["free", "out of service (Xid 79)"]
    assert states(entries) == [("free", True), ("out_of_service", False)]


def test_an_xid_of_an_application_is_no_sick_card(details) -> None:
    entries = details(seen(0), seen(1, xid=31), **units(2, allocatable=1))

    assert [entry["state"] for entry in entries] == ["unknown", "unknown"]


def test_an_xid_without_a_missing_unit_is_a_note(details) -> None:
    (entry,) = details(seen(0, xid=79), **units(1))

    assert (entry["state"], entry["available"]) == ("free", True)
    assert "the driver's last error was Xid 79" in entry["notes"]


def test_an_unhealthy_device_of_a_running_pod_is_out_of_service(details) -> None:
    entries = details(
        seen(0), seen(1), holdings=(held_by(1, "a", health="unhealthy"),), **units(2, held=1, allocatable=1)
    )

    assert [entry["state_text"] for entry in entries] == [
        "free",
        "out of service (the kubelet reports the device as unhealthy)",
    ]


def test_a_node_that_is_not_ready_has_no_free_card(details) -> None:
    (entry,) = details(labels=RTX, ready=False, **units(1))

    assert (entry["state"], entry["available"]) == ("not_reporting", False)
    assert "not ready" in entry["state_text"]


def test_a_cordoned_node_has_free_cards_that_nobody_gets(details) -> None:
    (entry,) = details(labels=RTX, schedulable=False, **units(1))

    assert (entry["state"], entry["available"]) == ("free", False)
    assert "the node takes no new pods (cordoned)" in entry["notes"]


def test_a_nominated_pod_takes_its_card(details) -> None:
    (entry,) = details(labels=RTX, nominated={GPU: 1}, **units(1))

    assert entry["available"] is False


def test_a_card_that_labels_count_and_nobody_sees_is_missing(details) -> None:
    labels = RTX | {"nvidia.com/gpu.count": "4"}

    entries = details(*(seen(number) for number in range(3)), labels=labels, **units(4))

    assert [entry["state"] for entry in entries] == ["free", "free", "free", "not_reporting"]
    assert "no source sees this card" in entries[3]["state_text"]


def test_a_card_without_driver_is_told(details) -> None:
    (entry,) = details(labels={"feature.node.kubernetes.io/pci-10de.present": "true"})

    assert (entry["model"], entry["state"], entry["available"]) == ("Unknown GPU", "not_reporting", False)
    assert "the node has a card, but no working driver or device plugin offers it" in entry["notes"]


def test_labels_of_one_model_do_not_name_cards_of_a_mixed_node(details) -> None:
    entries = details(labels=RTX, **units(3))

    assert [entry["model"] for entry in entries] == ["Unknown GPU"] * 3
    assert any("mixed or unknown models" in note for note in entries[0]["notes"])


def test_pods_that_may_not_be_listed_leave_everything_unknown(details) -> None:
    (entry,) = details(labels=RTX, pods_readable=False, **units(1))

    assert (entry["state"], entry["state_text"]) == (
        "unknown",
        "not allowed to list pods, so it is unknown what is held",
    )


# --- activity: a hint beside it ---------------------------------------------------------------------------------


def test_memory_in_use_outside_kubernetes_is_told_and_the_card_stays_available(details) -> None:
    (entry,) = details(seen(0, memory_used=20480, memory_free=3600), **units(1))

    assert entry["available"] is True
    assert entry["notes"] == ["free to schedule, but 20 of 24 GB are in use outside Kubernetes"]


def test_a_desktop_on_the_card_is_told(details) -> None:
    (entry,) = details(seen(0, memory_used=596), **units(1))

    assert entry["notes"] == ["free; 0.6 GB used outside the cluster"]


def test_memory_of_an_ended_program_is_told(details) -> None:
    (entry,) = details(seen(0, source="agent", memory_used=5120, processes=0), **units(1))

    assert entry["notes"] == ["free, but 5 GB were not released by a program that has ended"]


def test_use_by_nobody_knows_whom_is_told_as_such(details) -> None:
    entries = details(seen(0, memory_used=20480), seen(1), **units(2, held=1))

    assert entries[0]["notes"] == ["20 of 24 GB are in use; unknown by whom"]


def test_full_memory_of_an_idle_model_server_is_explained(details) -> None:
    (entry,) = details(seen(0, memory_used=22500), **units(1, held=1))

    assert "memory is nearly full while nothing runs (model servers reserve it when they start)" in entry["notes"]


def test_a_hundred_percent_of_nothing_is_explained(details) -> None:
    (entry,) = details(seen(0, utilization=100), **units(1))

    assert (entry["available"], entry["utilization"]) == (True, 100)
    assert "reads 100 % with no memory in use (some cards do so while nothing runs)" in entry["notes"]


def test_a_card_without_memory_of_its_own_shares_the_nodes(details) -> None:
    labels = {"nvidia.com/gpu.product": "NVIDIA-GB10", "nvidia.com/gpu.count": "1"}

    (entry,) = details(labels=labels, memory_bytes=122566 << 20, **units(1))

    assert (entry["memory_kind"], entry["memory_total"], entry["memory_used"]) == ("unified", "122566 MiB", "Unknown")
    assert any(note.startswith("shares 120 GB with the system") for note in entry["notes"])


def test_idleness_counts_from_the_last_busy_reading(fixed) -> None:
    from moorage.gpus.cards import Cards
    from moorage.gpus.view import NodeView

    source, now = fixed([]), [NOW]
    cards = Cards([source], clock=lambda: now[0])
    node = NodeView(name="n1", **units(1, held=1))

    def look(after: float, utilization: int):
        now[0] = NOW + after
        source.known = [seen(0, taken_at=now[0], utilization=utilization)]
        (entry,) = cards.details(node)
        return entry

    assert [look(0, 50)["idle_seconds"], look(60, 0)["idle_seconds"]] == [0, 60]
    assert "held, but idle for 3 h" in look(3 * 3600 + 5, 0)["notes"]
    assert look(3 * 3600 + 20, 3)["idle_seconds"] == 0


# --- sources, ages, disagreement --------------------------------------------------------------------------------


def test_each_value_names_its_source(details) -> None:
    (entry,) = details(seen(0, model=None, memory_total=None), labels=RTX, **units(1))

    assert (entry["sources"]["model"], entry["sources"]["memory_used"]) == ("labels (gpu-feature-discovery)", "dcgm")
    assert (entry["source"], entry["age_seconds"], entry["stale"]) == ("dcgm", 5, False)


def test_an_old_reading_is_called_stale_and_a_very_old_one_says_nothing(details) -> None:
    (old,) = details(seen(0, taken_at=NOW - 90), **units(1))
    (ancient,) = details(seen(0, taken_at=NOW - 420), **units(1))

    assert (old["stale"], old["age_seconds"], old["memory_used"]) == (True, 90, "0 MiB")
    assert (ancient["memory_used"], ancient["utilization"]) == ("Unknown", None)
    assert ancient["unknown"]["memory_used"] == "the last reading (dcgm) is 7 minutes old"


def test_the_newest_reading_wins_and_the_driver_names_the_card(details) -> None:
    (entry,) = details(
        seen(0, source="prometheus", taken_at=NOW - 30, utilization=90, model="NVIDIA GeForce RTX 4090"),
        seen(0, source="agent", taken_at=NOW - 2, utilization=10, model="NVIDIA GeForce RTX 4090 D"),
        **units(1),
    )

    assert (entry["model"], entry["utilization"], entry["source"]) == ("NVIDIA GeForce RTX 4090 D", 10, "agent")


def test_sources_that_contradict_each_other_are_both_named(details) -> None:
    (entry,) = details(
        seen(0, model="NVIDIA H100", memory_used=100),
        seen(0, source="agent", model="NVIDIA L40S", memory_used=9000),
        **units(1),
    )

    assert entry["disagreements"] == [
        "model: agent says NVIDIA L40S, dcgm says NVIDIA H100",
        "memory_used: agent says 9000 MiB, dcgm says 100 MiB",
    ]


def test_a_label_of_an_older_driver_is_no_disagreement(details) -> None:
    labels = {"nvidia.com/gpu.product": "Tesla-T4", "nvidia.com/gpu.memory": "15109", "nvidia.com/gpu.count": "1"}

    (entry,) = details(seen(0, model="Tesla T4", memory_total=15360), labels=labels, **units(1))

    assert (entry["memory_total"], entry["disagreements"]) == ("15360 MiB", [])


def test_a_hand_written_label_that_names_another_model_is_shown_beside_the_driver(details) -> None:
    (entry,) = details(seen(0), labels=RTX | {"nvidia.com/gpu.product": "Tesla-T4"}, **units(1))

    assert entry["model"] == "NVIDIA GeForce RTX 4090"
    assert entry["disagreements"] == [
        "model: dcgm says NVIDIA GeForce RTX 4090, labels (gpu-feature-discovery) says Tesla T4"
    ]


def test_one_card_seen_under_three_names_is_one_record(details) -> None:
    (entry,) = details(
        seen(0, uuid="GPU-a", pci="00000000:1A:00.0", index=0),
        CardFact(source="exec", taken_at=NOW, pci="00000000:1A:00.0", memory_used=7, memory_total=24564),
        CardFact(source="prometheus", taken_at=NOW - 9, index=0, utilization=3),
        **units(1),
    )

    assert (entry["uuid"], entry["memory_used"], entry["pci"]) == ("GPU-a", "7 MiB", "00000000:1A:00.0")


def test_two_cards_with_the_same_index_stay_two(details) -> None:
    entries = details(seen(0, uuid="GPU-a"), seen(0, uuid="GPU-b"), **units(2))

    assert [(entry["uuid"], entry["index"]) for entry in entries] == [("GPU-a", 0), ("GPU-b", 1)]


def test_why_nothing_is_known_of_the_activity_is_the_sources_own_reason(details) -> None:
    (entry,) = details(labels=RTX, trouble="exec: not answering since 14:02 (nvidia-smi hangs)", **units(1))

    assert entry["unknown"]["utilization"] == "exec: not answering since 14:02 (nvidia-smi hangs)"


def test_a_source_that_breaks_hides_nothing_of_the_others(fixed, caplog) -> None:
    from moorage.gpus.cards import Cards
    from moorage.gpus.view import NodeView

    class Broken(fixed):
        def facts(self, node):
            raise RuntimeError("a bug")

    (entry,) = Cards([Broken(), fixed([seen(0)])], clock=lambda: NOW).details(NodeView(name="n1", **units(1)))

    assert (entry["memory_used"], "a bug" in caplog.text) == ("0 MiB", True)


# --- slices -----------------------------------------------------------------------------------------------------

MIXED = {
    "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB",
    "nvidia.com/gpu.memory": "40960",
    "nvidia.com/gpu.count": "1",
}
SLICES = {"nvidia.com/mig-1g.5gb": 2, "nvidia.com/mig-3g.20gb": 1}


def test_the_slices_of_the_only_card_are_listed_by_profile(details) -> None:
    (entry,) = details(labels=MIXED, capacity=SLICES, allocatable=SLICES, requested={"nvidia.com/mig-3g.20gb": 1})

    assert [(one["profile"], one["state"], one["available"]) for one in entry["slices"]] == [
        ("1g.5gb", "free", True), ("1g.5gb", "free", True), ("3g.20gb", "held", False),
    ]  # fmt: skip
    assert (entry["state"], entry["state_text"], entry["available"]) == ("shared", "shared: 1 of 3 slices held", True)


def test_slices_of_several_cards_are_not_dealt_out_by_guessing(details) -> None:
    entries = details(labels=MIXED | {"nvidia.com/gpu.count": "2"}, capacity=SLICES, allocatable=SLICES)

    assert [entry["slices"] for entry in entries] == [None, None]
    assert any("2 x 1g.5gb, 1 x 3g.20gb" in note for note in entries[0]["notes"])


def test_a_slice_that_dcgm_misnames_is_found_by_its_size(details) -> None:
    parts = (
        Part(profile="1g.11gb", instance=7, holders=(Holder(namespace="m", pod="t"),)),
        Part(profile="1g.11gb", instance=8),
    )
    capacity = {"nvidia.com/mig-1g.12gb": 2}

    (entry,) = details(
        seen(0, mig=True, parts=parts, utilization=None),
        capacity=capacity,
        allocatable=capacity,
        requested={"nvidia.com/mig-1g.12gb": 1},
    )

    assert [(one["instance"], one["state"], one["holder"]) for one in entry["slices"]] == [
        (7, "held", "m/t"),
        (8, "free", None),
    ]


def test_a_slice_named_by_the_kubelet_is_placed_on_the_only_card(details) -> None:
    holding = Holding(resource="nvidia.com/mig-1g.5gb", device="MIG-77", holder=Holder(namespace="lab", pod="a"))

    (entry,) = details(
        labels=MIXED, capacity=SLICES, allocatable=SLICES, requested={"nvidia.com/mig-1g.5gb": 1}, holdings=(holding,)
    )

    assert [(one["uuid"], one["state"], one["holder"]) for one in entry["slices"]] == [
        ("MIG-77", "held", "lab/a"), (None, "free", None), (None, "free", None),
    ]  # fmt: skip


def test_a_split_card_has_no_utilization_of_its_own_and_says_so(details) -> None:
    (entry,) = details(labels=MIXED, capacity=SLICES, allocatable=SLICES)

    assert (
        "split into MIG slices; each is requested by itself, and the card has no utilization of its own"
        in entry["notes"]
    )


def test_hami_counts_parts_of_cards_as_units(details) -> None:
    text = "GPU-a,10,24576,100,NVIDIA-NVIDIA GeForce RTX 3090,0,true:"

    (entry,) = details(annotations={"hami.io/node-nvidia-register": text}, **units(10, held=3))

    assert (entry["model"], entry["memory_total"], entry["slots"]) == (
        "NVIDIA GeForce RTX 3090",
        "24576 MiB",
        {"total": 10, "held": 3},
    )


def test_cards_of_two_makers_on_one_node_are_counted_apart(details) -> None:
    capacity = {GPU: 1, "amd.com/gpu": 1}

    entries = details(
        seen(0), CardFact(source="amd", taken_at=NOW, uuid="x", index=1, model="AMD Instinct MI300X"),
        capacity=capacity, allocatable=capacity, requested={"amd.com/gpu": 1},
    )  # fmt: skip

    assert [(entry["resource"], entry["state"]) for entry in entries] == [(GPU, "free"), ("amd.com/gpu", "held")]


def test_a_node_with_thousands_of_units_has_a_list_that_can_be_read(details) -> None:
    entries = details(**units(10**9))

    assert len(entries) == 64
    assert "1000000000 units or cards; no more than 64 are listed" in entries[0]["notes"]


def asker(pod: str, amount: int):
    return Holder(namespace="lab", pod=pod), {GPU: amount}


def test_counts_name_the_holder_of_a_nodes_only_card(details) -> None:
    (entry,) = details(labels=RTX, askers=(asker("notebook", 1),), **units(1, held=1))

    assert (entry["state"], entry["holder"], entry["sources"]["holder"]) == ("held", "lab/notebook", "counts")


def test_counts_name_the_holder_of_all_cards_where_one_pod_has_them(details) -> None:
    entries = details(askers=(asker("training", 2),), **units(2, held=2))

    assert [entry["holder"] for entry in entries] == ["lab/training"] * 2


@pytest.mark.parametrize("askers", [(asker("one", 1), asker("two", 1)), (asker("one", 1),)])
def test_counts_name_nobody_where_several_pods_or_unknown_ones_share_the_cards(details, askers) -> None:
    entries = details(askers=askers, **units(2, held=2))

    assert [entry["holder"] for entry in entries] == [None, None]


def test_a_source_that_names_a_holder_has_the_first_word(details) -> None:
    (entry,) = details(holdings=(held_by(0, "told"),), askers=(asker("counted", 1),), labels=RTX, **units(1, held=1))

    assert entry["holder"] == "lab/told"


@pytest.mark.parametrize("label", ["kubernetes.azure.com/accelerator", "accelerator"])
def test_a_card_that_only_its_cloud_labels_is_told_without_units(details, label) -> None:
    (card,) = details(labels={label: "nvidia"})

    assert (card["model"], card["available"]) == ("Unknown GPU", False)
    assert "the node has a card, but no working driver or device plugin offers it" in card["notes"]
