"""A bound on how often something is done for whoever asks."""

PER_SECOND, AT_ONCE = 5, 20


class Pace:
    """So many a second, and some more at once."""

    def __init__(self, per_second: int = PER_SECOND, at_once: int = AT_ONCE) -> None:
        self._per_second, self._at_once = per_second, at_once
        self._left, self._at = float(at_once), 0

    def take(self, now: int) -> bool:
        """Whether one more may be at `now` (UTC microseconds)."""
        passed = max(0, now - self._at) / 1_000_000
        self._left, self._at = min(self._at_once, self._left + passed * self._per_second), now
        if self._left < 1:
            return False
        self._left -= 1
        return True
