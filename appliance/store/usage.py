"""Bytes in use: every change of stored mail moves the sums of account, domain and organisation in its own transaction.

Quotas are judged where mail is asked for (at RCPT by routing, here for APPEND and COPY), never for mail that was
accepted: what RCPT let in is stored even where it overruns.
"""

from appliance.store.errors import OverQuota
from appliance.store.tx import Tx

_ADD = "UPDATE account SET used_bytes = used_bytes + ? WHERE id = ? RETURNING used_bytes, quota_bytes"
_FREE = """
UPDATE account SET used_bytes = used_bytes - :freed,
    over_quota_since = CASE WHEN quota_bytes IS NULL OR used_bytes - :freed < quota_bytes
                       THEN NULL ELSE over_quota_since END
WHERE id = :id
"""
_DOMAIN = "UPDATE domain SET used_bytes = used_bytes + ? WHERE id = ? RETURNING used_bytes, quota_bytes, organisation"
_ORGANISATION = "UPDATE organisation SET used_bytes = used_bytes + ? WHERE id = ? RETURNING used_bytes, quota_bytes"
ADD_ACCOUNT = "UPDATE account SET used_bytes = used_bytes + ? WHERE id = ?"
_ADD_DOMAIN = "UPDATE domain SET used_bytes = used_bytes + ? WHERE id = ?"
_ADD_ORGANISATION = """
UPDATE organisation SET used_bytes = used_bytes + ? WHERE id = (SELECT organisation FROM domain WHERE id = ?)
"""


def add_usage(tx: Tx, account: int, domain: int, size: int) -> None:
    """Add bytes (or take some away, negative) without a look at any quota."""
    tx.execute(ADD_ACCOUNT, (size, account))
    add_domain_usage(tx, domain, size)


def add_domain_usage(tx: Tx, domain: int, size: int) -> None:
    """As `add_usage`, for the domain and its organisation only."""
    tx.execute(_ADD_DOMAIN, (size, domain))
    tx.execute(_ADD_ORGANISATION, (size, domain))


def free_usage(tx: Tx, account: int, domain: int, size: int) -> None:
    """Take bytes away; the grace time of an account over its quota ends once there is room again."""
    if size:
        tx.execute(_FREE, {"freed": size, "id": account})
        add_domain_usage(tx, domain, -size)


def charge_usage(tx: Tx, account: int, domain: int, size: int) -> None:
    """Add bytes; raises OverQuota where account, domain or organisation then exceeds its quota."""
    if not size:
        return
    row = tx.execute(_ADD, (size, account)).fetchone()
    _judge("mailbox", *row)
    used, quota, organisation = tx.execute(_DOMAIN, (size, domain)).fetchone()
    _judge("domain", used, quota)
    _judge("organisation", *tx.execute(_ORGANISATION, (size, organisation)).fetchone())


def _judge(whose: str, used: int, quota: int | None) -> None:
    if quota is not None and used > quota:
        raise OverQuota(f"the quota of the {whose} is used up ({used} of {quota} bytes)")
