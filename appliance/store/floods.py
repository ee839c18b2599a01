"""When many sessions of one peer come to the same end, the record keeps the first ones and counts the others."""

from ipaddress import IPv6Address, ip_address

import msgspec

WINDOW = 60 * 1_000_000
"""Microseconds in which they are counted together."""
EACH = 20
"""Sessions of one address with the same outcome that have rows of their own in that time."""
MAX_KEYS = 10_000
"""Addresses and outcomes that are counted at the same time; the oldest is forgotten first."""


class _Seen(msgspec.Struct):
    first: int
    since: int
    count: int = 1


class Floods:
    """Which sessions have the same peer and the same end, within a minute."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], _Seen] = {}

    def first(self, peer: str, outcome: str, at: int) -> int | None:
        """The session to stand for one more of that end, None where it gets a row of its own (then `add` it)."""
        seen = self._seen.get((network(peer), outcome))
        return seen.first if seen is not None and at - seen.since < WINDOW and seen.count >= EACH else None

    def add(self, peer: str, outcome: str, session: int, at: int) -> None:
        """A session of that end has a row of its own."""
        key = network(peer), outcome
        seen = self._seen.get(key)
        if seen is not None and at - seen.since < WINDOW:
            seen.count += 1
            return
        self._seen.pop(key, None)
        if len(self._seen) >= MAX_KEYS:
            del self._seen[next(iter(self._seen))]
        self._seen[key] = _Seen(session, at)


def network(peer: str) -> str:
    """The address, or the /64 of an IPv6 one; text that is no address stands for itself."""
    if ":" not in peer:
        return peer
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if not isinstance(address, IPv6Address):
        return peer
    return IPv6Address(int(address) >> 64 << 64).compressed + "/64"
