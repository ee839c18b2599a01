"""What SMTP sessions do that no single transcript shows: several at once, breaks, floods, the server's stop."""

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.smtp_house import SmtpHouse

LIMIT = 20.0


class Client:
    """A client that speaks line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def greeted(cls, house: SmtpHouse) -> "Client":
        client = cls(*await house.connect())
        assert await client.line() == "220 mx.test ESMTP"
        return client

    async def line(self) -> str:
        async with asyncio.timeout(LIMIT):
            return (await self.reader.readline()).decode("ascii").removesuffix("\r\n")

    async def closed(self) -> None:
        async with asyncio.timeout(LIMIT):
            assert await self.reader.read() == b""

    async def say(self, data: bytes, *replies: str) -> str:
        self.writer.write(data)
        last = ""
        for reply in replies:
            last = await self.line()
            assert last.startswith(reply), last
        return last

    async def begin_data(self, *recipients: str) -> None:
        """HELO to 354."""
        rcpt = [f"RCPT TO:<{r}>\r\n".encode() for r in recipients]
        await self.say(b"HELO client.test\r\n", "250")
        await self.say(b"MAIL FROM:<s@out.test>\r\n" + b"".join(rcpt) + b"DATA\r\n", "250", *["250"] * len(rcpt), "354")

    def reset(self) -> None:
        """Break the connection with RST."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


async def until(condition: Callable[[], bool]) -> None:
    """Gives the loop its turns until something has happened."""
    async with asyncio.timeout(LIMIT):
        while True:
            if condition():
                return
            await asyncio.sleep(0)


async def everyone_gone(house: SmtpHouse) -> None:
    await until(lambda: not house.front.connections.open)


async def test_connections_of_one_address_are_bounded_and_places_given_back(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, limits__connections_per_address=2) as house:
        first, _ = await Client.greeted(house), await Client.greeted(house)
        third = Client(*await house.connect())
        assert await third.line() == "421 4.7.0 Try again later"
        await third.closed()
        await first.say(b"QUIT\r\n", "221")
        await first.closed()
        await until(lambda: house.front.connections.open < 2)
        await Client.greeted(house)


async def test_connections_in_all_are_bounded(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, limits__connections_total=1) as house:
        await Client.greeted(house)
        second = Client(*await house.connect())
        assert await second.line() == "421 4.3.2 Too many connections"
        await second.closed()


async def test_a_lost_250_is_not_delivered_twice(tmp_path: Path) -> None:
    """The connection broke after our 250 and before any other command: the sender sends the message again."""
    message = b"Message-ID: <1@out.test>\r\n\r\nonce\r\n.\r\n"
    async with SmtpHouse(tmp_path) as house:
        answers = []
        for _ in range(3):
            client = await Client.greeted(house)
            await client.begin_data("ann@one.test")
            answers.append(await client.say(message, "250 2.0.0 OK "))
            client.reset()
            await everyone_gone(house)
        assert len(set(answers)) == 1
        assert len(await house.inbox("ann@one.test")) == 1


async def test_the_same_mail_sent_twice_on_purpose_is_delivered_twice(tmp_path: Path) -> None:
    message = b"Message-ID: <1@out.test>\r\n\r\ntwice\r\n.\r\n"
    async with SmtpHouse(tmp_path) as house:
        for _ in range(2):
            client = await Client.greeted(house)
            await client.begin_data("ann@one.test")
            await client.say(message, "250")
            await client.say(b"QUIT\r\n", "221")
        assert len(await house.inbox("ann@one.test")) == 2


async def test_other_recipients_or_bytes_are_another_message(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path) as house:
        for recipient, body in (("ann@one.test", b"a"), ("bob@one.test", b"a"), ("ann@one.test", b"b")):
            client = await Client.greeted(house)
            await client.begin_data(recipient)
            await client.say(b"\r\n" + body + b"\r\n.\r\n", "250")
            client.reset()
            await everyone_gone(house)
        assert [len(await house.inbox(a)) for a in ("ann@one.test", "bob@one.test")] == [2, 1]


async def test_a_stop_lets_data_end_and_tells_everyone_else(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path) as house:
        idle, ending, stuck = [await Client.greeted(house) for _ in range(3)]
        await ending.begin_data("ann@one.test")
        await stuck.begin_data("bob@one.test")
        stuck.writer.write(b"x" * 400_000)  # enough to lie in a spool file
        await until(lambda: bool(house.spool_files()))
        stop = asyncio.ensure_future(house.listeners.drain(0.3))
        assert await idle.line() == "421 4.3.2 Shutting down"
        await idle.closed()
        with pytest.raises(OSError, match="onnect"):
            await house.connect()
        await ending.say(b"the end\r\n.\r\n", "250 2.0.0 OK ", "421 4.3.2 Shutting down")
        await ending.closed()
        assert await stuck.line() == "421 4.3.2 Shutting down"
        await stuck.closed()
        stuck.writer.close()
        await stop
        await house.spool_emptied()
        assert len(await house.inbox("ann@one.test")) == 1
        assert await house.inbox("bob@one.test") == []


