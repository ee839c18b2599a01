"""The list of mailboxes, in code accounts, as an administrator looks through it: of all domains, or of one."""

import sqlite3

import msgspec

from appliance.records import Account
from appliance.store.credentials import ACCOUNT_OWNER, INVITE, PASSWORD
from appliance.store.directory import ACCOUNT
from appliance.store.engine import Engine
from appliance.store.keyset import Mark, Slice, holding, read_slice

STATES = {
    "active": "suspended_at IS NULL AND state = 'active'",
    "unclaimed": "suspended_at IS NULL AND state = 'unclaimed'",
    "suspended": "suspended_at IS NOT NULL",
}
"""What may be asked for, by its word."""
COLUMNS = {"address": "address", "used": "used_bytes", "added": "id"}
"""Orders of the list. Ids rise with the time they are made."""

_OWNERS = """
SELECT owner, max(CASE WHEN kind = ? AND used_at IS NULL AND revoked_at IS NULL THEN expires_at END),
       max(CASE WHEN kind = ? THEN last_used_at END)
FROM credential WHERE owner_kind = ? AND kind IN (?, ?) AND owner IN ({0}) GROUP BY owner
"""


class AccountRow(msgspec.Struct, frozen=True):
    """A mailbox, until when its invite is good, and when its password was last used (UTC microseconds)."""

    account: Account
    invited_until: int | None
    last_used_at: int | None


class AccountPage(msgspec.Struct, frozen=True):
    """One page; `total` counts what fits, on all pages."""

    rows: list[AccountRow]
    marks: list[Mark]
    more: bool
    total: int


async def account_page(
    engine: Engine, wanted: Slice, *, find: str = "", domain: int | None = None, state: str = ""
) -> AccountPage:
    """Mailboxes whose address holds `find`, of a domain's id and in `state` (a key of STATES), None and "" for all.

    Looks at every one that could fit: on a reader thread.
    """
    where = [STATES[state]] if state in STATES else []
    where += ["address LIKE :find ESCAPE '\\'"] if find else []
    where += ["domain = :domain"] if domain is not None else []
    condition = " AND ".join(where) or "1"
    params = {"find": holding(find.casefold()), "domain": domain}

    def read(connection: sqlite3.Connection) -> AccountPage:
        query = f"{ACCOUNT} WHERE {condition}"
        part = read_slice(connection, query, params, COLUMNS, "address", wanted)
        total = connection.execute(f"SELECT count(*) FROM account WHERE {condition}", params).fetchone()[0]
        accounts = [Account(*row) for row in part.rows]
        known = _owners(connection, [account.id for account in accounts])
        rows = [AccountRow(account, *known.get(account.id, (None, None))) for account in accounts]
        return AccountPage(rows, part.marks, part.more, total)

    return await engine.read(read)


def _owners(connection: sqlite3.Connection, accounts: list[int]) -> dict[int, tuple[int | None, int | None]]:
    sql = _OWNERS.format(", ".join("?" * len(accounts)))
    found = connection.execute(sql, (INVITE, PASSWORD, ACCOUNT_OWNER, INVITE, PASSWORD, *accounts)).fetchall()
    return {owner: (invited_until, last_used_at) for owner, invited_until, last_used_at in found}
