"""Making an administrator, who chooses the password: there is no act that sets another's."""

from appliance.identity.new_password import hashed
from appliance.identity.password import Passwords
from appliance.records import Operator
from appliance.store import operator_acts
from appliance.store.engine import Tx
from appliance.store.store import Store


async def make_operator(store: Store, passwords: Passwords, email: str, password: str, *, source: str) -> Operator:
    """A new administrator with the password chosen. `source` is where the person is.

    Raises WeakPassword, PasswordsBusy, Conflict, and what the store raises.
    """
    secret = await hashed(passwords, password, email)

    def job(tx: Tx) -> Operator:
        made = operator_acts.add_operator(tx, email, secret, created_by=email)
        store.audit.append(tx, made.email, "operator.add", made.email, source=source)
        return made

    return await store.engine.write(job)
