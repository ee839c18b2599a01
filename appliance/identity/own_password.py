"""Changing one's own password: only who knows the old one, and nobody for somebody else.

The old one is asked for at the same door as every sign-in: the same throttle, the same pool. What the old password
opened ends with it in the same transaction, web sessions and those of mail programs alike.
"""

from appliance.identity.login import BUSY_SECONDS, Login, LoginRefused, Logins
from appliance.identity.new_password import WeakPassword, hashed
from appliance.identity.operator_login import PROTOCOL, OperatorLogin
from appliance.identity.password import Passwords, PasswordsBusy
from appliance.mail.envelope import Peer
from appliance.records import Account, Credential, Operator
from appliance.store import credential_acts, operator_acts
from appliance.store.store import Store
from appliance.store.tx import Tx

MAILBOX_ACT, OPERATOR_ACT = "mailbox.password", "operator.password"
"""Names of the act in the audit log."""


async def change_own_password(
    store: Store, logins: Logins, passwords: Passwords, whose: Account | Operator, old: str, new: str, peer: Peer
) -> Login | OperatorLogin:
    """The new password in place of the old; gives what signs its owner in again.

    Raises LoginRefused where the old one is wrong or has to wait, WeakPassword, Conflict where it was changed
    meanwhile, and what the store raises.
    """
    name = whose.address if isinstance(whose, Account) else whose.email
    current = _password_of(store, whose)
    try:
        await logins.hold_back(name, peer, current)
        if current is None or not await _right(logins, passwords, name, old, whose, current):
            raise logins.failed(name, peer, PROTOCOL)
        logins.succeeded(name, peer)
        if old == new:
            raise WeakPassword("this is the password you have already")
        secret = await hashed(passwords, new, name)
    except PasswordsBusy:
        raise LoginRefused("busy", BUSY_SECONDS) from None
    if isinstance(whose, Account):
        return await _change(store, whose, current.id, secret, peer.address)
    return await _change_operator(store, whose, current.id, secret, peer.address)


def _password_of(store: Store, whose: Account | Operator) -> Credential | None:
    if isinstance(whose, Account):
        return store.credentials.password_of(whose.id)
    return store.operators.password_of(whose.id)


async def _right(
    logins: Logins, passwords: Passwords, name: str, old: str, whose: Account | Operator, current: Credential
) -> bool:
    if isinstance(whose, Account):
        return await logins.verified(name, old, whose, current)
    return await passwords.verify(current.secret_hash, old)


async def _change(store: Store, account: Account, old: int, hashed: bytes, source: str) -> Login:
    def job(tx: Tx) -> int:
        made = credential_acts.change_password(tx, account.id, old, hashed)
        store.audit.append(tx, account.address, MAILBOX_ACT, account.address, source=source)
        return made

    made = await store.engine.write(job)
    return Login(store.directory.account_by_id(account.id) or account, made)


async def _change_operator(store: Store, operator: Operator, old: int, hashed: bytes, source: str) -> OperatorLogin:
    def job(tx: Tx) -> int:
        made = operator_acts.change_password(tx, operator.id, hashed, created_by=operator.email, old=old)
        store.audit.append(tx, operator.email, OPERATOR_ACT, operator.email, source=source)
        return made

    return OperatorLogin(operator, await store.engine.write(job))
