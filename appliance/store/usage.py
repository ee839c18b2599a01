"""Bytes in use: every change of stored mail moves the sums of account, domain and organisation in its own transaction.

Quotas are judged where mail is asked for (at RCPT by routing, here for APPEND and COPY), never for mail that was
accepted: what RCPT let in is stored even where it overruns.
"""

from appliance.store.errors import OverQuota
from appliance.store.tx import Tx

_ACCOUNT = """
UPDATE account SET used_bytes = used_bytes + :delta,
    over_quota_since = CASE WHEN quota_bytes IS NULL OR used_bytes + :delta < quota_bytes
                       THEN NULL ELSE over_quota_since END
WHERE id = :id RETURNING used_bytes, quota_bytes
"""
_DOMAIN = "UPDATE domain SET used_bytes = used_bytes + ? WHERE id = ? RETURNING used_bytes, quota_bytes, organisation"
_ORGANISATION = "UPDATE organisation SET used_bytes = used_bytes + ? WHERE id = ? RETURNING used_bytes, quota_bytes"


def charge_account(tx: Tx, account: int, delta: int) -> tuple[int, int | None]:
    """Add `delta` bytes (negative: free them) to an account; gives the bytes then in use and the quota.

    The grace time of an account over its quota ends as soon as it is under it again.
    """
    row = tx.execute(_ACCOUNT, {"delta": delta, "id": account}).fetchone()
    return (row[0], row[1]) if row else (0, None)


def charge_domain(tx: Tx, domain: int, delta: int) -> tuple[tuple[int, int | None], tuple[int, int | None]]:
    """Add `delta` bytes to a domain and its organisation; gives bytes then in use and quota of each."""
    row = tx.execute(_DOMAIN, (delta, domain)).fetchone()
    if row is None:
        return (0, None), (0, None)
    used, quota, organisation = row
    above = tx.execute(_ORGANISATION, (delta, organisation)).fetchone()
    return (used, quota), (above[0], above[1])


def charge(tx: Tx, account: int, domain: int, delta: int, *, judge: bool = False) -> None:
    """Add `delta` bytes to all three sums; with `judge`, raises OverQuota where one then exceeds its quota."""
    if not delta:
        return
    sums = (charge_account(tx, account, delta), *charge_domain(tx, domain, delta))
    if not judge or delta < 0:
        return
    for word, (used, quota) in zip(("mailbox", "domain", "organisation"), sums, strict=True):
        if quota is not None and used > quota:
            raise OverQuota(f"the quota of the {word} is used up ({used} of {quota} bytes)")
