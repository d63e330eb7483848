"""HAMi's annotations in both forms."""

import pytest

from moorage.gpus.facts import Holder
from moorage.gpus.sources.hami import REGISTER, Hami, parse
from moorage.gpus.view import NodeView


def test_the_old_form() -> None:
    (card,) = parse("GPU-aa,10,24576,100,NVIDIA-NVIDIA GeForce RTX 3090,0,true:")

    assert (card.uuid, card.slots, card.memory_total, card.model, card.health) == (
        "GPU-aa",
        10,
        24576,
        "NVIDIA GeForce RTX 3090",
        "healthy",
    )


def test_the_new_form() -> None:
    (card,) = parse(
        '[{"id":"GPU-bb","index":1,"count":4,"devmem":15360,"devcore":100,"type":"NVIDIA-Tesla T4","numa":0,"mode":"hami-core","health":false}]'
    )

    assert (card.uuid, card.index, card.slots, card.memory_total, card.model, card.health) == (
        "GPU-bb",
        1,
        4,
        15360,
        "Tesla T4",
        "unhealthy",
    )


def test_one_bad_entry_does_not_hide_the_others() -> None:
    assert [card.uuid for card in parse("oops:GPU-aa,x,y,100,NVIDIA-Tesla T4,0,true:")] == ["GPU-aa"]


@pytest.mark.parametrize("text", ["", "[", "[1,null]", "{}", ":::,", "[" * 5000, ",,,,,,:"])
def test_other_texts_name_no_card(text) -> None:
    assert parse(text) == []


def test_pods_that_hold_a_part_of_a_card_are_named() -> None:
    node = NodeView(
        name="n1",
        annotations={
            REGISTER: "GPU-aa,10,24576,100,NVIDIA-Tesla T4,0,true:GPU-bb,10,24576,100,NVIDIA-Tesla T4,0,true:"
        },
        allocations=((Holder(namespace="a", pod="p"), "GPU-bb,NVIDIA,3000,30:;"),),
    )

    assert [(card.uuid, [holder.pod for holder in card.holders]) for card in Hami().facts(node)] == [
        ("GPU-aa", []),
        ("GPU-bb", ["p"]),
    ]
