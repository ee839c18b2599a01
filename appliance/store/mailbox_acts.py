"""What changes the list of an account's folders: functions of a write transaction.

UIDVALIDITY comes from a counter of the account that never goes back, so a name that is used again, or the same second,
never makes two folders look alike (RFC 3501 §2.3.1.1). A renamed folder keeps its own: its UIDs stay true.
"""

from appliance.records import MailboxInfo, Topic
from appliance.store.errors import Conflict, NotFound
from appliance.store.mailboxes import COLUMNS
from appliance.store.message_acts import note_orphans
from appliance.store.message_copies import move_runs
from appliance.store.tx import Tx
from appliance.store.uid_runs import ALL
from appliance.store.usage import free_usage

INBOX = "INBOX"
MAX_MAILBOXES = 5000
"""Folders of one account."""
MAX_SUBSCRIPTIONS = 10_000
"""Subscriptions of one account."""
MAX_NAME = 1000
"""Characters of a folder's full name."""
DELETE_AT_ONCE = 1000
"""Messages removed with their folder at once; those of a larger one are left to `sweep`."""

_NEXT_UIDVALIDITY = """
UPDATE account SET next_uidvalidity = next_uidvalidity + 1 WHERE id = ? RETURNING next_uidvalidity - 1, domain
"""
_INSERT = f"""
INSERT INTO mailbox (id, account, domain, name, uidvalidity, special_use, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING {COLUMNS}
"""
_BELOW = "SELECT id, name FROM mailbox WHERE account = ? AND substr(name, 1, ?) = ? ORDER BY name"
_SLICE = "SELECT uid, blob, domain FROM message WHERE mailbox = ? ORDER BY uid LIMIT ?"
_GONE = """
WITH RECURSIVE named (id) AS (
    SELECT min(mailbox) FROM message
    UNION ALL SELECT (SELECT min(mailbox) FROM message WHERE mailbox > named.id) FROM named WHERE named.id IS NOT NULL
) SELECT id FROM named WHERE id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM mailbox WHERE mailbox.id = named.id)
"""
"""Mailboxes that messages name but that are no more, one probe of the index for each mailbox there is."""


def create(tx: Tx, account: int, name: str, special_use: str | None = None) -> MailboxInfo:
    """Make a folder, and the levels above it that are missing (RFC 3501 §6.3.3).

    Raises Conflict where the name, or another folder with that special use, is there; NotFound without the account.
    """
    if _id(tx, account, name) is not None:
        raise Conflict(f"the folder {name!r} exists already")
    if (
        special_use
        and tx.execute("SELECT 1 FROM mailbox WHERE account = ? AND special_use = ?", (account, special_use)).fetchone()
    ):
        raise Conflict(f"another folder is {special_use} already")
    _make_parents(tx, account, name)
    return _make(tx, account, name, special_use)


def delete(tx: Tx, account: int, name: str) -> None:
    """Remove a folder with its messages; folders below it stay (RFC 3501 §6.3.4). The front refuses INBOX.

    Raises NotFound where it does not exist.
    """
    row = tx.execute(
        'SELECT id, domain, bytes, "exists" FROM mailbox WHERE account = ? AND name = ?', (account, name)
    ).fetchone()
    if row is None:
        raise NotFound(f"no folder {name!r}")
    mailbox, domain, size, exists = row
    tx.execute("DELETE FROM mailbox WHERE id = ?", (mailbox,))
    if exists <= DELETE_AT_ONCE:
        sweep(tx, mailbox, DELETE_AT_ONCE)
    free_usage(tx, account, domain, size)
    tx.publish(Topic("mailbox", mailbox))
    tx.publish(Topic("folders", account))


def gone(tx: Tx) -> tuple[int, ...]:
    """Ids of removed folders that still have messages to `sweep`."""
    return tuple([row[0] for row in tx.execute(_GONE).fetchall()])


def sweep(tx: Tx, mailbox: int, limit: int) -> int:
    """Remove up to `limit` messages of a folder that is gone; gives how many. Nobody sees them, no counter moves."""
    rows = tx.execute(_SLICE, (mailbox, limit)).fetchall()
    if not rows:
        return 0
    tx.execute("DELETE FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ?", (mailbox, rows[0][0], rows[-1][0]))
    note_orphans(tx, {row[1] for row in rows}, rows[0][2])
    return len(rows)


