"""The audit log: every act of an admin or owner, in the act's own transaction, chained by hash.

Each row's hash covers the row and the hash before it, so that a changed or removed row breaks the chain from
there on. (Who can rewrite the whole database can rewrite the chain too: keep the newest hash elsewhere.)
"""

import hashlib
import json
import sqlite3

from appliance.records import AuditEntry
from appliance.store.engine import Engine, Tx

GENESIS = bytes(32)
"""The hash before the first."""
VERIFY_ROWS = 1000
"""Rows read at once when the chain is verified."""

_COLUMNS = "seq, at, actor, act, object, before, after, source, previous_hash, hash"
_AFTER = f"SELECT {_COLUMNS} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"
_NEWEST = f"SELECT {_COLUMNS} FROM audit ORDER BY seq DESC LIMIT ?"


def chain_hash(entry: AuditEntry) -> bytes:
    """SHA-256 over the previous hash and the row as canonical JSON (an array in column order, UTF-8, no spaces)."""
    row = [entry.seq, entry.at, entry.actor, entry.act, entry.object, entry.before, entry.after, entry.source]
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(entry.previous_hash + text.encode("utf-8", "surrogatepass")).digest()


class Audit:
    """The `audit` table."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(
        self, tx: Tx, actor: str, act: str, object: str, before: str = "", after: str = "", source: str = ""
    ) -> AuditEntry:
        """Record an act in the transaction that does it.

        `actor` is "cli:<uid>" or the account's address, `act` such as "domain.add", `object` what it was done to,
        `before` and `after` JSON of what changed (never a secret), `source` where it came from.
        """
        last = tx.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        seq, previous = (last[0] + 1, last[1]) if last else (1, GENESIS)
        blank = AuditEntry(seq, tx.now, actor, act, object, before, after, source, previous, b"")
        entry = AuditEntry(seq, tx.now, actor, act, object, before, after, source, previous, chain_hash(blank))
        row = (seq, tx.now, actor, act, object, before, after, source, previous, entry.hash)
        tx.execute(f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        return entry

    def newest(self, limit: int = 100) -> tuple[AuditEntry, ...]:
        """The last acts, newest first."""
        return tuple(AuditEntry(*row) for row in self._engine.reader.execute(_NEWEST, (limit,)).fetchall())

    def verify(self, connection: sqlite3.Connection | None = None) -> int | None:
        """The first `seq` at which the chain is broken, None when it is whole. Blocks: use a thread for long logs."""
        reader = connection or self._engine.reader
        expected, previous = 1, GENESIS
        while rows := reader.execute(_AFTER, (expected - 1, VERIFY_ROWS)).fetchall():
            for row in rows:
                entry = AuditEntry(*row)
                if entry.seq != expected or entry.previous_hash != previous or entry.hash != chain_hash(entry):
                    return expected
                expected, previous = expected + 1, entry.hash
        return None