async def test_a_message_far_too_big_ends_the_session(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, server__max_message_size=1000) as house:
        client = await Client.greeted(house)
        await client.begin_data("ann@one.test")
        client.writer.write((b"x" * 98 + b"\r\n") * 120_000)
        assert await client.line() == "421 4.3.4 Message far too big"
        await client.closed()


async def test_a_client_that_reads_no_replies_is_held_back_not_served_from_memory(tmp_path: Path) -> None:
    count = 100_000
    async with SmtpHouse(tmp_path) as house:
        client = await Client.greeted(house)
        writing = asyncio.ensure_future(_pour(client.writer, b"NOOP\r\n" * count))
        (session,) = house.front.sessions
        seen = 0
        while not writing.done() or seen < count:
            assert session.transport is None or session.transport.get_write_buffer_size() < 200_000
            assert await client.line() == "250 2.0.0 OK"
            seen += 1
        assert seen == count


async def _pour(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def test_a_big_message_is_stored_byte_for_byte(tmp_path: Path) -> None:
    body = b"".join(b"%d %s\r\n" % (i, b"." * (i % 70)) for i in range(30_000))
    text = b"Subject: big\r\nContent-Type: text/plain\r\n\r\n" + body
    async with SmtpHouse(tmp_path) as house:
        client = await Client.greeted(house)
        await client.begin_data("ann@one.test", "cat@two.test")
        await client.say(text.replace(b"\r\n.", b"\r\n..") + b".\r\n", "250")
        for address in ("ann@one.test", "cat@two.test"):
            (stored,) = await house.inbox(address)
            assert stored.endswith(b"+0000\r\n" + text)
        await house.spool_emptied()


@pytest.mark.parametrize("at", ["banner", "command", "rcpt", "data", "stored"])
async def test_a_reset_in_any_state_leaves_nothing_behind(tmp_path: Path, at: str) -> None:
    async with SmtpHouse(tmp_path) as house:
        client = await Client.greeted(house)
        if at == "command":
            client.writer.write(b"NO")
        if at == "rcpt":
            await client.say(b"HELO x\r\n", "250")
            await client.say(b"MAIL FROM:<>\r\nRCPT TO:<ann@one.test>\r\n", "250", "250")
        if at in ("data", "stored"):
            await client.begin_data("ann@one.test")
            client.writer.write(b"x" * 300_000 + (b"\r\n.\r\n" if at == "stored" else b""))
            await client.writer.drain()
        client.reset()
        await everyone_gone(house)
        await house.listeners.drain(5)
        await house.spool_emptied()
        assert house.front.sessions == set()


async def test_a_broken_handshake_gives_its_place_back(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path) as house:
        client = await Client.greeted(house)
        await client.say(b"EHLO client.test\r\n", *["250"] * 7)
        await client.say(b"STARTTLS\r\n", "220")
        client.writer.write(b"MAIL FROM:<evil@out.test>\r\n")
        await everyone_gone(house)
        assert house.front.sessions == set()


async def test_mail_comes_through_tls_in_any_number_of_messages(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with SmtpHouse(tmp_path) as house:
        client = await Client.greeted(house)
        await client.say(b"EHLO client.test\r\n", *["250"] * 7)
        await client.say(b"STARTTLS\r\n", "220")
        await client.writer.start_tls(context)
        for i in range(3):
            await client.begin_data("ann@one.test")
            assert re.fullmatch(r"250 2\.0\.0 OK [0-9a-z]{13}", await client.say(b"%d\r\n.\r\n" % i, "250"))
        await client.say(b"QUIT\r\n", "221")
        await client.closed()
        assert len(await house.inbox("ann@one.test")) == 3


KICKED = "421 4.3.2 Session ended by the administrator"


@pytest.mark.parametrize("at", ["command", "data"])
async def test_a_kicked_session_ends_at_once_and_leaves_nothing(tmp_path: Path, at: str) -> None:
    async with SmtpHouse(tmp_path) as house:
        client = await Client.greeted(house)
        if at == "data":
            await client.begin_data("ann@one.test")
            client.writer.write(b"x" * 1000)
        (live,) = house.front.live
        assert (live.protocol, live.account) == ("smtp", "")
        assert house.front.live.end(live.id) is live
        assert await client.line() == KICKED
        await client.closed()
        client.writer.close()
        await until(lambda: not len(house.front.live))
        assert house.front.sessions == set()
        assert await house.inbox("ann@one.test") == []


async def test_a_message_being_stored_gets_its_answer_first(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path) as house:
        client = await Client.greeted(house)
        await client.begin_data("ann@one.test")
        (session,) = house.front.sessions
        client.writer.write(b"Subject: x\r\n\r\n" + b"x" * 500_000 + b"\r\n.\r\n")
        await until(lambda: session.phase == "busy")
        session.kick()
        assert (await client.line()).startswith("250 2.0.0 OK")
        assert await client.line() == KICKED
        await client.closed()
        assert len(await house.inbox("ann@one.test")) == 1
