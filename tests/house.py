"""The whole daemon in this process: every front on a free loopback port, a real store, an own clock if one is given."""

import asyncio
import smtplib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from appliance import process, provision
from appliance.daemon import Appliance
from appliance.identity.invite import claim
from appliance.identity.password import Parameters
from appliance.records import Account, DomainInfo
from appliance.serving import listeners
from appliance.sockets import bind_all, close_all
from appliance.store.lock import DataLock
from appliance.store.store import Store
from config.places import resolve
from config.settings import Settings

PASSWORD = "correct-horse-battery"
ACTOR = "cli:0"
CHEAP = Parameters(memory_kib=8, passes=1, lanes=1)
"""Argon2 costs with which a claim takes no time."""
BASE = {
    "server": {"hostname": "mail.test"},
    "smtp": dict.fromkeys(("mx", "submission", "submissions"), ("127.0.0.1:0",)),
    "imap": {"imap": ("127.0.0.1:0",), "imaps": ("127.0.0.1:0",), "cleartext_login_from": ("127.0.0.0/8",)},
    "http": {"http": ("127.0.0.1:0",), "https": ("127.0.0.1:0",)},
    "limits": {"greet_delay": 0, "connections_per_address": 0},
}


def house_settings(directory: Path, **changes: dict[str, Any]) -> Settings:
    """Settings for a house in `directory`; `changes` are tables, such as `limits={"errors": 3}`."""
    tables = {name: BASE.get(name, {}) | changes.get(name, {}) for name in BASE.keys() | changes.keys()}
    places = {"data_dir": str(directory / "data"), "master_key": str(directory / "master.key")}
    return msgspec.convert(tables | {"server": places | tables["server"]}, Settings)


class House:
    """`async with House(tmp_path) as house`: the daemon at `mx`, `imap` and `imaps` (ports), its `store` at hand."""

    def __init__(
        self, directory: Path, *, now: Callable[[], int] = process.microseconds, **changes: dict[str, Any]
    ) -> None:
        self.directory = directory
        self.now = now
        self.settings = house_settings(directory, **changes)

    async def __aenter__(self) -> "House":
        places = resolve(self.settings, {})
        self._sockets = bind_all(listeners(self.settings))
        self._lock = DataLock(places.data_dir)
        self.appliance = Appliance(self.settings, places, self._sockets, now=self.now, costs=CHEAP)
        try:
            await self.appliance.__aenter__()
        except BaseException:
            self._let_go()
            raise
        self.submission, self.submissions = self._port("smtp.submission"), self._port("smtp.submissions")
        self.mx, self.imap, self.imaps = (self._port(key) for key in ("smtp.mx", "imap.imap", "imap.imaps"))
        self.http, self.https = self._port("http.http"), self._port("http.https")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.appliance.__aexit__(kind, error, trace)
        finally:
            self._let_go()

    @property
    def store(self) -> Store:
        return self.appliance.store

    async def add_domain(self, name: str, **policy: Any) -> DomainInfo:
        """A domain, as an administrator adds it."""
        return await provision.add_domain(self.store, ACTOR, name, **policy)

    async def add_mailbox(self, address: str, quota: str | None = None) -> Account:
        """A mailbox that its owner has claimed with PASSWORD."""
        invited = await provision.add_mailbox(self.store, ACTOR, address, quota)
        return await claim(self.store, self.appliance.passwords, invited.token, PASSWORD, "test")

    async def send(self, message: bytes, *to: str, mail_from: str = "out@sender.test") -> None:
        """One message over SMTP, to its 250; raises smtplib's errors."""
        await asyncio.to_thread(self._send, message, to, mail_from)

    async def connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A plain connection."""
        return await asyncio.open_connection("127.0.0.1", port)

    def _send(self, message: bytes, to: tuple[str, ...], mail_from: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.mx, "sender.test", timeout=20) as client:
            refused = client.sendmail(mail_from, to, message)
        if refused:
            raise smtplib.SMTPRecipientsRefused(refused)

    def _port(self, key: str) -> int:
        return int(self._sockets[key][0].getsockname()[1]) if self._sockets[key] else 0

    def _let_go(self) -> None:
        self._lock.close()
        close_all(self._sockets)
