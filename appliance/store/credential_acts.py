"""What changes the ledger of credentials: functions of a write transaction.

Two functions of the house write an account's password: `claim` the first one, for the token that only the invited
owner has, and `change_password` another, for who knows the old one. No administrator ever sets one.
"""

from appliance.records import Account, Credential
from appliance.store.account_acts import raise_epoch, require_account
from appliance.store.credentials import ACCOUNT_OWNER, CREDENTIAL, INVITE, PASSWORD
from appliance.store.errors import Conflict, NotFound
from appliance.store.tx import Tx

_INSERT = """
INSERT INTO credential (id, owner_kind, owner, kind, name, secret_hash, created_at, created_by, expires_at)
VALUES (?, ?, ?, ?, '', ?, ?, ?, ?)
"""
_CLAIM = """
UPDATE credential SET used_at = ?, last_used_at = ?, last_used_from = ?
WHERE kind = ? AND secret_hash = ? AND used_at IS NULL AND revoked_at IS NULL AND expires_at > ? RETURNING owner
"""
_REVOKE_OPEN = """
UPDATE credential SET revoked_at = ?
WHERE owner_kind = ? AND owner = ? AND kind = ? AND used_at IS NULL AND revoked_at IS NULL
"""
_REVOKE_PASSWORD = """
UPDATE credential SET revoked_at = ? WHERE id = ? AND owner_kind = ? AND owner = ? AND kind = ? AND revoked_at IS NULL
RETURNING id
"""
_TOUCH = """
UPDATE credential SET last_used_at = ?, last_used_from = ?
WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)
"""

_RENEW = """
UPDATE credential SET secret_hash = ? WHERE id = ? AND kind = ? AND secret_hash = ? AND revoked_at IS NULL
RETURNING owner
"""


def add_invite(tx: Tx, account: int, token_hash: bytes, *, created_by: str, expires_at: int) -> Credential:
    """A new invite, of whose token only the SHA-256 is kept; unused earlier ones are revoked.

    Raises NotFound, and Conflict for an account that is claimed: its owner has a password already.
    """
    info = require_account(tx, account)
    if info.state != "unclaimed":
        raise Conflict(f"{info.address} is claimed already: its owner has the password")
    tx.execute(_REVOKE_OPEN, (tx.now, ACCOUNT_OWNER, account, INVITE))
    return _add(tx, account, INVITE, token_hash, created_by, expires_at)


def claim(tx: Tx, token_hash: bytes, password_hash: bytes, source: str) -> Account:
    """The owner's own act: use up the invite, set the first password, make the account active.

    One statement uses the invite up, so of two claims with one token only one succeeds. `source` is where from
    (an address, "cli"). Raises NotFound for a token that is unknown, used, revoked or expired.
    """
    row = tx.execute(_CLAIM, (tx.now, tx.now, source, INVITE, token_hash, tx.now)).fetchone()
    if row is None:
        raise NotFound("the token is unknown, used or expired")
    account = require_account(tx, row[0])
    if account.state != "unclaimed":
        raise Conflict(f"{account.address} is claimed already")
    _add(tx, account.id, PASSWORD, password_hash, account.address, None)
    tx.execute("UPDATE account SET state = 'active' WHERE id = ?", (account.id,))
    raise_epoch(tx, account.id)
    return require_account(tx, account.id)


def change_password(tx: Tx, account: int, old: int, password_hash: bytes) -> int:
    """The owner's own act: a new password in place of the credential `old`; gives the id of its own.

    All sessions end that the old one opened. Raises Conflict where `old` is the password no more.
    """
    info = require_account(tx, account)
    if tx.execute(_REVOKE_PASSWORD, (tx.now, old, ACCOUNT_OWNER, account, PASSWORD)).fetchone() is None:
        raise Conflict("the password was changed meanwhile")
    return _add(tx, account, PASSWORD, password_hash, info.address, None).id


def revoke(tx: Tx, credential: int) -> Credential:
    """Let a credential open nothing from now on; one that is revoked stays so since when it was. Raises NotFound."""
    tx.execute("UPDATE credential SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (tx.now, credential))
    row = _require(tx, credential)
    if row.owner_kind == ACCOUNT_OWNER:
        raise_epoch(tx, row.owner)
    return row


def touch_used(tx: Tx, credential: int, at: int, source: str) -> None:
    """Note when and from where a credential was last used; not a change of it, so the epoch stays."""
    tx.execute(_TOUCH, (at, source, credential, at))


def renew_hash(tx: Tx, credential: int, old: bytes, new: bytes) -> None:
    """Put the hash `new` of the same password, made with today's costs, in the place of `old`.

    Only a sign-in with the right password can make one. Nothing happens where the password is another by now.
    """
    row = tx.execute(_RENEW, (new, credential, PASSWORD, old)).fetchone()
    if row is not None:
        raise_epoch(tx, row[0])


def _add(tx: Tx, account: int, kind: str, secret: bytes, created_by: str, expires_at: int | None) -> Credential:
    made = tx.new_id()
    tx.execute(_INSERT, (made, ACCOUNT_OWNER, account, kind, secret, tx.now, created_by, expires_at))
    raise_epoch(tx, account)
    return _require(tx, made)


def _require(tx: Tx, credential: int) -> Credential:
    row = tx.execute(f"{CREDENTIAL} WHERE id = ?", (credential,)).fetchone()
    if row is None:
        raise NotFound("no such credential")
    return Credential(*row)
