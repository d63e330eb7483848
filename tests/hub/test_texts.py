"""What the hub says, in the language of who reads it."""

import pytest

from moorage.hub.choice.offered.offer import Bounds, Offer
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.choice.options import decide
from moorage.hub.start.heard.words import plain
from moorage.hub.view.cards import in_language
from moorage.hub.view.encoding import option
from moorage.hub.view.nodes import read_node
from moorage.texts import speaking


def test_a_refusal_is_in_the_language_of_the_request() -> None:
    offer = Offer(cpu=Bounds(least=1, most=2500))

    with speaking("de"), pytest.raises(Refusal) as refused:
        decide({"moorage": 1, "cpu": "8"}, offer)

    assert refused.value.message == "8 CPU ist zu viel. Das Maximum ist 2,5."
    # What a button puts into the field is read everywhere.
    assert refused.value.ways == [("2,5 CPU", {"cpu": "2.5"})]


def test_a_node_is_told_to_each_in_their_language_and_made_once() -> None:
    node = read_node({"name": "n", "cordoned": True, "available": {"cpu_millicores": 1500}})
    assert node is not None

    with speaking("de"):
        german = option(node)

    assert "n (gesperrt)" in german
    assert "n (cordoned)" in option(node)
    assert b'"closed":"cordoned"' in node.page


@pytest.mark.parametrize(
    ("line", "german"),
    [
        ("2 × Tesla T4, 15360 MiB: held, 3 % busy", "2 × Tesla T4, 15360 MiB: belegt, 3 % ausgelastet"),
        ("T4: shared: 3 of 4 slots held, by your server “x” and 2 more", "T4: geteilt: 3 von 4 Slots belegt, von dem eigenen Server „x“ und 2 weiteren"),
        ("T4: held by lab/ada, lab/bob", "T4: belegt von lab/ada, lab/bob"),
        ("over the network: 3 × L40S, 2 of 4 free", "über das Netzwerk: 3 × L40S, 2 von 4 frei"),
        ("Some Card", "Some Card"),
    ],
)  # fmt: skip
def test_cards_are_told_in_the_language_of_the_reader(line, german) -> None:
    with speaking("de"):
        assert in_language(line) == german


def test_what_kubernetes_says_of_a_start_is_told_in_the_language_of_who_waits() -> None:
    message = "0/3 nodes are available: 3 Insufficient memory, 2 Insufficient cpu."

    with speaking("de"):
        assert (
            plain("FailedScheduling", message, hope=False) == "Auf keinem Knoten genug Arbeitsspeicher oder CPU frei."
        )
    assert plain("FailedScheduling", message, hope=False) == "Not enough CPU or memory free on any node."
