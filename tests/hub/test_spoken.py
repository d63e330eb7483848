"""Amounts as people type them on the form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.errors import InvalidQuantity
from moorage.hub.amounts import cpu_words, memory_field, memory_text, read_cpu, read_memory
from moorage.hub.choice import spoken
from moorage.texts import speaking

GI, MI = 1 << 30, 1 << 20


@pytest.mark.parametrize(
    ("typed", "milli"),
    [
        ("1,5", 1500),
        ("1.5", 1500),
        (".5", 500),
        ("2 cores", 2000),
        ("2 CPU", 2000),
        ("4vCPUs", 4000),
        ("2 Kerne", 2000),
        ("500m", 500),
        ("２", 2000),
        ("１．５", 1500),
        ("١٫٥", 1500),
        (" 3 ", 3000),
        ("3.", 3000),
        ("1 000", 1_000_000),
        ("0,500", 500),
    ],
)
def test_cpu_is_read_as_it_is_meant(typed, milli):
    assert read_cpu(spoken.cpu(typed)) == milli


@pytest.mark.parametrize(
    ("typed", "size"),
    [
        ("4", 4 * GI),
        ("4 GB", 4 * GI),
        ("4gb", 4 * GI),
        ("4g", 4 * GI),
        ("4G", 4 * GI),
        ("8 G", 8 * GI),
        ("4 gigs", 4 * GI),
        ("4 Gigabyte", 4 * GI),
        ("16 GiB", 16 * GI),
        ("16Gi", 16 * GI),
        ("512 mb", 512 * MI),
        ("512M", 512 * MI),
        ("512 MiB", 512 * MI),
        ("1,5", 1536 * MI),
        ("1,5 GB", 1536 * MI),
        ("1.5 TB", 1536 * GI),
        ("1.024,5 MB", 1024 * MI + MI // 2),
        ("1,024.5 MB", 1024 * MI + MI // 2),
        ("1 024 MB", GI),
        ("1\N{NARROW NO-BREAK SPACE}024 MB", GI),
        ("1'024 MB", GI),
        ("４ＧＢ", 4 * GI),
        ("3221225472", 3 * GI),
        ("1.2Gi", 1288490189),
        ("6.4Gi", 6871947674),
        ("3.7", 3972844749),
        ("75.1 GiB", 80638010983),
        ("1e9", 10**9),
    ],
)
def test_memory_is_read_as_it_is_meant(typed, size):
    assert read_memory(spoken.memory(typed)) == size


@pytest.mark.parametrize(("read", "typed"), [(spoken.cpu, "1,500"), (spoken.memory, "1,024 MB")])
def test_what_can_mean_two_numbers_is_asked_about(read, typed):
    with pytest.raises(InvalidQuantity, match=r"can mean 1(500 or 1\.500|024 or 1\.024)\. Write one of these"):
        read(typed)


@pytest.mark.parametrize(
    ("typed", "size"),
    [("1,125", 1152 * MI), ("1,125 GiB", 1152 * MI), ("1.125 GiB", 1152 * MI), ("1.024,5 MB", 1024 * MI + MI // 2)],
)
def test_a_comma_is_the_decimal_mark_where_the_language_has_it(typed, size):
    with speaking("de"):
        assert read_memory(spoken.memory(typed)) == size


@pytest.mark.parametrize(
    "typed", ["many", "4 apples", "-1", "1,2,3", "1.2.3", "", "½ of it", "1;2", "9" * 5000, " " * 5000]
)
def test_what_is_no_amount_is_left_to_the_strict_reader(typed):
    for read, then in ((spoken.cpu, read_cpu), (spoken.memory, read_memory)):
        with pytest.raises(InvalidQuantity):
            then(read(typed))


@pytest.mark.parametrize(("typed", "count"), [("1", "1"), ("１", "1"), ("2 GPUs", "2"), ("1,5", "1.5"), ("one", "one")])
def test_counts_are_read_too(typed, count):
    assert spoken.count(typed) == count


@given(st.text(max_size=70))
def test_no_text_fails_otherwise_than_with_a_sentence(typed):
    for read in (spoken.cpu, spoken.memory, spoken.count):
        try:
            read(typed)
        except InvalidQuantity as error:
            assert len(error.message) < 200


@given(st.integers(1, 2**50))
def test_what_a_field_shows_is_read_as_the_same_amount(amount):
    assert read_memory(spoken.memory(memory_field(amount))) == amount
    assert read_cpu(spoken.cpu(cpu_words(amount % 10**9))) == amount % 10**9


@pytest.mark.parametrize(
    ("size", "shown"),
    [(2560 * MI, "2.5 GiB"), (512 * MI, "512 MiB"), (1288490189, "1.2 GiB"), (4 * 10**9, "3906250 KiB"), (1, "1 B")],
)
def test_a_field_shows_memory_as_people_write_it(size, shown):
    assert memory_field(size) == shown


@pytest.mark.parametrize(
    ("typed", "asked", "shown"),
    [("1.0GB", "1Gi", "1 GiB"), ("1.2Gi", "1288490189", "1.2 GiB"), ("1,2 GB", "1288490189", "1.2 GiB")],
)
def test_a_decimal_is_asked_for_in_whole_bytes_and_shown_as_people_write_it(typed, asked, shown):
    """As github.com/kubeflow/kubeflow/issues/5064 and 7369 have it: an amount that no API server reads, and "…800m"."""
    amount = read_memory(spoken.memory(typed))

    assert memory_text(amount) == asked
    assert memory_field(amount) == shown
