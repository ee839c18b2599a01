"""Answers for as long as they hold, and no longer; bounded in number and in bytes. It knows no clock."""

from collections import OrderedDict
from typing import Generic, TypeVar

import msgspec

from appliance.dns.answers import Answer, Failed, Found, NotFound

T = TypeVar("T")

MAX_FOUND = 86_400
"""Seconds for which records are kept; longer TTLs would outlive the mistakes in them (RFC 2181 §8 allows less)."""
MAX_NOT_FOUND = 3_600
"""Seconds for which absence is kept; RFC 2308 §5 suggests one to three hours."""
FAILED = 1
"""Seconds for which a failure is kept: RFC 9520 §3.2 asks for at least one, so that a flood of mail asks once."""


def lifetime(answer: Answer[T]) -> int:
    """Seconds for which an answer may be given again; 0 is not at all."""
    match answer:
        case Found(ttl=ttl):
            return min(ttl, MAX_FOUND)
        case NotFound(ttl=ttl):
            return min(ttl, MAX_NOT_FOUND)
        case Failed():
            return FAILED if answer.temporary else 0


class _Entry(msgspec.Struct, Generic[T], frozen=True):
    answer: Answer[T]
    expires: float
    size: int


class Cache(Generic[T]):
    """Least recently used answers go first. `now` is seconds of a clock that is never set back."""

    def __init__(self, entries: int = 10_000, octets: int = 4 << 20) -> None:
        self._entries = entries
        self._octets = octets
        self._held: OrderedDict[tuple[str, str], _Entry[T]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._held)

    @property
    def size(self) -> int:
        """Octets held, as `put` was told them."""
        return self._size

    def get(self, name: str, rdtype: str, now: float) -> Answer[T] | None:
        """The answer with the TTL that is left of it, at least 1; None where there is none or its time is over."""
        entry = self._held.get((name, rdtype))
        if entry is None:
            return None
        if entry.expires <= now:
            self._drop((name, rdtype))
            return None
        self._held.move_to_end((name, rdtype))
        if isinstance(entry.answer, Failed):
            return entry.answer
        return msgspec.structs.replace(entry.answer, ttl=max(1, int(entry.expires - now)))

    def put(self, name: str, rdtype: str, answer: Answer[T], size: int, now: float) -> None:
        """Keep an answer of `size` octets, in place of an earlier one, unless it may not be kept at all."""
        self._drop((name, rdtype))
        seconds = lifetime(answer)
        if seconds <= 0 or size > self._octets:
            return
        self._held[name, rdtype] = _Entry(answer, now + seconds, size)
        self._size += size
        while len(self._held) > self._entries or self._size > self._octets:
            self._drop(next(iter(self._held)))

    def _drop(self, key: tuple[str, str]) -> None:
        entry = self._held.pop(key, None)
        if entry is not None:
            self._size -= entry.size
