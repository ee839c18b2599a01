"""Relaying in every disguise, and too many recipients: RFC 5321 §4.1.2, Appendix C; on the MX, and for who signed in.

A recipient is ours by the exact name of its domain, after a strict parse, or it is none: what other software might
take for a route is refused, even where a catch-all would have it.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.hostile import ANN, CAT, Peer, Street, ready

pytestmark = pytest.mark.asyncio(loop_scope="module")

OK = "250 2.1.5 Recipient OK"
DENIED = "550 5.7.1 Relay access denied"
SYNTAX = "501 5.1.3 Bad recipient address syntax"
PARAMETER = "555 5.5.4 Unknown or unsupported parameter"
DOORS = [("plain", False), ("starttls", False), ("starttls", True), ("tls", True)]
"""TLS mode, and whether it is submission, with ANN signed in."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    async with Street(tmp_path_factory.mktemp("street")) as opened:
        yield opened


def elsewhere(address: str) -> str:
    return f"550 5.7.1 <{address}>: sending to other servers is not set up here yet"


def unknown(address: str) -> str:
    return f"550 5.1.1 <{address}>: no such user"


ROWS = [  # the path, the MX's answer, and submission's where it is another
    # Simply elsewhere.
    ("<x@elsewhere.test>", DENIED, elsewhere("x@elsewhere.test")),
    ("<x@ELSEWHERE.Test>", DENIED, elsewhere("x@elsewhere.test")),
    ("<ann@one.test.elsewhere.test>", DENIED, elsewhere("ann@one.test.elsewhere.test")),
    ("<ann@sub.one.test>", DENIED, elsewhere("ann@sub.one.test")),
    ("<ann@xone.test>", DENIED, elsewhere("ann@xone.test")),
    ("<ann@test>", DENIED, elsewhere("ann@test")),
    ("<ann@xn--ne-lma.test>", DENIED, elsewhere("ann@xn--ne-lma.test")),
    ("<ann@127.0.0.1>", DENIED, elsewhere("ann@127.0.0.1")),
    ("<ann@mail.test>", DENIED, elsewhere("ann@mail.test")),
    ("<ann@localhost>", DENIED, elsewhere("ann@localhost")),
    ("<postmaster@elsewhere.test>", DENIED, elsewhere("postmaster@elsewhere.test")),
    ('<"x@one.test"@elsewhere.test>', DENIED, elsewhere('"x@one.test"@elsewhere.test')),
    ("<x%one.test@elsewhere.test>", DENIED, elsewhere("x%one.test@elsewhere.test")),
    # Routes within the local part.
    ("<x%elsewhere.test@one.test>", DENIED, ""),
    ("<x%elsewhere.test@two.test>", DENIED, ""),
    ("<X%ELSEWHERE.TEST@TWO.TEST>", DENIED, ""),
    ("<x%elsewhere.test%one.test@two.test>", DENIED, ""),
    ("<x%40elsewhere.test@two.test>", DENIED, ""),
    ("<elsewhere.test!x@two.test>", DENIED, ""),
    ("<one.test!elsewhere.test!x@two.test>", DENIED, ""),
    ('<"x@elsewhere.test"@two.test>', DENIED, ""),
    (r'<"x\@elsewhere.test"@two.test>', DENIED, ""),
    ('<"x%elsewhere.test"@two.test>', DENIED, ""),
    (r'<"elsewhere.test\!x"@two.test>', DENIED, ""),
    ('<"@one.test:x@elsewhere.test"@two.test>', DENIED, ""),
    # Source routes.
    ("<@two.test:x@elsewhere.test>", DENIED, ""),
    ("<@two.test,@one.test:x@elsewhere.test>", DENIED, ""),
    ("<@elsewhere.test:ann@one.test>", DENIED, ""),
    ("<@ELSEWHERE.TEST:ann@one.test>", DENIED, ""),
    ("<@:x@elsewhere.test>", DENIED, ""),
    # Address literals, ours too: no mailbox is named by one.
    ("<ann@[127.0.0.1]>", DENIED, ""),
    ("<ann@[10.0.0.1]>", DENIED, ""),
    ("<ann@[IPv6:::1]>", DENIED, ""),
    ("<ann@[]>", DENIED, ""),
    ("<postmaster@[127.0.0.1]>", DENIED, ""),
    # Not an address.
    ("<ann@one.test.>", SYNTAX, ""),
    ("<x@elsewhere.test.>", SYNTAX, ""),
    ("<ann@one..test>", SYNTAX, ""),
    ("<ann@.one.test>", SYNTAX, ""),
    ("<x@elsewhere.test@one.test>", SYNTAX, ""),
    ("<x@elsewhere.test,ann@one.test>", SYNTAX, ""),
    ("<ann@one.test>,<x@elsewhere.test>", SYNTAX, ""),
    ("<ann@one.test><x@elsewhere.test>", SYNTAX, ""),
    ("<ann@one.test;x@elsewhere.test>", SYNTAX, ""),
    ("x@elsewhere.test", SYNTAX, ""),
    ("ann@one.test", SYNTAX, ""),
    ("<ann@one.test", SYNTAX, ""),
    ("< ann@one.test>", SYNTAX, ""),
    ("<ann@one.test >", SYNTAX, ""),
    ("<ann @one.test>", SYNTAX, ""),
    ("<(c)ann@one.test>", SYNTAX, ""),
    ("Ann <ann@one.test>", SYNTAX, ""),
    ("<>", SYNTAX, ""),
    ("<@>", DENIED, ""),
    ("<@one.test>", DENIED, ""),
    ("<ann@>", SYNTAX, ""),
    ("<ann>", SYNTAX, ""),
    ('<"ann"x@one.test>', SYNTAX, ""),
    ('<"ann@one.test>', SYNTAX, ""),
    (f"<{'a' * 65}@one.test>", SYNTAX, ""),
    (f"<ann@{'a' * 64}.test>", SYNTAX, ""),
    (f"<ann@{'a.' * 130}test>", SYNTAX, ""),
    ("<ann@one.test> ORCPT=rfc822;x@elsewhere.test", PARAMETER, ""),
    ("<ann@one.test> X", PARAMETER, ""),
    # Ours, however it is written.
    ("<ANN@One.Test>", OK, ""),
    ('<"ann"@one.test>', OK, ""),
    (r'<"a\nn"@one.test>', OK, ""),
    ("<ann+x@one.test>", OK, ""),
    ("<ann@one.test>  ", OK, ""),
    # Names like any other, even if some shell or decoder might like them; they go nowhere but to the catch-all.
    ("<|/bin/sh@one.test>", unknown("|/bin/sh@one.test"), ""),
    ("</etc/passwd@one.test>", unknown("/etc/passwd@one.test"), ""),
    ("<=?utf-8?q?x=40elsewhere.test?=@two.test>", OK, ""),
    ("<x=40elsewhere.test@two.test>", OK, ""),
    ("<x&#64;elsewhere.test@two.test>", SYNTAX, ""),
    ("<x=elsewhere.test@two.test>", OK, ""),
    # Nobody's yet.
    ("<postmaster>", "450 4.3.0 No mailbox for this address yet", ""),
]


