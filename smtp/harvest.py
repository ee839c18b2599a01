"""Who guesses addresses: a pure table of unknown recipients, counted across sessions (RFC 5321 §7.3).

They are counted for the address they come from and for its network, the /24 of IPv4 and the /64 of IPv6, within
ten minutes from the first. From some on each answer is slow; at the bound nothing more is looked up, whatever
session asks: a new connection changes nothing.

A network's bounds are five times an address's. Who is shut out is counted no further, so one bad neighbour brings
his network a fifth of the way, and only several of them, or one that hops between addresses, shut it out. Even
then an address from which a message was taken is judged by its own guesses alone, as long as these are few: who
has mail for us is not locked out by neighbours.

A message that is taken halves the count of its own address, and of nothing else: an old list of recipients does no
harm, and guessing pays two messages for each few guesses. That a recipient was accepted proves nothing, for
postmaster always is.

Who has signed in is named by his account instead of an address: that is a network of its own, so neighbours, or
whoever else is behind the same NAT, cost him nothing.
"""

from typing import Literal

import msgspec

from appliance.mail.networks import neighbourhood

WINDOW_US = 10 * 60 * 1_000_000
"""Microseconds after the first for which unknown recipients count."""
NETWORK_FACTOR = 5
MAX_ENTRIES = 8192
"""Of each table; beyond it the entry that is oldest is forgotten."""

Verdict = Literal["free", "slow", "shut"]


class Harvest:
    """All unknown recipients that still count. `slow` and `most` are the bounds of one address; 0 is no bound."""

    def __init__(self, slow: int, most: int, max_entries: int = MAX_ENTRIES) -> None:
        self._slow = slow
        self._most = most
        self._addresses = _Counts(max_entries)
        self._networks = _Counts(max_entries)
        self._good: dict[str, None] = {}
        self._max_entries = max_entries

    def unknown(self, address: str, now: int) -> None:
        """Counts an unknown recipient."""
        self._addresses.add(address, now)
        self._networks.add(neighbourhood(address), now)

    def delivered(self, address: str) -> None:
        """A message from there was taken."""
        self._addresses.halve(address)
        self._good.pop(address, None)
        if len(self._good) >= self._max_entries:
            del self._good[next(iter(self._good))]
        self._good[address] = None

    def judge(self, address: str, now: int) -> Verdict:
        """What the next recipient from there has to bear: nothing, a delay if it is unknown, or no look at all."""
        if not self._addresses and not self._networks:
            return "free"
        own = self._verdict(self._addresses.count(address, now), 1)
        if own == "shut" or (own == "free" and address in self._good):
            return own
        neighbours = self._verdict(self._networks.count(neighbourhood(address), now), NETWORK_FACTOR)
        return own if neighbours == "free" else neighbours

    def _verdict(self, count: int, factor: int) -> Verdict:
        if 0 < self._most * factor <= count:
            return "shut"
        return "slow" if 0 < self._slow * factor <= count else "free"


class _Count(msgspec.Struct):
    since: int
    number: int


class _Counts:
    """A number by key and when it began, the oldest first."""

    def __init__(self, max_entries: int) -> None:
        self._counts: dict[str, _Count] = {}
        self._max_entries = max_entries

    def __len__(self) -> int:
        return len(self._counts)

    def count(self, key: str, now: int) -> int:
        found = self._counts.get(key)
        # A clock that stepped back must not make a count last for ever.
        return found.number if found is not None and 0 <= now - found.since < WINDOW_US else 0

    def add(self, key: str, now: int) -> None:
        if self.count(key, now):
            self._counts[key].number += 1
            return
        self._counts.pop(key, None)
        if len(self._counts) >= self._max_entries:
            del self._counts[next(iter(self._counts))]
        self._counts[key] = _Count(now, 1)

    def halve(self, key: str) -> None:
        found = self._counts.get(key)
        if found is not None:
            found.number //= 2
