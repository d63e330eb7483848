"""Amounts in, exact integers and canonical text out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.errors import InvalidQuantity, quoted
from moorage.hub.amounts import cpu_text, memory_text, memory_words, read_count, read_cpu, read_memory, short_resource
from moorage.quantity import Quantity


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1.5Gi", 1536 << 20),
        ("1500M", 1_500_000_000),
        ("2e9", 2_000_000_000),
        ("1Ti", 1 << 40),
        ("3 GiB", 3 << 30),
        (" 3Gi ", 3 << 30),
        ("1.2Gi", 1288490189),
        ("0.5", 1),
        (3221225472, 3 << 30),
    ],
)
def test_memory_is_read_to_the_byte_and_rounded_up_as_kubernetes_does(text, amount):
    assert read_memory(text) == amount


def test_milli_bytes_are_taken_for_the_typing_error_that_they_are():
    with pytest.raises(InvalidQuantity, match="write 512Mi"):
        read_memory("512m")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "abc",
        "-1Gi",
        "1" * 100,
        "9" * 5000,
        None,
        True,
        [],
        {},
        float("nan"),
        float("inf"),
        "1Gi; rm",
        "\x00",
    ],
)
def test_what_is_no_amount_of_memory_is_refused_with_a_sentence(value):
    with pytest.raises(InvalidQuantity) as caught:
        read_memory(value)

    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("text", "milli"), [("2", 2000), ("0.5", 500), ("500m", 500), (2, 2000), (1.5, 1500), ("1e1", 10000)]
)
def test_cpu_is_read_to_the_thousandth(text, milli):
    assert read_cpu(text) == milli


@pytest.mark.parametrize("value", ["0.0001", "1u", "two", "-1", True, None, 0.1 + 0.2])
def test_what_is_no_amount_of_cpu_is_refused(value):
    with pytest.raises(InvalidQuantity):
        read_cpu(value)


@pytest.mark.parametrize("value", ["1e400", "1e30", "16Ei", 10**40, 10**400, 1e300])
@pytest.mark.parametrize("read", [read_cpu, read_memory])
def test_an_amount_beyond_all_machines_is_refused_in_a_short_sentence(read, value):
    with pytest.raises(InvalidQuantity) as caught:
        read(value)

    assert len(caught.value.message) < 120


@pytest.mark.parametrize("value", [True, 1.5, "1.0", "-1", -1, "one", None, [1], 10**12, "٣"])
def test_what_is_no_count_is_refused(value):
    with pytest.raises(InvalidQuantity):
        read_count(value)


@pytest.mark.parametrize(
    ("amount", "text"), [(3 << 30, "3Gi"), (1536 << 20, "1536Mi"), (1_500_000_000, "1500M"), (1, "1"), (0, "0")]
)
def test_memory_is_written_as_the_api_server_would(amount, text):
    assert memory_text(amount) == text


@given(st.integers(min_value=0, max_value=2**62))
def test_no_byte_is_lost_in_the_text(amount):
    assert Quantity.parse(memory_text(amount)).value == amount


@given(st.integers(min_value=0, max_value=10**9))
def test_no_thousandth_is_lost_in_the_text(milli):
    assert Quantity.parse(cpu_text(milli)).milli == milli


def test_words_never_promise_more_than_there_is():
    assert memory_words((54 << 30) - 1) == "53.9 GiB"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_anything_can_be_shown_briefly(value):
    assert len(quoted(value)) <= 50


@pytest.mark.parametrize(
    ("resource", "among", "words"),
    [
        ("nvidia.com/gpu", [], "GPU"),
        ("nvidia.com/gpu", ["nvidia.com/gpu", "nvidia.com/mig-1g.5gb"], "GPU"),
        ("nvidia.com/gpu", ["nvidia.com/gpu", "amd.com/gpu"], "NVIDIA GPU"),
        ("amd.com/gpu", ["nvidia.com/gpu"], "AMD GPU"),
        ("lab.example/gpu", ["nvidia.com/gpu"], "lab.example GPU"),
        ("nvidia.com/mig-1g.5gb", ["nvidia.com/gpu", "amd.com/gpu"], "MIG 1g.5gb"),
    ],
)
def test_a_card_is_a_gpu_and_its_makers_where_there_are_others(resource, among, words):
    assert short_resource(resource, among=among) == words
