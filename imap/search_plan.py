"""SEARCH (RFC 3501 §6.4.4) in stages, each dearer than the one before: only what is still open goes on.

1. what the session holds in memory: flags, keywords, sets, \\Recent, and the UIDs in whose columns the store has
   found a text; one byte a message, combined as big integers;
2. row columns: size, INTERNALDATE, the moment of the Date field;
3. the header block: other fields, and dates near midnight;
4. the body, decoded.

Every key answers yes, no or "not known yet" (None), so NOT and OR need no special care.
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress

import msgspec

from appliance.mail.structure import unpack_parts
from appliance.records import KEYWORDED, MessageRow
from imap.search_text import body_text, field_texts, folded, header_text
from imap.view import MailboxView
from imap.wire import search_key as k
from imap.wire.dates import DAY_US, day_of
from imap.wire.sequence_set import SequenceSet

HOUR_US = 3_600_000_000
ColumnText = tuple[str, str]
"""A search column of the store (`from_text` ...) and a text, folded, to find in it."""
_COLUMNS = {name: f"{name}_text" for name in ("from", "to", "cc", "bcc", "subject")}
_DATE = re.compile(r"(\d{1,2})\s+([A-Za-z]{3})[a-z]*\s+(\d{2,4})", re.ASCII)


class Facts(msgspec.Struct):
    """What is known of one message by now; None is unknown."""

    at: int
    row: MessageRow | None = None
    sent_at: int | None = None
    sent_known: bool = False
    header: bytes | None = None
    body: str | None = None


Judge = Callable[[Facts], bool | None]


def column_texts(key: k.SearchKey) -> tuple[ColumnText, ...]:
    """What the store shall look for in its columns beforehand, each once (`store.messages.find_text`)."""
    found: dict[ColumnText, None] = {}
    for leaf in _leaves(key):
        pair = _column_text(leaf)
        if pair is not None:
            found[pair] = None
    return tuple(found)


class SearchRun:
    """One SEARCH over a view as it is now. `found` has the UIDs (ascending) for each of `column_texts`.

    Give it what `open_uids` still needs, stage by stage: `see_rows` if `needs_rows`, then `see_headers` if
    `needs_header`, then `see_body`; after each, ask `open_uids` again. A message that is not given any more is
    gone and does not match.
    """

    def __init__(
        self, view: MailboxView, key: k.SearchKey, found: Mapping[ColumnText, Sequence[int]] | None = None
    ) -> None:
        self._view = view
        self._uids = view.uids[: view.count]
        self._found = found or {}
        self._all = _number(b"\1" * view.count)
        self._flags, present = _aligned(view)
        self._judge, yes, maybe = self._compile(key)
        self._yes = bytearray(_octets(yes & present, view.count))
        self._open = bytearray(_octets(maybe & ~yes & present, view.count))
        leaves = list(_leaves(key))
        self.needs_rows = any(isinstance(leaf, k.Larger | k.Smaller | k.Arrived) for leaf in leaves)
        """Whether rows (size, INTERNALDATE) are looked at; no further columns are needed."""
        self.needs_sent = any(isinstance(leaf, k.Sent) for leaf in leaves)
        """Whether the column `sent_at` is looked at."""
        self._contents = any(isinstance(leaf, k.InBody) for leaf in leaves)
        self._headers = self.needs_sent or any(_reads_header(leaf) for leaf in leaves)

    @property
    def needs_header(self) -> bool:
        """Whether a header block can decide anything that is open."""
        return self._headers and 1 in self._open

    @property
    def needs_body(self) -> bool:
        """Whether bodies can decide what is open."""
        return self._contents and 1 in self._open

    def open_uids(self) -> "array[int]":
        """UIDs of the messages not decided yet, ascending."""
        return array("I", compress(self._uids, self._open))

    def see_rows(
        self, uids: Sequence[int], rows: Iterable[MessageRow], sent: Iterable[tuple[int, int | None]] = ()
    ) -> None:
        """Decide by columns: `rows` of these UIDs (if `needs_rows`), pairs of UID and sent_at (if `needs_sent`)."""
        facts = self._facts(uids)
        for row in rows:
            if row.uid in facts:
                facts[row.uid].row = row
        for uid, sent_at in sent:
            if uid in facts:
                facts[uid].sent_at, facts[uid].sent_known = sent_at, True
        self._decide(facts)

    def see_headers(
        self, uids: Sequence[int], rows: Iterable[MessageRow], sent: Iterable[tuple[int, int | None]] = ()
    ) -> None:
        """Decide by the header block too: rows with `header`, and sent_at as before."""
        facts = self._facts(uids)
        for row in rows:
            if row.uid in facts:
                facts[row.uid].row = row
                facts[row.uid].header = row.prefix + (row.header or b"")
        for uid, sent_at in sent:
            if uid in facts:
                facts[uid].sent_at, facts[uid].sent_known = sent_at, True
        self._decide({uid: fact for uid, fact in facts.items() if fact.header is not None})
        self._drop(uid for uid, fact in facts.items() if fact.header is None)

    def see_body(self, row: MessageRow, body: bytes, sent_at: int | None = None) -> None:
        """Decide one message for good: its row with `header` and `parts`, and its stored body. Costs some 50 us and
        10 ms a megabyte: big ones belong off the loop (`body_text` alone may run elsewhere, see `see_text`)."""
        self.see_text(row, body_text(body, unpack_parts(row.parts)) if row.parts is not None else "", sent_at)

    def see_text(self, row: MessageRow, text: str, sent_at: int | None = None) -> None:
        """As `see_body`, when `search_text.body_text` has been made elsewhere."""
        for fact in self._facts((row.uid,)).values():
            fact.row, fact.header, fact.body = row, row.prefix + (row.header or b""), text
            fact.sent_at, fact.sent_known = sent_at, True
            self._yes[fact.at] = self._judge(fact) is True
            self._open[fact.at] = 0

    def gone(self, uids: Iterable[int]) -> None:
        """These messages have no row any more: they do not match."""
        self._drop(uids)

    def numbers(self, *, uid: bool) -> list[int]:
        """Sequence numbers, or UIDs, of all that match; what is open does not."""
        return list(compress(self._uids if uid else range(1, len(self._uids) + 1), self._yes))

    # --- deciding ---

    def _facts(self, uids: Iterable[int]) -> dict[int, Facts]:
        places = ((uid, self._place(uid)) for uid in uids)
        return {uid: Facts(at) for uid, at in places if at is not None and self._open[at]}

    def _place(self, uid: int) -> int | None:
        at = bisect_left(self._uids, uid)
        return at if at < len(self._uids) and self._uids[at] == uid else None

    def _decide(self, facts: Mapping[int, Facts]) -> None:
        for fact in facts.values():
            verdict = self._judge(fact)
            if verdict is not None:
                self._yes[fact.at], self._open[fact.at] = verdict, 0

    def _drop(self, uids: Iterable[int]) -> None:
        for uid in uids:
            at = self._place(uid)
            if at is not None:
                self._open[at] = 0

    # --- compiling: a judge for one message, and two masks over all (certainly, possibly) ---

    def _compile(self, key: k.SearchKey) -> tuple[Judge, int, int]:
        if isinstance(key, k.And | k.Or):
            return self._compile_many([self._compile(each) for each in key.keys], every=isinstance(key, k.And))
        if isinstance(key, k.Not):
            judge, yes, maybe = self._compile(key.key)
            return _negated(judge), self._all ^ maybe, self._all ^ yes
        mask = self._mask(key)
        if mask is not None:
            octets = _octets(mask, len(self._uids))
            return (lambda facts: bool(octets[facts.at])), mask, mask
        return _judge_of(key), 0, self._all

    def _compile_many(self, compiled: list[tuple[Judge, int, int]], *, every: bool) -> tuple[Judge, int, int]:
        judges = [judge for judge, _, _ in compiled]
        yes, maybe = (self._all, self._all) if every else (0, 0)
        for _, certainly, possibly in compiled:
            yes, maybe = (yes & certainly, maybe & possibly) if every else (yes | certainly, maybe | possibly)
        return _joined(judges, decisive=not every), yes, maybe

    def _mask(self, key: k.SearchKey) -> int | None:
        """The messages a key means, where memory is enough to say so."""
        match key:
            case k.All():
                return self._all
            case k.HasFlag(bit):
                return _number(self._flags.translate(bytes(1 if bits & bit else 0 for bits in range(256))))
            case k.IsRecent():
                return self._mask_of(self._view.recent_uids())
            case k.HasKeyword(word):
                known = self._view.truth.keywords.items()
                return self._mask_of(uid for uid, words in known if any(each.lower() == word for each in words))
            case k.InSet(numbers, uid):
                return self._mask_of_set(numbers.slices(self._uids, len(self._uids)) if uid else self._places(numbers))
            case k.InBody(""):
                return self._all
            case k.InHeader():
                pair = _column_text(key)
                return None if pair is None or pair not in self._found else self._mask_of(self._found[pair])
        return None

    def _places(self, numbers: SequenceSet) -> list[tuple[int, int]]:
        # A number above the count is no error here: a search in an empty mailbox finds nothing.
        count = len(self._uids)
        return [(max(a, 1) - 1, min(b, count)) for a, b in numbers.spans(count) if b >= 1 and a <= count]

    def _mask_of(self, uids: Iterable[int]) -> int:
        known, count = self._uids, len(self._uids)
        mask = bytearray(count)
        for uid in uids:
            at = bisect_left(known, uid)
            if at < count and known[at] == uid:
                mask[at] = 1
        return _number(mask)

    def _mask_of_set(self, slices: Iterable[tuple[int, int]]) -> int:
        mask = bytearray(len(self._uids))
        for start, stop in slices:
            mask[start:stop] = b"\1" * (stop - start)
        return _number(mask)


def _aligned(view: MailboxView) -> tuple[bytes, int]:
    """The flags of the messages a view knows, and a mask of those that still exist."""
    truth = view.truth
    if view.uids is truth.uids:
        return bytes(truth.flags[: view.count]), _number(b"\1" * view.count)
    flags, present = bytearray(view.count), bytearray(view.count)
    for at in range(view.count):
        there = truth.index(view.uids[at])
        if there is not None:
            flags[at], present[at] = truth.flags[there] & ~KEYWORDED, 1
    return bytes(flags), _number(present)


def _number(mask: bytes | bytearray) -> int:
    return int.from_bytes(mask, "little")


def _octets(mask: int, count: int) -> bytes:
    return mask.to_bytes(count, "little")


def _leaves(key: k.SearchKey) -> Iterable[k.SearchKey]:
    if isinstance(key, k.And | k.Or):
        for each in key.keys:
            yield from _leaves(each)
    elif isinstance(key, k.Not):
        yield from _leaves(key.key)
    else:
        yield key


def _column_text(key: k.SearchKey) -> ColumnText | None:
    # An empty text only asks for the field (RFC 3501 §6.4.4, HEADER), which a column cannot tell.
    if isinstance(key, k.InHeader) and key.field in _COLUMNS and key.text:
        return _COLUMNS[key.field], folded(key.text)
    return None


def _reads_header(key: k.SearchKey) -> bool:
    return isinstance(key, k.InHeader) and _column_text(key) is None


# --- judges of one message ---


def _negated(judge: Judge) -> Judge:
    def negated(facts: Facts) -> bool | None:
        verdict = judge(facts)
        return None if verdict is None else not verdict

    return negated


def _joined(judges: list[Judge], *, decisive: bool) -> Judge:
    """AND (a False decides) or OR (a True decides) of judges."""

    def joined(facts: Facts) -> bool | None:
        open_ = False
        for judge in judges:
            verdict = judge(facts)
            if verdict is decisive:
                return decisive
            open_ = open_ or verdict is None
        return None if open_ else not decisive

    return joined


def _judge_of(key: k.SearchKey) -> Judge:
    match key:
        case k.Larger(octets):
            return lambda facts: None if facts.row is None else facts.row.size > octets
        case k.Smaller(octets):
            return lambda facts: None if facts.row is None else facts.row.size < octets
        case k.Arrived(relation, day):
            # RFC 3501 §6.4.4: disregarding time and timezone; INTERNALDATE is told in UTC
            return lambda facts: (
                None if facts.row is None else _relates(facts.row.internaldate // DAY_US, relation, day)
            )
        case k.Sent(relation, day):
            return lambda facts: _sent(facts, relation, day)
        case k.InHeader(field, text):
            needle = folded(text)
            return lambda facts: (
                None if facts.header is None else any(needle in v for v in field_texts(facts.header, field))
            )
        case k.InBody(text, header):
            needle = folded(text)
            return lambda facts: _in_body(facts, needle, header=header)
    raise AssertionError(f"no judge for {key!r}")


def _relates(found: int, relation: str, day: int) -> bool:
    if relation == "on":
        return found == day
    return found < day if relation == "before" else found >= day


def _sent(facts: Facts, relation: str, day: int) -> bool | None:
    if not facts.sent_known:
        return None
    if facts.sent_at is None:
        return False
    # The day as written is not more than a zone (-12 to +14 hours) away from the day in UTC.
    first = _relates((facts.sent_at - 12 * HOUR_US) // DAY_US, relation, day)
    last = _relates((facts.sent_at + 14 * HOUR_US) // DAY_US, relation, day)
    middle = _relates(facts.sent_at // DAY_US, relation, day)
    if first is middle is last:
        return first
    if facts.header is None:
        return None
    written = next(map(_written_day, field_texts(facts.header, "date")), None)
    return middle if written is None else _relates(written, relation, day)


def _written_day(value: str) -> int | None:
    match = _DATE.search(value)
    if match is None:
        return None
    year = int(match[3])
    if year < 1000:
        # RFC 5322 §4.3: two digits below 50 are 20xx, three digits count from 1900
        year += 2000 if year < 50 else 1900
    return day_of(year, match[2], int(match[1]))


def _in_body(facts: Facts, needle: str, *, header: bool) -> bool | None:
    if facts.body is None:
        # TEXT may be decided by the header alone.
        return True if header and facts.header is not None and needle in header_text(facts.header) else None
    return needle in facts.body or (header and needle in header_text(facts.header or b""))
