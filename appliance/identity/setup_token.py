"""The set-up token: while there is no administrator, who holds it may become the first one.

It is handed out on the terminal or in the log of the machine, so that whoever can start the server can set it up.
256 random bits, of which only the SHA-256 is kept; good for 30 minutes and for one administrator; a new one ends
the one before. Looking at the page uses nothing up.
"""

import msgspec

from appliance.identity.invite import new_token, token_hash
from appliance.identity.new_password import hashed
from appliance.identity.operator_login import OperatorLogin
from appliance.identity.password import Passwords
from appliance.records import Operator
from appliance.store import operator_acts
from appliance.store.engine import Tx
from appliance.store.errors import Conflict, NotFound
from appliance.store.setup_acts import SETUP, add_setup_token, use_setup_token
from appliance.store.store import Store

MINUTES = 30
LIFETIME_US = MINUTES * 60 * 1_000_000
STEP = "setup.step"
"""Name of the setting with the step at which set-up stands; unset when it is over or never began."""
FIRST_STEP = "host"
"""The step after the administrator."""


class SetupToken(msgspec.Struct, frozen=True):
    """Handed out once: the token is not kept."""

    token: str
    expires_at: int
    """UTC microseconds."""


class SetupRefused(ValueError):
    """One line for who opened the link. `kind` is "unknown", "ended" (used, replaced or expired) or "over"."""

    def __init__(self, kind: str, line: str) -> None:
        super().__init__(line)
        self.kind = kind


async def open_setup(store: Store, actor: str, source: str) -> SetupToken:
    """A new token in place of the one before. Raises Conflict once there is an administrator."""
    token = new_token()

    def job(tx: Tx) -> SetupToken:
        made = SetupToken(token, tx.now + LIFETIME_US)
        add_setup_token(tx, token_hash(token), created_by=actor, expires_at=made.expires_at)
        store.audit.append(tx, actor, "setup.link", "", source=source)
        return made

    return await store.engine.write(job)


def check_setup(store: Store, token: str) -> None:
    """Raises SetupRefused unless the token would make somebody the first administrator now."""
    found = store.credentials.find(SETUP, token_hash(token))
    if found is None:
        raise SetupRefused("unknown", "this link is not known")
    if store.operators.exist():
        raise SetupRefused("over", "there is an administrator already")
    if found.used_at is not None or found.revoked_at is not None or (found.expires_at or 0) <= store.engine.now():
        raise SetupRefused("ended", "this link has ended")


async def make_first_operator(
    store: Store, passwords: Passwords, token: str, email: str, password: str, source: str
) -> OperatorLogin:
    """Uses the token up, makes the first administrator and lets set-up begin. `source` is where the person is.

    Raises SetupRefused, WeakPassword, PasswordsBusy, Conflict for what is no address, and what the store raises.
    """
    check_setup(store, token)
    secret = await hashed(passwords, password, email)

    def job(tx: Tx) -> Operator:
        use_setup_token(tx, token_hash(token), source)
        made = operator_acts.add_operator(tx, email, secret, created_by=email)
        store.settings.set(tx, STEP, FIRST_STEP)
        store.audit.append(tx, made.email, "operator.add", made.email, source=source)
        return made

    try:
        operator = await store.engine.write(job)
    except (NotFound, Conflict):
        # Somebody was faster since the first look; where nobody was, it is about the address.
        check_setup(store, token)
        raise
    password_row = store.operators.password_of(operator.id)
    return OperatorLogin(operator, password_row.id if password_row else 0)
