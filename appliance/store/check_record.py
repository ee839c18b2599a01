"""Does the record hang together? Recipients belong to a transaction, a transaction to its session."""

import sqlite3

from appliance.ids import id_text
from appliance.store.findings import CHUNK, Finding, Looked
from appliance.store.tx import Tx

_TRANSACTIONS = """
SELECT t.id, t.session, EXISTS (SELECT 1 FROM smtp_session WHERE id = t.session)
FROM smtp_transaction t WHERE t.id > ? ORDER BY t.id LIMIT ?
"""
_RECIPIENTS = """
SELECT r.transaction_id, EXISTS (SELECT 1 FROM smtp_transaction WHERE id = r.transaction_id)
FROM (SELECT DISTINCT transaction_id FROM smtp_recipient WHERE transaction_id > ? ORDER BY transaction_id LIMIT ?) r
ORDER BY r.transaction_id
"""
_STAND_IN = """
INSERT INTO smtp_session (id, direction, listener, peer, peer_port, rdns, helo, tls_version, tls_cipher, tls_failure,
    started, outcome, transcript)
SELECT :id, 'in', '', '', 0, '', '', '', '', '', min(at), 'not on record', '' FROM smtp_transaction WHERE session = :id
HAVING count(*) > 0 ON CONFLICT DO NOTHING
"""


def transaction_findings(connection: sqlite3.Connection, after: int) -> Looked:
    """Transactions without their session."""
    rows = connection.execute(_TRANSACTIONS, (after, CHUNK)).fetchall()
    lost = dict.fromkeys(session for _, session, there in rows if not there)
    found = [
        Finding(
            "transaction-without-session",
            f"session {id_text(session)}",
            "it has transactions on record, but is not there itself",
            session,
            fixable=True,
        )
        for session in lost
    ]
    return (rows[-1][0] if len(rows) == CHUNK else None), found


def recipient_findings(connection: sqlite3.Connection, after: int) -> Looked:
    """Recipients without their transaction."""
    rows = connection.execute(_RECIPIENTS, (after, CHUNK)).fetchall()
    found = [
        Finding(
            "recipient-without-transaction",
            f"transaction {id_text(transaction)}",
            "it has recipients on record, but is not there itself",
            transaction,
            fixable=True,
        )
        for transaction, there in rows
        if not there
    ]
    return (rows[-1][0] if len(rows) == CHUNK else None), found


def make_stand_in(tx: Tx, session: int) -> None:
    """A session of which nothing is known but its transactions, so that they can be found."""
    tx.execute(_STAND_IN, {"id": session})


def drop_recipients(tx: Tx, transaction: int) -> None:
    """Recipients that nothing leads to."""
    tx.execute("DELETE FROM smtp_recipient WHERE transaction_id = ?", (transaction,))
