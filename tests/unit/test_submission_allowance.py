"""Limits of recipients by account: what is counted, when a limit frees, what open transactions hold."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtp.submission.allowance import DAY, HOUR, Limit, limits, moment, reached
from smtp.submission.holds import Holds

MINUTE = 60_000_000
NOON = 1_795_521_600_000_000
"""2026-11-24T12:00:00Z"""


def test_zero_is_no_limit() -> None:
    assert limits(0, 0) == ()
    assert [limit.words for limit in limits(300, 2000)] == ["300 recipients an hour", "2000 recipients a day"]
    assert [limit.words for limit in limits(0, 1)] == ["1 recipient a day"]


@pytest.mark.parametrize(
    ("sent", "open_now", "ends"),
    [
        ((), 0, None),
        ((NOON - 3, NOON - 2), 0, None),
        ((), 2, None),
        # the oldest leaves first
        ((NOON - 3, NOON - 2, NOON - 1), 0, NOON - 3 + HOUR),
        ((NOON - 30 * MINUTE,), 2, NOON + 30 * MINUTE),
        # enough have to leave
        ((NOON - 5, NOON - 4, NOON - 3, NOON - 2, NOON - 1), 0, NOON - 3 + HOUR),
        ((NOON - 3, NOON - 2), 3, NOON + HOUR),
        ((), 3, NOON + HOUR),
        # what is an hour old is counted no more
        ((NOON - HOUR, NOON - 2, NOON - 1), 0, None),
        ((NOON - HOUR + 1, NOON - 2, NOON - 1), 0, NOON + 1),
    ],
)
def test_three_an_hour(sent: tuple[int, ...], open_now: int, ends: int | None) -> None:
    found = reached(limits(3, 0), sent, open_now, NOON)
    assert (found.ends if found else None) == ends


def test_of_two_limits_the_one_that_frees_last() -> None:
    both = limits(1, 2)
    found = reached(both, (NOON - 2 * HOUR, NOON - 1), 0, NOON)
    assert found is not None
    assert (found.limit.words, found.ends) == ("2 recipients a day", NOON - 2 * HOUR + DAY)
    found = reached(both, (NOON - DAY + MINUTE, NOON - 1), 0, NOON)
    assert found is not None
    assert (found.limit.words, found.ends) == ("1 recipient an hour", NOON - 1 + HOUR)


@settings(max_examples=100)
@given(st.lists(st.integers(NOON - 2 * HOUR, NOON)), st.integers(0, 20), st.integers(1, 10))
def test_one_may_be_sent_when_it_ends_and_not_before(times: list[int], open_now: int, count: int) -> None:
    sent, held_to = sorted(times), limits(count, 0)
    found = reached(held_to, sent, open_now, NOON)
    if found is None:
        assert len([at for at in sent if at > NOON - HOUR]) + open_now < count
        return
    settled = sorted([*sent, *[NOON] * open_now])
    assert reached(held_to, settled, 0, found.ends) is None
    assert reached(held_to, settled, 0, found.ends - 1) is not None


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        (NOON + 125 * MINUTE, "14:05 UTC"),
        (NOON + 125 * MINUTE - 1, "14:05 UTC"),
        (NOON + 125 * MINUTE + 1, "14:06 UTC"),
        (NOON + 12 * HOUR - 1, "2026-11-25 00:00 UTC"),
        (NOON + DAY, "2026-11-25 12:00 UTC"),
    ],
)
def test_the_moment_is_a_full_minute_and_never_too_early(ends: int, text: str) -> None:
    assert moment(ends, NOON) == text


def test_sessions_of_one_account_hold_together() -> None:
    holds = Holds()
    for session, account in ((1, 7), (1, 7), (2, 7), (3, 8)):
        holds.take(session, account)
    assert (holds.of(7), holds.of(8), holds.of(9)) == (3, 1, 0)
    holds.storing(2, 99)
    holds.storing(4, 98)
    assert (holds.traces(7), holds.traces(8)) == ({99}, frozenset())
    holds.drop(2)
    holds.drop(2)
    assert (holds.of(7), holds.traces(7)) == (2, frozenset())
    holds.drop(1)
    holds.drop(3)
    assert (holds.of(7), holds.of(8)) == (0, 0)


def test_a_limit_names_itself() -> None:
    assert limits(300, 0) == (Limit(300, HOUR, "300 recipients an hour"),)
