"""The messages of mailboxes, read: snapshots, what changed since, and the rows FETCH and SEARCH are made of.

Reads run on the calling thread's reader: inline on the loop for the small ones, inside `Engine.read` for whole
mailboxes. No cursor stays open between calls, so a slow client never holds a snapshot.
"""

import sqlite3
from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from appliance.records import KEYWORDED, Changes, FlagState, MailboxInfo, MessageRow, Snapshot
from appliance.store.engine import Engine
from appliance.store.keywords import split_keywords
from appliance.store.mailboxes import mailbox_by_id
from appliance.store.snapshots import same_moment
from appliance.store.uid_runs import ascending

MAX_ROWS = 250
"""UIDs in one call of `rows`, `columns` or `cached_fields`, so that none takes long."""
_SIZES = (8, 32, MAX_ROWS)
"""Numbers of placeholders for scattered UIDs: few, so that statements are prepared once."""
MESSAGE_COLUMNS = ("blob", "prefix", "internaldate", "size")
"""Of the message itself: prefix in octets, internal date in microseconds, size of prefix and body together."""
TEXTS = ("message_id", "from_text", "to_text", "cc_text", "bcc_text", "subject_text")
"""What SEARCH looks into: decoded, lower case."""
RENDITION_COLUMNS = ("envelope", "bodystructure", "body", "header", "parts", "sent_at", *TEXTS)
"""Of the body, made when it was stored (`mail.structure.Rendition`)."""

# A whole column as one text costs half of what its rows would, and the database makes it without Python's lock.
_ALL = f"""
SELECT group_concat(uid), group_concat(flags), group_concat(modseq), group_concat(words, char(10))
FROM (SELECT uid, flags | CASE WHEN keywords = '' THEN 0 ELSE {KEYWORDED} END AS flags, modseq,
    CASE WHEN keywords <> '' THEN uid || ' ' || keywords END AS words
    FROM message WHERE mailbox = ? ORDER BY uid)
"""
_FLAGS = "SELECT uid, flags, keywords, modseq FROM message WHERE mailbox = ?"
_SINCE = f"{_FLAGS} AND modseq > ? ORDER BY uid"
_EVERY = f"{_FLAGS} ORDER BY uid"
_HEADER = "SELECT header FROM rendition WHERE blob = ?"
_EXPUNGED = "SELECT uid FROM expunged WHERE mailbox = ? AND modseq > ? AND uid < ? ORDER BY uid"


class Need(msgspec.Struct, frozen=True):
    """Which costlier columns `rows` shall fill; the rest of a Row is always there."""

    envelope: bool = False
    bodystructure: bool = False
    body: bool = False
    header: bool = False
    parts: bool = False


Row = MessageRow


