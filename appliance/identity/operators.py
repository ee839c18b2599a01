"""Making an administrator, who chooses the password: there is no act that sets another's."""

import re

from appliance.identity.password import PasswordError, Passwords
from appliance.records import Operator
from appliance.store import operator_acts
from appliance.store.engine import Tx
from appliance.store.store import Store


class WeakPassword(ValueError):
    """One line for the person who chose it."""


async def judge(passwords: Passwords, password: str, address: str) -> None:
    """Raises WeakPassword where a new password is easy to guess for who knows its owner's address."""
    weakness = await passwords.strength(password, [address, *re.split(r"[^\w]+", address)])
    if weakness:
        raise WeakPassword(weakness)


async def make_operator(store: Store, passwords: Passwords, email: str, password: str, *, source: str) -> Operator:
    """A new administrator with the password chosen. `source` is where the person is.

    Raises WeakPassword, PasswordsBusy, Conflict, and what the store raises.
    """
    await judge(passwords, password, email)
    try:
        hashed = await passwords.hash(password)
    except PasswordError as error:
        raise WeakPassword(str(error)) from None

    def job(tx: Tx) -> Operator:
        made = operator_acts.add_operator(tx, email, hashed, created_by=email)
        store.audit.append(tx, made.email, "operator.add", made.email, source=source)
        return made

    return await store.engine.write(job)
