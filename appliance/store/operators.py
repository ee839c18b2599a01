"""Who administers the server, read. What changes operators is in `operator_acts`."""

from appliance.records import Credential, Operator
from appliance.store.credentials import CREDENTIAL, OPERATOR_OWNER, PASSWORD
from appliance.store.directory import account_key
from appliance.store.engine import Engine

OPERATOR = "SELECT id, email, role, created_at, suspended_at FROM operator"
"""Rows of `Operator`."""
_PASSWORD = f"""
{CREDENTIAL} WHERE owner_kind = '{OPERATOR_OWNER}' AND owner = ? AND kind = '{PASSWORD}' AND revoked_at IS NULL
"""


class Operators:
    """Looks operators up on the calling thread's reader."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def by_email(self, text: str) -> Operator | None:
        """The operator with that address, in any case of letters; None where the text is no address."""
        key = account_key(text)
        row = self._engine.reader.execute(f"{OPERATOR} WHERE email = ?", (key,)).fetchone() if key else None
        return Operator(*row) if row else None

    def by_id(self, operator: int) -> Operator | None:
        """The operator with that id."""
        row = self._engine.reader.execute(f"{OPERATOR} WHERE id = ?", (operator,)).fetchone()
        return Operator(*row) if row else None

    def exist(self) -> bool:
        """Whether there is any: set-up is over, then."""
        return self._engine.reader.execute("SELECT 1 FROM operator LIMIT 1").fetchone() is not None

    def password_of(self, operator: int) -> Credential | None:
        """The operator's password."""
        row = self._engine.reader.execute(_PASSWORD, (operator,)).fetchone()
        return Credential(*row) if row else None
