"""Which addresses an account may send as.

Its mailbox address, the aliases that reach it, and the forms of these under other names of the domain or with a
subaddress. A catch-all grants none: it would make its holder everybody of the domain.
"""

from appliance.mail.address import Address
from appliance.store.store import Store


def owns(store: Store, account: int, address: Address) -> bool:
    """Whether the account may send as that address."""
    facts = store.directory.facts(address, "", "")
    if facts.domain is None:
        return False
    for candidate in facts.candidates:
        found = facts.found.get(candidate)
        if found is not None:
            return found.kind in ("mailbox", "alias") and account in found.accounts
    return False
