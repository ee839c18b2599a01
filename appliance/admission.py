"""How many connections there may be, of all listeners together and from one address."""

from collections.abc import Callable


class Admission:
    """Counts places; 0 is unlimited. Used on the event loop only."""

    def __init__(self, total: int, per_address: int) -> None:
        self._total = total
        self._per_address = per_address
        self._taken: dict[str, int] = {}
        self.count = 0
        """Connections that have a place now."""

    def admit(self, address: str) -> Callable[[], None] | None:
        """Takes a place for a client at this IP address; the answer gives it back, None says there is none.

        Giving back twice does no harm.
        """
        taken = self._taken.get(address, 0)
        if (self._total and self.count >= self._total) or (self._per_address and taken >= self._per_address):
            return None
        self.count += 1
        self._taken[address] = taken + 1
        return self._place(address)

    def _place(self, address: str) -> Callable[[], None]:
        held = True

        def release() -> None:
            nonlocal held
            if not held:
                return
            held = False
            self.count -= 1
            left = self._taken[address] - 1
            if left:
                self._taken[address] = left
            else:
                del self._taken[address]

        return release
