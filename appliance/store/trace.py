"""The record, read: one session with all it tried, what counts against a limit, and when nothing was recorded.

Short and indexed, so it may be asked on the loop.
"""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from appliance.mail.session_record import (
    EventRecord,
    Facts,
    ImapSessionRecord,
    RecipientRecord,
    SessionRecord,
    TransactionRecord,
)
from appliance.store.engine import Engine
from appliance.store.snapshots import same_moment

MAX_TRANSACTIONS = 1000
"""Transactions of one session that are shown, from the first on."""
MAX_EVENTS = 1000
"""Decisions that are shown with them."""

_SESSION = """
SELECT id, listener, peer, peer_port, started, direction, rdns, helo, tls_version, tls_cipher, tls_failure, account,
    credential, ended, outcome, transcript, folded
FROM smtp_session WHERE id = ?
"""
_TRANSACTIONS = """
SELECT id, session, number, mail_from, outcome, at, code, reply, message_id, header_from, subject, size, verdict,
    transcript, account
FROM smtp_transaction WHERE session = ? ORDER BY id LIMIT ?
"""
_RECIPIENTS = """
SELECT r.transaction_id, r.address, r.domain, r.code, r.reply, r.outcome
FROM (SELECT id FROM smtp_transaction WHERE session = ? ORDER BY id LIMIT ?) t
JOIN smtp_recipient r ON r.transaction_id = t.id ORDER BY r.transaction_id, r.number
"""
_EVENTS = """
SELECT trace, at, stage, rule, code, reply, facts, imap_session FROM event
WHERE trace = ? OR trace IN (SELECT id FROM smtp_transaction WHERE session = ?) ORDER BY id LIMIT ?
"""
_SESSION_OF = "SELECT session FROM smtp_transaction WHERE id = ?"
_IMAP = """
SELECT id, peer, started, account, credential, client_id, tls_version, tls_cipher, ended, outcome, received, sent
FROM imap_session WHERE id = ?
"""
_COUNTED = """
FROM smtp_recipient WHERE account = ? AND at >= ? AND transaction_id NOT IN (SELECT value FROM json_each(?))
"""
_COUNT = f"SELECT count(*), min(at) {_COUNTED}"
_NTH = f"SELECT at {_COUNTED} ORDER BY at LIMIT 1 OFFSET ?"
_UPTIMES = "SELECT started, alive, stopped FROM uptime WHERE coalesce(stopped, alive) >= ? ORDER BY id"


class StoredSession(msgspec.Struct, frozen=True):
    """An SMTP session as it is on record."""

    session: SessionRecord
    folded: int
    """How many sessions of the same peer and end this one stands for, itself included."""
    transactions: tuple[TransactionRecord, ...]
    events: tuple[EventRecord, ...]


class Stretch(msgspec.Struct, frozen=True):
    """A time in which the server ran; `stopped` is None where it did not end in order, or runs."""

    started: int
    alive: int
    """When it last said so."""
    stopped: int | None

    @property
    def end(self) -> int:
        """Until when it is known to have run."""
        return self.alive if self.stopped is None else self.stopped


ALIVE_WITHIN = 30 * 1_000_000
"""Microseconds after its last sign of life in which a server that has not stopped still counts as running."""


class Traces:
    """Looks into the record."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def session(self, id: int) -> StoredSession | None:
        """The SMTP session with that id, its transactions with their recipients, and what was decided in it."""
        reader = self._engine.reader
        with same_moment(reader):
            row = reader.execute(_SESSION, (id,)).fetchone()
            if row is None:
                return None
            transactions = _transactions(reader, id)
            events = reader.execute(_EVENTS, (id, id, MAX_EVENTS)).fetchall()
        return StoredSession(SessionRecord(*row[:-1]), row[-1], transactions, tuple([_event(one) for one in events]))

    def find(self, id: int) -> StoredSession | ImapSessionRecord | None:
        """The session with that id, SMTP or IMAP, or the one that made the transaction with that id."""
        reader = self._engine.reader
        row = reader.execute(_SESSION_OF, (id,)).fetchone()
        if row is not None:
            return self.session(row[0])
        row = reader.execute(_IMAP, (id,)).fetchone()
        return self.session(id) if row is None else ImapSessionRecord(*row)

    def account_recipients(self, account: int, since: int, without: Collection[int] = ()) -> tuple[int, int | None]:
        """How many recipients an account's submitted mail has had from a time on, and when the oldest of them was.

        Those of the transactions `without` are not counted.
        """
        count, oldest = self._engine.reader.execute(_COUNT, (account, since, _json(without))).fetchone()
        return count, oldest

    def account_recipient(self, account: int, since: int, nth: int, without: Collection[int] = ()) -> int | None:
        """When the nth of those recipients was, from 1 for the oldest; None where there are fewer."""
        row = self._engine.reader.execute(_NTH, (account, since, _json(without), nth - 1)).fetchone()
        return row and int(row[0])

    def uptimes(self, since: int = 0) -> tuple[Stretch, ...]:
        """The times in which the server ran, those that lasted until `since` or later, the oldest first."""
        return tuple([Stretch(*row) for row in self._engine.reader.execute(_UPTIMES, (since,)).fetchall()])

    def gaps(self, since: int, until: int) -> tuple[tuple[int, int], ...]:
        """The times between two moments of which nothing can be on record: the server did not run."""
        return uncovered(self.uptimes(since), since, until)


def uncovered(stretches: Sequence[Stretch], since: int, until: int) -> tuple[tuple[int, int], ...]:
    """What some stretches, the oldest first, leave open of a time; the newest may still be running."""
    found = []
    reached = since
    for stretch in stretches:
        if stretch.started > reached and reached < until:
            found.append((reached, min(stretch.started, until)))
        reached = max(reached, stretch.end)
    if stretches and stretches[-1].stopped is None and until - stretches[-1].alive <= ALIVE_WITHIN:
        return tuple(found)
    if reached < until:
        found.append((reached, until))
    return tuple(found)


def _json(ids: Collection[int]) -> str:
    return msgspec.json.encode(list(ids)).decode()


def _transactions(reader: sqlite3.Connection, session: int) -> tuple[TransactionRecord, ...]:
    recipients: dict[int, list[RecipientRecord]] = {}
    for id_, *recipient in reader.execute(_RECIPIENTS, (session, MAX_TRANSACTIONS)).fetchall():
        recipients.setdefault(id_, []).append(RecipientRecord(*recipient))
    rows = reader.execute(_TRANSACTIONS, (session, MAX_TRANSACTIONS)).fetchall()
    fields = [(*row[:-1], tuple(recipients.get(row[0], ())), row[-1]) for row in rows]
    return tuple([TransactionRecord(*row) for row in fields])


def _event(row: Sequence[Any]) -> EventRecord:
    trace, at, stage, rule, code, reply, facts, imap_session = row
    return EventRecord(trace, at, stage, rule, code, reply, msgspec.json.decode(facts, type=Facts), imap_session)
