import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage import Quantity
from moorage.errors import InvalidQuantity

VECTORS = Path(__file__).parents[1] / "data" / "vectors" / "quantities.jsonl.gz"


def test_every_answer_of_the_real_parser_is_ours_too():
    wrong = []
    with gzip.open(VECTORS, "rt") as lines:
        for line in lines:
            case = json.loads(line)
            try:
                ours = Quantity.parse(case["in"])
            except InvalidQuantity:
                if case["ok"]:
                    wrong.append((case, "refused"))
                continue
            if not case["ok"]:
                wrong.append((case, "accepted"))
            wrong += [(case, ours) for key in ("value", "milli") if key in case and getattr(ours, key) != case[key]]

    assert wrong == []


@pytest.mark.parametrize(
    ("text", "value", "milli"),
    [
        ("1.5Gi", 1610612736, 1610612736000),
        ("512m", 1, 512),
        ("1500u", 1, 2),
        ("0.0000000001Gi", 1, 108),
        ("-0.5", -1, -500),
        ("2e9", 2_000_000_000, 2_000_000_000_000),
        (2, 2, 2000),
        (0.5, 1, 500),
        (None, 0, 0),
    ],
)
def test_a_quantity_is_exact_and_rounds_away_from_zero(text, value, milli):
    quantity = Quantity.parse(text)

    assert (quantity.value, quantity.milli) == (value, milli)


@pytest.mark.parametrize(
    "text", ["", "1 Gi", "1K", "1mi", "0x10", "1e", "1e1.5", "1uKi", "1_000", "1\u0663", "nan", True, [], 10**500]
)
def test_anything_else_is_refused_by_our_own_error(text):
    with pytest.raises(InvalidQuantity):
        Quantity.parse(text)


def test_a_binary_amount_stops_at_the_largest_int64():
    assert Quantity.parse("9Ei").value == 2**63 - 1


@pytest.mark.parametrize("text", ["9" * 100_000, "1e999999999999", "0." + "1" * 100_000, "1e-999999999999"])
def test_hostile_lengths_are_cheap(text):
    assert Quantity.parse(text).value >= 1


@given(st.text())
def test_no_text_raises_anything_but_our_own_error(text):
    try:
        Quantity.parse(text)
    except InvalidQuantity as refused:
        assert refused.message


@given(st.integers(-(10**15), 10**15), st.sampled_from(["n", "u", "m", "", "k", "M", "G"]))
def test_a_whole_number_keeps_its_exact_worth(number, suffix):
    worth = {"n": 1, "u": 10**3, "m": 10**6, "": 10**9, "k": 10**12, "M": 10**15, "G": 10**18}[suffix]

    assert Quantity.parse(f"{number}{suffix}").nanos == number * worth
