"""When one peer does too much that comes to nothing, the record keeps the first of it and counts the rest.

Sessions that end before MAIL are counted by how they end; transactions that store nothing have so many rows a minute.
"""

import msgspec

from appliance.mail.networks import holder

WINDOW = 60 * 1_000_000
"""Microseconds in which they are counted together."""
EACH = 20
"""Sessions of one address with the same outcome that have rows of their own in that time."""
ROWS = 2000
"""Rows (transactions and their recipients) that one address may fill in that time with what stores nothing."""
MAX_KEYS = 10_000
"""Addresses, and addresses with outcomes, that are counted at the same time; the oldest is forgotten first."""


class _Seen(msgspec.Struct):
    first: int
    since: int
    count: int = 1


class _Spent(msgspec.Struct):
    since: int
    rows: int = 0


class Floods:
    """What peers have come to within a minute."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._spent: dict[str, _Spent] = {}

    def spend(self, peer: str, rows: int, at: int) -> bool:
        """Whether a peer may fill so many rows more; the first of a minute it always may."""
        key = holder(peer)
        spent = self._spent.get(key)
        if spent is None or not _within(spent.since, at):
            self._spent.pop(key, None)
            if len(self._spent) >= MAX_KEYS:
                del self._spent[next(iter(self._spent))]
            spent = self._spent[key] = _Spent(at)
        allowed = spent.rows < ROWS
        if allowed:
            spent.rows += rows
        return allowed

    def first(self, peer: str, outcome: str, at: int) -> int | None:
        """The session to stand for one more of that end, None where it gets a row of its own (then `add` it)."""
        seen = self._seen.get((holder(peer), outcome))
        return seen.first if seen is not None and _within(seen.since, at) and seen.count >= EACH else None

    def add(self, peer: str, outcome: str, session: int, at: int) -> None:
        """A session of that end has a row of its own."""
        key = holder(peer), outcome
        seen = self._seen.get(key)
        if seen is not None and _within(seen.since, at):
            seen.count += 1
            return
        self._seen.pop(key, None)
        if len(self._seen) >= MAX_KEYS:
            del self._seen[next(iter(self._seen))]
        self._seen[key] = _Seen(session, at)


def _within(since: int, at: int) -> bool:
    """Whether both are in one window. Sessions do not end in the order in which they began; but a clock that stepped
    back must not make a window last for hours."""
    return abs(at - since) < WINDOW
