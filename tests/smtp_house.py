"""The MX listener on loopback with the real store, for dialogues and journeys in this process."""

import asyncio
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from appliance.connections import ConnectionCounter
from appliance.ids import IdMaker
from appliance.mail.address import parse_address
from appliance.records import Account
from appliance.rendering import Renderer
from appliance.store import account_acts, directory_acts
from appliance.store.disk import DiskGuard
from appliance.store.messages import Need
from appliance.store.store import open_store
from appliance.store.tx import Tx
from appliance.tls.contexts import Contexts
from config.settings import Settings, Tls
from smtp.front import Front
from smtp.inbound.receiver import Receiver
from smtp.limits import session_limits
from smtp.listeners import SmtpListeners

HOSTNAME = "mx.test"


def now() -> int:
    return time.time_ns() // 1000


def settings_with(**changes: Any) -> Settings:
    """Settings with `server__contact="a@b"`-style changes; no greet delay unless one is asked for."""
    tables: dict[str, dict[str, Any]] = {"limits": {"greet_delay": 0, "connections_per_address": 0}}
    for key, value in changes.items():
        table, _, name = key.partition("__")
        tables.setdefault(table, {})[name] = value
    return msgspec.convert(tables, Settings)


class SmtpHouse:
    """`async with SmtpHouse(tmp_path, limits__errors=3) as house`: an MX at `port` for a small world, inside TLS at
    `tls_port`, behind a proxy at `proxy_port`.

    one.test rejects the unknown: mailboxes ann, bob, full (no room left), sleepy (suspended), alias team (ann, bob),
    reject-addresses gone and later; alias.test is another name of it. two.test catches all for cat@two.test.
    off.test is suspended. `free` is the room that the disk guard sees.
    """

    def __init__(self, directory: Path, *, tls: bool = True, slow_reply: float = 0.0, **changes: Any) -> None:
        self.settings = settings_with(**changes)
        self.directory = directory
        self.slow_reply = slow_reply
        self.with_tls = tls
        self.free: tuple[int, int | None] = (1 << 40, None)

    async def __aenter__(self) -> "SmtpHouse":
        data = self.directory / "data"
        self.store = open_store(data, now=now, ids=IdMaker(now))
        self.store.guard = DiskGuard(data, 1 << 20, free=lambda _: self.free, monotonic=_Steps())
        await self.store.engine.write(_world)
        self.renderer = Renderer(self.settings.limits.mime_depth, self.settings.limits.mime_parts)
        receiver = Receiver(
            self.settings,
            lambda: HOSTNAME,
            self.store,
            self.renderer,
            new_id=IdMaker(now),
            now=now,
        )
        limits = self.settings.limits
        self.front = Front(
            lambda: HOSTNAME,
            receiver,
            msgspec.structs.replace(session_limits(self.settings), slow_reply=self.slow_reply),
            ConnectionCounter(limits.connections_total, limits.connections_per_address),
            self.store.record,
            Contexts(Tls(), data, HOSTNAME, now()).smtp if self.with_tls else None,
        )
        self.listeners = SmtpListeners(self.front)
        bound = socket.create_server(("127.0.0.1", 0))
        self.port: int = bound.getsockname()[1]
        await self.listeners.start("smtp.mx", [bound])
        behind = socket.create_server(("127.0.0.1", 0))
        self.proxy_port: int = behind.getsockname()[1]
        await self.listeners.start_proxied("smtp.proxy_listen", [behind], self.settings.smtp.proxy_from)
        if self.with_tls:
            inside = socket.create_server(("127.0.0.1", 0))
            self.tls_port: int = inside.getsockname()[1]
            await self.listeners.start("smtp.submissions", [inside])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.listeners.drain(5)
        await self.renderer.close()
        self.store.close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    def account(self, address: str) -> Account:
        account = self.store.directory.account(parse_address(address).text)
        assert account is not None, address
        return account

    async def inbox(self, address: str) -> list[bytes]:
        """Every message in the account's INBOX, as IMAP would show it."""
        mailbox = self.store.mailboxes.get(self.account(address).id, "INBOX")
        assert mailbox is not None
        rows = self.store.messages.rows(mailbox.id, list(range(1, mailbox.uidnext)), Need())
        return [row.prefix + await self.store.blobs.body(row.blob) for row in rows]

    def spool_files(self) -> list[str]:
        return [path.name for path in (self.directory / "data" / "spool").iterdir()]

    async def spool_emptied(self) -> None:
        """Returns once nothing is left of messages that were dropped (a thread deletes their files)."""
        async with asyncio.timeout(10):
            while True:
                if not self.spool_files():
                    return
                await asyncio.sleep(0)


class _Steps:
    """A clock that is always past any cache's time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 10.0
        return self.now


def _world(tx: Tx) -> None:
    one = directory_acts.add_domain(tx, "one.test")
    ann, bob, full, sleepy = (
        account_acts.add_account(tx, one.id, parse_address(f"{name}@one.test"), quota)
        for name, quota in (("ann", None), ("bob", None), ("full", 10), ("sleepy", None))
    )
    tx.execute("UPDATE account SET used_bytes = 20 WHERE id = ?", (full.id,))
    account_acts.suspend_account(tx, sleepy.id)
    directory_acts.add_alias(tx, one.id, "team", [ann.id, bob.id])
    directory_acts.add_reject(tx, one.id, "gone", 550, "Ann has left us")
    directory_acts.add_reject(tx, one.id, "later", 421, "4.3.2 Come back tomorrow")
    directory_acts.add_domain_alias(tx, one.id, "alias.test")
    two = directory_acts.add_domain(tx, "two.test")
    cat = account_acts.add_account(tx, two.id, parse_address("cat@two.test"))
    directory_acts.set_domain(tx, two.id, unknown="catch_all", catch_all_account=cat.id)
    directory_acts.add_reject(tx, two.id, "never")
    off = directory_acts.add_domain(tx, "off.test")
    account_acts.add_account(tx, off.id, parse_address("eve@off.test"))
    directory_acts.suspend_domain(tx, off.id)
