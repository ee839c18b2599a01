"""How many connections there are: one count for all listeners of the daemon, in all and by address.

And what follows from it: above four fifths of all places the server is under stress, and waits seconds instead of
minutes for those who have not shown who they are. Who has signed in keeps all the time the protocol grants.
"""

from collections import Counter
from collections.abc import Callable
from typing import Literal

Excess = Literal["address", "total"]
"""Which bound a connection would break."""
STRESS_SHARE = 0.8
"""Of all places; with more of them taken, strangers are hurried."""
STRESS_SECONDS = 10.0
"""How long a stranger may take under stress for what may take minutes otherwise."""


def under_stress(taken: int, total: int) -> bool:
    """Whether so many of `total` places (0: without bound) are too many to be patient."""
    return total > 0 and taken > total * STRESS_SHARE


def patience(seconds: float, *, stress: bool, signed_in: bool = False) -> float:
    """How long to wait for a peer that could take `seconds` in quiet times; 0 (no bound) is a bound under stress."""
    if not stress or signed_in:
        return seconds
    return min(seconds, STRESS_SECONDS) if seconds else STRESS_SECONDS


class ConnectionCounter:
    """Counts connections; 0 is no bound. For the event loop only."""

    def __init__(self, total: int, per_address: int) -> None:
        self._total = total
        self._per_address = per_address
        self._open = 0
        self._by_address: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """Connections there are now."""
        return self._open

    @property
    def stressed(self) -> bool:
        """Whether strangers have to hurry now; asked each time a time-out is set or looked at."""
        return under_stress(self._open, self._total)

    def admit(self, address: str) -> Excess | None:
        """Counts a connection from `address` and returns None, or names the bound it would break, uncounted."""
        if 0 < self._total <= self._open:
            return "total"
        if 0 < self._per_address <= self._by_address[address]:
            return "address"
        self._open += 1
        self._by_address[address] += 1
        return None

    def leave(self, address: str) -> None:
        """A connection that was admitted is gone."""
        self._open -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def wait(self) -> None:
        """Counts a connection of which nobody knows yet for whom it is; it breaks no bound, and others may by it."""
        self._open += 1

    def waited(self) -> None:
        """One of those that waited is gone, or about to be counted for its address by `admit`."""
        self._open -= 1

    def place(self, address: str) -> Callable[[], None] | None:
        """`admit` as one value: what gives the place back (twice does no harm), None where there is none."""
        if self.admit(address) is not None:
            return None
        held = [address]

        def release() -> None:
            if held:
                self.leave(held.pop())

        return release
