"""A mailbox as one client knows it: which message has which sequence number, and what it is still to be told.

The client's numbers change only when it is told so (RFC 3501 §7.4.1): an expunged message keeps its number until
`drain(True)`. A view is made by `Truth.open`, hears of changes by `Truth.apply`, and answers three questions:
which messages a command means (`resolve`), what their flags are (`flag_texts`), and what to announce (`drain`).

Invariants:
- `uids[:count]` is what the client knows, in order; `horizon` is the largest UID it has been told of.
- No expunge pending: `uids` is the truth's own array or a copy with the same first `count` UIDs.
- `uids` may be shared with other views; it is only appended to, and only where nothing stands yet.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from appliance.records import KEYWORDED
from imap.wire import responses
from imap.wire.flags import FLAG_TEXT, RECENT, flag_text
from imap.wire.sequence_set import SequenceSet

if TYPE_CHECKING:
    from imap.truth import Noted, Truth

MAX_CHANGED = 2000
"""Messages with untold flags that a view remembers one by one; with more it looks through the truth's modseqs."""


class Selection(msgspec.Struct, frozen=True):
    """Messages of a view in order: half-open index ranges, with the numbers and UIDs they stand for."""

    slices: tuple[tuple[int, int], ...]
    uids: "array[int]"

    def __len__(self) -> int:
        return len(self.uids)

    @property
    def numbers(self) -> Sequence[int]:
        """Sequence numbers, parallel to `uids`."""
        if len(self.slices) == 1:
            start, stop = self.slices[0]
            return range(start + 1, stop + 1)
        found = array("I")
        for start, stop in self.slices:
            found.extend(range(start + 1, stop + 1))
        return found

    def chunks(self, size: int) -> "Iterator[Selection]":
        """The selection in pieces of at most `size` messages."""
        slices: list[tuple[int, int]] = []
        done = held = 0
        for start, stop in self.slices:
            while start < stop:
                end = min(stop, start + size - held)
                slices.append((start, end))
                held, start = held + end - start, end
                if held == size:
                    yield Selection(tuple(slices), self.uids[done : done + held])
                    slices, done, held = [], done + held, 0
        if slices:
            yield Selection(tuple(slices), self.uids[done:])


class Silence:
    """A STORE .SILENT under way: what the client will assume of these messages (ascending UIDs)."""

    __slots__ = ("_flags", "_mode", "_uids", "_words")

    def __init__(self, mode: str, flags: int, keywords: tuple[str, ...], uids: "array[int]") -> None:
        self._mode = mode
        self._flags = flags
        self._words = _folded(keywords)
        self._uids = uids

    def unexpected(self, noted: "Sequence[Noted]") -> "list[Noted]":
        """The changes that are not exactly what the client's own command does to what was there before."""
        uids, count, at = self._uids, len(self._uids), 0
        found = []
        for note in noted:
            uid = note.state.uid
            if at == count or uids[at] != uid:
                at = bisect_left(uids, uid)
            if at == count or uids[at] != uid or not self._expects(note):
                found.append(note)
            else:
                at += 1
        return found

    def _expects(self, note: "Noted") -> bool:
        mode = self._mode
        if mode == "add":
            flags = note.flags | self._flags
        elif mode == "remove":
            flags = note.flags & ~self._flags
        else:
            flags = self._flags
        if note.state.flags != flags:
            return False
        words, before = self._words, note.keywords
        if not (words or before or note.state.keywords):
            return True
        if mode == "add":
            words = words | _folded(before)
        elif mode == "remove":
            words = _folded(before) - words
        return _folded(note.state.keywords) == words


