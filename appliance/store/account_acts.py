"""What changes accounts: functions of a write transaction.

Every write to an account, or to one of its credentials, raises `account.epoch` in the same transaction, so that
nothing remembered of an earlier epoch (a verified password) counts any more; and it publishes the account's topic, on
which live sessions look again. Counters (bytes, UIDVALIDITY, the quota's grace time) are no such writes.
"""

from appliance.mail.address import Address
from appliance.records import Account, DomainInfo, Topic
from appliance.store.directory import ACCOUNT
from appliance.store.directory_acts import add_address, require_domain
from appliance.store.errors import Conflict, NotFound
from appliance.store.mailbox_acts import INBOX, create, subscribe
from appliance.store.tx import Tx
from appliance.store.usage import add_domain_usage

SPECIAL_FOLDERS = {"Drafts": "\\Drafts", "Sent": "\\Sent", "Junk": "\\Junk", "Trash": "\\Trash", "Archive": "\\Archive"}
"""Folders made with each account, with their use (RFC 6154 §2)."""
UIDVALIDITY_FLOOR = "uidvalidity.floor"
"""Setting: no account made from now on may start below it, so that an address given anew never repeats one."""

_CAUGHT_BY = "SELECT name FROM domain WHERE catch_all_account = ? AND unknown = 'catch_all' ORDER BY name"
_INSERT = """
INSERT INTO account (id, domain, address, quota_bytes, next_uidvalidity, created_at) VALUES (?, ?, ?, ?, ?, ?)
"""
_LAST_TARGET = """
SELECT a.localpart || '@' || d.name FROM address_target t
JOIN address a ON a.id = t.address AND a.kind = 'alias' JOIN domain d ON d.id = a.domain
WHERE t.account = ? AND NOT EXISTS (
    SELECT 1 FROM address_target o WHERE o.address = t.address AND o.account <> t.account)
ORDER BY 1
"""


def require_account(tx: Tx, account: int) -> Account:
    """The account, as this transaction sees it; raises NotFound."""
    row = tx.execute(f"{ACCOUNT} WHERE id = ?", (account,)).fetchone()
    if row is None:
        raise NotFound("no such mailbox")
    return Account(*row)


def raise_epoch(tx: Tx, account: int) -> None:
    """Outdate all that was remembered of the account, and let its live sessions look again."""
    tx.execute("UPDATE account SET epoch = epoch + 1 WHERE id = ?", (account,))
    tx.publish(Topic("account", account))


def add_account(tx: Tx, domain: int, address: Address, quota_bytes: int | None = None) -> Account:
    """Make an unclaimed account with its address, INBOX and the special folders, all subscribed.

    The first account of a domain becomes its contact. Raises Conflict where the address is taken (by a mailbox, alias
    or reject-address) or belongs to another domain, NotFound without the domain.
    """
    info = require_domain(tx, domain)
    _check_new(info, address, quota_bytes)
    row = add_address(tx, info, address.localpart, "mailbox")
    account = tx.new_id()
    text = Address(address.folded, info.name).text
    tx.execute(_INSERT, (account, domain, text, quota_bytes, _first_uidvalidity(tx), tx.now))
    tx.execute("INSERT INTO address_target (address, account) VALUES (?, ?)", (row, account))
    for name, use in ((INBOX, None), *SPECIAL_FOLDERS.items()):
        create(tx, account, name, use)
        subscribe(tx, account, name)
    tx.execute("UPDATE domain SET contact_account = ? WHERE id = ? AND contact_account IS NULL", (account, domain))
    tx.publish(Topic("account", account))
    return require_account(tx, account)


def set_account(tx: Tx, account: int, *, quota_bytes: int | None) -> Account:
    """Set or lift (None) the quota in bytes; the grace time ends where there is room again. Raises NotFound."""
    if quota_bytes is not None and quota_bytes < 0:
        raise Conflict("a quota is a number of bytes, 0 or more")
    tx.execute("UPDATE account SET quota_bytes = ? WHERE id = ?", (quota_bytes, account))
    tx.execute(
        "UPDATE account SET over_quota_since = NULL WHERE id = ? AND (quota_bytes IS NULL OR used_bytes < quota_bytes)",
        (account,),
    )
    raise_epoch(tx, account)
    return require_account(tx, account)


