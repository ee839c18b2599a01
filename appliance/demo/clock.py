"""A clock that begins yesterday and has caught up when the last letter is there."""

from collections.abc import Callable

HOUR_US = 3600 * 1_000_000
DAY_HOURS = 24.0


class Clock:
    """UTC microseconds, some hours behind: less and less so, and never more."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._hours_behind = DAY_HOURS

    def __call__(self) -> int:
        return self._now() - int(self._hours_behind * HOUR_US)

    def move_to(self, hours_behind: float) -> None:
        """It is now that long ago, where it was longer ago before."""
        self._hours_behind = max(0.0, min(self._hours_behind, hours_behind))
