"""How fast passwords may be tried: a pure table of failures.

Failures of the last ten minutes are counted for the account tried, for the address they come from (an
IPv6 host owns a /64), and for the pair of both. Five are free; then each attempt waits 1, 2, 4 up to 30
seconds *before* any hashing; ten from one address shut it out for fifteen minutes.

Nobody may lock the owner out by failing on purpose: an address from which an account was signed in to
before is judged by the pair alone, so a flood from elsewhere (or from a neighbour behind the same NAT)
costs the owner nothing.
"""

from collections.abc import Hashable

import msgspec

from appliance.mail.networks import holder

FREE_FAILURES = 5
MAX_FAILURES = 10
MAX_DELAY = 30.0
WINDOW_US = 10 * 60 * 1_000_000
SHUT_OUT_US = 15 * 60 * 1_000_000
MAX_ENTRIES = 8192
"""Of each table; beyond it the entry that failed longest ago is forgotten."""


class Decision(msgspec.Struct, frozen=True):
    """What an attempt has to bear."""

    delay: float
    """Seconds to wait before the password is looked at."""
    refused_for: float
    """Seconds for which nothing more is taken from this address; 0: the attempt may go on."""


GO_ON = Decision(0, 0)


class Throttle:
    """All failures that still count. Accounts are named by the folded login text, whether they exist or not."""

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._accounts = _Failures(max_entries)
        self._addresses = _Failures(max_entries)
        self._pairs = _Failures(max_entries)
        self._known: dict[tuple[str, str], None] = {}
        self._max_entries = max_entries

    def decide(self, account: str, address: str, now: int, *, known: bool = False) -> Decision:
        """Judges an attempt; `known` says that the account was last used from this address."""
        if not self._accounts and not self._addresses:
            return GO_ON
        network = holder(address)
        pair = (account, network)
        shutting = self._pairs.shut_until(pair)
        delay = self._pairs.delay(pair, now)
        if not known and pair not in self._known:
            shutting = max(shutting, self._addresses.shut_until(network))
            delay = max(delay, self._addresses.delay(network, now), self._accounts.delay(account, now))
        # A clock that stepped back must not shut an address out for longer than a failure now would.
        refused_for = min(max(0, shutting - now), SHUT_OUT_US) / 1_000_000
        return Decision(delay, refused_for)

    def failed(self, account: str, address: str, now: int) -> None:
        """Counts a wrong password (or an unknown account)."""
        network = holder(address)
        self._accounts.add(account, now)
        self._addresses.add(network, now)
        self._pairs.add((account, network), now)

    def succeeded(self, account: str, address: str) -> None:
        """Remembers the address as good for the account and forgets the failures of the pair.

        Those of the address stay: whoever owns one account could else guess at others without end.
        """
        pair = (account, holder(address))
        self._pairs.forget(pair)
        self._known.pop(pair, None)
        if len(self._known) >= self._max_entries:
            del self._known[next(iter(self._known))]
        self._known[pair] = None


class _Failures:
    """Times of the last MAX_FAILURES failures by key, the key that failed last at the end."""

    def __init__(self, max_entries: int) -> None:
        self._times: dict[Hashable, tuple[int, ...]] = {}
        self._shut: dict[Hashable, int] = {}
        self._max_entries = max_entries

    def __len__(self) -> int:
        return len(self._times)

    def add(self, key: Hashable, now: int) -> None:
        times = (*self._recent(key, now), now)[-MAX_FAILURES:]
        self._times.pop(key, None)
        if len(self._times) >= self._max_entries:
            self.forget(next(iter(self._times)))
        self._times[key] = times
        if len(times) == MAX_FAILURES:
            self._shut[key] = now + SHUT_OUT_US

    def delay(self, key: Hashable, now: int) -> float:
        over = len(self._recent(key, now)) - FREE_FAILURES
        return min(float(1 << over), MAX_DELAY) if over >= 0 else 0.0

    def shut_until(self, key: Hashable) -> int:
        return self._shut.get(key, 0)

    def forget(self, key: Hashable) -> None:
        self._times.pop(key, None)
        self._shut.pop(key, None)

    def _recent(self, key: Hashable, now: int) -> tuple[int, ...]:
        return tuple(at for at in self._times.get(key, ()) if 0 <= now - at < WINDOW_US)
