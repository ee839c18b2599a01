"""Limits of recipients by account: what is counted, when a limit frees, what open transactions hold."""

import pytest

from smtp.submission.allowance import DAY, HOUR, Limit, limits, moment, too_many
from smtp.submission.holds import Holds

MINUTE = 60_000_000
NOON = 1_795_521_600_000_000
"""2026-11-24T12:00:00Z"""


def test_zero_is_no_limit() -> None:
    assert limits(0, 0) == ()
    assert [limit.words for limit in limits(300, 2000)] == ["300 recipients an hour", "2000 recipients a day"]
    assert [limit.words for limit in limits(0, 1)] == ["1 recipient a day"]


@pytest.mark.parametrize(
    ("counted", "held", "excess"), [(0, 0, 0), (2, 0, 0), (0, 2, 0), (3, 0, 1), (0, 3, 1), (1, 2, 1), (5, 2, 5)]
)
def test_three_an_hour(counted: int, held: int, excess: int) -> None:
    assert too_many(limits(3, 0)[0], counted, held) == excess


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
    assert (holds.traces(7), holds.traces(8)) == (frozenset({99}), frozenset())
    holds.drop(2)
    holds.drop(2)
    assert (holds.of(7), holds.traces(7)) == (2, frozenset())
    holds.drop(1)
    holds.drop(3)
    assert (holds.of(7), holds.of(8)) == (0, 0)


def test_a_limit_names_itself() -> None:
    assert limits(300, 0) == (Limit(300, HOUR, "300 recipients an hour"),)
