"""The acts of administrators, shared by every door they come in by: domains, addresses, mailboxes.

Each act is one write job with its audit row: both are durable, or neither. It takes plain values as people write
them, gives the record as it then is, and raises `ProvisionError` for a value that cannot be one, the store's NotFound
for a name nobody has, its Conflict for what the rules do not allow now. `actor` is who acts, as `cli:<uid>`.

There is no act that sets a password: an owner does that alone (`appliance.identity.invite`).
"""

from appliance.provision.addresses import add_alias, reject_address, remove_alias, remove_reject
from appliance.provision.domains import (
    add_domain,
    add_domain_alias,
    remove_domain,
    remove_domain_alias,
    resume_domain,
    set_domain,
    suspend_domain,
)
from appliance.provision.lookups import canonical_address, find_domain, find_mailbox
from appliance.provision.mailboxes import (
    Invitation,
    add_mailbox,
    invite_owner,
    remove_mailbox,
    resume_mailbox,
    set_quota,
    suspend_mailbox,
)
from appliance.provision.record import Actor
from appliance.provision.values import ProvisionError

__all__ = [
    "Actor",
    "Invitation",
    "ProvisionError",
    "add_alias",
    "add_domain",
    "add_domain_alias",
    "add_mailbox",
    "canonical_address",
    "find_domain",
    "find_mailbox",
    "invite_owner",
    "reject_address",
    "remove_alias",
    "remove_domain",
    "remove_domain_alias",
    "remove_mailbox",
    "remove_reject",
    "resume_domain",
    "resume_mailbox",
    "set_domain",
    "set_quota",
    "suspend_domain",
    "suspend_mailbox",
]