def suspend_account(tx: Tx, account: int) -> Account:
    """Suspend an account from now on; one that is suspended stays so since when it was. Raises NotFound."""
    tx.execute("UPDATE account SET suspended_at = ? WHERE id = ? AND suspended_at IS NULL", (tx.now, account))
    raise_epoch(tx, account)
    return require_account(tx, account)


def resume_account(tx: Tx, account: int) -> Account:
    """End a suspension. Raises NotFound."""
    tx.execute("UPDATE account SET suspended_at = NULL WHERE id = ?", (account,))
    raise_epoch(tx, account)
    return require_account(tx, account)


def mark_over_quota(tx: Tx, account: int) -> None:
    """Start the grace time at the first refusal; it runs on where it runs already."""
    tx.execute("UPDATE account SET over_quota_since = ? WHERE id = ? AND over_quota_since IS NULL", (tx.now, account))


def remove_account(tx: Tx, account: int) -> Account:
    """Remove an account with its address, folders, subscriptions and credentials; gives it as it was.

    Nothing of it is seen any more at once; message rows and bodies go in slices later (`mailbox_acts.gone`, `sweep`).
    Raises NotFound, and Conflict naming it while a domain or alias depends on the account. The contact of a domain
    may go once no other account of it is there to be one.
    """
    info = require_account(tx, account)
    _check_unneeded(tx, info)
    mailboxes = tx.execute("SELECT id FROM mailbox WHERE account = ?", (account,)).fetchall()
    for column in ("contact_account", "catch_all_account"):
        tx.execute(f"UPDATE domain SET {column} = NULL WHERE {column} = ?", (account,))
    tx.execute(
        "DELETE FROM address WHERE kind = 'mailbox' AND id IN (SELECT address FROM address_target WHERE account = ?)",
        (account,),
    )
    tx.execute("DELETE FROM address_target WHERE account = ?", (account,))
    tx.execute("DELETE FROM credential WHERE owner_kind = 'account' AND owner = ?", (account,))
    tx.execute("DELETE FROM subscription WHERE account = ?", (account,))
    tx.execute("DELETE FROM mailbox WHERE account = ?", (account,))
    _keep_floor(tx, account)
    tx.execute("DELETE FROM account WHERE id = ?", (account,))
    add_domain_usage(tx, info.domain, -info.used_bytes)
    for topic in ("account", "folders"):
        tx.publish(Topic(topic, account))
    for (mailbox,) in mailboxes:
        tx.publish(Topic("mailbox", mailbox))
    return info


def _check_new(domain: DomainInfo, address: Address, quota_bytes: int | None) -> None:
    if address.domain != domain.name:
        raise Conflict(f"{address.text} does not belong to {domain.name}")
    if quota_bytes is not None and quota_bytes < 0:
        raise Conflict("a quota is a number of bytes, 0 or more")


def _check_unneeded(tx: Tx, account: Account) -> None:
    others = tx.execute("SELECT 1 FROM account WHERE domain = ? AND id <> ?", (account.domain, account.id)).fetchone()
    uses = [f"the catch-all of {name}" for (name,) in tx.execute(_CAUGHT_BY, (account.id,)).fetchall()]
    uses += [
        f"the contact of {name}"
        for domain, name in tx.execute(
            "SELECT id, name FROM domain WHERE contact_account = ?", (account.id,)
        ).fetchall()
        if domain != account.domain or others
    ]
    uses += [f"the last target of {text}" for (text,) in tx.execute(_LAST_TARGET, (account.id,)).fetchall()]
    if uses:
        raise Conflict(f"{account.address} is {', '.join(uses)}")


def _first_uidvalidity(tx: Tx) -> int:
    """The Unix second, or what an account removed before had reached: RFC 3501 §2.3.1.1 wants it to rise."""
    row = tx.execute("SELECT value FROM setting WHERE name = ?", (UIDVALIDITY_FLOOR,)).fetchone()
    return max(tx.now // 1_000_000, int(row[0]) if row else 1)


def _keep_floor(tx: Tx, account: int) -> None:
    reached = tx.execute("SELECT next_uidvalidity FROM account WHERE id = ?", (account,)).fetchone()[0]
    row = tx.execute("SELECT value FROM setting WHERE name = ?", (UIDVALIDITY_FLOOR,)).fetchone()
    if row is None or int(row[0]) < reached:
        tx.execute(
            "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (UIDVALIDITY_FLOOR, str(reached)),
        )
