from moorage.hub.view.encoding import option
from moorage.hub.view.nodes import read_node

T4 = {"model": "Tesla T4", "memory_total": "15360 MiB", "memory_used": "Unknown", "utilization": None}
BUSY = "free to schedule, but 20 of 24 GB are in use outside Kubernetes"


def cards(*details, **sight):
    node = read_node({"name": "n", "gpu_details": list(details)})
    assert node is not None
    return node.cards.words(**sight)


def test_equal_cards_are_told_once_with_their_state():
    state = {"state_text": "shared: 1 of 4 slots held"}

    told = cards({**T4, **state}, {**T4, **state}, {**T4, "state_text": "free"})

    assert told == ("2 × Tesla T4, 15360 MiB: shared: 1 of 4 slots held", "Tesla T4, 15360 MiB: free")


def test_what_a_card_is_doing_stands_beside_what_may_be_had_of_it():
    told = cards({**T4, "state_text": "free", "memory_used": "20480 MiB", "utilization": 0, "notes": [BUSY]})

    assert told == ("Tesla T4, 15360 MiB: free, 20480 MiB in use, 0 % busy", BUSY)


def test_what_is_not_known_of_a_card_is_left_out():
    assert cards({**T4, "memory_total": "Unknown"}) == ("Tesla T4",)


def test_nonsense_about_one_card_hides_no_other():
    told = cards(
        None, {"model": 3}, {"model": "x" * 500}, {**T4, "notes": 7, "utilization": "50", "state_text": []}, []
    )

    assert told == ("Tesla T4, 15360 MiB",)


HELD = {**T4, "state": "held", "state_text": "held", "holder": "lab/ada"}


def test_a_holder_is_named_to_whom_it_may_be_alone():
    assert cards(HELD) == ("Tesla T4, 15360 MiB: held",)
    assert cards(HELD, names=True) == ("Tesla T4, 15360 MiB: held by lab/ada",)
    assert cards(HELD, own={"lab/ada": "your server"}) == ("Tesla T4, 15360 MiB: held by your server",)


def test_others_on_a_shared_card_are_counted_and_not_named():
    shared = {**T4, "state": "shared", "state_text": "shared: 3 of 4 slots held", "holder": "lab/ada, lab/bob, lab/eve"}

    told = cards(shared, own={"lab/ada": "your server “x”"})

    assert told == ("Tesla T4, 15360 MiB: shared: 3 of 4 slots held, by your server “x” and 2 more",)


def test_a_slice_has_its_holder():
    split = {**T4, "state": "shared", "state_text": "shared: 1 of 7 slices held", "slices": [{"holder": "lab/ada"}, {}]}

    told = cards(split, own={"lab/ada": "your server"})

    assert told == ("Tesla T4, 15360 MiB: shared: 1 of 7 slices held, by your server",)


def test_a_held_card_that_does_nothing_says_since_when():
    told = cards({**HELD, "idle_seconds": 3 * 3600, "notes": ["held, but idle for 3 h"]}, names=True)

    assert told == ("Tesla T4, 15360 MiB: held by lab/ada, idle 3 h",)


def test_an_old_reading_says_when_it_was_taken():
    told = cards({**T4, "utilization": 3, "stale": True, "taken_at": "2026-11-24T14:02:59Z"})

    assert told == ("Tesla T4, 15360 MiB: 3 % busy, as of 14:02 UTC",)


def test_cards_that_several_nodes_reach_are_one_line_of_their_own():
    pool = {"network": True, "pool": "fabric", "allocatable": 4, "models": {"NVIDIA L40S": 3, "Tesla T4": 1}}
    claims = [{**pool, "available": 2}, {**pool, "pool": "b", "available": None}, {"pool": "own", "available": 1}, 5]

    node = read_node({"name": "n", "gpu_details": [T4], "gpu_claims": claims})

    assert node.cards.words() == (
        "Tesla T4, 15360 MiB",
        "over the network: 3 × NVIDIA L40S, 1 × Tesla T4, 2 of 4 free",
        "over the network: 3 × NVIDIA L40S, 1 × Tesla T4, how many are free is unknown",
    )


def test_how_many_units_are_left_may_be_unknown_and_is_then_not_none():
    units = {"resource": "nvidia.com/gpu", "capacity": 2, "allocatable": 2, "available": None}

    node = read_node({"name": "n", "hostname_label": "n", "gpu_units": [units]})

    assert node.units("nvidia.com/gpu").available is None
    assert "0 GPU" not in option(node)


def units(*resources):
    return [{"resource": name, "capacity": 2, "allocatable": 2, "available": 1} for name in resources]


def test_cards_of_two_makers_on_a_node_are_told_apart():
    node = read_node({"name": "n", "hostname_label": "n", "gpu_units": units("amd.com/gpu", "nvidia.com/gpu")})

    assert "1 AMD GPU, 1 NVIDIA GPU free" in option(node)


def test_a_nodes_only_cards_are_named_by_their_maker_where_others_are_offered():
    node = read_node({"name": "n", "hostname_label": "n", "gpu_units": units("nvidia.com/gpu")})

    assert "(1 GPU free)" in option(node)
    assert "(1 NVIDIA GPU free)" in option(node, by_maker=True)


STARTING = {"reason": "devices", "text": "GPU driver is starting", "since": None, "overdue": False}
AMOUNTS = {"cpu_millicores": 4000, "memory_bytes": 2**34}


def prepared(**state):
    return read_node(
        {"name": "n", "hostname_label": "n", "available": AMOUNTS, "allocatable": AMOUNTS, "preparing": state}
    )


def test_a_node_whose_driver_starts_says_so_in_the_list_and_stays_open():
    node = prepared(**STARTING)

    assert (node.closed, node.preparing) == (None, "GPU driver is starting")
    assert "n (4 CPU, 16 GiB free; GPU driver is starting)" in option(node)
    assert b'"preparing":"GPU driver is starting"' in node.page


def test_a_node_that_is_about_to_be_removed_is_closed():
    assert prepared(**{**STARTING, "reason": "leaving", "text": "about to be removed"}).closed == "about to be removed"


def test_a_node_that_is_being_added_and_not_ready_yet_is_closed_as_that():
    state = {**STARTING, "reason": "being_added", "text": "being added"}
    node = read_node({"name": "n", "hostname_label": "n", "ready": False, "preparing": state})

    assert node.closed == "being added"
    assert prepared(**state).closed is None


def test_nonsense_about_what_a_node_is_up_to_is_nothing():
    for state in ("soon", {"reason": "leaving"}, {"text": 7}, {"text": "x" * 500}, []):
        node = read_node({"name": "n", "hostname_label": "n", "preparing": state})
        assert (node.closed, node.preparing) == (None, None)
