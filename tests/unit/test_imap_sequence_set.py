"""Sequence sets mean what RFC 3501 §9 says, and never grow with their numbers."""

from array import array
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.wire.sequence_set import SequenceSet, of_numbers
from imap.wire.status import ImapError

NUMBERS = st.one_of(st.integers(1, 40), st.integers(1, 0xFFFFFFFF))
ENDS = st.one_of(NUMBERS.map(str), st.just("*"))
ITEMS = st.one_of(ENDS, st.tuples(ENDS, ENDS).map(":".join))
SETS = st.lists(ITEMS, min_size=1, max_size=8).map(",".join)


def naive(text: str, uids: list[int]) -> list[int]:
    largest = max(uids)
    found = set()
    for item in text.split(","):
        ends = [largest if end == "*" else int(end) for end in item.split(":")]
        found |= {uid for uid in uids if min(ends) <= uid <= max(ends)}
    return sorted(found)


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "01",
        "",
        "1,",
        ",1",
        "1:",
        ":1",
        "1:2:3",
        "a",
        "1 2",
        "4294967296",
        "99999999999",
        "-1",
        "1:0",
        "**",
        "١",
        "$",
    ],
)
def test_what_is_no_set_is_bad(text):
    with pytest.raises(ImapError) as refused:
        SequenceSet.parse(text)
    assert refused.value.kind == "BAD"


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("1", 3, [(1, 1)]),
        ("3:1", 3, [(1, 3)]),
        ("*", 3, [(3, 3)]),
        ("2:*,1", 3, [(1, 3)]),
        ("*:4,5:7", 10, [(4, 10)]),
        ("2,4:7,9,12:*", 15, [(2, 2), (4, 7), (9, 9), (12, 15)]),
    ],
)
def test_numbers(text, count, expected):
    assert SequenceSet.parse(text).numbers(count) == expected


@pytest.mark.parametrize(("text", "count"), [("4", 3), ("1:4", 3), ("9:*", 3), ("*", 0), ("1:*", 0), ("1", 0)])
def test_numbers_that_are_not_there_are_bad(text, count):
    with pytest.raises(ImapError, match="No such message"):
        SequenceSet.parse(text).numbers(count)


def test_the_largest_range_is_never_expanded():
    everything = SequenceSet.parse("1:4294967295")
    assert everything.spans(5) == [(1, 4294967295)]
    assert list(everything.uids_in(array("I", [7, 9]))) == [7, 9]
    assert list(everything.uids_in(array("I"))) == []


@given(SETS)
def test_the_text_comes_back(text):
    again = SequenceSet.parse(SequenceSet.parse(text).text)
    assert again == SequenceSet.parse(text)


@given(SETS, st.lists(NUMBERS, min_size=1, max_size=30, unique=True).map(sorted))
def test_membership_is_that_of_a_plain_set(text, uids):
    assert list(SequenceSet.parse(text).uids_in(array("I", uids))) == naive(text, uids)


@given(st.text("0123456789:*,", max_size=20))
def test_no_text_raises_anything_but_bad(text):
    with suppress(ImapError):
        assert SequenceSet.parse(text).spans(7)


@given(st.lists(NUMBERS, max_size=30, unique=True).map(sorted))
def test_of_numbers_names_exactly_these(numbers):
    text = of_numbers(numbers)
    found = [n for a, b in SequenceSet.parse(text).spans(0) for n in range(a, b + 1)] if numbers else []
    assert found == numbers
