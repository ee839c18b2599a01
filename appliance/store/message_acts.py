"""What changes the messages of a mailbox: functions of a write transaction.

Each command takes one modseq for all it changes (RFC 7162 §3.1.1 asks only that it rises), keeps the counters of
mailbox, account, domain and organisation in the same transaction, and publishes the mailbox's topic.
"""

from collections.abc import Iterable, Iterator, Sequence

from appliance.mail.structure import Rendition
from appliance.records import DELETED, SEEN, AppendResult, FlagState, Topic
from appliance.store.arrivals import NEXT_UID, add_body, add_message, served_size, unseen_of
from appliance.store.blobs import Blobs, StoredBody
from appliance.store.errors import NotFound
from appliance.store.keywords import add_keywords, join_keywords, remove_keywords, split_keywords
from appliance.store.tx import Tx
from appliance.store.uid_runs import ALL, Run, rows_in, uid_runs
from appliance.store.usage import charge_usage, free_usage

_APPEND = NEXT_UID.format(where="id = ?")
_BUMP = """
UPDATE mailbox SET highestmodseq = highestmodseq + 1, "exists" = "exists" + ?, unseen = unseen + ?, bytes = bytes + ?
WHERE id = ? RETURNING highestmodseq, account, domain
"""
_WITH_FLAGS = "SELECT uid, flags, keywords FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ?"
_ANY = f"{_WITH_FLAGS} ORDER BY uid"
_DIFFERENT = f"{_WITH_FLAGS} AND flags & ? <> ? ORDER BY uid"
_SET_BITS = "UPDATE message SET flags = flags | ?, modseq = ? WHERE mailbox = ? AND uid BETWEEN ? AND ?"
_CLEAR_BITS = "UPDATE message SET flags = flags & ~?, modseq = ? WHERE mailbox = ? AND uid BETWEEN ? AND ?"
_SET_FLAGS = "UPDATE message SET flags = ?, keywords = ?, modseq = ? WHERE mailbox = ? AND uid BETWEEN ? AND ?"
_TO_EXPUNGE = """
SELECT uid, blob, size, flags FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ? AND flags & ? = ? ORDER BY uid
"""
_TOMBSTONE = "INSERT INTO expunged (mailbox, uid, domain, modseq, at) VALUES (?, ?, ?, ?, ?)"
_DELETE = "DELETE FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ?"
_ORPHAN = """
INSERT INTO blob_orphan (blob, domain, at) SELECT ?, ?, ?
WHERE NOT EXISTS (SELECT 1 FROM message WHERE blob = ?) ON CONFLICT (blob) DO UPDATE SET at = excluded.at
"""


def append(
    tx: Tx,
    blobs: Blobs,
    mailbox: int,
    stored: StoredBody,
    rendition: Rendition,
    *,
    flags: int = 0,
    keywords: Iterable[str] = (),
    internaldate: int,
    trace: int | None = None,
    prefix: bytes = b"",
) -> AppendResult:
    """Add one message (RFC 3501 §6.3.11).

    Raises NotFound where the mailbox is gone, OverQuota where there is no room, Conflict past the last UID or for too
    many keywords. `prefix` is whole header fields before the body, in UTF-8. The header stays as the client wrote it,
    8-bit octets or not: what it put there it gets back (copies of sent mail, mailboxes that move here). Only a server
    that offers UTF8=ACCEPT must refuse such a header (RFC 6855 §4). ENVELOPE and BODYSTRUCTURE are ASCII all the same.
    """
    size = served_size(tx, mailbox, stored, rendition) + len(prefix)
    row = tx.execute(_APPEND, (unseen_of(flags), size, mailbox)).fetchone()
    if row is None:
        raise NotFound("no such mailbox")
    _, account, domain, uidvalidity, uid, modseq = row
    blob = add_body(tx, blobs, stored, rendition, domain)
    add_message(
        tx, mailbox, uid, modseq,
        domain=domain, blob=blob, size=size, prefix=prefix, flags=flags, keywords=join_keywords(keywords),
        internaldate=internaldate, trace=trace,
    )  # fmt: skip
    charge_usage(tx, account, domain, size)
    tx.publish(Topic("mailbox", mailbox))
    return AppendResult(uidvalidity, uid)


def bump(tx: Tx, mailbox: int, *, exists: int = 0, unseen: int = 0, size: int = 0) -> tuple[int, int, int]:
    """Take the mailbox's next modseq and move its counters; gives modseq, account and domain. Raises NotFound."""
    row = tx.execute(_BUMP, (exists, unseen, size, mailbox)).fetchone()
    if row is None:
        raise NotFound("no such mailbox")
    tx.publish(Topic("mailbox", mailbox))
    return row[0], row[1], row[2]


