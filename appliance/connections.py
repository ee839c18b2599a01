"""How many connections there are: one count for all listeners of the daemon, in all and by address."""

from collections import Counter
from collections.abc import Callable
from typing import Literal

Excess = Literal["address", "total"]
"""Which bound a connection would break."""


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

    def place(self, address: str) -> Callable[[], None] | None:
        """`admit` as one value: what gives the place back (twice does no harm), None where there is none."""
        if self.admit(address) is not None:
            return None
        held = [address]

        def release() -> None:
            if held:
                self.leave(held.pop())

        return release
