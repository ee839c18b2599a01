"""The rows of the record: from its structs to columns, and the fixed SQL that writes them.

Two ways lead in. With an accepted message a few rows are written in its own job, and win over whatever is there.
All else comes behind, many sessions a job: there a row that exists already stays, but an open session is brought up
to date.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from appliance.ids import id_text
from appliance.mail.session_record import (
    EventRecord,
    Facts,
    ImapSessionRecord,
    RecipientRecord,
    SessionRecord,
    TransactionRecord,
)
from appliance.mail.transcript import LIMIT
from appliance.store.tx import Tx

MAX_TEXT = 2000
"""Characters that are kept of what a peer said, other than in a transcript."""
ROW_BYTES = 300
"""What a row takes, roughly, besides its transcript."""
MAX_FACTS = 8 * 1024
"""Bytes of an event's facts as JSON."""
Row = tuple[Any, ...]

SESSION_COLUMNS = (
    "id, direction, listener, peer, peer_port, rdns, helo, tls_version, tls_cipher, tls_failure, account, credential, "
    "domain, started, ended, outcome, transcript"
)
TRANSACTION_COLUMNS = (
    "id, session, number, account, domain, mail_from, message_id, header_from, subject, size, verdict, code, reply, "
    "outcome, at, transcript"
)
RECIPIENT_COLUMNS = "transaction_id, number, address, domain, code, reply, outcome, account, at"
EVENT_COLUMNS = "id, trace, at, stage, rule, code, reply, facts, imap_session"
IMAP_COLUMNS = (
    "id, account, credential, domain, peer, client_id, tls_version, tls_cipher, started, ended, outcome, received, sent"
)


def _insert(table: str, columns: str, verb: str = "INSERT") -> str:
    return f"{verb} INTO {table} ({columns}) VALUES ({', '.join('?' * (columns.count(',') + 1))})"


def _updates(columns: str, *fixed: str) -> str:
    return ", ".join(f"{name} = excluded.{name}" for name in columns.split(", ") if name not in fixed)


_FIXED = ("id", "direction", "listener", "peer", "peer_port", "started")
_SESSION = f"{_insert('smtp_session', SESSION_COLUMNS)} ON CONFLICT DO NOTHING"
_SESSION_NOW = (
    f"{_insert('smtp_session', SESSION_COLUMNS)} ON CONFLICT (id) DO UPDATE SET {_updates(SESSION_COLUMNS, *_FIXED)}"
    " WHERE smtp_session.ended IS NULL"
)
_TRANSACTION = _insert("smtp_transaction", TRANSACTION_COLUMNS, "INSERT OR REPLACE")
_RECIPIENT = _insert("smtp_recipient", RECIPIENT_COLUMNS, "INSERT OR REPLACE")
_NEW_TRANSACTION = f"{_insert('smtp_transaction', TRANSACTION_COLUMNS)} ON CONFLICT DO NOTHING"
_NEW_RECIPIENT = f"{_insert('smtp_recipient', RECIPIENT_COLUMNS)} ON CONFLICT DO NOTHING"
_EVENT = _insert("event", EVENT_COLUMNS)
_IMAP_NOW = (
    f"{_insert('imap_session', IMAP_COLUMNS)} ON CONFLICT (id) DO UPDATE SET"
    f" {_updates(IMAP_COLUMNS, 'id', 'peer', 'started')} WHERE imap_session.ended IS NULL"
)
_FOLD = "UPDATE smtp_session SET folded = folded + ? WHERE id = ?"


class SessionRows(NamedTuple):
    """One session, what it tried since the last time, and what was decided; events have no id yet.

    The last column of sessions and transactions is the transcript.
    """

    session: Row
    transactions: list[Row]
    recipients: list[Row]
    events: list[Row]

    @property
    def total(self) -> int:
        """How many rows."""
        return 1 + len(self.transactions) + len(self.recipients) + len(self.events)

    @property
    def size(self) -> int:
        """Bytes, roughly."""
        transcript = self.session[-1] if self.session else ""
        return ROW_BYTES * self.total + len(transcript) + sum(len(row[-1]) for row in self.transactions)

    def followed_by(self, later: "SessionRows") -> "SessionRows":
        """The same session later: as it is then, with all it has tried."""
        return SessionRows(
            later.session,
            self.transactions + later.transactions,
            self.recipients + later.recipients,
            self.events + later.events,
        )


def put_accepted(tx: Tx, rows: SessionRows) -> None:
    """Write what belongs to an accepted message."""
    if rows.session:
        tx.execute(_SESSION, rows.session)
    for transaction in rows.transactions:
        tx.execute(_TRANSACTION, transaction)
    tx.executemany(_RECIPIENT, rows.recipients)
    put_events(tx, rows.events)