def store_flags(
    tx: Tx, mailbox: int, uids: Iterable[int], mode: str, flags: int, keywords: Sequence[str] = ()
) -> tuple[FlagState, ...]:
    """Add, remove or replace flags and keywords (`mode`), RFC 3501 §6.4.6; UIDs that are gone are passed over.

    Only messages that really change get the command's new modseq; they are returned, in UID order. Raises NotFound
    where the mailbox is gone (and something was to change), Conflict for too many keywords.
    """
    runs = uid_runs(uids)
    bits_only = not keywords and mode != "replace"
    if bits_only:
        changed = _changed_bits(tx, mailbox, runs, mode, flags)
    else:
        changed = _changed_words(tx, mailbox, runs, mode, flags, keywords)
    if not changed:
        return ()
    unseen = sum([(old & SEEN) - (new & SEEN) for _, old, new, _ in changed])
    modseq, _, _ = bump(tx, mailbox, unseen=unseen)
    if bits_only:
        sql = _SET_BITS if mode == "add" else _CLEAR_BITS
        same = uid_runs([row[0] for row in changed])
        tx.executemany(sql, [(flags, modseq, mailbox, first, last) for first, last in same])
    else:
        tx.executemany(_SET_FLAGS, [(new, text, modseq, mailbox, *run) for run, new, text in _alike(changed)])
    words = {text: split_keywords(text) for text in {row[3] for row in changed}}
    return tuple([FlagState(uid, new, words[text], modseq) for uid, _, new, text in changed])


Change = tuple[int, int, int, str]
"""UID, flags before, flags after, keywords after."""


def _changed_bits(tx: Tx, mailbox: int, runs: Sequence[Run], mode: str, flags: int) -> list[Change]:
    """What a change of system flags alone would change; keywords stay."""
    if mode == "remove":
        rows = rows_in(tx, _DIFFERENT, mailbox, runs, flags, 0)
        return [(uid, old, old & ~flags, text) for uid, old, text in rows]
    rows = rows_in(tx, _DIFFERENT, mailbox, runs, flags, flags)
    return [(uid, old, old | flags, text) for uid, old, text in rows]


def _changed_words(
    tx: Tx, mailbox: int, runs: Sequence[Run], mode: str, flags: int, keywords: Sequence[str]
) -> list[Change]:
    """What a change with keywords, or a replacement of everything, would change."""
    changed: list[Change] = []
    after: dict[str, str] = {}
    for uid, old, text in rows_in(tx, _ANY, mailbox, runs):
        if text not in after:
            after[text] = _new_words(text, mode, keywords)
        new = flags if mode == "replace" else old | flags if mode == "add" else old & ~flags
        if new != old or after[text] != text:
            changed.append((uid, old, new, after[text]))
    return changed


def _new_words(text: str, mode: str, keywords: Sequence[str]) -> str:
    match mode:
        case "add":
            return add_keywords(text, keywords)
        case "remove":
            return remove_keywords(text, keywords)
        case _:
            return join_keywords(keywords)


def _alike(changed: Sequence[Change]) -> Iterator[tuple[Run, int, str]]:
    """Runs of consecutive UIDs that end up with the same flags and keywords."""
    first, _, flags, text = changed[0]
    last = first
    for uid, _, new, words in changed[1:]:
        if uid != last + 1 or new != flags or words != text:
            yield (first, last), flags, text
            first, flags, text = uid, new, words
        last = uid
    yield (first, last), flags, text


def expunge(tx: Tx, mailbox: int, uids: Iterable[int] | None = None) -> tuple[int, ...]:
    """Remove what has \\Deleted, among `uids` (RFC 4315 §2.1) or of all; gives the UIDs removed, rising."""
    return remove(tx, mailbox, ALL if uids is None else uid_runs(uids), DELETED)


def remove(tx: Tx, mailbox: int, runs: Sequence[Run], needed: int = 0) -> tuple[int, ...]:
    """Remove the messages of `runs` that have all flags of `needed`, leaving a tombstone for each (RFC 7162 §3.2.7).

    A body that no message names any more is noted for the collector, which deletes it after a grace time.
    """
    gone = rows_in(tx, _TO_EXPUNGE, mailbox, runs, needed, needed)
    if not gone:
        return ()
    size = sum(row[2] for row in gone)
    unseen = sum(unseen_of(row[3]) for row in gone)
    modseq, account, domain = bump(tx, mailbox, exists=-len(gone), unseen=-unseen, size=-size)
    uids = tuple([row[0] for row in gone])
    tx.executemany(_TOMBSTONE, [(mailbox, uid, domain, modseq, tx.now) for uid in uids])
    tx.executemany(_DELETE, [(mailbox, first, last) for first, last in uid_runs(uids)])
    note_orphans(tx, {row[1] for row in gone}, domain)
    free_usage(tx, account, domain, size)
    return uids


def note_orphans(tx: Tx, blobs: Iterable[int], domain: int) -> None:
    """Note for the collector which of these bodies no message names any more."""
    tx.executemany(_ORPHAN, [(blob, domain, tx.now, blob) for blob in sorted(blobs)])
