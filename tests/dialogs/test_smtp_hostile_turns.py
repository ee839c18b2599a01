"""Peers that speak out of turn, or another protocol: RFC 5321 §4.3.1, RFC 2920 §3.1, RFC 3207 §4.2, ALPACA."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio

from tests.hostile import BOB, LIMIT, MODES, Peer, Street, fresh_address, greeted, plain, ready, trusting

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROTOCOL_ERROR = "554 5.5.1 Protocol error"
NOT_SMTP = "421 4.7.0 This is an SMTP server"
MAIL = b"MAIL FROM:<ann@one.test>\r\nRCPT TO:<bob@one.test>\r\nDATA\r\nFrom: ann@one.test\r\n\r\nevil\r\n.\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    async with Street(tmp_path_factory.mktemp("street")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def patient(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    """With a pause before the banner that no test waits for to its end."""
    async with Street(tmp_path_factory.mktemp("patient"), limits={"greet_delay": 30}) as opened:
        yield opened


# Before the banner.

EARLY = [
    b"EHLO peer.test\r\n",
    b"H",
    b"\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01",
    b"\xff" * 9,
    MAIL,
]


@pytest.mark.parametrize("words", EARLY)
async def test_early_talkers(patient: Street, words: bytes) -> None:
    peer = await Peer.connect(patient, patient.mx)
    await peer.send(words)
    await peer.ends(PROTOCOL_ERROR)
    assert patient.count(BOB) == 0


@pytest.mark.parametrize("words", EARLY)
async def test_early_talkers_on_submission(street: Street, words: bytes) -> None:
    """There is no pause there, yet what has come before the banner is due came too early."""
    # The daemon lives in this loop: it accepts when all of it is there already.
    with socket.create_connection(("127.0.0.1", street.submission), source_address=(fresh_address(), 0)) as raw:
        raw.sendall(words)
        raw.setblocking(False)
        assert await heard(raw) == PROTOCOL_ERROR.encode() + b"\r\n"
    assert street.count(BOB) == 0


@pytest.mark.parametrize("words", [b"EHLO peer.test\r\n", b"H", b"GET / HTTP/1.1\r\n\r\n", MAIL])
async def test_early_talkers_inside_tls(street: Street, words: bytes) -> None:
    """With the last octets of the handshake."""
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting().wrap_bio(received, sent, server_hostname="mail.test")
    loop = asyncio.get_running_loop()
    with socket.create_connection(("127.0.0.1", street.submissions), source_address=(fresh_address(), 0)) as raw:
        raw.setblocking(False)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                raw.sendall(sent.read())
                received.write(await asyncio.wait_for(loop.sock_recv(raw, 65_536), LIMIT))
        tls.write(words)
        raw.sendall(sent.read())
        received.write(await heard(raw))
        assert tls.read(1000) == PROTOCOL_ERROR.encode() + b"\r\n"
    assert street.count(BOB) == 0


async def heard(raw: socket.socket) -> bytes:
    """All that comes until the daemon closes."""
    loop, said = asyncio.get_running_loop(), b""
    with suppress(ConnectionResetError):
        while data := await asyncio.wait_for(loop.sock_recv(raw, 65_536), LIMIT):
            said += data
    return said


@pytest.mark.parametrize("mode", ["plain", "starttls", "tls"])
async def test_who_waits_for_the_banner_of_submission_may_speak_at_once(street: Street, mode: str) -> None:
    peer = await greeted(street, mode, submission=True)
    await peer.send(b"EHLO peer.test\r\n")
    assert (await peer.reply()).startswith("250 ")
    peer.close()


async def test_who_leaves_before_the_banner_is_told_nothing(patient: Street) -> None:
    peer = await Peer.connect(patient, patient.mx)
    peer.writer.write_eof()
    await peer.ends()


# Groups (RFC 2920 §3.1).

OUT_OF_TURN = [
    ("EHLO", b"EHLO peer.test\r\n" + MAIL),
    ("EHLO, half a line", b"EHLO peer.test\r\nM"),
    ("EHLO, an empty line", b"EHLO peer.test\r\n\r\n"),
    ("HELO", b"HELO peer.test\r\n" + MAIL),
    ("QUIT", b"QUIT\r\n" + MAIL),
    ("QUIT, an octet", b"QUIT\r\n\0"),
    ("STARTTLS before EHLO", b"STARTTLS\r\n" + MAIL),
    ("AUTH before EHLO", b"AUTH PLAIN\r\n" + plain().encode() + b"\r\n"),
]
GREETED_OUT_OF_TURN = [
    ("QUIT", b"NOOP\r\nQUIT\r\nNOOP\r\n", ["250 2.0.0 OK"]),
    ("STARTTLS", b"STARTTLS\r\n" + MAIL, []),
    ("STARTTLS, an octet", b"STARTTLS\r\n\x16", []),
    ("STARTTLS in a group", b"RSET\r\nSTARTTLS\r\nEHLO peer.test\r\n", ["250 2.0.0 OK"]),
    ("AUTH", b"AUTH PLAIN " + plain().encode() + b"\r\n" + MAIL, []),
    ("AUTH LOGIN", b"AUTH LOGIN\r\n" + plain().encode() + b"\r\n", []),
    ("AUTH, an octet", b"AUTH PLAIN " + plain().encode() + b"\r\n*", []),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "words"), OUT_OF_TURN, ids=[name for name, _ in OUT_OF_TURN])
async def test_first_words_out_of_turn(street: Street, mode: str, name: str, words: bytes) -> None:
    peer = await greeted(street, mode)
    await peer.send(words)
    await peer.ends(PROTOCOL_ERROR)
    assert street.count(BOB) == 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "words", "before"), GREETED_OUT_OF_TURN, ids=[row[0] for row in GREETED_OUT_OF_TURN])
async def test_words_out_of_turn(street: Street, mode: str, name: str, words: bytes, before: list[str]) -> None:
    peer = await greeted(street, mode)
    await peer.send(b"EHLO peer.test\r\n")
    await peer.reply()
    await peer.send(words)
    await peer.ends(*before, PROTOCOL_ERROR)
    assert street.count(BOB) == 0


@pytest.mark.parametrize("mode", MODES)
async def test_groups_are_honoured(street: Street, mode: str) -> None:
    """All that may be in a group, in one packet; a later EHLO too, for it is known then what is offered."""
    peer = await ready(street, mode)
    await peer.send(
        b"EHLO peer.test\r\nNOOP\r\nRSET\r\nVRFY ann\r\nMAIL FROM:<ann@one.test>\r\nRCPT TO:<ann@one.test>\r\n"
    )
    await peer.reply()
    await peer.hears("250 2.0.0 OK", "250 2.0.0 OK", "252 2.5.0 ...", "250 2.1.0 Sender OK", "250 2.1.5 Recipient OK")
    await peer.send(b"DATA\r\nFrom: ann@one.test\r\n\r\nx\r\n.\r\nNOOP\r\nQUIT\r\n")
    await peer.ends("354 ...", "250 2.0.0 OK ...", "250 2.0.0 OK", "221 2.0.0 Bye")


# STARTTLS.


@pytest.mark.parametrize("submission", [False, True])
async def test_nothing_said_in_clear_is_remembered(street: Street, submission: bool) -> None:
    """RFC 3207 §4.2: neither the name nor the transaction; and there is no second STARTTLS."""
    peer = await greeted(street, "plain", submission=submission)
    await peer.send(b"EHLO peer.test\r\n")
    await peer.reply()
    if not submission:
        await peer.says("MAIL FROM:<ann@one.test>", "250 2.1.0 Sender OK")
        await peer.says("RCPT TO:<bob@one.test>", "250 2.1.5 Recipient OK")
    await peer.says("STARTTLS", "220 2.0.0 Ready to start TLS")
    await peer.start_tls()
    first = "530 5.7.0 Authentication required" if submission else "503 5.5.1 Say EHLO or HELO first"
    await peer.says("MAIL FROM:<ann@one.test>", first)
    await peer.says("RCPT TO:<bob@one.test>", "503 5.5.1 MAIL first")
    await peer.says("DATA", "503 5.5.1 MAIL first")
    await peer.send(b"EHLO peer.test\r\nNOOP\r\n")
    await peer.ends(PROTOCOL_ERROR)


@pytest.mark.parametrize("mode", ["starttls", "tls"])
async def test_no_tls_in_tls(street: Street, mode: str) -> None:
    peer = await greeted(street, mode)
    await peer.says("STARTTLS", "503 5.5.1 TLS is active already")
    await peer.send(b"EHLO peer.test\r\n")
    lines = [await peer.line()]
    while lines[-1][3:4] == "-":
        lines.append(await peer.line())
    assert not any("STARTTLS" in line for line in lines)
    await peer.says("STARTTLS", "503 5.5.1 TLS is active already")
    peer.close()


async def test_starttls_wants_ehlo(street: Street) -> None:
    peer = await greeted(street, "plain")
    await peer.says("STARTTLS", "503 5.5.1 Say EHLO or HELO first")
    await peer.says("HELO peer.test", "250 mail.test")
    await peer.says("STARTTLS", "503 5.5.1 Say EHLO or HELO first")
    await peer.says("STARTTLS now", "501 5.5.4 This command takes no arguments")
    peer.close()


@pytest.mark.parametrize("words", [MAIL, b"EHLO peer.test\r\n", b"\x16\x03\x01\x00", b"\x00" * 100])
async def test_text_where_a_handshake_is_due(street: Street, words: bytes) -> None:
    """It is not taken for a command, and nothing in clear is answered but by an alert of TLS."""
    for port in (street.submissions, street.mx):
        peer = await Peer.connect(street, port)
        if port == street.mx:
            await peer.hears("220 mail.test ESMTP")
            await peer.send(b"EHLO peer.test\r\n")
            await peer.reply()
            await peer.says("STARTTLS", "220 2.0.0 Ready to start TLS")
        peer.writer.write(words)
        peer.writer.write_eof()
        with suppress(ConnectionResetError):  # what was not read can be told only so
            assert (await peer.reader.read())[:1] in (b"", b"\x15")
        peer.close()
    assert street.count(BOB) == 0


# Other protocols.

FOREIGN = [
    b"GET / HTTP/1.1\r\nHost: mail.test\r\n\r\n",
    b"get / HTTP/1.0\r\n",
    b"POST / HTTP/1.1\r\nHost: mail.test\r\nContent-Length: 300\r\n\r\nEHLO peer.test\r\n" + MAIL,
    b"CONNECT mail.test:25 HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"Host: mail.test\r\n" + MAIL,
    b"Content-Type: text/plain\r\n",
    b"X-Own:\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\x80\x2e\x01\x00\x02",
    b"\xc3\xa4\r\n",
    b"HELO p\xc3\xa4er.test\r\n",
    b"\0\r\n",
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("words", FOREIGN)
async def test_other_protocols(street: Street, mode: str, words: bytes) -> None:
    for cut in (0, 1, 4):
        peer = await greeted(street, mode)
        await peer.send(*[part for part in (words[:cut], words[cut:]) if part])
        await peer.ends(NOT_SMTP)
    assert street.count(BOB) == 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("words", "answer", "ends"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n", NOT_SMTP, True),
        (b"POST / HTTP/1.1\r\n" + MAIL, NOT_SMTP, True),
        (b"CONNECT x:25 HTTP/1.1\r\n", NOT_SMTP, True),
        (b"Host: mail.test\r\n", "500 5.5.2 Unknown command", False),
        (b"\xc3\xa4\r\n", "500 5.5.2 Syntax error", False),
    ],
)
async def test_other_protocols_after_ehlo(street: Street, mode: str, words: bytes, answer: str, ends: bool) -> None:
    peer = await ready(street, mode)
    await peer.send(words)
    if ends:
        await peer.ends(answer)
    else:
        await peer.says("NOOP", answer, "250 2.0.0 OK")
        peer.close()
