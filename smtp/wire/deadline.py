"""One timer for a connection, moved lazily: a later deadline costs no timer, so a command costs none.

Each deadline has a second, earlier one for a server under stress. Whether it is under stress is asked when a deadline
has come, so who is already waiting when stress begins is hurried as well.
"""

import asyncio
import math
from collections.abc import Callable

from appliance.connections import STRESS_SECONDS


class Deadline:
    """Calls `late` once the deadline is over. Times are those of `loop`, in seconds."""

    __slots__ = ("_call", "_handle", "_hurried", "_late", "_loop", "_stressed", "_timer_at", "_when")

    def __init__(self, loop: asyncio.AbstractEventLoop, late: Callable[[], None], stressed: Callable[[], bool]) -> None:
        self._loop = loop
        self._late = late
        self._stressed = stressed
        self._when = self._hurried = self._timer_at = math.inf
        self._handle: asyncio.TimerHandle | None = None

    def set(self, when: float, hurried: float = math.inf) -> None:
        """The deadline is `when` from now on, and `hurried` under stress; `math.inf` is none."""
        self._when = when
        self._hurried = hurried
        at = min(when, hurried)
        if at < self._timer_at:
            self._arm(at)

    def stop(self) -> None:
        """There is no deadline any more."""
        self._when = self._hurried = math.inf
        self._arm(math.inf)

    def _arm(self, at: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._timer_at = at
        if at != math.inf:
            self._handle = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        """A deadline that was once set has come: it may have moved since, and that of a stressed server may not count.

        A peer that is only late under stress is looked at again as often as stress would ask.
        """
        self._handle, self._timer_at = None, math.inf
        now = self._loop.time()
        if now >= self._when or (now >= self._hurried and self._stressed()):
            self._late()
        elif min(self._when, self._hurried) != math.inf:
            self._arm(min(self._when, max(self._hurried, now + STRESS_SECONDS)))