class Messages:
    """Reads of messages; what changes them is in `message_acts` and `message_copies`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def snapshot(self, mailbox: int) -> Snapshot | None:
        """All of a mailbox at one moment, None when it is gone. 100 000 messages take some 50 ms: callers keep it."""
        connection = self._engine.reader
        with same_moment(connection):
            info = mailbox_by_id(connection, mailbox)
            if info is None:
                return None
            return _snapshot(connection, info)

    def changes_since(self, mailbox: int, modseq: int, uidnext: int) -> Changes:
        """What happened since the asker's modseq and UIDNEXT; one indexed look-up when nothing did.

        Where tombstones younger than `modseq` have been purged (after 30 days), `whole` is set: `flags` then lists
        every message below `uidnext` that exists, and any other UID the asker knows is gone.
        """
        connection = self._engine.reader
        info = mailbox_by_id(connection, mailbox)
        if info is None or (info.highestmodseq == modseq and info.uidnext == uidnext):
            return Changes(info, (), (), ())
        with same_moment(connection):
            info = mailbox_by_id(connection, mailbox)
            return Changes(None, (), (), ()) if info is None else _changes(connection, info, modseq, uidnext)

    def rows(self, mailbox: int, uids: Sequence[int], need: Need) -> list[Row]:
        """Rows of at most 250 messages, in UID order; UIDs that are gone are absent. Raises ValueError beyond 250."""
        known = _bounded(uids)
        if not known:
            return []
        where, params = _where(known)
        sql = _select(_row_columns(need), where)
        return list(map(Row._make, self._engine.reader.execute(sql, (mailbox, *params))))

    def columns(self, mailbox: int, uids: Sequence[int], names: Sequence[str]) -> list[tuple[Any, ...]]:
        """UID and the named columns (of `MESSAGE_COLUMNS` and `RENDITION_COLUMNS`) of at most 250 messages.

        As `rows`, but plain tuples with nothing in them that was not asked for: twice as fast for one column.
        """
        known = _bounded(uids)
        if not known:
            return []
        where, params = _where(known)
        sql = _select(("uid", *names), where)
        return self._engine.reader.execute(sql, (mailbox, *params)).fetchall()

    def header(self, blob: int) -> bytes:
        """The header block that is served of a body; b"" where the body is gone."""
        row = self._engine.reader.execute(_HEADER, (blob,)).fetchone()
        return b"" if row is None else bytes(row[0])

    def find_text(self, mailbox: int, column: str, needle: str) -> "array[int]":
        """UIDs, rising, of all messages whose column contains `needle` (lower case). For the reader pool when big."""
        sql = _find_sql(column)
        rows = self._engine.reader.execute(sql, (mailbox, needle))
        return array("I", [row[0] for row in rows])

    def cached_fields(self, mailbox: int, uids: Sequence[int], fields_key: str) -> dict[int, bytes]:
        """Header fields remembered under `fields_key` ("DATE FROM SUBJECT"), by UID, of at most 250 messages.

        Only the shared body's fields: what the prefix holds is the caller's to put before. A message that is absent
        has not been asked for with that set yet: `header_cache.remember_fields`.
        """
        known = _bounded(uids)
        if not known:
            return {}
        where, params = _where(known)
        rows = self._engine.reader.execute(_FIELDS_SQL.format(where=where), (mailbox, *params, fields_key))
        return {uid: data.encode("latin-1") for uid, data in rows}


def _snapshot(connection: sqlite3.Connection, info: MailboxInfo) -> Snapshot:
    uids, flags, modseqs, worded = connection.execute(_ALL, (info.id,)).fetchone()
    shared: dict[str, tuple[str, ...]] = {}
    keywords: dict[int, tuple[str, ...]] = {}
    for line in worded.split("\n") if worded else ():
        uid, _, text = line.partition(" ")
        keywords[int(uid)] = shared.get(text) or shared.setdefault(text, split_keywords(text))
    return Snapshot(
        info, array("I", _numbers(uids)), bytearray(_numbers(flags)), array("Q", _numbers(modseqs)), keywords
    )


def _numbers(text: str | None) -> list[int]:
    return msgspec.json.decode(f"[{text or ''}]", type=list[int])


def _changes(connection: sqlite3.Connection, info: MailboxInfo, modseq: int, uidnext: int) -> Changes:
    floor = connection.execute("SELECT expunged_floor FROM mailbox WHERE id = ?", (info.id,)).fetchone()[0]
    whole = modseq < floor
    if whole:
        found = connection.execute(_EVERY, (info.id,)).fetchall()
        expunged: tuple[int, ...] = ()
    else:
        found = connection.execute(_SINCE, (info.id, modseq)).fetchall()
        expunged = tuple([row[0] for row in connection.execute(_EXPUNGED, (info.id, modseq, uidnext)).fetchall()])
    states = [FlagState(uid, flags, split_keywords(text), at) for uid, flags, text, at in found]
    split = next((i for i, state in enumerate(states) if state.uid >= uidnext), len(states))
    return Changes(info, tuple(states[split:]), tuple(states[:split]), expunged, whole)


def _bounded(uids: Iterable[int]) -> list[int]:
    known = ascending(uids)
    if len(known) > MAX_ROWS:
        raise ValueError(f"at most {MAX_ROWS} UIDs in one call, not {len(known)}")
    return known


def _where(known: Sequence[int]) -> tuple[str, tuple[int, ...]]:
    """The condition for some rising UIDs, with its parameters: BETWEEN for a run, else one of few lengths of IN."""
    first, last = known[0], known[-1]
    if last - first + 1 == len(known):
        return "m.uid BETWEEN ? AND ?", (first, last)
    size = next(size for size in _SIZES if len(known) <= size)
    return f"m.uid IN ({', '.join('?' * size)})", (*known, *[last] * (size - len(known)))


@lru_cache(maxsize=64)
def _row_columns(need: Need) -> tuple[str, ...]:
    costly = (name if getattr(need, name) else "NULL" for name in need.__struct_fields__)
    return ("uid", *MESSAGE_COLUMNS, *costly)


@lru_cache(maxsize=512)
def _select(names: tuple[str, ...], where: str) -> str:
    columns = [_column(name) for name in names]
    # CROSS JOIN keeps the order of the tables: message rows first, then each rendition by its key.
    join = "CROSS JOIN rendition r ON r.blob = m.blob" if any(text.startswith("r.") for text in columns) else ""
    return f"SELECT {', '.join(columns)} FROM message m {join} WHERE m.mailbox = ? AND {where} ORDER BY m.uid"


def _column(name: str) -> str:
    if name in RENDITION_COLUMNS:
        return f"r.{name}"
    if name == "prefix":
        return "CAST(m.prefix AS BLOB)"
    if name in MESSAGE_COLUMNS or name == "uid":
        return f"m.{name}"
    if name == "NULL":
        return name
    raise ValueError(f"no column {name!r}: there are {', '.join((*MESSAGE_COLUMNS, *RENDITION_COLUMNS))}")


@lru_cache(maxsize=16)
def _find_sql(column: str) -> str:
    if column not in TEXTS:
        raise ValueError(f"text is found in {', '.join(TEXTS)}, not in {column!r}")
    return (
        "SELECT m.uid FROM message m CROSS JOIN rendition r ON r.blob = m.blob "
        f"WHERE m.mailbox = ? AND instr(r.{column}, ?) > 0 ORDER BY m.uid"
    )


_FIELDS_SQL = (
    "SELECT m.uid, h.data FROM message m CROSS JOIN header_cache h ON h.blob = m.blob "
    "WHERE m.mailbox = ? AND {where} AND h.fields = (SELECT id FROM header_set WHERE fields = ?)"
)
