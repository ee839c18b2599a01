"""Sequence sets (RFC 3501 §9): numbers and ranges as written, never expanded.

A set says either message sequence numbers or UIDs; the view decides. "*" is the largest number in use.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

import msgspec

from imap.wire.status import bad

MAX_NUMBER = 0xFFFFFFFF
"""The largest sequence number or UID (RFC 3501 §9, nz-number)."""
_SYNTAX = re.compile(
    r"(?:\*|[1-9]\d{0,9})(?::(?:\*|[1-9]\d{0,9}))?(?:,(?:\*|[1-9]\d{0,9})(?::(?:\*|[1-9]\d{0,9}))?)*\Z"
)

Span = tuple[int, int]
"""First and last number, both included."""


class SequenceSet(msgspec.Struct, frozen=True):
    """A set as the client wrote it: (start, end) pairs, None standing for "*"; a single number is a pair of equals."""

    ranges: tuple[tuple[int | None, int | None], ...]

    @classmethod
    def parse(cls, text: str) -> "SequenceSet":
        """A set from its text. Raises ImapError BAD for anything but RFC 3501's sequence-set; 0 is no number."""
        if not text.isascii() or not _SYNTAX.match(text):
            raise bad("Not a sequence set (numbers from 1, ranges a:b, *)")
        return cls(tuple(_range(item) for item in text.split(",")))

    @property
    def text(self) -> str:
        """The set as RFC 3501 writes it."""
        return ",".join(_number_text(a) if a == b else f"{_number_text(a)}:{_number_text(b)}" for a, b in self.ranges)

    def spans(self, largest: int) -> list[Span]:
        """Ascending, disjoint spans with "*" read as `largest`; overlaps are merged (RFC 3501 §9: MAY coalesce)."""
        pairs = sorted(_ordered(largest if a is None else a, largest if b is None else b) for a, b in self.ranges)
        merged: list[Span] = []
        for first, last in pairs:
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
            else:
                merged.append((first, last))
        return merged

    def numbers(self, count: int) -> list[Span]:
        """Spans of sequence numbers in a mailbox of `count` messages.

        Raises ImapError BAD for a number above it, and for "*" in an empty mailbox (RFC 3501 §9, seq-number).
        """
        spans = self.spans(count)
        if spans[0][0] < 1 or spans[-1][1] > count:
            raise bad(f"No such message: there are {count}" if count else "No such message: the mailbox is empty")
        return spans

    def slices(self, uids: "array[int]", count: int) -> list[tuple[int, int]]:
        """Where the UIDs of this set stand among the first `count` of an ascending array: half-open index pairs.

        "*" is the last UID there, so "n:*" always holds it (RFC 3501 §9); unknown UIDs are no error
        (RFC 3501 §6.4.8). Costs two binary searches a range.
        """
        if not count:
            return []
        found = []
        for first, last in self.spans(uids[count - 1]):
            start, stop = bisect_left(uids, first, 0, count), bisect_right(uids, last, 0, count)
            if start < stop:
                found.append((start, stop))
        return found

    def uids_in(self, uids: "array[int]") -> "array[int]":
        """The UIDs of this set that an ascending array holds, ascending."""
        result = array("I")
        for start, stop in self.slices(uids, len(uids)):
            result.extend(uids[start:stop])
        return result


def of_numbers(numbers: Iterable[int]) -> str:
    """The shortest set text of ascending numbers, such as `1:3,7` (for COPYUID, RFC 4315 §3). "" for none."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(str(a) if a == b else f"{a}:{b}" for a, b in spans)


def _range(item: str) -> tuple[int | None, int | None]:
    first, colon, last = item.partition(":")
    return _number(first), _number(last if colon else first)


def _number(text: str) -> int | None:
    if text == "*":
        return None
    number = int(text)
    if number > MAX_NUMBER:
        raise bad(f"Not a sequence set: {number} is above {MAX_NUMBER}")
    return number


def _number_text(number: int | None) -> str:
    return "*" if number is None else str(number)


def _ordered(a: int, b: int) -> Span:
    # RFC 3501 §9: 2:4 and 4:2 are equivalent
    return (a, b) if a <= b else (b, a)