class MailboxView:
    """See the module. All costs are logarithms of the mailbox's size, but for what is announced."""

    __slots__ = (
        "_changed",
        "_changed_more",
        "_changed_since",
        "_expunged",
        "_names_told",
        "_recent",
        "_silence",
        "count",
        "horizon",
        "read_only",
        "truth",
        "uids",
    )

    def __init__(self, truth: "Truth", *, read_only: bool = False) -> None:
        self.truth = truth
        self.read_only = read_only
        self.uids = truth.uids
        self.count = len(truth.uids)
        """Messages the client knows (EXISTS), those expunged but untold among them."""
        self.horizon = truth.uids[-1] if truth.uids else 0
        self._recent: array[int] = array("I")
        self._expunged: array[int] | None = None
        self._changed: set[int] | None = None
        self._changed_more = False
        self._changed_since: int | None = None
        self._silence: Silence | None = None
        self._names_told = truth.keyword_count
        self._claim_recent()

    # --- what the client knows ---

    @property
    def pending_expunge(self) -> bool:
        """Whether messages are gone that the client has not been told of (RFC 5530 §3, EXPUNGEISSUED)."""
        return bool(self._expunged)

    @property
    def recent_count(self) -> int:
        """How many of the messages the client knows are \\Recent for it (RFC 3501 §7.3.2)."""
        bounds = [bisect_left(self.uids, uid, 0, self.count) for uid in self._recent]
        return sum(bounds[1::2]) - sum(bounds[::2])

    def is_recent(self, uid: int) -> bool:
        """Whether the message is \\Recent for this client."""
        return bisect_right(self._recent, uid) % 2 == 1

    def recent_uids(self) -> "array[int]":
        """UIDs the client knows that are \\Recent for it, ascending."""
        found = array("I")
        for at in range(0, len(self._recent), 2):
            start = bisect_left(self.uids, self._recent[at], 0, self.count)
            found.extend(self.uids[start : bisect_left(self.uids, self._recent[at + 1], 0, self.count)])
        return found

    def number(self, uid: int) -> int | None:
        """The sequence number of a UID, None where the client knows no such message."""
        at = bisect_left(self.uids, uid, 0, self.count)
        return at + 1 if at < self.count and self.uids[at] == uid else None

    def everything(self) -> Selection:
        """All messages the client knows."""
        return Selection(((0, self.count),) if self.count else (), self.uids[: self.count])

    def resolve(self, numbers: SequenceSet, *, uid: bool) -> Selection:
        """The messages a set means to this client, in order, each once; UIDs that are not there are no error.

        Messages expunged but untold are among them: the store no longer has them (RFC 2180 §4.1). Raises
        ImapError BAD for a sequence number above the number of messages (RFC 3501 §9).
        """
        if uid:
            slices = tuple(numbers.slices(self.uids, self.count))
        else:
            slices = tuple((first - 1, last) for first, last in numbers.numbers(self.count))
        if len(slices) == 1:
            return Selection(slices, self.uids[slices[0][0] : slices[0][1]])
        uids = array("I")
        for start, stop in slices:
            uids.extend(self.uids[start:stop])
        return Selection(slices, uids)

    # --- flags ---

    def flag_texts(self, selection: Selection) -> list[bytes | None]:
        """What stands in FLAGS ( ) for each message, None where it is gone. \\Recent is this client's."""
        if self.uids is not self.truth.uids:
            return [self.flag_text(uid) for uid in selection.uids]
        held = b"".join([self.truth.flags[start:stop] for start, stop in selection.slices])
        texts: list[bytes | None] = [FLAG_TEXT[bits] for bits in held]
        if self._recent:
            for at in range(bisect_left(selection.uids, self._recent[0]), len(texts)):
                if self.is_recent(selection.uids[at]):
                    texts[at] = FLAG_TEXT[held[at] | RECENT]
        if self.truth.keywords:
            for at, bits in enumerate(held):
                if bits & KEYWORDED:
                    texts[at] = self.flag_text(selection.uids[at])
        return texts

    def flag_text(self, uid: int) -> bytes | None:
        """What stands in FLAGS ( ) for one message, None where it is gone."""
        at = self.truth.index(uid)
        if at is None:
            return None
        bits = self.truth.flags[at] & ~KEYWORDED | (RECENT if self.is_recent(uid) else 0)
        return flag_text(bits, self.truth.keywords.get(uid, ()))

    def told(self, uids: Iterable[int]) -> None:
        """The answer to a FETCH holds these messages' flags: no need to announce them."""
        if self._changed:
            self._changed.difference_update(uids)

    def touch(self, uids: Iterable[int]) -> None:
        """Announce the flags of these messages with the next drain: the answer to a STORE that is not silent
        (RFC 3501 §6.4.6), also where nothing changed."""
        if self._changed is None:
            self._changed = set()
        self._changed.update(uids)

    @contextmanager
    def silence(self, mode: str, flags: int, keywords: tuple[str, ...], uids: "array[int]") -> Iterator[None]:
        """Around a STORE .SILENT, from before the write until its changes are applied to the truth: what it does
        is not announced to this client; what others did to the same messages is (RFC 3501 §6.4.6)."""
        self._silence = Silence(mode, flags, keywords, uids)
        try:
            yield
        finally:
            self._silence = None

    # --- news ---

    def absorb(self, noted: "Sequence[Noted]", expunged: Sequence[int]) -> None:
        """What is about to change in the truth: flags, and the indexes in its arrays of what goes. For `Truth`."""
        if self._silence is not None:
            noted = self._silence.unexpected(noted)
        if noted:
            self._note(noted)
        for at in expunged:
            uid = self.truth.uids[at]
            if self.number(uid) is not None:
                if self._expunged is None:
                    self._expunged = array("I")
                self._expunged.append(uid)

    def _note(self, noted: "Sequence[Noted]") -> None:
        fresh = {note.state.uid for note in noted if note.state.uid <= self.horizon}
        oldest = min(note.state.modseq for note in noted)
        self._changed_since = oldest if self._changed_since is None else min(self._changed_since, oldest)
        if self._changed is None:
            self._changed = set()
        if len(self._changed) + len(fresh) <= MAX_CHANGED:
            self._changed |= fresh
        else:
            self._changed_more = True

    def drain(self, may_announce_expunge: bool, *, uid: bool = False) -> list[bytes]:
        """The untagged lines that bring the client up to date, and the view with it.

        EXPUNGEs (highest number first, so that none shifts another) only if allowed: never while FETCH, STORE
        or SEARCH answers (RFC 3501 §7.4.1). Then EXISTS and RECENT if messages came; EXISTS never falls. Then new
        keywords, then the flags that changed, with UIDs for a UID command (RFC 3501 §6.4.8).
        """
        lines = self._drain_expunged() if may_announce_expunge and self._expunged else []
        if not self._expunged and self.uids is not self.truth.uids:
            self.uids = self.truth.uids
        if self.truth.uids and self.truth.uids[-1] > self.horizon:
            self._extend(self.truth.uids[bisect_right(self.truth.uids, self.horizon) :])
            lines += (responses.exists(self.count), responses.recent(self.recent_count))
        if self.truth.keyword_count > self._names_told:
            names = self.truth.keyword_names
            self._names_told = len(names)
            lines += (responses.flags(names), responses.permanent_flags(names, read_only=self.read_only))
        if self._changed or self._changed_more:
            lines += self._drain_flags(uid)
        return lines

    def _drain_expunged(self) -> list[bytes]:
        gone = sorted(self._expunged or (), reverse=True)
        lines = [responses.expunge(bisect_left(self.uids, uid, 0, self.count) + 1) for uid in gone]
        self._expunged = None
        self.uids = self.truth.uids
        self.count -= len(gone)
        return lines

    def _extend(self, fresh: "array[int]") -> None:
        """The client is told of these messages, which the truth has and it does not know yet."""
        if self.uids is not self.truth.uids:
            beyond = self.uids[self.count :]
            if beyond[: len(fresh)] != fresh[: len(beyond)]:
                # Another view was told of a message there that is gone again: go on with a copy.
                self.uids, beyond = self.uids[: self.count], array("I")
            self.uids.extend(fresh[len(beyond) :])
        self.count += len(fresh)
        self.horizon = fresh[-1]
        self._claim_recent()

    def _claim_recent(self) -> None:
        first = self.truth.claim(self.horizon, read_only=self.read_only)
        if self._recent:
            first = max(first, self._recent[-1])
        if first > self.horizon:
            return
        if self._recent and self._recent[-1] == first:
            self._recent[-1] = self.horizon + 1
        else:
            self._recent.extend((first, self.horizon + 1))

    def _drain_flags(self, with_uid: bool) -> list[bytes]:
        changed = self._changed or set()
        if self._changed_more and self._changed_since is not None:
            pairs = zip(self.truth.uids, self.truth.modseqs, strict=True)
            changed.update(uid for uid, modseq in pairs if modseq >= self._changed_since)
        self._changed, self._changed_since, self._changed_more = None, None, False
        if len(changed) < MAX_CHANGED:
            found = [(self.number(uid), uid, self.flag_text(uid)) for uid in sorted(changed)]
        else:
            known = self.everything()
            rows = zip(known.numbers, known.uids, self.flag_texts(known), strict=True)
            found = [row for row in rows if row[1] in changed]
        fetch = responses.flags_fetch
        return [
            fetch(number, text, uid if with_uid else None)
            for number, uid, text in found
            if number is not None and text is not None
        ]


def _folded(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word.lower() for word in words) if words else frozenset()
