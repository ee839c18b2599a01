"""Ids: in the order of time, and back to it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.ids import EPOCH_MS, IdMaker, first_id, id_text, parse_id, time_of

TIMES = st.integers(EPOCH_MS * 1000, EPOCH_MS * 1000 + (1 << 42) * 1000 - 1)


@given(TIMES, TIMES, st.integers(0, 255))
@settings(max_examples=100)
def test_what_was_made_before_a_time_is_a_range_of_ids(made, moment, node):
    new = IdMaker(lambda: made, node)()
    assert (new >= first_id(moment)) is (made // 1000 >= moment // 1000)


@given(TIMES, st.integers(0, 255))
@settings(max_examples=100)
def test_an_id_tells_when_it_was_made(made, node):
    assert time_of(IdMaker(lambda: made, node)()) == made // 1000 * 1000


def test_before_the_epoch_there_are_none():
    assert first_id(0) == 0


@given(st.integers(0, (1 << 63) - 1))
@settings(max_examples=100)
def test_text_reads_back(number):
    assert parse_id(id_text(number).upper()) == number
