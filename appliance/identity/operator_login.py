"""Signing in to the web: one form for administrators and owners, behind the same throttle as every other door.

A name may be an administrator's e-mail address, a mailbox, or both. Both passwords are looked at for every name,
against a dummy where there is none, side by side: neither the time nor the words tell which names there are, or
whose. The administrator's password opens the administration, the mailbox's the owner's own pages; where both are
the same, the administration.
"""

import asyncio

import msgspec
import structlog

from appliance.identity.login import BUSY_SECONDS, Login, LoginRefused, Logins
from appliance.identity.password import Passwords, PasswordsBusy
from appliance.mail.envelope import Peer
from appliance.records import Credential, Operator
from appliance.store.store import Store

log = structlog.get_logger(__name__)

PROTOCOL = "web"


class OperatorLogin(msgspec.Struct, frozen=True):
    """Which administrator is signed in, and by which row of the ledger."""

    operator: Operator
    credential: int


async def sign_in(
    store: Store, logins: Logins, passwords: Passwords, name: str, password: str, peer: Peer
) -> OperatorLogin | Login:
    """Signs in an administrator or an owner, or raises LoginRefused; waits out the throttle's delay."""
    throttled_as, account = logins.look_up(name)
    operator = store.operators.by_email(name)
    if operator is not None:
        throttled_as = operator.email
    theirs = store.operators.password_of(operator.id) if operator else None
    own = store.credentials.password_of(account.id) if account else None
    await logins.hold_back(throttled_as, peer, theirs, own)
    try:
        administers, owns = await asyncio.gather(
            passwords.verify(theirs.secret_hash if theirs else None, password),
            logins.verified(throttled_as, password, account, own),
        )
    except PasswordsBusy:
        raise LoginRefused("busy", BUSY_SECONDS) from None
    if administers and operator and theirs:
        logins.succeeded(throttled_as, peer)
        return _admitted(store, logins, operator, theirs, peer)
    if owns and account and own:
        logins.succeeded(throttled_as, peer)
        return logins.admitted(account, own, peer, PROTOCOL)
    raise logins.failed(throttled_as, peer, PROTOCOL)


def _admitted(store: Store, logins: Logins, operator: Operator, theirs: Credential, peer: Peer) -> OperatorLogin:
    """What holds after the wait: the operator as it is now, with the credential still its password."""
    current, password = store.operators.by_id(operator.id), store.operators.password_of(operator.id)
    if current is None or password is None or password.id != theirs.id:
        raise LoginRefused("credentials")
    if current.suspended_at is not None:
        log.info("sign-in refused", why="suspended", login=operator.email, peer=peer.address, protocol=PROTOCOL)
        raise LoginRefused("suspended")
    logins.used(theirs.id, peer)
    return OperatorLogin(current, theirs.id)
