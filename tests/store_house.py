"""The real store on a temporary directory, with a clock that stands still until it is moved."""

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from appliance.ids import IdMaker
from appliance.mail.address import parse_address
from appliance.mail.structure import Rendition, render
from appliance.records import Account, AppendResult, DomainInfo, MailboxInfo
from appliance.store import account_acts, directory_acts, message_acts
from appliance.store.blobs import StoredBody
from appliance.store.store import open_store

T = TypeVar("T")
START = 1_700_000_000_000_000
SECOND = 1_000_000


def body(text: str) -> tuple[StoredBody, Rendition]:
    """A small message whose subject and body are `text`, ready for its rows."""
    data = f"From: Ann <ann@far.test>\r\nSubject: {text}\r\n\r\n{text}\r\n".encode()
    return StoredBody(len(data), hashlib.sha256(data).digest(), data), render(data)


class StoreHouse:
    """`house.do(act, ...)` runs one act in a transaction of its own."""

    def __init__(self, directory: Path) -> None:
        self.time = START
        self.store = open_store(directory, now=lambda: self.time, ids=IdMaker(lambda: self.time))

    async def do(self, act: Callable[..., T], *args: Any, **options: Any) -> T:
        return await self.store.engine.write(lambda tx: act(tx, *args, **options))

    @property
    def reader(self) -> sqlite3.Connection:
        return self.store.engine.reader

    async def sql(self, statement: str, params: tuple[Any, ...] = ()) -> None:
        """Put the database into a state that would take too long to reach."""
        await self.do(lambda tx: tx.execute(statement, params).close())

    async def domain(self, name: str = "one.test", **options: Any) -> DomainInfo:
        return await self.do(directory_acts.add_domain, name, **options)

    async def account(self, address: str, quota_bytes: int | None = None) -> Account:
        """An account; its domain is made if need be."""
        parsed = parse_address(address)
        domain = self.store.directory.domain(parsed.domain) or await self.domain(parsed.domain)
        return await self.do(account_acts.add_account, domain.id, parsed, quota_bytes)

    def folder(self, account: Account, name: str = "INBOX") -> MailboxInfo:
        found = self.store.mailboxes.get(account.id, name)
        assert found is not None
        return found

    async def append(self, mailbox: int, text: str, **options: Any) -> AppendResult:
        stored, rendition = body(text)
        options.setdefault("internaldate", self.time)
        return await self.do(message_acts.append, self.store.blobs, mailbox, stored, rendition, **options)

    def count(self, table: str) -> int:
        return int(self.reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def close(self) -> None:
        self.store.close()
