"""64-bit, time-ordered identifiers and their 13-character text form.

An id is 42 bits of milliseconds since 2020-01-01 UTC, 8 bits of node and 13 bits of sequence: ids of
one node rise strictly, also when the clock steps back. As text (log, Received, 250 reply, URL, CLI,
JSON) an id is 13 characters of lower-case Crockford base32, which sort as the numbers do.
"""

from collections.abc import Callable

EPOCH_MS = 1_577_836_800_000
"""2020-01-01T00:00:00Z in Unix milliseconds."""
SEQUENCE_BITS = 13
NODE_BITS = 8
TEXT_LENGTH = 13
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(a + b for a in ALPHABET for b in ALPHABET)
_VALUE = {c: i for i, c in enumerate(ALPHABET)} | {"i": 1, "l": 1, "o": 0}


def id_text(number: int) -> str:
    """The 13 characters that stand for an id everywhere people or programs read it."""
    p = _PAIRS  # ten bits at a time: every message needs this text several times
    return (
        f"{ALPHABET[(number >> 60) & 31]}{p[(number >> 50) & 1023]}{p[(number >> 40) & 1023]}"
        f"{p[(number >> 30) & 1023]}{p[(number >> 20) & 1023]}{p[(number >> 10) & 1023]}{p[number & 1023]}"
    )


def parse_id(text: str) -> int:
    """An id from its text, in either case; `i`, `l` and `o` are read as 1, 1 and 0.

    Raises ValueError naming the text when it is not 13 characters of Crockford base32.
    """
    folded = text.strip().lower()
    if len(folded) != TEXT_LENGTH or any(c not in _VALUE for c in folded):
        raise ValueError(f"not an id (13 characters of Crockford base32): {text[:40]!r}")
    number = 0
    for c in folded:
        number = number << 5 | _VALUE[c]
    if number >> 63:
        raise ValueError(f"not an id (out of range): {text!r}")
    return number


def first_id(at_us: int) -> int:
    """The smallest id made at or after a time (UTC microseconds), whatever the node."""
    return max(at_us // 1000 - EPOCH_MS, 0) << (NODE_BITS + SEQUENCE_BITS)


def time_of(number: int) -> int:
    """When an id was made, in UTC microseconds, to the millisecond."""
    return ((number >> (NODE_BITS + SEQUENCE_BITS)) + EPOCH_MS) * 1000


class IdMaker:
    """Makes ids; one for each process. `now` gives UTC microseconds. Safe for one thread at a time."""

    def __init__(self, now: Callable[[], int], node: int = 0) -> None:
        if not 0 <= node < 1 << NODE_BITS:
            raise ValueError(f"node is 0 to {(1 << NODE_BITS) - 1}, not {node}")
        self._now = now
        self._node = node
        self._ms = 0
        self._sequence = 0

    def __call__(self) -> int:
        ms = self._now() // 1000 - EPOCH_MS
        if ms > self._ms:
            self._ms, self._sequence = ms, 0
        else:
            self._sequence += 1
            if self._sequence >> SEQUENCE_BITS:
                self._ms, self._sequence = self._ms + 1, 0
        return self._ms << (NODE_BITS + SEQUENCE_BITS) | self._node << SEQUENCE_BITS | self._sequence
