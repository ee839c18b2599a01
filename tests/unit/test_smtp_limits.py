"""When a session's patience ends, and what 0 means."""

import math

import msgspec
import pytest

from config.settings import Settings
from smtp.limits import RESYNC, SessionLimits, reached, session_limits

LIMITS = session_limits(Settings())


def with_limits(**changes: float) -> SessionLimits:
    return msgspec.structs.replace(LIMITS, **changes)


@pytest.mark.parametrize(
    ("now", "reached_data", "deadline"),
    [
        (0, False, 300),  # silence
        (400, False, 600),  # before the first DATA
        (400, True, 700),
        (1700, True, 1800),  # the session in all
    ],
)
def test_commands(now: float, reached_data: bool, deadline: float) -> None:
    assert LIMITS.command_deadline(now, 0, reached_data) == deadline


@pytest.mark.parametrize(
    ("now", "received", "deadline"),
    [
        (100, 0, 160),  # the first minute asks for no rate
        (130, 20_000, 300),  # at 100 bytes a second these last until then
        (130, 10**9, 430),  # fast: only silence counts
        (1700, 10**9, 1800),
    ],
)
def test_data_that_began_at_100(now: float, received: int, deadline: float) -> None:
    assert LIMITS.data_deadline(now, 0, 100, received) == deadline


@pytest.mark.parametrize(("reached_data", "deadline"), [(False, 10), (True, 410)])
def test_under_stress_ten_seconds_are_left(reached_data: bool, deadline: float) -> None:
    """For each wait, and for all of them together until the first DATA."""
    assert LIMITS.hurried(400, 0, reached_data) == deadline
    assert LIMITS.handshake_wait(stress=True) == 10
    assert LIMITS.handshake_wait(stress=False) == 30


def test_zero_is_unlimited() -> None:
    free = with_limits(command_timeout=0, pre_data_timeout=0, session_timeout=0, data_min_rate=0)
    assert free.command_deadline(5, 0, reached_data=False) == math.inf
    assert free.data_deadline(5, 0, 0, 0) == math.inf
    assert not reached(10**9, 0)
    assert session_limits(msgspec.convert({"limits": {"command_line": 0}}, Settings)).command_line == RESYNC
    assert reached(3, 3)
    assert not reached(2, 3)
