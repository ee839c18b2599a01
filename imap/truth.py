"""What a mailbox really holds, in memory, and the views of the sessions that have it selected.

`Truth` is pure: whoever loads it (`Snapshot`) and asks the store for `Changes` hands both in. `apply` first lets
every open view note what it will have to tell, then changes the arrays.

Invariants:
- `uids`, `flags` and `modseqs` are parallel and in UID order; `flags` has KEYWORDED where `keywords` has the UID.
- Views share `uids`. So that array only ever grows; an expunge makes a new one, and views keep the old one until
  they have told their client.
- UIDs only rise (RFC 3501 §2.3.1.1): what a view knows is what the truth held up to some UID.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable

import msgspec

from appliance.records import KEYWORDED, SEEN, Changes, FlagState, MailboxInfo, Snapshot
from imap.view import MailboxView

MAX_KEYWORDS = 500
"""Different keywords of a mailbox; FLAGS names them all."""
_UNSEEN = bytes(0 if bits & SEEN else 1 for bits in range(256))


class Noted(msgspec.Struct, frozen=True, gc=False):
    """A change of flags: where the message stands in the arrays, its flags and keywords before, its state after."""

    at: int
    flags: int
    keywords: tuple[str, ...]
    state: FlagState


class Truth:
    """A mailbox at one modseq. `info` is None once the mailbox has been deleted."""

    __slots__ = ("_names", "flags", "info", "keywords", "modseqs", "recent_uid", "uids", "views")

    def __init__(self, snapshot: Snapshot) -> None:
        self.info: MailboxInfo | None = snapshot.info
        self.uids = snapshot.uids
        self.flags = snapshot.flags
        self.modseqs = snapshot.modseqs
        self.keywords = snapshot.keywords
        self.recent_uid = snapshot.info.recent_uid
        """UIDs from here on are \\Recent for the next read-write session that is told of them (RFC 3501 §2.3.2)."""
        self.views: list[MailboxView] = []
        self._names: dict[str, str] = {}
        for words in self.keywords.values():
            self._name(words)

    def open(self, *, read_only: bool = False) -> "MailboxView":
        """A view for a session that selects the mailbox now; `close` it at the end.

        A read-write one claims the messages that are \\Recent: `recent_uid` moves, and has to be saved.
        """
        view = MailboxView(self, read_only=read_only)
        self.views.append(view)
        return view

    def close(self, view: "MailboxView") -> None:
        """The session of this view has left the mailbox."""
        self.views.remove(view)

    @property
    def keyword_names(self) -> tuple[str, ...]:
        """Every keyword seen in the mailbox since it was loaded, in the case first seen; only grows."""
        return tuple(self._names.values())

    @property
    def keyword_count(self) -> int:
        """How many `keyword_names` there are."""
        return len(self._names)

    def takes(self, keywords: Iterable[str]) -> bool:
        """Whether the mailbox may have these keywords beside those it knows (else NO [LIMIT], RFC 5530 §3)."""
        fresh = {word.lower() for word in keywords} - self._names.keys()
        return not fresh or len(self._names) + len(fresh) <= MAX_KEYWORDS

    def index(self, uid: int) -> int | None:
        """Where a UID stands in the arrays, None when it is not there (any more)."""
        at = bisect_left(self.uids, uid)
        return at if at < len(self.uids) and self.uids[at] == uid else None

    def first_unseen(self) -> int | None:
        """The sequence number of the first message without \\Seen (RFC 3501 §7.1, UNSEEN), for a fresh view."""
        at = self.flags.translate(_UNSEEN).find(1)
        return None if at < 0 else at + 1

    def unclaimed(self) -> int:
        """How many messages are \\Recent that no session has claimed (STATUS RECENT)."""
        return len(self.uids) - bisect_left(self.uids, self.recent_uid)

    def claim(self, last: int, *, read_only: bool) -> int:
        """The first UID that is \\Recent for a session told of all up to `last`; a read-write one takes them."""
        first = self.recent_uid
        if not read_only:
            self.recent_uid = max(first, last + 1)
        return first

    def apply(self, changes: Changes) -> None:
        """Take in what the store says has happened. Changes already known (repeated, merged) do no harm."""
        self.info = changes.info
        if changes.info is None:
            return
        expunged = self._expunged(changes)
        noted = self._noted((*changes.flags, *changes.new))
        for view in self.views:
            view.absorb(noted, expunged)
        for note in noted:
            self.flags[note.at] = _bits(note.state)
            self.modseqs[note.at] = note.state.modseq
            if note.keywords or note.state.keywords:
                self._set_keywords(note.state)
        if expunged:
            self._remove(expunged)
        for state in changes.new:
            if not self.uids or state.uid > self.uids[-1]:
                self.uids.append(state.uid)
                self.flags.append(_bits(state))
                self.modseqs.append(state.modseq)
                self._set_keywords(state)

    def _expunged(self, changes: Changes) -> list[int]:
        """The indexes of what is gone, ascending."""
        if changes.whole:
            there = {state.uid for state in (*changes.flags, *changes.new)}
            return [at for at, uid in enumerate(self.uids) if uid not in there]
        return sorted({at for uid in changes.expunged if (at := self.index(uid)) is not None})

    def _noted(self, states: Iterable[FlagState]) -> list[Noted]:
        """What is news among states in UID order. Neighbours are found without a search: a STORE may name all."""
        uids, flags, modseqs, keywords = self.uids, self.flags, self.modseqs, self.keywords
        noted = []
        at, count = 0, len(uids)
        for state in states:
            uid = state.uid
            if at == count or uids[at] != uid:
                at = bisect_left(uids, uid)
                if at == count or uids[at] != uid:
                    continue
            if modseqs[at] < state.modseq:
                bits = flags[at]
                before = keywords[uid] if bits & KEYWORDED else ()
                noted.append(Noted(at, bits & ~KEYWORDED, before, state))
            at += 1
        return noted

    def _set_keywords(self, state: FlagState) -> None:
        if state.keywords:
            self.keywords[state.uid] = state.keywords
            self._name(state.keywords)
        else:
            self.keywords.pop(state.uid, None)

    def _name(self, words: tuple[str, ...]) -> None:
        for word in words:
            self._names.setdefault(word.lower(), word)

    def _remove(self, gone: list[int]) -> None:
        """Make arrays without these indexes; the array the views share stays as it is."""
        uids, flags, modseqs = array("I"), bytearray(), array("Q")
        start = 0
        for at in (*gone, len(self.uids)):
            uids.extend(self.uids[start:at])
            flags += self.flags[start:at]
            modseqs.extend(self.modseqs[start:at])
            start = at + 1
        for at in gone:
            self.keywords.pop(self.uids[at], None)
        self.uids, self.flags, self.modseqs = uids, flags, modseqs


def _bits(state: FlagState) -> int:
    return state.flags | (KEYWORDED if state.keywords else 0)