async def begun(street: Street, mode: str, submission: bool) -> Peer:
    peer = await ready(street, mode, submission=submission)
    await peer.says(f"MAIL FROM:<{ANN}>", "250 2.1.0 Sender OK")
    return peer


@pytest.mark.parametrize(("mode", "submission"), DOORS)
async def test_disguises(street: Street, mode: str, submission: bool) -> None:
    for path, answer, signed_in in ROWS:
        peer = await begun(street, mode, submission)
        try:
            await peer.says(f"RCPT TO:{path}", signed_in if submission and signed_in else answer)
            await peer.says("NOOP", "250 2.0.0 OK")
        except AssertionError as error:
            raise AssertionError(f"{path}: {error}") from error
        peer.close()


@pytest.mark.parametrize(("mode", "submission"), DOORS)
async def test_control_characters_hide_nothing(street: Street, mode: str, submission: bool) -> None:
    peer = await begun(street, mode, submission)
    for path in (b"<x@elsewhere.test\0@one.test>", b"<ann\x7f@one.test>", b"<ann@one.test\x01>", b"<ann\r@one.test>"):
        await peer.send(b"RCPT TO:" + path + b"\r\n")
        await peer.hears("500 5.5.2 Syntax error")
    await peer.says("DATA", "503 5.5.1 RCPT first")
    peer.close()


