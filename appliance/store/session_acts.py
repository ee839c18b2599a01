"""Web sessions as rows of the ledger: opened, ended, looked up. Only the SHA-256 of a session's token is kept.

A session is good as long as it is not revoked or expired, and neither is the password that opened it: whatever ends
a password ends its sessions in the same transaction. Opening one changes no right to the account, so the epoch stays.
"""

from appliance.records import Credential
from appliance.store.credentials import CREDENTIAL
from appliance.store.engine import Engine
from appliance.store.tx import Tx

SESSION = "session"
"""The kind of credential."""
KEPT_US = 30 * 86_400 * 1_000_000
"""How long a session that is over stays in the ledger, at least."""

_OPEN = """
INSERT INTO credential (id, owner_kind, owner, kind, name, secret_hash, created_at, created_by, expires_at,
                        last_used_at, last_used_from, opener)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_FORGET = "DELETE FROM credential WHERE owner_kind = ? AND owner = ? AND kind = ? AND expires_at < ?"
_END = "UPDATE credential SET revoked_at = ? WHERE kind = ? AND secret_hash = ? AND revoked_at IS NULL"
_FIND = f"""
{CREDENTIAL} WHERE kind = ? AND secret_hash = ? AND revoked_at IS NULL AND expires_at > ?
AND EXISTS (SELECT 1 FROM credential o WHERE o.id = credential.opener AND o.revoked_at IS NULL)
"""


def open_session(
    tx: Tx, owner_kind: str, owner: int, token_hash: bytes, *, opener: int, name: str, source: str, expires_at: int
) -> None:
    """A new session of an owner, opened with the credential `opener`; `name` is the browser, `source` its address."""
    tx.execute(_FORGET, (owner_kind, owner, SESSION, tx.now - KEPT_US))
    row = (tx.new_id(), owner_kind, owner, SESSION, name, token_hash, tx.now, "sign-in", expires_at)
    tx.execute(_OPEN, (*row, tx.now, source, opener))


def end_session(tx: Tx, token_hash: bytes) -> None:
    """Revoke a session; nothing happens where there is none."""
    tx.execute(_END, (tx.now, SESSION, token_hash))


def find_session(engine: Engine, token_hash: bytes, now: int) -> Credential | None:
    """The session of a token, None where it is over or never was. On the calling thread's reader."""
    row = engine.reader.execute(_FIND, (SESSION, token_hash, now)).fetchone()
    return Credential(*row) if row else None