def renamed(rows: SessionRows, trace: int, earlier: int) -> SessionRows:
    """The rows of a message that came again: the peer was answered with the trace it was stored under before.

    Its recipients were counted against the account's limits then.
    """
    said, answered = id_text(trace), id_text(earlier)

    def again(row: Row) -> Row:
        return tuple([value.replace(said, answered) if isinstance(value, str) else value for value in row])

    recipients = [(*row[:-2], None, row[-1]) for row in map(again, rows.recipients)]
    return SessionRows(rows.session, [again(row) for row in rows.transactions], recipients, rows.events)


def put_sessions(tx: Tx, sessions: Iterable[SessionRows]) -> None:
    """Write sessions as they are now, and what they tried; one that has ended stays as it is."""
    for rows in sessions:
        tx.execute(_SESSION_NOW, rows.session)
        if rows.transactions:
            tx.executemany(_NEW_TRANSACTION, rows.transactions)
            tx.executemany(_NEW_RECIPIENT, rows.recipients)
        put_events(tx, rows.events)


def put_imap_sessions(tx: Tx, rows: Iterable[Row]) -> None:
    """Write IMAP sessions as they are now; one that has ended stays as it is."""
    tx.executemany(_IMAP_NOW, rows)


def put_events(tx: Tx, rows: Iterable[Row]) -> None:
    """Write decisions, each with an id of its own."""
    for row in rows:
        tx.execute(_EVENT, (tx.new_id(), *row))


def add_folded(tx: Tx, folds: Iterable[tuple[int, int]]) -> int:
    """Let the session of each id stand for so many more; gives how many found no session to stand for them."""
    return sum(count for id_, count in folds if not tx.execute(_FOLD, (count, id_)).rowcount)


def session_row(session: SessionRecord, domain: int | None) -> Row:
    """The columns of a session."""
    return _fitted(
        (
            session.id,
            session.direction,
            session.listener,
            session.peer,
            session.peer_port,
            session.rdns,
            session.helo,
            session.tls_version,
            session.tls_cipher,
            session.tls_failure,
            session.account,
            session.credential,
            domain,
            session.started,
            session.ended,
            session.outcome,
            session.transcript,
        )
    )


def transaction_row(transaction: TransactionRecord, domain: int | None) -> Row:
    """The columns of a transaction."""
    return _fitted(
        (
            transaction.id,
            transaction.session,
            transaction.number,
            transaction.account,
            domain,
            transaction.mail_from,
            transaction.message_id,
            transaction.header_from,
            transaction.subject,
            transaction.size,
            transaction.verdict,
            transaction.code,
            transaction.reply,
            transaction.outcome,
            transaction.at,
            transaction.transcript,
        )
    )


def recipient_rows(transaction: TransactionRecord) -> list[Row]:
    """The columns of its recipients; an accepted one counts for the account that submitted the message."""
    return [
        _recipient_row(transaction, number, recipient) for number, recipient in enumerate(transaction.recipients, 1)
    ]


def event_row(event: EventRecord) -> Row:
    """The columns of an event but its id."""
    facts = _facts(event.facts)
    return (
        event.trace,
        event.at,
        event.stage,
        event.rule,
        event.code,
        kept(event.reply),
        facts,
        event.imap_session,
    )


def imap_row(session: ImapSessionRecord, domain: int | None) -> Row:
    """The columns of an IMAP session."""
    return (
        session.id,
        session.account,
        session.credential,
        domain,
        kept(session.peer),
        kept(session.client_id),
        session.tls_version,
        session.tls_cipher,
        session.started,
        session.ended,
        kept(session.outcome),
        session.received,
        session.sent,
    )


def kept(text: str, limit: int = MAX_TEXT) -> str:
    """As much of a text as is kept, fit for the database: lone surrogates come escaped."""
    if len(text) > limit:
        text = text[:limit]
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def _fitted(row: Row) -> Row:
    """A row that ends with a transcript, each text cut and fit for the database; nearly always as it is."""
    transcript: str = row[-1]
    texts = "".join([value for value in row if value.__class__ is str])
    if texts.isascii() and len(texts) - len(transcript) <= MAX_TEXT and len(transcript) <= LIMIT:
        return row
    return (*[kept(value) if isinstance(value, str) else value for value in row[:-1]], kept(transcript, LIMIT))


def _recipient_row(transaction: TransactionRecord, number: int, recipient: RecipientRecord) -> Row:
    return (
        transaction.id,
        number,
        kept(recipient.address),
        kept(recipient.domain),
        recipient.code,
        kept(recipient.reply),
        recipient.outcome,
        transaction.account if recipient.outcome == "accepted" else None,
        transaction.at,
    )


def _facts(facts: Facts) -> str:
    if not facts:
        return "{}"
    safe = {
        kept(name): [kept(one) for one in value] if isinstance(value, list) else value for name, value in facts.items()
    }
    safe |= {name: kept(value) for name, value in safe.items() if isinstance(value, str)}
    packed = msgspec.json.encode(safe)
    if len(packed) > MAX_FACTS:
        packed = msgspec.json.encode({"left_out": f"{len(packed)} bytes of facts"})
    return packed.decode()
