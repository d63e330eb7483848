from moorage.hub.facts import read_node

T4 = {"model": "Tesla T4", "memory_total": "15360 MiB", "memory_used": "Unknown", "utilization": None}
BUSY = "free to schedule, but 20 of 24 GB are in use outside Kubernetes"


def cards(*details):
    node = read_node({"name": "n", "gpu_details": list(details)})
    assert node is not None
    return node.cards


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
