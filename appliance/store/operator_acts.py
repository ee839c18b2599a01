"""What changes operators: functions of a write transaction. The audit row is the caller's."""

from appliance.records import Operator
from appliance.store.credentials import OPERATOR_OWNER, PASSWORD
from appliance.store.directory import account_key
from appliance.store.errors import Conflict, NotFound
from appliance.store.operators import OPERATOR
from appliance.store.tx import Tx

ADMINISTRATOR = "administrator"
"""The role of who may do everything."""
_PASSWORD = """
INSERT INTO credential (id, owner_kind, owner, kind, secret_hash, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_CURRENT = "SELECT 1 FROM credential WHERE id = ? AND owner_kind = ? AND owner = ? AND kind = ? AND revoked_at IS NULL"
_REVOKE = """
UPDATE credential SET revoked_at = ? WHERE owner_kind = ? AND owner = ? AND kind = ? AND revoked_at IS NULL
"""


def add_operator(tx: Tx, email: str, password_hash: bytes, *, created_by: str) -> Operator:
    """A new administrator with a password. Raises Conflict where the address is none or an operator's already."""
    key = account_key(email)
    if key is None:
        raise Conflict(f"not an e-mail address: {email[:80]!r}")
    if tx.execute("SELECT 1 FROM operator WHERE email = ?", (key,)).fetchone():
        raise Conflict(f"{key} is an administrator already")
    operator = tx.new_id()
    sql = "INSERT INTO operator (id, email, role, created_at) VALUES (?, ?, ?, ?)"
    tx.execute(sql, (operator, key, ADMINISTRATOR, tx.now))
    _add_password(tx, operator, password_hash, created_by)
    return require_operator(tx, operator)


def change_password(tx: Tx, operator: int, password_hash: bytes, *, created_by: str, old: int | None = None) -> int:
    """A new password in place of the old, with which all sessions end that it opened; gives its id.

    Raises Conflict where the credential `old` is named and is the password no more.
    """
    require_operator(tx, operator)
    if old is not None and tx.execute(_CURRENT, (old, OPERATOR_OWNER, operator, PASSWORD)).fetchone() is None:
        raise Conflict("the password was changed meanwhile")
    tx.execute(_REVOKE, (tx.now, OPERATOR_OWNER, operator, PASSWORD))
    return _add_password(tx, operator, password_hash, created_by)


def suspend_operator(tx: Tx, operator: int) -> Operator:
    """Let an operator in no more; one that is suspended stays so since when it was. Raises NotFound."""
    tx.execute("UPDATE operator SET suspended_at = ? WHERE id = ? AND suspended_at IS NULL", (tx.now, operator))
    return require_operator(tx, operator)


def resume_operator(tx: Tx, operator: int) -> Operator:
    """End a suspension. Raises NotFound."""
    tx.execute("UPDATE operator SET suspended_at = NULL WHERE id = ?", (operator,))
    return require_operator(tx, operator)


def require_operator(tx: Tx, operator: int) -> Operator:
    """The operator, as this transaction sees it; raises NotFound."""
    row = tx.execute(f"{OPERATOR} WHERE id = ?", (operator,)).fetchone()
    if row is None:
        raise NotFound("no such administrator")
    return Operator(*row)


def _add_password(tx: Tx, operator: int, password_hash: bytes, created_by: str) -> int:
    made = tx.new_id()
    tx.execute(_PASSWORD, (made, OPERATOR_OWNER, operator, PASSWORD, password_hash, tx.now, created_by))
    return made
