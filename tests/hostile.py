"""Peers that misbehave, octet by octet, against the whole daemon on loopback: in clear, after STARTTLS, inside TLS."""

import asyncio
import itertools
import re
import ssl
from base64 import b64encode
from typing import Any

from appliance.sessions import LiveSession
from tests.house import PASSWORD, House

MODES = ("plain", "starttls", "tls")
"""The MX in clear and after STARTTLS; TLS from the first octet is port 465, where ANN has signed in."""
ANN, BOB, CAT = "ann@one.test", "bob@one.test", "cat@two.test"
LIMIT = 10.0
TURNS = 200
"""Turns of the loop after which a packet that nobody counted has arrived all the same."""
_networks = itertools.count(256)


class Street(House):
    """The house with one.test (ANN, BOB, and nobody else) and two.test, whose every address is CAT's."""

    async def __aenter__(self) -> "Street":
        await super().__aenter__()
        await self.add_domain("one.test")
        await self.add_mailbox(ANN)
        await self.add_mailbox(BOB)
        await self.add_domain("two.test", unknown="catch-all", catch_all=CAT)
        await self.add_mailbox(CAT)
        return self

    def count(self, address: str) -> int:
        """How many messages ever came into an INBOX."""
        account = self.store.directory.account(address)
        assert account is not None
        mailbox = self.store.mailboxes.get(account.id, "INBOX")
        assert mailbox is not None
        return mailbox.uidnext - 1


def fresh_address() -> str:
    """A loopback address in a /24 that no other session of the process comes from."""
    number = next(_networks)
    return f"127.{number >> 8}.{number & 255}.1"


def trusting(*alpn: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


_TRUSTING = trusting()


def plain(name: str = ANN, password: str = PASSWORD) -> str:
    """The response of AUTH PLAIN."""
    return b64encode(f"\0{name}\0{password}".encode()).decode()


class Peer:
    """One connection. Each packet it sends has been read by the daemon before the next one leaves."""

    def __init__(self, house: House, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.house = house
        self.reader = reader
        self.writer = writer
        self._port = writer.get_extra_info("sockname")[1]
        self._sent = 0
        self._rest: bytes | None = None

    @classmethod
    async def connect(cls, house: House, port: int, *, tls: bool = False, source: str = "") -> "Peer":
        address = (source or fresh_address(), 0)
        context = _TRUSTING if tls else None
        opening = asyncio.open_connection("127.0.0.1", port, local_addr=address, ssl=context)
        return cls(house, *await asyncio.wait_for(opening, LIMIT))

    async def send(self, *packets: bytes) -> None:
        for packet in packets:
            self._sent += len(packet)
            self.writer.write(packet)
            await self._arrival()

    async def _arrival(self) -> None:
        live = self.live()
        for _ in range(TURNS):
            await asyncio.sleep(0)
            live = live or self.live()
            if live is not None and (live.received >= self._sent or self.house.appliance.sessions.get(live.id) is None):
                return

    def live(self) -> LiveSession | None:
        """How the daemon lists it."""
        return next((one for one in self.house.appliance.sessions if one.peer.port == self._port), None)

    async def line(self) -> str:
        try:
            found = await asyncio.wait_for(self.reader.readline(), LIMIT)
        except ConnectionResetError:
            # The reader forgets what came before the reset that a close with unread octets is.
            found, _, self._rest = self._left().partition(b"\r\n")
        return found.decode("latin-1").removesuffix("\r\n")

    def _left(self) -> bytes:
        return bytes(self.reader._buffer) if self._rest is None else self._rest

    async def hears(self, *lines: str) -> None:
        """The next lines are these; "..." stands for anything."""
        for expected in lines:
            got = await self.line()
            assert matches(expected, got), f"expected {expected!r}, got {got!r}"

    async def ends(self, *lines: str) -> None:
        """These lines, and then the daemon closes, having said nothing else."""
        await self.hears(*lines)
        try:
            rest = await asyncio.wait_for(self.reader.read(), LIMIT)
        except ConnectionResetError:
            rest = self._left()
        assert rest == b"", rest
        self.close()

    async def reply(self) -> str:
        """One whole SMTP reply; the last line of it."""
        while (line := await self.line())[3:4] == "-":
            pass
        return line

    async def says(self, line: str, *lines: str) -> None:
        """Sends a line and hears these."""
        await self.send(line.encode("latin-1") + b"\r\n")
        await self.hears(*lines)

    async def babbles(self, words: bytes, answer: str, step: float) -> str:
        """Sends these words at every step, each answered like this if at all; what it hears at last instead."""
        hearing = asyncio.ensure_future(self.line())
        for _ in range(round(LIMIT / step)):
            self.writer.write(words)
            await asyncio.sleep(step)
            if hearing.done():
                if hearing.result() != answer:
                    return hearing.result()
                hearing = asyncio.ensure_future(self.line())
        raise AssertionError("it may go on for ever")

    async def start_tls(self) -> None:
        await asyncio.wait_for(self.writer.start_tls(_TRUSTING), LIMIT)

    def close(self) -> None:
        self.writer.close()


def matches(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(re.escape("..."), ".*"), text, re.DOTALL) is not None


async def greeted(house: House, mode: str, *, submission: bool = False, source: str = "") -> Peer:
    """A session of SMTP that has heard the banner, in TLS where the mode says so, and has said nothing in it yet."""
    if mode == "tls":
        peer = await Peer.connect(house, house.submissions, tls=True, source=source)
    else:
        peer = await Peer.connect(house, house.submission if submission else house.mx, source=source)
    await peer.hears("220 mail.test ESMTP")
    if mode == "starttls":
        await peer.send(b"EHLO peer.test\r\n")
        await peer.reply()
        await peer.says("STARTTLS", "220 2.0.0 Ready to start TLS")
        await peer.start_tls()
    return peer


async def ready(house: House, mode: str, *, submission: bool = False, source: str = "") -> Peer:
    """A session that may say MAIL; on submission ANN has signed in."""
    peer = await greeted(house, mode, submission=submission, source=source)
    await peer.send(b"EHLO peer.test\r\n")
    await peer.reply()
    if (submission and mode != "plain") or mode == "tls":
        await peer.says(f"AUTH PLAIN {plain()}", "235 2.7.0 Authentication succeeded")
    return peer


async def in_data(house: House, mode: str, *recipients: str, **options: Any) -> Peer:
    """A session that has heard 354 for mail from ANN to these (ANN where none are given)."""
    peer = await ready(house, mode, **options)
    await peer.says(f"MAIL FROM:<{ANN}>", "250 2.1.0 Sender OK")
    for recipient in recipients or (ANN,):
        await peer.says(f"RCPT TO:<{recipient}>", "250 2.1.5 Recipient OK")
    await peer.says("DATA", "354 End data with <CR><LF>.<CR><LF>")
    return peer


async def ready_imap(house: House, mode: str, *, logged_in: bool = False) -> Peer:
    """A session of IMAP that has heard the greeting, in TLS where the mode says so; ANN has logged in if asked."""
    peer = await Peer.connect(house, house.imaps if mode == "tls" else house.imap, tls=mode == "tls")
    await peer.hears("* OK ...")
    if mode == "starttls":
        await peer.says("s STARTTLS", "s OK ...")
        await peer.start_tls()
    if logged_in:
        await peer.says(f'l LOGIN {ANN} "{PASSWORD}"', "l OK ...")
    return peer
