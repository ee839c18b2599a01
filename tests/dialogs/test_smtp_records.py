"""What stays of a session: read back from the store, with the exact words that were said."""

import asyncio
import base64
import re
import socket
import ssl
from pathlib import Path

import msgspec
import pytest

from appliance.ids import id_text
from appliance.mail.session_record import RecipientRecord, TransactionRecord
from appliance.store.trace import StoredSession
from smtp import replies
from smtp.record import OUTCOMES
from tests.smtp_house import SmtpHouse

LIMIT = 20.0
EHLO = "".join(f"> {line}\n" for line in str(replies.extended_hello("mx.test", 52428800, False, False)).splitlines())


class Peer:
    """A client that says things and reads until a reply has come."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, house: SmtpHouse) -> "Peer":
        return cls(*await house.connect())

    async def say(self, *lines: str, until: str = "") -> str:
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())
        async with asyncio.timeout(LIMIT):
            while until:
                line = (await self.reader.readuntil(b"\r\n")).decode()
                if line.startswith(until):
                    return line
        return ""

    async def gone(self) -> str:
        async with asyncio.timeout(LIMIT):
            rest = (await self.reader.read()).decode()
        self.writer.close()
        return rest


async def recorded(house: SmtpHouse) -> list[StoredSession]:
    """All sessions, once they are over and on record, the oldest first."""
    async with asyncio.timeout(LIMIT):
        while True:
            if not house.front.sessions:
                break
            await asyncio.sleep(0)
    await house.store.record.flush()
    ids = [row[0] for row in house.store.engine.reader.execute("SELECT id FROM smtp_session ORDER BY id")]
    found = [house.store.traces.session(id_) for id_ in ids]
    sessions = [one for one in found if one is not None]
    assert all(one.session.outcome in OUTCOMES and one.session.ended for one in sessions)
    return sessions


async def only(house: SmtpHouse) -> StoredSession:
    (one,) = await recorded(house)
    return one


def said(transcript: str) -> str:
    """Without the times, each of which must be there and none before the one above."""
    lines = [re.fullmatch(r"\+(\d+\.\d{3}) ([<>*] .*)", line) for line in transcript.splitlines()]
    times = [float(line[1]) for line in lines if line]
    assert len(times) == len(lines)
    assert times == sorted(times)
    assert not times or times[-1] < LIMIT
    return "".join(f"{line[2]}\n" for line in lines if line)


def fates(transaction: TransactionRecord) -> list[tuple[str, int, str]]:
    return [(one.address, one.code, one.outcome) for one in transaction.recipients]


async def test_a_delivery_with_three_fates(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False) as house:
        peer = await Peer.of(house)
        await peer.say("EHLO client.test", until="250 ")
        await peer.say(
            "MAIL FROM:<s@out.test>",
            "RCPT TO:<ann@one.test>",
            "RCPT TO:<nobody@one.test>",
            "RCPT TO:<full@one.test>",
            "DATA",
            until="354",
        )
        message = [
            "Message-ID: <1@out.test>",
            "From: Sue <s@out.test>, t@out.test",
            "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
        ]
        reply = await peer.say(*message, "", "Hello", ".", until="250")
        await peer.say("QUIT", until="221")
        assert await peer.gone() == ""
        stored = await only(house)
        trace = reply.split()[3]
        session, (transaction,) = stored.session, stored.transactions
        assert (session.outcome, session.listener, session.peer, session.helo) == (
            "quit", "smtp.mx", "127.0.0.1", "client.test",
        )  # fmt: skip
        assert said(session.transcript) == (
            "> 220 mx.test ESMTP\n< EHLO client.test\n" + EHLO + "< QUIT\n> 221 2.0.0 Bye\n"
        )
        size = sum(len(line.encode()) + 2 for line in (*message, "", "Hello"))
        assert said(transaction.transcript) == (
            "< MAIL FROM:<s@out.test>\n> 250 2.1.0 Sender OK\n"
            "< RCPT TO:<ann@one.test>\n> 250 2.1.5 Recipient OK\n"
            "< RCPT TO:<nobody@one.test>\n> 550 5.1.1 <nobody@one.test>: no such user\n"
            "< RCPT TO:<full@one.test>\n> 452 4.2.2 Mailbox full\n"
            "< DATA\n> 354 End data with <CR><LF>.<CR><LF>\n"
            f"< ({size} bytes of message)\n> 250 2.0.0 OK {trace}\n"
        )
        assert id_text(transaction.id) == trace
        assert (transaction.outcome, transaction.code, transaction.reply) == ("accepted", 250, f"2.0.0 OK {trace}")
        assert (transaction.message_id, transaction.header_from, transaction.subject, transaction.size) == (
            "<1@out.test>", "s@out.test, t@out.test", "Grüße", size,
        )  # fmt: skip
        assert transaction.recipients == (
            RecipientRecord("ann@one.test", "one.test", 250, f"2.0.0 OK {trace}", "accepted"),
            RecipientRecord("nobody@one.test", "one.test", 550, "5.1.1 <nobody@one.test>: no such user", "refused"),
            RecipientRecord("full@one.test", "one.test", 452, "4.2.2 Mailbox full", "deferred"),
        )
        assert [(event.stage, event.rule, event.code) for event in stored.events] == [
            ("rcpt", "unknown", 550), ("rcpt", "mailbox-quota", 452),
        ]  # fmt: skip
        (message_stored,) = await house.inbox("ann@one.test")
        assert f"id {trace}".encode() in message_stored


async def test_a_refused_recipient(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False) as house:
        peer = await Peer.of(house)
        await peer.say("HELO client.test", until="250")
        await peer.say("MAIL FROM:<>", "RCPT TO:<x@elsewhere.test>", until="550")
        await peer.say("QUIT", until="221")
        await peer.gone()
        stored = await only(house)
        (transaction,) = stored.transactions
        assert said(stored.session.transcript) == "> 220 mx.test ESMTP\n< HELO client.test\n> 250 mx.test\n"
        assert said(transaction.transcript) == (
            "< MAIL FROM:<>\n> 250 2.1.0 Sender OK\n"
            "< RCPT TO:<x@elsewhere.test>\n> 550 5.7.1 Relay access denied\n< QUIT\n> 221 2.0.0 Bye\n"
        )
        assert (transaction.mail_from, transaction.outcome, transaction.code) == ("", "refused", 550)
        assert fates(transaction) == [("x@elsewhere.test", 550, "refused")]
        assert stored.session.outcome == "quit"


async def test_a_refused_sender_and_the_recipients_that_came_with_it(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False) as house:
        peer = await Peer.of(house)
        await peer.say("EHLO client.test", until="250 ")
        await peer.say(
            "MAIL FROM:<s@out.test> SIZE=99999999999",
            "RCPT TO:<ann@one.test>",
            "RCPT TO:<b b@one.test>",
            "DATA",
            "NOOP",
            "MAIL FROM:s@out.test",
            "RCPT TO:<ann@one.test>",
            "QUIT",
            until="221",
        )
        await peer.gone()
        stored = await only(house)
        first, second = stored.transactions
        assert said(first.transcript) == (
            "< MAIL FROM:<s@out.test> SIZE=99999999999\n> 552 5.3.4 Message too big\n"
            "< RCPT TO:<ann@one.test>\n> 503 5.5.1 MAIL first\n"
            "< RCPT TO:<b b@one.test>\n> 501 5.1.3 Bad recipient address syntax\n"
            "< DATA\n> 503 5.5.1 MAIL first\n"
        )
        assert (first.number, first.mail_from, first.outcome, first.code) == (1, "s@out.test", "refused", 552)
        assert fates(first) == [("ann@one.test", 503, "refused"), ("b b@one.test", 501, "refused")]
        assert said(second.transcript) == (
            "< MAIL FROM:s@out.test\n> 501 5.1.7 Bad sender address syntax\n"
            "< RCPT TO:<ann@one.test>\n> 503 5.5.1 MAIL first\n"
        )
        assert (second.number, second.mail_from, second.outcome, second.code) == (2, "s@out.test", "refused", 501)
        assert said(stored.session.transcript).endswith("< NOOP\n> 250 2.0.0 OK\n< QUIT\n> 221 2.0.0 Bye\n")


async def test_a_transaction_that_is_given_up(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False) as house:
        peer = await Peer.of(house)
        await peer.say("HELO client.test", until="250")
        await peer.say("MAIL FROM:<s@out.test>", "RCPT TO:<ann@one.test>", "RSET", "QUIT", until="221")
        await peer.gone()
        stored = await only(house)
        (transaction,) = stored.transactions
        assert said(transaction.transcript).endswith("> 250 2.1.5 Recipient OK\n< RSET\n> 250 2.0.0 OK\n")
        assert (transaction.outcome, transaction.code) == ("aborted", 0)
        assert fates(transaction) == [("ann@one.test", 0, "not-tried")]


async def test_a_connection_lost_within_a_message(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False) as house:
        peer = await Peer.of(house)
        await peer.say("HELO client.test", until="250")
        await peer.say("MAIL FROM:<s@out.test>", "RCPT TO:<ann@one.test>", "DATA", until="354")
        peer.writer.write(b"Subject: half\r\n\r\n123")
        await peer.writer.drain()
        peer.writer.close()
        stored = await only(house)
        (transaction,) = stored.transactions
        assert stored.session.outcome == "lost"
        assert said(transaction.transcript).endswith(
            "> 354 End data with <CR><LF>.<CR><LF>\n< (20 bytes of message, broken off)\n"
        )
        assert (transaction.outcome, transaction.code, transaction.subject) == ("lost", 0, "half")
        assert fates(transaction) == [("ann@one.test", 0, "deferred")]


async def test_a_refused_message(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False) as house:
        peer = await Peer.of(house)
        await peer.say("HELO client.test", until="250")
        await peer.say("MAIL FROM:<s@out.test>", "RCPT TO:<ann@one.test>", "DATA", until="354")
        peer.writer.write(b"From: a@out.test\r\nSubject: bare\r\n\r\na\nb\r\n.\r\n")
        assert (await peer.gone()).startswith("550 5.6.0")
        stored = await only(house)
        (transaction,) = stored.transactions
        assert stored.session.outcome == "protocol error"
        assert said(transaction.transcript).endswith(
            "< (40 bytes of message)\n> 550 5.6.0 Bare CR or LF is not allowed\n"
        )
        assert (transaction.outcome, transaction.code, transaction.subject) == ("refused", 550, "bare")
        assert (transaction.header_from, transaction.size) == ("a@out.test", 40)
        assert fates(transaction) == [("ann@one.test", 550, "refused")]


def break_handshake(port: int, *, starttls: bool) -> None:
    """A handshake that fails at the certificate, told with an alert (asyncio's own would just go away)."""
    context = ssl.create_default_context()  # it does not know our certificate
    with socket.create_connection(("127.0.0.1", port), LIMIT) as plain:
        if starttls:
            with plain.makefile("rwb", buffering=0) as stream:
                for line in (b"", b"EHLO client.test\r\n", b"STARTTLS\r\n"):
                    stream.write(line)
                    while (answer := stream.readline())[3:4] == b"-":
                        pass
                    assert answer[:1] == b"2"
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(plain, server_hostname="mx.test")


async def test_a_broken_handshake(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path) as house:
        await asyncio.to_thread(break_handshake, house.port, starttls=True)
        await asyncio.to_thread(break_handshake, house.tls_port, starttls=False)
        plain, inside = await recorded(house)
        for one in (plain, inside):
            assert (one.session.outcome, one.session.tls_failure) == ("TLS failed", "unknown_ca (received)")
            assert one.session.tls_version == ""
        assert said(plain.session.transcript).endswith(
            "< STARTTLS\n> 220 2.0.0 Ready to start TLS\n* TLS handshake failed: unknown_ca (received)\n"
        )
        assert said(inside.session.transcript) == "* TLS handshake failed: unknown_ca (received)\n"
        assert (plain.session.helo, inside.session.listener) == ("client.test", "smtp.submissions")


@pytest.mark.parametrize(
    ("alpn", "words"),
    [("h2", "no_application_protocol (sent): the client offers h2"), (None, "connection lost"), ("", "timeout")],
)
async def test_other_ends_of_a_handshake(tmp_path: Path, alpn: str | None, words: str) -> None:
    async with SmtpHouse(tmp_path) as house:
        if alpn:
            context = ssl.create_default_context()
            context.set_alpn_protocols([alpn])
            with pytest.raises(ssl.SSLError):
                await asyncio.open_connection("127.0.0.1", house.tls_port, ssl=context, server_hostname="mx.test")
        else:
            seconds = 0.01 if alpn == "" else 10.0
            house.front.limits = msgspec.structs.replace(house.front.limits, tls_handshake=seconds)
            reader, writer = await asyncio.open_connection("127.0.0.1", house.tls_port)
            if alpn is None:
                writer.close()
            else:
                assert await reader.read() == b""
        stored = await only(house)
        assert (stored.session.outcome, stored.session.tls_failure) == ("TLS failed", words)


async def test_tls_that_was_agreed(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with SmtpHouse(tmp_path) as house:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", house.tls_port, ssl=context))
        await peer.say("QUIT", until="221")
        peer.writer.close()
        session = (await only(house)).session
        assert (session.tls_version, session.tls_cipher, session.tls_failure) == (
            "TLSv1.3",
            "TLS_AES_256_GCM_SHA384",
            "",
        )


@pytest.mark.parametrize(
    ("early", "shown"),
    [
        ("EHLO spam.test\r\nMAIL FROM:<a@b>\r\n", "< EHLO spam.test\n"),
        ("AUTH PLAIN secret\r\n", "< AUTH PLAIN <redacted>\n"),
    ],
)
async def test_an_early_talker(tmp_path: Path, early: str, shown: str) -> None:
    async with SmtpHouse(tmp_path, tls=False, limits__greet_delay=5) as house:
        peer = await Peer.of(house)
        peer.writer.write(early.encode())
        assert await peer.gone() == "554 5.5.1 Protocol error\r\n"
        stored = await only(house)
        assert stored.session.outcome == "early talker"
        assert said(stored.session.transcript) == shown + "> 554 5.5.1 Protocol error\n"


@pytest.mark.parametrize(
    ("said_first", "shown"),
    [
        (b"GET / HTTP/1.1\r\nHost: mx.test\r\n\r\n", "< GET / HTTP/1.1\n"),
        (b"Authorization: Basic c2VjcmV0\r\n", "< <redacted>\n"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n", "< \\x16\\x03\\x01\\x02\\x00\\x01\\x00\n* no SMTP\n"),
        (b"gr\xfc\xdfe\r\n", "< gr\\xfc\\xdfe\n"),
        ("grüße\r\n".encode(), "< grüße\n"),
        (b"\xa0 AUTH PLAIN c2VjcmV0\r\n", "< AUTH PLAIN <redacted>\n* no SMTP\n"),
    ],
)
async def test_another_protocol(tmp_path: Path, said_first: bytes, shown: str) -> None:
    async with SmtpHouse(tmp_path, tls=False) as house:
        peer = await Peer.of(house)
        peer.writer.write(said_first)
        assert (await peer.gone()).endswith("421 4.7.0 This is an SMTP server\r\n")
        stored = await only(house)
        assert stored.session.outcome == "foreign protocol"
        assert said(stored.session.transcript) == (
            "> 220 mx.test ESMTP\n" + shown + "> 421 4.7.0 This is an SMTP server\n"
        )


async def test_a_line_that_a_bare_lf_would_end_is_shown_and_what_follows_is_not_read(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False) as house:
        peer = await Peer.of(house)
        peer.writer.write(b"NOOP x\nNOOP y\r\n")
        assert (await peer.gone()).endswith("500 5.5.2 A command ends with CRLF\r\n")
        stored = await only(house)
        assert stored.session.outcome == "protocol error"
        assert said(stored.session.transcript) == (
            "> 220 mx.test ESMTP\n< NOOP x\n* a line that ends with a bare LF\n> 500 5.5.2 A command ends with CRLF\n"
        )


async def test_a_flood_is_folded(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False, limits__connections_per_address=1) as house:
        first = await Peer.of(house)
        await first.say("NOOP", until="250")
        for _ in range(100):
            peer = await Peer.of(house)
            assert await peer.gone() == "421 4.7.0 Try again later\r\n"
        await first.say("QUIT", until="221")
        await first.gone()
        stored = await recorded(house)
        refused = [one for one in stored if one.session.outcome == "refused"]
        assert len(refused) == 20
        assert sum(one.folded for one in refused) == 100
        assert said(refused[0].session.transcript) == "> 421 4.7.0 Try again later\n"


async def test_the_ways_a_session_is_ended_from_outside(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False) as house:
        kicked, stopped = await Peer.of(house), await Peer.of(house)
        for peer in (kicked, stopped):
            await peer.say("NOOP", until="250")
        house.front.live.end(min(live.id for live in house.front.live))
        await kicked.gone()
        await house.listeners.drain(5)
        await stopped.gone()
        stored = await recorded(house)
        assert [one.session.outcome for one in stored] == ["kicked", "shutdown"]
        assert said(stored[0].session.transcript).endswith("> 421 4.3.2 Session ended by the administrator\n")


async def test_a_time_out_in_a_transaction(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False, limits__command_timeout=0.05) as house:
        peer = await Peer.of(house)
        await peer.say("HELO client.test", until="250")
        await peer.say("MAIL FROM:<s@out.test>", "RCPT TO:<ann@one.test>", until="250 2.1.5")
        assert await peer.gone() == "421 4.4.2 Timeout\r\n"
        stored = await only(house)
        (transaction,) = stored.transactions
        assert (stored.session.outcome, transaction.outcome, transaction.code) == ("timeout", "deferred", 421)
        assert fates(transaction) == [("ann@one.test", 421, "deferred")]
        assert said(transaction.transcript).endswith("> 421 4.4.2 Timeout\n")


async def test_no_secret_of_auth_gets_anywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "correct-horse-battery"
    coded = [base64.b64encode(text.encode()).decode() for text in (secret, f"\0ann@one.test\0{secret}", "ann@one.test")]
    async with SmtpHouse(tmp_path, tls=False) as house:
        peer = await Peer.of(house)
        await peer.say("EHLO client.test", until="250 ")
        await peer.say(f"AUTH PLAIN {coded[1]}", until="502")
        await peer.say(f"auth  plain {coded[1]}", until="50")
        await peer.say("AUTH LOGIN", until="502")
        for line in (coded[2], coded[0], secret, f"AUTH={coded[0]}", "MAIL FROM:<s@out.test> AUTH=<>"):
            await peer.say(line, until="5")
        await peer.say("QUIT", until="221")
        await peer.gone()
        stored = await only(house)
        assert (
            said(stored.session.transcript)
            .partition(EHLO)[2]
            .startswith("< AUTH PLAIN <redacted>\n> 502 5.5.1 Command not implemented\n< AUTH PLAIN <redacted>\n")
        )
        assert said(stored.session.transcript).count("< <redacted>\n") == 3
        data = house.directory / "data"
    everything = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    everything += "".join(capsys.readouterr()).encode()
    for text in (secret, *coded):
        assert text.encode() not in everything


async def test_a_message_that_came_again_says_what_was_answered(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False) as house:
        answers = []
        for _ in range(2):
            peer = await Peer.of(house)
            await peer.say("HELO client.test", until="250")
            await peer.say("MAIL FROM:<s@out.test>", "RCPT TO:<ann@one.test>", "DATA", until="354")
            answers.append((await peer.say("Subject: x", "", "x", ".", until="250")).strip())
            peer.writer.close()
        first, again = await recorded(house)
        assert answers[0] == answers[1]
        for one in (first, again):
            (transaction,) = one.transactions
            assert said(transaction.transcript).endswith(f"> {answers[0]}\n")
            assert f"{transaction.code} {transaction.reply}" == answers[0]
        assert [(event.stage, event.rule) for event in again.events] == [("accept", "duplicate")]


async def test_recipients_without_end_are_counted(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False) as house:
        peer = await Peer.of(house)
        await peer.say("HELO client.test", until="250")
        await peer.say("MAIL FROM:<s@out.test>", until="250 2.1.0")
        await peer.say(*(f"RCPT TO:<{n}@elsewhere.test>" for n in range(1003)), "QUIT", until="221")
        await peer.gone()
        (transaction,) = (await only(house)).transactions
        assert len(transaction.recipients) == 1000
        assert said_last(transaction.transcript) == "* 3 more recipients are only counted"
        assert len(transaction.transcript) <= 16 * 1024


def said_last(transcript: str) -> str:
    return transcript.splitlines()[-1].partition(" ")[2]