def rename(tx: Tx, account: int, old: str, new: str) -> None:
    """Rename a folder and those below it (RFC 3501 §6.3.5); `old` may be a level that only has folders below it.

    INBOX itself stays: its messages move to the new folder, and folders below it are left alone. Raises NotFound
    without the old one, Conflict where a new name is taken or lies below the old one.
    """
    if old == INBOX:
        _empty_inbox(tx, account, new)
        return
    moved = _family(tx, account, old)
    if not moved:
        raise NotFound(f"no folder {old!r}")
    if new == old or new.startswith(f"{old}/"):
        raise Conflict(f"a folder can't become {new!r}, below itself")
    leaving = {name for _, name in moved}
    for _, name in ((0, old), *moved):
        taken = new + name[len(old) :]
        if taken not in leaving and _id(tx, account, taken) is not None:
            raise Conflict(f"the folder {taken!r} exists already")
    _make_parents(tx, account, new)
    for mailbox, name in moved:
        _check_name(renamed := new + name[len(old) :])
        tx.execute("UPDATE mailbox SET name = ? WHERE id = ?", (renamed, mailbox))
        tx.publish(Topic("mailbox", mailbox))
    tx.publish(Topic("folders", account))


def subscribe(tx: Tx, account: int, name: str) -> None:
    """Subscribe to a name, whether or not a folder has it (RFC 3501 §6.3.6). Raises Conflict beyond the limit."""
    _check_name(name)
    sql = "INSERT INTO subscription (account, name) VALUES (?, ?) ON CONFLICT DO NOTHING"
    if not tx.execute(sql, (account, name)).rowcount:
        return
    count = tx.execute("SELECT count(*) FROM subscription WHERE account = ?", (account,)).fetchone()[0]
    if count > MAX_SUBSCRIPTIONS:
        raise Conflict(f"at most {MAX_SUBSCRIPTIONS} subscriptions")
    tx.publish(Topic("folders", account))


def unsubscribe(tx: Tx, account: int, name: str) -> bool:
    """End a subscription (RFC 3501 §6.3.7); False where there was none."""
    count = tx.execute("DELETE FROM subscription WHERE account = ? AND name = ?", (account, name)).rowcount
    if count:
        tx.publish(Topic("folders", account))
    return count > 0


def set_recent(tx: Tx, mailbox: int, uid: int) -> int:
    """Claim the \\Recent messages below `uid` for one session (RFC 3501 §2.3.2): none other is shown them.

    Gives the first UID claimed, or `uid` where nothing was left to claim. Raises NotFound.
    """
    row = tx.execute("SELECT recent_uid FROM mailbox WHERE id = ?", (mailbox,)).fetchone()
    if row is None:
        raise NotFound("no such mailbox")
    if row[0] >= uid:
        return uid
    tx.execute("UPDATE mailbox SET recent_uid = ? WHERE id = ?", (uid, mailbox))
    first: int = row[0]
    return first


def _id(tx: Tx, account: int, name: str) -> int | None:
    row = tx.execute("SELECT id FROM mailbox WHERE account = ? AND name = ?", (account, name)).fetchone()
    return row[0] if row else None


def _family(tx: Tx, account: int, name: str) -> list[tuple[int, str]]:
    """A folder and those below it, upper levels first, so that no rename meets a name not yet left."""
    below = f"{name}/"
    found = tx.execute(_BELOW, (account, len(below), below)).fetchall()
    own = _id(tx, account, name)
    return found if own is None else [(own, name), *found]


def _make_parents(tx: Tx, account: int, name: str) -> None:
    parts = name.split("/")
    for depth in range(1, len(parts)):
        parent = "/".join(parts[:depth])
        if _id(tx, account, parent) is None:
            _make(tx, account, parent)


def _make(tx: Tx, account: int, name: str, special_use: str | None = None) -> MailboxInfo:
    _check_name(name)
    count = tx.execute("SELECT count(*) FROM mailbox WHERE account = ?", (account,)).fetchone()[0]
    if count >= MAX_MAILBOXES:
        raise Conflict(f"at most {MAX_MAILBOXES} folders in an account")
    row = tx.execute(_NEXT_UIDVALIDITY, (account,)).fetchone()
    if row is None:
        raise NotFound("no such account")
    uidvalidity, domain = row
    made = tx.execute(_INSERT, (tx.new_id(), account, domain, name, uidvalidity, special_use, tx.now)).fetchone()
    tx.publish(Topic("folders", account))
    return MailboxInfo(*made)


def _check_name(name: str) -> None:
    if not name or len(name) > MAX_NAME or not all(name.split("/")):
        raise Conflict(f"a folder's name is 1 to {MAX_NAME} characters, no level of it empty")


def _empty_inbox(tx: Tx, account: int, new: str) -> None:
    inbox = _id(tx, account, INBOX)
    if inbox is None:
        raise NotFound("no INBOX")
    move_runs(tx, inbox, ALL, create(tx, account, new).id)