@pytest.mark.parametrize(("mode", "submission"), DOORS)
async def test_the_101st_recipient(street: Street, mode: str, submission: bool) -> None:
    """452 for it alone: the others have their message, and the next transaction counts anew (RFC 5321 §4.5.3.1.10)."""
    arrived = street.count(CAT)
    peer = await begun(street, mode, submission)
    await peer.send(b"".join(b"RCPT TO:<u%d@two.test>\r\n" % n for n in range(102)))
    await peer.hears(*[OK] * 100, *["452 4.5.3 Too many recipients"] * 2)
    await peer.says("DATA", "354 End data with <CR><LF>.<CR><LF>")
    await peer.send(b"From: ann@one.test\r\n\r\nx\r\n.\r\nMAIL FROM:<ann@one.test>\r\nRCPT TO:<u@two.test>\r\n")
    await peer.hears("250 2.0.0 OK ...", "250 2.1.0 Sender OK", OK)
    assert street.count(CAT) == arrived + 1
    peer.close()


@pytest.mark.parametrize(("mode", "submission"), DOORS)
async def test_refused_recipients_leave_nothing_to_send(street: Street, mode: str, submission: bool) -> None:
    """A client that ignores refusals and goes on is stopped at DATA (RFC 2920 §3.1)."""
    peer = await begun(street, mode, submission)
    refused = elsewhere("x@elsewhere.test") if submission else DENIED
    await peer.send(b"RCPT TO:<x@elsewhere.test>\r\nDATA\r\nFrom: ann@one.test\r\n\r\n")
    await peer.hears(refused, "554 5.5.1 No valid recipients", *["500 5.5.2 Unknown command"] * 2)
    peer.close()


WIDE = [  # looks like ours, or like a route, and is neither
    ("ann@\u00f6ne.test", DENIED, elsewhere("ann@xn--ne-eka.test")),
    ("ann@\uff4fne.test", SYNTAX, ""),  # FULLWIDTH LATIN SMALL LETTER O
    ("ann@one\uff0etest", SYNTAX, ""),  # FULLWIDTH FULL STOP
    ("ann@one\u3002test", SYNTAX, ""),  # IDEOGRAPHIC FULL STOP
    ("ann@one.te\u200dst", SYNTAX, ""),  # ZERO WIDTH JOINER
    ("ann@\u0585ne.test", DENIED, elsewhere("ann@xn--ne-ffd.test")),  # ARMENIAN SMALL LETTER OH
    ("x\uff20elsewhere.test@two.test", OK, ""),  # FULLWIDTH COMMERCIAL AT, of a name like any other
    ("x\uff05elsewhere.test@two.test", OK, ""),  # FULLWIDTH PERCENT SIGN
    ("\u212aat@two.test", OK, ""),  # KELVIN SIGN
]


@pytest.mark.parametrize(("mode", "submission"), DOORS)
async def test_letters_that_look_alike(street: Street, mode: str, submission: bool) -> None:
    """RFC 6531 §3.3: a domain is taken as it is, and nothing is mapped to ours."""
    for address, answer, signed_in in WIDE:
        peer = await ready(street, mode, submission=submission)
        await peer.says(f"MAIL FROM:<{ANN}> SMTPUTF8", "250 2.1.0 Sender OK")
        await peer.send(f"RCPT TO:<{address}>\r\n".encode())
        try:
            await peer.hears(signed_in if submission and signed_in else answer)
        except AssertionError as error:
            raise AssertionError(f"{address}: {error}") from error
        peer.close()
