"""COPY and MOVE: new message rows over the same bodies, so no byte of a message is read or written."""

from collections.abc import Iterable, Sequence

from appliance.records import CopyResult
from appliance.store.arrivals import INSERT, MAX_UID, unseen_of
from appliance.store.errors import Conflict, NotFound
from appliance.store.message_acts import bump, remove
from appliance.store.tx import Tx
from appliance.store.uid_runs import Run, rows_in, uid_runs
from appliance.store.usage import add_usage, charge_usage

DENSE = 4
"""Messages in a run, on average, from which copying run by run inside the database pays."""

_ENDS = "SELECT id, account, uidvalidity FROM mailbox WHERE id IN (?, ?)"
_SOURCE = "SELECT uid, flags, size FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid"
_ROW = """
SELECT uid, domain, blob, prefix, flags, keywords, internaldate, size, trace
FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid
"""
_RESERVE = "UPDATE mailbox SET uidnext = uidnext + ? WHERE id = ? RETURNING uidnext - ?"
_COPY = """
INSERT INTO message (mailbox, uid, domain, blob, prefix, flags, keywords, modseq, internaldate, savedate, size, trace)
SELECT ?, uid + ?, domain, blob, prefix, flags, keywords, ?, internaldate, ?, size, trace
FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid
"""


def copy(tx: Tx, source: int, uids: Iterable[int], target: int) -> CopyResult:
    """Copy messages with flags and internal date (RFC 3501 §6.4.7), all or none; source may be target.

    UIDs that are gone are passed over; copies get rising UIDs in the order of the originals (RFC 4315 §3). Raises
    NotFound where a mailbox is gone, OverQuota where there is no room, Conflict between accounts or past the last UID.
    """
    return _copy(tx, source, uid_runs(uids), target, judged=True)


def move(tx: Tx, source: int, uids: Iterable[int], target: int) -> CopyResult:
    """Copy, and remove what was copied, in one step (RFC 6851 §3.3); room is not asked for, as none is needed.

    Raises NotFound and Conflict as `copy`.
    """
    return move_runs(tx, source, uid_runs(uids), target)


def move_runs(tx: Tx, source: int, runs: Sequence[Run], target: int) -> CopyResult:
    """As `move`, for runs of UIDs."""
    result = _copy(tx, source, runs, target, judged=False)
    remove(tx, source, uid_runs(result.source))
    return result


def _copy(tx: Tx, source: int, runs: Sequence[Run], target: int, *, judged: bool) -> CopyResult:
    account, uidvalidity = _ends(tx, source, target)
    found = rows_in(tx, _SOURCE, source, runs)
    if not found:
        return CopyResult(uidvalidity, (), ())
    size = sum(row[2] for row in found)
    unseen = sum(unseen_of(row[1]) for row in found)
    first_uid: int = tx.execute(_RESERVE, (len(found), target, len(found))).fetchone()[0]
    if first_uid + len(found) - 1 > MAX_UID:
        raise Conflict("the folder has used up its 2^32-1 UIDs: make a new one")
    modseq, _, domain = bump(tx, target, exists=len(found), unseen=unseen, size=size)
    originals = tuple([row[0] for row in found])
    _insert(tx, source, uid_runs(originals), target, first_uid, modseq)
    (charge_usage if judged else add_usage)(tx, account, domain, size)
    return CopyResult(uidvalidity, originals, tuple(range(first_uid, first_uid + len(found))))


def _insert(tx: Tx, source: int, runs: Sequence[Run], target: int, first_uid: int, modseq: int) -> None:
    """The copies' rows, under rising UIDs from `first_uid`."""
    count = sum(last - first + 1 for first, last in runs)
    if len(runs) * DENSE > count:
        # A statement for each run would cost more than the rows' way through here and back.
        rows = rows_in(tx, _ROW, source, runs)
        tx.executemany(
            INSERT, [(target, first_uid + i, *row[1:6], modseq, row[6], tx.now, *row[7:]) for i, row in enumerate(rows)]
        )
        return
    moved, next_uid = [], first_uid
    for first, last in runs:
        moved.append((target, next_uid - first, modseq, tx.now, source, first, last))
        next_uid += last - first + 1
    tx.executemany(_COPY, moved)


def _ends(tx: Tx, source: int, target: int) -> tuple[int, int]:
    """Account of both mailboxes and UIDVALIDITY of the target."""
    ends = {row[0]: row for row in tx.execute(_ENDS, (source, target)).fetchall()}
    if source not in ends or target not in ends:
        raise NotFound("no such mailbox")
    if ends[source][1] != ends[target][1]:
        raise Conflict("messages are copied within one account only")
    return ends[target][1], ends[target][2]
