"""Commands that are too long, not offered, or wrong too often: RFC 5321 §4.5.3.1, §7.3; the session stays in step."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.hostile import BOB, MODES, Street, greeted, ready

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOO_LONG = "500 5.5.2 Line too long"
TOO_MANY = "421 4.7.0 Too many errors"
NOT_OFFERED = "502 5.5.1 Command not implemented"
OK = "250 2.0.0 OK"
MOST = 2048
"""Octets of a command line with its CRLF."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    async with Street(tmp_path_factory.mktemp("street")) as opened:
        yield opened


def noop(octets: int, end: bytes = b"\r\n") -> bytes:
    return b"NOOP ".ljust(octets - len(end), b"x") + end


# Lines.

LINES = [
    ("at the bound", [noop(MOST)], [OK]),
    ("one more", [noop(MOST + 1)], [TOO_LONG]),
    ("one more, its LF alone", [noop(MOST + 1)[:-1], b"\n"], [TOO_LONG]),
    ("one more, its CRLF alone", [noop(MOST + 1)[:-2], b"\r\n"], [TOO_LONG]),
    ("in many pieces", [b"NOOP "] + [b"x" * 997] * 60 + [b"\r", b"\n"], [TOO_LONG]),
    ("60 KB at once", [noop(60_000)], [TOO_LONG]),
    ("two of them", [noop(5000) + noop(5000)], [TOO_LONG, TOO_LONG]),
    ("a second command behind a bare LF", [noop(5000, b"\nRSET extra") + b"\r\n"], [TOO_LONG]),
    ("a second command behind a bare CR", [noop(5000, b"\rRSET extra") + b"\r\n"], [TOO_LONG]),
    ("a second command behind LF CR LF", [noop(5000, b"\n\r\n")], [TOO_LONG]),
    ("octets of any kind", [b"NOOP " + bytes(range(11, 256)) * 20 + b"\r\n"], [TOO_LONG]),
    ("no verb", [b"x" * 5000 + b"\r\n"], [TOO_LONG]),
    ("a path", [b"MAIL FROM:<" + b"a" * 5000 + b"@x.test>\r\n"], [TOO_LONG]),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "packets", "answers"), LINES, ids=[row[0] for row in LINES])
async def test_a_long_line_is_refused_once(
    street: Street, mode: str, name: str, packets: list[bytes], answers: list[str]
) -> None:
    peer = await ready(street, mode)
    await peer.send(*packets)
    await peer.says("VRFY ann", *answers, "252 2.5.0 Cannot verify, but will take mail for a local user")
    peer.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\nMAIL FROM:<ann@one.test>\r\n"])
@pytest.mark.parametrize("pieces", [1, 17])
async def test_64_kb_in_a_line_end_the_session(street: Street, mode: str, end: bytes, pieces: int) -> None:
    peer = await ready(street, mode)
    line = b"NOOP " + b"x" * 68_000
    size = len(line) // pieces + 1
    await peer.send(*[line[i : i + size] for i in range(0, len(line), size)], *([end] if end else []))
    await peer.ends(TOO_LONG)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"NOOP\nMAIL FROM:<>\r\n", "500 5.5.2 A command ends with CRLF"),
        (b"NOOP\n", "500 5.5.2 A command ends with CRLF"),
        (b"\n", "500 5.5.2 A command ends with CRLF"),
        (b"NOOP\n\r\n", "500 5.5.2 A command ends with CRLF"),
        (b"BDAT 12 LAST\r\nNOOP\r\nRSET\r\n", "502 5.5.1 BDAT is not offered"),
        (b"bdat 0 last\r\n", "502 5.5.1 BDAT is not offered"),
    ],
)
async def test_what_follows_is_never_a_command(street: Street, mode: str, line: bytes, answer: str) -> None:
    peer = await ready(street, mode)
    await peer.send(line)
    await peer.ends(answer)


# Verbs.

