"""Smuggling (RFC 5321 §2.3.8; CVE-2023-51764 and its kin): nothing but CRLF.CRLF ends a message.

Every mixture of CR, LF and NUL before and after a dot, behind which a second transaction follows, in each TLS mode,
cut into packets in two ways. Allowed is one message, or 550 and the end; what is smuggled never arrives.
"""

import itertools
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.hostile import ANN, BOB, MODES, Street, in_data, ready

pytestmark = pytest.mark.asyncio(loop_scope="module")

PIECES = [b"", b"\r\n", b"\n", b"\r", b"\n\r", b"\r\r", b"\r\r\n", b"\0\r\n", b"\r\n\0"]
DOTS = [before + b"." + after for before, after in itertools.product(PIECES, PIECES) if before or after]
HEAD = b"From: ann@one.test\r\nSubject: first\r\n\r\nhello"
TAIL = (
    b"MAIL FROM:<ann@one.test>\r\nRCPT TO:<bob@one.test>\r\nDATA\r\n"
    b"From: ann@one.test\r\nSubject: smuggled\r\n\r\nboo\r\n.\r\n"
)
REFUSED = "550 5.6.0 Bare CR or LF is not allowed"
SPLITS = ("group", "octets")
"""The whole transaction from MAIL on in one packet, and the octets around the dot each in a packet of its own."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    async with Street(tmp_path_factory.mktemp("street")) as opened:
        yield opened


def fate(text: bytes) -> str:
    """What has to become of a text after DATA, found without the product's own reader."""
    whole = b"\r\n" + text
    end = whole.index(b"\r\n.\r\n")
    if re.search(rb"\r(?!\n)|(?<!\r)\n|\0", whole[: end + 2]):
        return "refused"
    return "one" if end + 5 == len(whole) else "ended"


async def smuggle(street: Street, mode: str, split: str, head: bytes, dot: bytes) -> None:
    arrived, smuggled = street.count(ANN), street.count(BOB)
    if split == "group":
        peer = await ready(street, mode)
        await peer.send(b"MAIL FROM:<ann@one.test>\r\nRCPT TO:<ann@one.test>\r\nDATA\r\n" + head + dot + TAIL)
        await peer.hears("250 2.1.0 Sender OK", "250 2.1.5 Recipient OK", "354 End data with <CR><LF>.<CR><LF>")
    else:
        peer = await in_data(street, mode)
        await peer.send(head, *[bytes([octet]) for octet in dot], TAIL)
    match fate(head + dot + TAIL):
        case "refused":
            await peer.ends(REFUSED)
            assert street.count(ANN) == arrived
        case "one":
            await peer.says("QUIT", "250 2.0.0 OK ...", "221 2.0.0 Bye")
            await peer.ends()
            assert street.count(ANN) == arrived + 1
        case "ended":
            raise AssertionError("this one is an end, and no smuggling")
    assert street.count(BOB) == smuggled


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("mode", MODES)
async def test_after_the_content(street: Street, mode: str, split: str) -> None:
    for dot in DOTS:
        if fate(HEAD + dot + TAIL) == "ended":
            continue
        try:
            await smuggle(street, mode, split, HEAD, dot)
        except AssertionError as error:
            raise AssertionError(f"{dot!r}: {error}") from error


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("mode", MODES)
async def test_before_the_content(street: Street, mode: str, split: str) -> None:
    """Directly behind the line of DATA, whose CRLF counts as the one before a first dot (RFC 5321 §4.1.1.4)."""
    for dot in DOTS:
        if fate(dot + TAIL) != "refused":
            continue
        try:
            await smuggle(street, mode, split, b"", dot)
        except AssertionError as error:
            raise AssertionError(f"{dot!r}: {error}") from error


@pytest.mark.parametrize("mode", MODES)
async def test_the_true_end_ends_it(street: Street, mode: str) -> None:
    """The same, with CRLF.CRLF: two messages, so the tests above would have seen a second one."""
    arrived, second = street.count(ANN), street.count(BOB)
    peer = await in_data(street, mode)
    await peer.send(HEAD, b"\r", b"\n", b".", b"\r", b"\n", TAIL)
    await peer.hears("250 2.0.0 OK ...", "250 2.1.0 Sender OK", "250 2.1.5 Recipient OK", "354 ...", "250 2.0.0 OK ...")
    assert (street.count(ANN), street.count(BOB)) == (arrived + 1, second + 1)
    peer.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", [b"\r\n..\r\n", b"\r\n.x\r\n", b"\r\n. \r\n", b" .\r\n", b"\r\n...\r\n.."])
async def test_lines_that_begin_with_a_dot_end_nothing(street: Street, mode: str, text: bytes) -> None:
    arrived, smuggled = street.count(ANN), street.count(BOB)
    peer = await in_data(street, mode)
    await peer.send(HEAD + text + TAIL)
    await peer.says("NOOP", "250 2.0.0 OK ...", "250 2.0.0 OK")
    assert (street.count(ANN), street.count(BOB)) == (arrived + 1, smuggled)
    peer.close()
