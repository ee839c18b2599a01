"""The folders of accounts, read. Names are NFC text with "/" between levels; `INBOX` is in capitals."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from appliance.records import MailboxInfo
from appliance.store.engine import Engine

COLUMNS = (
    'id, account, domain, name, uidvalidity, uidnext, recent_uid, highestmodseq, "exists", unseen, bytes, special_use'
)
"""The columns of `MailboxInfo`, in its order."""
_BY_NAME = f"SELECT {COLUMNS} FROM mailbox WHERE account = ? AND name = ?"
_BY_ID = f"SELECT {COLUMNS} FROM mailbox WHERE id = ?"
_OF_ACCOUNT = f"SELECT {COLUMNS} FROM mailbox WHERE account = ? ORDER BY name"


def mailbox_info(row: Sequence[Any] | None) -> MailboxInfo | None:
    """The record of a row of `COLUMNS`."""
    return MailboxInfo(*row) if row else None


def mailbox_by_id(connection: sqlite3.Connection, mailbox: int) -> MailboxInfo | None:
    """The mailbox as it is now, None when it is gone."""
    return mailbox_info(connection.execute(_BY_ID, (mailbox,)).fetchone())


class Mailboxes:
    """Looks folders up on the calling thread's reader: each is an indexed read of microseconds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, account: int, name: str) -> MailboxInfo | None:
        """The account's folder of that very name."""
        return mailbox_info(self._engine.reader.execute(_BY_NAME, (account, name)).fetchone())

    def by_id(self, mailbox: int) -> MailboxInfo | None:
        """The folder with that id, whatever its name is now."""
        return mailbox_by_id(self._engine.reader, mailbox)

    def list(self, account: int) -> tuple[MailboxInfo, ...]:
        """All folders of the account, by name. A level may be missing where its folder was deleted."""
        rows = self._engine.reader.execute(_OF_ACCOUNT, (account,)).fetchall()
        return tuple([MailboxInfo(*row) for row in rows])

    def subscriptions(self, account: int) -> tuple[str, ...]:
        """Names the account is subscribed to, by name; a folder of that name need not exist (RFC 3501 §6.3.6)."""
        sql = "SELECT name FROM subscription WHERE account = ? ORDER BY name"
        return tuple([row[0] for row in self._engine.reader.execute(sql, (account,)).fetchall()])
