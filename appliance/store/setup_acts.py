"""Set-up tokens as rows of the ledger, of operators that do not exist yet: what makes and uses them up.

Functions of a write transaction; the audit row is the caller's.
"""

from appliance.records import Credential
from appliance.store.credentials import CREDENTIAL, OPERATOR_OWNER
from appliance.store.engine import Engine
from appliance.store.errors import Conflict, NotFound
from appliance.store.tx import Tx

SETUP = "setup"
"""The kind of credential."""
NOBODY = 0
"""Whose it is: that of the administrator to be."""

_OPEN = "kind = ? AND owner_kind = ? AND owner = ? AND used_at IS NULL AND revoked_at IS NULL"
_REVOKE = f"UPDATE credential SET revoked_at = ? WHERE {_OPEN}"
_INSERT = """
INSERT INTO credential (id, owner_kind, owner, kind, secret_hash, created_at, created_by, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_USE = """
UPDATE credential SET used_at = ?, last_used_at = ?, last_used_from = ?
WHERE kind = ? AND secret_hash = ? AND used_at IS NULL AND revoked_at IS NULL AND expires_at > ? RETURNING id
"""


def add_setup_token(tx: Tx, token_hash: bytes, *, created_by: str, expires_at: int) -> None:
    """A new set-up token, of which only the SHA-256 is kept; the one before ends.

    Raises Conflict where there is an administrator.
    """
    require_nobody(tx)
    tx.execute(_REVOKE, (tx.now, SETUP, OPERATOR_OWNER, NOBODY))
    row = (tx.new_id(), OPERATOR_OWNER, NOBODY, SETUP, token_hash, tx.now, created_by, expires_at)
    tx.execute(_INSERT, row)


def use_setup_token(tx: Tx, token_hash: bytes, source: str) -> None:
    """Use a token up, from the address `source`: in one statement, so that of two that try only one succeeds.

    Raises NotFound for one that is unknown, used, ended or expired, Conflict where there is an administrator.
    """
    require_nobody(tx)
    if tx.execute(_USE, (tx.now, tx.now, source, SETUP, token_hash, tx.now)).fetchone() is None:
        raise NotFound("the set-up link is unknown, used or expired")


def require_nobody(tx: Tx) -> None:
    """Raises Conflict where there is an administrator."""
    if tx.execute("SELECT 1 FROM operator LIMIT 1").fetchone():
        raise Conflict("there is an administrator already")


def open_setup_token(engine: Engine, now: int) -> Credential | None:
    """The token that could be used at `now`. On the calling thread's reader."""
    sql = f"{CREDENTIAL} WHERE {_OPEN} AND expires_at > ?"
    row = engine.reader.execute(sql, (SETUP, OPERATOR_OWNER, NOBODY, now)).fetchone()
    return Credential(*row) if row else None
