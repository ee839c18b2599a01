"""The bounds on IMAP sessions, before login and after, in clear, after STARTTLS and inside TLS.

Text, literals, errors, time, other protocols, and what is said too early; the session ends, or goes on in step.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from imap.front import Patience
from tests.hostile import ANN, LIMIT, MODES, Peer, Street, plain, ready_imap
from tests.house import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOO_LONG = "* BYE Command line too long"
TOO_BIG = "* BYE [TOOBIG] That literal is too big"
TOO_BAD = "* BYE Too many commands that are not understood"
SILENT = "* BYE Autologout: silent for too long"
HTTP = "* BYE This is an IMAP server"
DONE = "z OK NOOP completed"
TINY = 0.3


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    async with Street(tmp_path_factory.mktemp("street"), server={"max_message_size": 100_000}) as opened:
        yield opened


async def played(street: Street, mode: str, logged_in: bool, words: bytes, *lines: str) -> None:
    """These words get these answers; after BYE nothing else, otherwise the next command its own."""
    peer = await ready_imap(street, mode, logged_in=logged_in)
    await peer.send(words)
    if lines[-1].startswith("* BYE"):
        await peer.ends(*lines)
    else:
        await peer.hears(*lines)
        await peer.says("z NOOP", DONE)
        peer.close()


def line(octets: int) -> bytes:
    """A NOOP with too many words, of so many octets without its CRLF."""
    return b"a NOOP ".ljust(octets, b"x") + b"\r\n"


BEFORE_LOGIN = [
    ("text at the bound", line(8191), ["a BAD ..."]),
    ("text beyond it", line(8192), [TOO_LONG]),
    ("text without an end", b"a" * 9000, [TOO_LONG]),
    ("text between literals", b"a LOGIN {1+}\r\nx " + b"y" * 8200, [TOO_LONG]),
    ("no text", b"\r\n", ["* BAD ..."]),
    ("a bare LF", b"a NOOP\nb NOOP\r\n", ["a OK ...", "b OK ..."]),
    ("NUL", b"a LOGIN \0 x\r\n", ["a BAD ..."]),
    ("a literal at the bound", b"a LOGIN {4096+}\r\n" + b"x" * 4096 + b" y\r\n", ["a NO [AUTHENTICATIONFAILED] ..."]),
    ("a literal beyond it", b"a LOGIN {4097}\r\n", ["a NO [TOOBIG] ..."]),
    ("one not asked for", b"a LOGIN {4097+}\r\n" + b"b NOOP\r\n".ljust(4097) + b" y\r\n", ["a NO [TOOBIG] ..."]),
    ("two that are too much", b"a LOGIN {3000+}\r\n" + b"x" * 3000 + b" {3000}\r\n", ["a NO [TOOBIG] ..."]),
    ("terabytes, asked for", b"a LOGIN {9999999999999}\r\n", ["a NO [TOOBIG] ..."]),
    ("terabytes, not asked for", b"a LOGIN {9999999999999+}\r\nx", [TOO_BIG]),
    ("a number without end", b"a LOGIN {" + b"9" * 8000 + b"+}\r\nx", [TOO_BIG]),
    ("a negative number", b"a LOGIN {-1}\r\n", ["a BAD ..."]),
    ("an unknown command's", b"a BOGUS {10+}\r\nb NOOP\r\nxx\r\n", ["a BAD Unknown command BOGUS"]),
    ("a message", b"a APPEND INBOX {5}\r\n", ["a BAD APPEND is not possible now: log in first"]),
    ("a binary one", b"a LOGIN ~{3}\r\n", ["a BAD ..."]),
    ("commands of later", b"a SELECT INBOX\r\nb IDLE\r\n", ["a BAD ...", "b BAD ..."]),
    ("SASL beyond its line", b"a AUTHENTICATE PLAIN\r\n" + b"x" * 9000, ["+ ", TOO_LONG]),
    ("20 errors", b"a BOGUS\r\n" * 30, ["a BAD Unknown command BOGUS"] * 20 + [TOO_BAD]),
    (
        "20 of all kinds",
        b"\r\n*\r\na\r\na LOGIN\r\n" * 6,
        ["* BAD ...", "* BAD ...", "a BAD ...", "a BAD ..."] * 5 + [TOO_BAD],
    ),
    ("HTTP GET", b"GET / HTTP/1.1\r\nHost: mail.test\r\n\r\n", ["GET BAD ...", HTTP]),
    ("HTTP POST", b"POST / HTTP/1.1\r\n\r\na NOOP\r\n", ["POST BAD ...", HTTP]),
    ("the first octet of a handshake", b"\x16", [HTTP]),
    ("a whole ClientHello", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\n" + bytes(500), [HTTP]),
    ("NUL first", b"\0", [HTTP]),
    ("8-bit first", b"\xffSMB", [HTTP]),
    ("binary behind a command", b"a NOOP\r\n\x16\x03", ["a OK ...", HTTP]),
    ("8-bit within a tag", b"a\xff NOOP\r\n", ["a BAD ..."]),
    ("a tag like a method", b"GET NOOP\r\n", ["GET OK NOOP completed"]),
]
AFTER_LOGIN = [
    ("text at the bound", line(65_535), ["a BAD ..."]),
    ("text beyond it", line(65_536), [TOO_LONG]),
    ("text without an end", b"a" * 70_000, [TOO_LONG]),
    ("IDLE beyond its line", b"a IDLE\r\n" + b"x" * 70_000, ["+ ...", TOO_LONG]),
    ("a literal beyond the bound", b"a CREATE {1048577}\r\n", ["a NO [TOOBIG] ..."]),
    ("terabytes, not asked for", b"a CREATE {9999999999999+}\r\nx", [TOO_BIG]),
    ("a message too big, asked for", b"a APPEND INBOX {100001}\r\n", ["a NO [TOOBIG] ..."]),
    (
        "one not asked for",
        b"a APPEND INBOX {100001+}\r\n" + b"b NOOP\r\n".ljust(100_001) + b"\r\n",
        ["a NO [TOOBIG] ..."],
    ),
    ("a message of terabytes", b"a APPEND INBOX {9999999999999+}\r\nx", [TOO_BIG]),
    ("nowhere to go", b"a APPEND Nowhere {9+}\r\nb NOOP\r\n9\r\n", ["a NO [TRYCREATE] ..."]),
    ("nesting without end", b"a SEARCH " + b"(" * 5000 + b"\r\n", ["a BAD ..."]),
    ("20 errors", b"a BOGUS\r\n" * 30, ["a BAD Unknown command BOGUS"] * 20 + [TOO_BAD]),
    ("binary, whoever means it", b"\x16\x03\r\n", ["* BAD ..."]),
    ("HTTP, whoever means it", b"GET / HTTP/1.1\r\n", ["GET BAD Unknown command /"]),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "words", "lines"), BEFORE_LOGIN, ids=[row[0] for row in BEFORE_LOGIN])
async def test_before_login(street: Street, mode: str, name: str, words: bytes, lines: list[str]) -> None:
    await played(street, mode, False, words, *lines)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "words", "lines"), AFTER_LOGIN, ids=[row[0] for row in AFTER_LOGIN])
async def test_after_login(street: Street, mode: str, name: str, words: bytes, lines: list[str]) -> None:
    await played(street, mode, True, words, *lines)


@pytest.mark.parametrize("words", [b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"])
async def test_who_spoke_another_protocol_is_in_the_log(street: Street, words: bytes) -> None:
    with capture_logs() as logged:
        peer = await ready_imap(street, "plain")
        await peer.send(words)
        assert (await peer.reader.read()).endswith(b"* BYE This is an IMAP server\r\n")
        peer.close()
    told = [line for line in logged if line["event"] == "stranger sent away"]
    assert [(line["outcome"], line["protocol"]) for line in told] == [("foreign protocol", "imap")]
    assert told[0]["peer"].startswith("127.")


@pytest.mark.parametrize("mode", MODES)
async def test_what_a_refused_literal_holds_never_runs(street: Street, mode: str) -> None:
    """Whether it is dropped at once or in pieces, and wherever the pieces are cut."""
    text = b"a LOGIN {5000+}\r\n" + b"\r\nb LOGOUT\r\n" * 416 + b"c NOOP\r\n" + b" x\r\n"
    for cut in (1, 17, 18, 4096, len(text) - 1):
        peer = await ready_imap(street, mode)
        await peer.send(text[:cut], text[cut:])
        await peer.hears("a NO [TOOBIG] ...")
        await peer.says("z NOOP", DONE)
        peer.close()


# STARTTLS (RFC 3501 §6.2.1).


@pytest.mark.parametrize("behind", [b"b LOGIN ann@one.test x\r\n", b"b", b"\r\n", b"\x16\x03\x01\x00"])
async def test_nothing_comes_in_clear_behind_starttls(street: Street, behind: bytes) -> None:
    peer = await ready_imap(street, "plain")
    await peer.send(b"a STARTTLS\r\n" + behind)
    await peer.ends("a BAD ...", "* BYE ...")


@pytest.mark.parametrize("mode", ["starttls", "tls"])
async def test_no_tls_in_tls(street: Street, mode: str) -> None:
    await played(street, mode, False, b"a STARTTLS\r\n", "a BAD ...")
    peer = await ready_imap(street, mode)
    await peer.send(b"a CAPABILITY\r\n")
    assert "STARTTLS" not in await peer.line()
    peer.close()


async def test_a_login_in_clear_does_not_outlive_starttls(street: Street) -> None:
    await played(street, "plain", True, b"a STARTTLS\r\n", "a BAD ...")


@pytest.mark.parametrize("words", [b"a NOOP\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00", b"\0" * 100])
async def test_text_where_a_handshake_is_due(street: Street, words: bytes) -> None:
    """Nothing in clear is answered but by an alert of TLS."""
    peer = await Peer.connect(street, street.imaps)
    peer.writer.write(words)
    peer.writer.write_eof()
    try:
        rest = await peer.reader.read()
    except ConnectionResetError:
        rest = b""
    assert rest[:1] in (b"", b"\x15")
    peer.close()


@pytest.mark.parametrize("words", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"])
@pytest.mark.parametrize("end", ["reset", "close"])
async def test_who_leaves_within_a_handshake_leaves_nothing_behind(street: Street, words: bytes, end: str) -> None:
    peer = await ready_imap(street, "plain")
    await peer.says("a STARTTLS", "a OK ...")
    peer.writer.write(words)
    if end == "reset":
        raw = peer.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    async with asyncio.timeout(LIMIT):
        await gone(street, peer)


async def test_nothing_is_said_in_clear_within_a_handshake(street: Street) -> None:
    peer = await ready_imap(street, "plain")
    await peer.says("a STARTTLS", "a OK ...")
    live = peer.live()
    assert live is not None
    live.end()
    await peer.ends()
    async with asyncio.timeout(LIMIT):
        await gone(street, peer)


async def gone(street: Street, peer: Peer) -> None:
    while True:
        if peer.live() is None and not street.appliance.imap.connections():
            return
        await asyncio.sleep(0)


async def test_passwords_are_not_taken_in_clear_from_afar(street: Street) -> None:
    street.appliance.imap.trust(())
    try:
        for words in (
            f"LOGIN {ANN} {PASSWORD}",
            f"AUTHENTICATE PLAIN {plain()}",
            "AUTHENTICATE PLAIN",
            "LOGIN {5+}\r\nxxxxx x",
        ):
            await played(street, "plain", False, f"a {words}\r\n".encode(), "a NO [PRIVACYREQUIRED] ...")
        for mode in ("starttls", "tls"):
            await played(street, mode, False, f"a AUTHENTICATE PLAIN {plain()}\r\n".encode(), "a OK ...")
    finally:
        street.appliance.imap.trust(("127.0.0.0/8",))


# Time.


@contextmanager
def patience(street: Street, **seconds: float) -> Iterator[None]:
    front = street.appliance.imap
    before, front.patience = front.patience, Patience(**{"login": 30.0, "autologout": 30.0, "stalled": 30.0} | seconds)
    try:
        yield
    finally:
        front.patience = before


async def test_strangers_have_so_long_in_all(street: Street) -> None:
    """However busy they are: with commands, or with an octet now and then."""

    async def one(mode: str, words: bytes) -> None:
        peer = await ready_imap(street, mode)
        assert await peer.babbles(words, DONE, TINY / 5) == SILENT
        await peer.ends()

    with patience(street, login=2 * TINY):
        async with asyncio.timeout(10):
            await asyncio.gather(
                *(one(mode, words) for mode in MODES for words in (b"", b"x", b"z NOOP\r\n", b"a LOGIN {9+}\r\n"[:5]))
            )


async def test_who_is_silent_in_a_sign_in(street: Street) -> None:
    async def one(mode: str) -> None:
        peer = await ready_imap(street, mode)
        await peer.send(b"a AUTHENTICATE PLAIN\r\n")
        await peer.ends("+ ", SILENT)

    with patience(street, login=TINY):
        await asyncio.gather(*(one(mode) for mode in MODES))


async def test_members_have_so_long_between_words(street: Street) -> None:
    """In a command, in a literal and in IDLE; nothing of a message that never ended is kept."""

    async def one(mode: str, words: bytes) -> None:
        peer = await ready_imap(street, mode, logged_in=True)
        await peer.send(words)
        while (said := await peer.line()) != SILENT:
            assert said.startswith("+ ")
        await peer.ends()

    words = (b"", b"a NO", b"a IDLE\r\n", b"a APPEND INBOX {1000}\r\n", b"a APPEND INBOX {1000+}\r\n" + b"x" * 999)
    arrived = street.count(ANN)
    with patience(street, autologout=TINY):
        await asyncio.gather(*(one(mode, said) for mode in MODES for said in words))
    assert street.count(ANN) == arrived
    assert list((street.directory / "data" / "spool").iterdir()) == []
