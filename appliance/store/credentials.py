"""The ledger of all that opens something, read: passwords, invites, sessions, one table.

What is kept is never a secret itself: of a password its Argon2id hash, of a token its SHA-256. What changes the
ledger is in `credential_acts`.
"""

from appliance.records import Credential
from appliance.store.engine import Engine

ACCOUNT_OWNER, OPERATOR_OWNER = "account", "operator"
"""`owner_kind` of what belongs to an account, and to an operator."""
PASSWORD, INVITE = "password", "invite"
"""Kinds of credentials."""
CREDENTIAL = (
    "SELECT id, owner_kind, owner, kind, name, secret_hash, created_at, created_by, expires_at, last_used_at, "
    "last_used_from, used_at, revoked_at, opener FROM credential"
)
"""Rows of `Credential`."""
_OF_ACCOUNT = f"{CREDENTIAL} WHERE owner_kind = '{ACCOUNT_OWNER}' AND owner = ?"


class Credentials:
    """Looks credentials up on the calling thread's reader."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, kind: str, secret_hash: bytes) -> Credential | None:
        """The credential of that kind with that hash of a token, in whatever state it is."""
        sql = f"{CREDENTIAL} WHERE kind = ? AND secret_hash = ?"
        row = self._engine.reader.execute(sql, (kind, secret_hash)).fetchone()
        return Credential(*row) if row else None

    def password_of(self, account: int) -> Credential | None:
        """The account's password, None while it is unclaimed."""
        sql = f"{_OF_ACCOUNT} AND kind = '{PASSWORD}' AND revoked_at IS NULL"
        row = self._engine.reader.execute(sql, (account,)).fetchone()
        return Credential(*row) if row else None

    def open_invite(self, account: int, now: int) -> Credential | None:
        """The invite that could be claimed at `now`."""
        sql = f"{_OF_ACCOUNT} AND kind = '{INVITE}' AND used_at IS NULL AND revoked_at IS NULL AND expires_at > ?"
        row = self._engine.reader.execute(sql, (account, now)).fetchone()
        return Credential(*row) if row else None

    def newest(self, account: int, limit: int = 100) -> tuple[Credential, ...]:
        """As `ledger`, no more than `limit`: passwords first, then the others, the newest first."""
        sql = f"{_OF_ACCOUNT} ORDER BY kind <> ?, id DESC LIMIT ?"
        rows = self._engine.reader.execute(sql, (account, PASSWORD, limit)).fetchall()
        return tuple([Credential(*row) for row in rows])

    def ledger(self, account: int) -> tuple[Credential, ...]:
        """All credentials the account ever had, in the order they were made."""
        rows = self._engine.reader.execute(f"{_OF_ACCOUNT} ORDER BY id", (account,)).fetchall()
        return tuple([Credential(*row) for row in rows])
