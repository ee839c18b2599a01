"""The IMAP listener on loopback with the real store, for dialogues and journeys in this process."""

import asyncio
import hashlib
import itertools
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, cast

import msgspec
import uvloop

from appliance.identity.login import Logins
from appliance.identity.password import Parameters, Passwords
from appliance.ids import IdMaker
from appliance.mail.address import parse_address
from appliance.mail.delivery import Content
from appliance.mail.structure import render
from appliance.rendering import Renderer
from appliance.sockets import bind_all
from appliance.store import account_acts, credential_acts, directory_acts, message_acts
from appliance.store.store import open_store
from appliance.tls.contexts import Contexts
from config.settings import Limits, Tls
from imap.front import Front, Patience
from imap.listeners import ImapListeners

PASSWORD = "correct-horse-battery"
DOMAIN = "dest.example"
MESSAGE = (
    b"From: Ann <ann@example.org>\r\nTo: joe@dest.example\r\nSubject: Number %d\r\n"
    b"Date: Mon, 2 Mar 2026 10:00:00 +0000\r\nMessage-ID: <%d@example.org>\r\n\r\nBody of %d\r\n"
)
PREFIX = b"Return-Path: <ann@example.org>\r\n"
"""What each delivered message has before its own bytes."""
_CONTEXTS: dict[str, Contexts] = {}


def now() -> int:
    return time.time_ns() // 1000


T = TypeVar("T")
LIMIT = 20.0


class ImapHouse:
    """`async with ImapHouse(tmp_path) as house`: ports `port` and `tls_port`, accounts as they are asked for."""

    def __init__(self, directory: Path, *, patience: Patience | None = None, **settings: Any) -> None:
        self.directory = directory
        self.patience = patience
        self.cleartext: tuple[str, ...] = settings.pop("cleartext", ("127.0.0.0/8",))
        self.disk_reserve: int = settings.pop("disk_reserve", 0)
        self.max_message_size: int = settings.pop("max_message_size", 50_000_000)
        self.limits = msgspec.structs.replace(Limits(), **settings)
        self.numbers = itertools.count(1)

    async def __aenter__(self) -> "ImapHouse":
        data = self.directory / "data"
        self.store = open_store(data, now=now, ids=IdMaker(now), disk_reserve=self.disk_reserve)
        self.renderer = Renderer(self.limits.mime_depth, self.limits.mime_parts)
        self.passwords = Passwords(Parameters(memory_kib=64, passes=1, lanes=1))
        if "one" not in _CONTEXTS:  # a key takes a while to make, and serves every test
            _CONTEXTS["one"] = Contexts(Tls(), data, "mail.test", now())
        self.front = Front(
            self.store,
            Logins(self.store, self.passwords, now=now),
            hostname=lambda: "mail.test",
            render=self.renderer,
            now=now,
            new_id=IdMaker(now),
            limits=self.limits,
            max_message_size=self.max_message_size,
            cleartext_login_from=self.cleartext,
            patience=self.patience or Patience(linger=0.1),
        )
        self.listeners = ImapListeners(self.front)
        sockets = bind_all({"imap.imap": ("127.0.0.1:0",), "imap.imaps": ("127.0.0.1:0",)})
        clear, secure = sockets["imap.imap"], sockets["imap.imaps"]
        self.port: int = clear[0].getsockname()[1]
        self.tls_port: int = secure[0].getsockname()[1]
        await self.listeners.start(clear, secure, _CONTEXTS["one"].imap)
        self.domain = await self.store.engine.write(lambda tx: directory_acts.add_domain(tx, DOMAIN))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.listeners.drain(5)
        await self.renderer.close()
        self.passwords.close()
        self.store.close()

    async def account(self, name: str, **limits: int) -> str:
        """A claimed account with PASSWORD; gives its address."""
        address = parse_address(f"{name}@{DOMAIN}")
        token = hashlib.sha256(secrets.token_bytes(16)).digest()
        hashed = await self.passwords.hash(PASSWORD)

        def job(tx: Any) -> None:
            made = account_acts.add_account(tx, self.domain.id, address, **limits)
            credential_acts.add_invite(tx, made.id, token, created_by="test", expires_at=now() + 10**9)
            credential_acts.claim(tx, token, hashed, "test")

        await self.store.engine.write(job)
        return address.text

    async def deliver(self, address: str, folder: str = "INBOX", message: bytes | None = None) -> int:
        """Put a message into a folder, as a delivery would; gives its UID."""
        number = next(self.numbers)
        octets = MESSAGE % (number, number, number) if message is None else message
        account = self.store.directory.account(address)
        assert account is not None
        mailbox = self.store.mailboxes.get(account.id, folder)
        assert mailbox is not None
        content = Content(len(octets), hashlib.sha256(octets).digest(), octets)
        stored = await self.store.blobs.store(content, (mailbox.domain,))
        rendition = render(octets)
        result = await self.store.engine.write(
            lambda tx: message_acts.append(
                tx, self.store.blobs, mailbox.id, stored, rendition, internaldate=now(), prefix=PREFIX
            )
        )
        return result.uid

    async def revoke(self, address: str) -> None:
        """Let the account's password open nothing any more."""
        account = self.store.directory.account(address)
        assert account is not None
        password = self.store.credentials.password_of(account.id)
        assert password is not None
        await self.store.engine.write(lambda tx: credential_acts.revoke(tx, password.id))

    async def suspend(self, address: str) -> None:
        """Suspend the account."""
        account = self.store.directory.account(address)
        assert account is not None
        await self.store.engine.write(lambda tx: account_acts.suspend_account(tx, account.id))


class Raw:
    """A client that sees every line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, house: ImapHouse, address: str = "") -> "Raw":
        raw = cls(*await asyncio.open_connection("127.0.0.1", house.port, limit=1 << 26))
        await raw.line()
        if address:
            await raw.command(f'l LOGIN "{address}" "{PASSWORD}"')
        return raw

    async def line(self) -> bytes:
        return await asyncio.wait_for(self.reader.readline(), LIMIT)

    def pause(self) -> None:
        """Read nothing from now on."""
        cast(asyncio.Transport, self.writer.transport).pause_reading()

    def send(self, line: str) -> None:
        self.writer.write(line.encode("latin-1") + b"\r\n")

    async def answer(self, tag: str) -> list[bytes]:
        """All lines up to the tagged one."""
        lines = [await self.line()]
        while not lines[-1].startswith(tag.encode() + b" "):
            assert lines[-1], lines
            lines.append(await self.line())
        return lines

    async def command(self, line: str) -> list[bytes]:
        self.send(line)
        return await self.answer(line.split(" ")[0])


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop turn until it holds; the test's own limit ends it."""
    while not holds():
        await asyncio.to_thread(lambda: None)


def play(house: ImapHouse, act: Callable[[ImapHouse], Awaitable[T]]) -> T:
    """Run a journey on the loop of the product."""

    async def inside() -> T:
        async with house:
            return await act(house)

    return uvloop.run(inside())