VERBS = [
    ("VRFY ann", "252 2.5.0 Cannot verify, but will take mail for a local user"),
    ("VRFY nobody@one.test", "252 2.5.0 Cannot verify, but will take mail for a local user"),
    ("VRFY", "501 5.5.4 Syntax error in arguments"),
    ("EXPN team", NOT_OFFERED),
    ("expn", NOT_OFFERED),
    ("TURN", NOT_OFFERED),
    ("ETRN one.test", NOT_OFFERED),
    ("SEND FROM:<ann@one.test>", NOT_OFFERED),
    ("SOML FROM:<ann@one.test>", NOT_OFFERED),
    ("SAML FROM:<ann@one.test>", NOT_OFFERED),
    ("XCLIENT ADDR=10.0.0.1", "500 5.5.2 Unknown command"),
    ("XFORWARD ADDR=10.0.0.1", "500 5.5.2 Unknown command"),
    ("DEBUG", "500 5.5.2 Unknown command"),
    ("WIZ", "500 5.5.2 Unknown command"),
    (" NOOP", "500 5.5.2 Unknown command"),
    ("NOOP\tx", "500 5.5.2 Syntax error"),
    ("NOOP\x00", "500 5.5.2 Syntax error"),
    ("NOOP\rRSET", "500 5.5.2 Syntax error"),
    ("RSET now", "501 5.5.4 This command takes no arguments"),
    ("DATA now", "501 5.5.4 This command takes no arguments"),
    ("HELP", "214 2.0.0 Commands: ..."),
]


@pytest.mark.parametrize("mode", MODES)
async def test_verbs(street: Street, mode: str) -> None:
    for line, answer in VERBS:
        peer = await ready(street, mode)
        await peer.says(line, answer)
        await peer.says("NOOP", OK)
        peer.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "line", ["EHLO", "EHLO a b", "EHLO <script>", "EHLO " + "a" * 256, "EHLO a@b", "EHLO a..b", "HELO [", "HELO \x7f"]
)
async def test_names_that_are_none(street: Street, mode: str, line: str) -> None:
    peer = await greeted(street, mode)
    syntax = line.endswith("\x7f")
    await peer.says(
        line, "500 5.5.2 Syntax error" if syntax else "501 5.5.4 Say EHLO with your host name or address literal"
    )
    needs = "530 5.7.0 Authentication required" if mode == "tls" else "503 5.5.1 Say EHLO or HELO first"
    await peer.says("MAIL FROM:<ann@one.test>", needs)
    peer.close()


# Errors.

ERRORS = [
    ("BOGUS", "500 5.5.2 Unknown command"),
    ("", "500 5.5.2 Unknown command"),
    ("NOOP\x01", "500 5.5.2 Syntax error"),
    ("MAIL FROM:ann@one.test", "501 5.1.7 Bad sender address syntax"),
    ("RCPT TO:<bob@one.test>", "503 5.5.1 MAIL first"),
    ("DATA", "503 5.5.1 MAIL first"),
    ("EXPN all", NOT_OFFERED),
    ("MAIL FROM:<ann@one.test> X=1", "555 5.5.4 Unknown or unsupported parameter"),
    ("VRFY", "501 5.5.4 Syntax error in arguments"),
    ("x" * 3000, TOO_LONG),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in a group"])
async def test_the_tenth_error_ends_it(street: Street, mode: str, together: bool) -> None:
    for turn in range(len(ERRORS)):
        rows = ERRORS[turn:] + ERRORS[:turn]
        peer = await ready(street, mode)
        packets = [line.encode("latin-1") + b"\r\n" for line, _ in rows]
        await peer.send(*([b"".join(packets) + b"NOOP\r\n"] if together else packets))
        await peer.ends(*[answer for _, answer in rows[:-1]], TOO_MANY)


@pytest.mark.parametrize("mode", MODES)
async def test_what_works_in_between_forgives_nothing(street: Street, mode: str) -> None:
    peer = await ready(street, mode)
    for _ in range(9):
        await peer.says("BOGUS", "500 5.5.2 Unknown command")
        await peer.says("RSET", OK)
    await peer.send(b"BOGUS\r\n")
    await peer.ends(TOO_MANY)


@pytest.mark.parametrize("mode", ["plain", "starttls"])
async def test_refused_recipients_are_no_errors(street: Street, mode: str) -> None:
    """They may be many in honest mail: of the relay kind here, as guesses have a bound of their own."""
    peer = await ready(street, mode)
    await peer.says("MAIL FROM:<ann@one.test>", "250 2.1.0 Sender OK")
    for n in range(30):
        await peer.says(f"RCPT TO:<x{n}@elsewhere.test>", "550 5.7.1 Relay access denied")
    await peer.says(f"RCPT TO:<{BOB}>", "250 2.1.5 Recipient OK")
    peer.close()
