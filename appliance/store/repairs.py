"""What puts a finding of `check` right without losing anything: functions of a write transaction, by kind."""

from collections.abc import Callable

from appliance.records import Topic
from appliance.store.check_record import drop_recipients, make_stand_in
from appliance.store.tx import Tx

_COUNTERS = """
UPDATE mailbox SET
    "exists" = (SELECT count(*) FROM message WHERE mailbox = :id),
    unseen = (SELECT count(*) FROM message WHERE mailbox = :id AND flags & 1 = 0),
    bytes = (SELECT coalesce(sum(size), 0) FROM message WHERE mailbox = :id)
WHERE id = :id
"""
_UIDNEXT = """
UPDATE mailbox SET uidnext = max(uidnext,
    (SELECT coalesce(max(uid), 0) + 1 FROM message WHERE mailbox = :id),
    (SELECT coalesce(max(uid), 0) + 1 FROM expunged WHERE mailbox = :id))
WHERE id = :id
"""
_MODSEQ = """
UPDATE mailbox SET highestmodseq = max(highestmodseq, expunged_floor,
    (SELECT coalesce(max(modseq), 0) FROM message WHERE mailbox = :id),
    (SELECT coalesce(max(modseq), 0) FROM expunged WHERE mailbox = :id))
WHERE id = :id
"""
_USAGE = {
    "account": "UPDATE account SET used_bytes = (SELECT coalesce(sum(bytes), 0) FROM mailbox WHERE account = :id)"
    " WHERE id = :id",
    "domain": "UPDATE domain SET used_bytes = (SELECT coalesce(sum(used_bytes), 0) FROM account WHERE domain = :id)"
    " WHERE id = :id",
    "organisation": "UPDATE organisation SET used_bytes ="
    " (SELECT coalesce(sum(used_bytes), 0) FROM domain WHERE organisation = :id) WHERE id = :id",
}
_UNUSED = """
INSERT INTO blob_orphan (blob, domain, at) SELECT id, domain, :now FROM blob WHERE id = :id ON CONFLICT DO NOTHING
"""


def recount(tx: Tx, mailbox: int) -> None:
    """Count a mailbox anew, and the sums above it that are made of its own."""
    tx.execute(_COUNTERS, {"id": mailbox})
    row = tx.execute("SELECT account, domain FROM mailbox WHERE id = ?", (mailbox,)).fetchone()
    if row is not None:
        for_account, for_domain = row
        use_again(tx, "account", for_account)
        use_again(tx, "domain", for_domain)
        for (organisation,) in tx.execute("SELECT organisation FROM domain WHERE id = ?", (for_domain,)).fetchall():
            use_again(tx, "organisation", organisation)
    tx.publish(Topic("mailbox", mailbox))


def use_again(tx: Tx, table: str, id_: int) -> None:
    """Sum up `used_bytes` of an account, a domain or an organisation anew."""
    tx.execute(_USAGE[table], {"id": id_})


def raise_uidnext(tx: Tx, mailbox: int) -> None:
    """Put UIDNEXT above every UID that was given."""
    tx.execute(_UIDNEXT, {"id": mailbox})
    tx.publish(Topic("mailbox", mailbox))


def raise_modseq(tx: Tx, mailbox: int) -> None:
    """Put HIGHESTMODSEQ at or above every modseq that was given."""
    tx.execute(_MODSEQ, {"id": mailbox})
    tx.publish(Topic("mailbox", mailbox))


def note_unused(tx: Tx, blob: int) -> None:
    """Tell the collector of a body that no message names."""
    tx.execute(_UNUSED, {"id": blob, "now": tx.now})


REPAIRS: dict[str, Callable[[Tx, int], None]] = {
    "counters": recount,
    "uidnext": raise_uidnext,
    "modseq": raise_modseq,
    "usage-account": lambda tx, id_: use_again(tx, "account", id_),
    "usage-domain": lambda tx, id_: use_again(tx, "domain", id_),
    "usage-organisation": lambda tx, id_: use_again(tx, "organisation", id_),
    "unused-body": note_unused,
    "transaction-without-session": make_stand_in,
    "recipient-without-transaction": drop_recipients,
}
