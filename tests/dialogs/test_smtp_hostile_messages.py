"""Messages that go in circles, or are too big, in all or in their header: RFC 5321 §6.3, RFC 1870 §6.1."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.hostile import ANN, MODES, Peer, Street, in_data, ready

pytestmark = pytest.mark.asyncio(loop_scope="module")

TAKEN = "250 2.0.0 OK ..."
LOOP = "554 5.4.6 Routing loop"
TOO_BIG = "552 5.3.4 Message too big"
FROM = b"From: ann@one.test\r\n"
ENDED = b"\r\nx\r\n.\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    async with Street(tmp_path_factory.mktemp("street")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def narrow(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    """Takes messages of 20000 octets."""
    async with Street(tmp_path_factory.mktemp("narrow"), server={"max_message_size": 20_000}) as opened:
        yield opened


async def answered(street: Street, peer: Peer, text: bytes, answer: str) -> None:
    """The text after 354 gets this answer, is stored only if that is 250, and the session goes on."""
    arrived = street.count(ANN)
    await peer.send(text)
    await peer.hears(answer)
    assert street.count(ANN) == arrived + (answer == TAKEN)
    await peer.says("RCPT TO:<ann@one.test>", "503 5.5.1 MAIL first")
    peer.close()


# Loops.

HOP = b"Received: from a.test by b.test with ESMTP; Tue, 24 Nov 2026 10:00:00 +0000\r\n"
OURS = b"Received: from x by mail.test with ESMTP; now\r\n"
LOOPS = [
    ("100 hops", HOP * 100, TAKEN),
    ("101 hops", HOP * 101, LOOP),
    ("101 hops, any case", b"rEcEiVeD: x\r\n" * 101, LOOP),
    ("101 hops, a blank before the colon", b"Received : x\r\n" * 101, LOOP),
    ("101 hops, folded and empty", b"Received:\r\n\t\r\n" * 101, LOOP),
    ("101 hops among others", b"X-Received: x\r\nReceived: y\r\n" * 101, LOOP),
    ("100 hops and many that are none", HOP * 100 + b"X-Received: x\r\n" * 50, TAKEN),
    ("101 hops in the body", b"\r\n" + HOP * 101, TAKEN),
    ("ours came back", b"Delivered-To: ann@one.test\r\n" + OURS, LOOP),
    ("ours came back in upper case", b"DELIVERED-TO: ANN@ONE.TEST\r\n" + OURS.upper(), LOOP),
    ("ours came back, folded", b"Delivered-To:\r\n ann@one.test\r\nReceived: from x\r\n\tby mail.test; now\r\n", LOOP),
    ("ours for somebody else", b"Delivered-To: bob@one.test\r\n" + OURS, TAKEN),
    ("delivered elsewhere", b"Delivered-To: ann@one.test\r\nReceived: from x by old.test; now\r\n", TAKEN),
    ("a name that ends in ours", b"Delivered-To: ann@one.test\r\nReceived: from x by my.mail.test; now\r\n", TAKEN),
]


@pytest.mark.parametrize("mode", MODES)
async def test_loops(street: Street, mode: str) -> None:
    for name, head, answer in LOOPS:
        peer = await in_data(street, mode)
        try:
            await answered(street, peer, FROM + head + ENDED, answer)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


# Sizes.


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("parameters", "answer"),
    [
        ("SIZE=20000", "250 2.1.0 Sender OK"),
        ("SIZE=20001", TOO_BIG),
        ("size=99999999999999999999", TOO_BIG),
        ("SIZE=0", "250 2.1.0 Sender OK"),
        ("SIZE=100000000000000000000", "501 5.5.4 SIZE is 1 to 20 digits"),
        ("SIZE=-1", "501 5.5.4 SIZE is 1 to 20 digits"),
        ("SIZE=1e9", "501 5.5.4 SIZE is 1 to 20 digits"),
        ("SIZE=", "501 5.5.4 Syntax error in arguments"),
        ("SIZE", "501 5.5.4 SIZE is 1 to 20 digits"),
        ("SIZE=1 SIZE=2", "501 5.5.4 Syntax error in arguments"),
    ],
)
async def test_declared_sizes(narrow: Street, mode: str, parameters: str, answer: str) -> None:
    peer = await ready(narrow, mode)
    await peer.says(f"MAIL FROM:<{ANN}> {parameters}", answer)
    peer.close()


def sized(octets: int, line: int = 1000) -> bytes:
    """A message of so many octets, in lines of at most so many, and its end."""
    filler = b"x" * (line - 2) + b"\r\n"
    head = FROM + b"\r\n"
    body = filler * ((octets - len(head)) // len(filler))
    left = octets - len(head) - len(body)
    body = body[: left - 2] + b"\r\n" + body if 0 < left < 2 else body + (b"y" * (left - 2) + b"\r\n" if left else b"")
    assert len(head + body) == octets
    return head + body + b".\r\n"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("octets", "answer"), [(20_000, TAKEN), (20_003, TOO_BIG), (3_000_000, TOO_BIG)])
async def test_true_sizes(narrow: Street, mode: str, octets: int, answer: str) -> None:
    await answered(narrow, await in_data(narrow, mode), sized(octets), answer)


@pytest.mark.parametrize("mode", MODES)
async def test_bare_ends_in_what_is_too_big(narrow: Street, mode: str) -> None:
    """Smuggling weighs more: the session ends."""
    peer = await in_data(narrow, mode)
    await peer.send(sized(30_000)[:-3] + b"\n.\n" + b"x\r\n.\r\n")
    await peer.ends("550 5.6.0 Bare CR or LF is not allowed")


@pytest.mark.parametrize("mode", MODES)
async def test_far_too_big(narrow: Street, mode: str) -> None:
    """What nobody can mean is not read to its end."""
    peer = await in_data(narrow, mode)
    chunk = b"x" * 500_000
    for _ in range(23):
        peer.writer.write(chunk)
    await peer.hears("421 4.3.4 Message far too big")
    peer.close()


# Headers.

HEADERS = [
    ("2000 fields", b"A: b\r\n" * 1999, TAKEN),
    ("2001 fields", b"A: b\r\n" * 2000, "554 5.6.0 header of more than 2000 fields"),
    ("2000 fields in 4000 lines", b"A:\r\n b\r\n" * 1999, TAKEN),
    ("1 MiB", b"A: " + b"b" * (1_048_576 - len(FROM) - 7) + b"\r\n", TAKEN),
    ("one more", b"A: " + b"b" * (1_048_576 - len(FROM) - 6) + b"\r\n", "554 5.6.0 header of more than 1048576 octets"),
    ("without an end", b"A: b\r\n" * 300_000, "554 5.6.0 header of more than 1048576 octets"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "head", "answer"), HEADERS, ids=[row[0] for row in HEADERS])
async def test_headers(street: Street, mode: str, name: str, head: bytes, answer: str) -> None:
    await answered(street, await in_data(street, mode), FROM + head + ENDED, answer)
