"""Which answers differ by door: the MX and submission, in clear and inside TLS, before anybody has signed in.

RFC 3207 §4, RFC 4954 §6: submission hears nothing in clear that could carry a secret, and takes no mail from strangers;
the MX takes mail from everybody and signs nobody in.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.hostile import ANN, MODES, Street, greeted, plain, ready

pytestmark = pytest.mark.asyncio(loop_scope="module")

OK = "250 2.0.0 OK"
TLS_FIRST = "530 5.7.0 Must issue a STARTTLS command first"
SIGN_IN = "530 5.7.0 Authentication required"
ENCRYPT = "538 5.7.11 Encryption required for requested authentication mechanism"
NOT_OFFERED = "502 5.5.1 Command not implemented"
UNKNOWN = "500 5.5.2 Unknown command"
MAIL_FIRST = "503 5.5.1 MAIL first"
MECHANISM = "504 5.5.4 The mechanisms offered are PLAIN and LOGIN"

ROWS = [  # command, the MX (in clear or in TLS), submission in clear, submission in TLS
    ("NOOP", OK, OK, OK),
    ("RSET", OK, OK, OK),
    ("rset", OK, OK, OK),
    ("HELO peer.test", "250 mail.test", "250 mail.test", "250 mail.test"),
    ("QUIT", "221 2.0.0 Bye", "221 2.0.0 Bye", "221 2.0.0 Bye"),
    ("MAIL FROM:<ann@one.test>", "250 2.1.0 Sender OK", TLS_FIRST, SIGN_IN),
    ("mail from:<ann@one.test>", "250 2.1.0 Sender OK", TLS_FIRST, SIGN_IN),
    ("MAIL FROM:<>", "250 2.1.0 Sender OK", TLS_FIRST, SIGN_IN),
    ("MAIL FROM:ann", "501 5.1.7 Bad sender address syntax", TLS_FIRST, SIGN_IN),
    ("MAIL FROM:<ann@one.test> AUTH=<>", "555 5.5.4 Unknown or unsupported parameter", TLS_FIRST, SIGN_IN),
    ("RCPT TO:<ann@one.test>", MAIL_FIRST, TLS_FIRST, MAIL_FIRST),
    ("RCPT TO:<x@elsewhere.test>", MAIL_FIRST, TLS_FIRST, MAIL_FIRST),
    ("DATA", MAIL_FIRST, TLS_FIRST, MAIL_FIRST),
    ("VRFY ann", "252 2.5.0 ...", TLS_FIRST, "252 2.5.0 ..."),
    ("EXPN all", NOT_OFFERED, TLS_FIRST, NOT_OFFERED),
    ("HELP", "214 2.0.0 ...", TLS_FIRST, "214 2.0.0 ..."),
    ("FOO", UNKNOWN, TLS_FIRST, UNKNOWN),
    ("", UNKNOWN, TLS_FIRST, UNKNOWN),
    ("BDAT 3", "502 5.5.1 BDAT is not offered", TLS_FIRST, "502 5.5.1 BDAT is not offered"),
    ("AUTH", "501 5.5.4 Syntax error in arguments", ENCRYPT, "501 5.5.4 Syntax error in arguments"),
    (f"AUTH PLAIN {plain()}", NOT_OFFERED, ENCRYPT, "235 2.7.0 Authentication succeeded"),
    (f"auth plain {plain()}", NOT_OFFERED, ENCRYPT, "235 2.7.0 Authentication succeeded"),
    ("AUTH PLAIN", NOT_OFFERED, ENCRYPT, "334 "),
    ("AUTH LOGIN", NOT_OFFERED, ENCRYPT, "334 VXNlcm5hbWU6"),
    ("AUTH CRAM-MD5", NOT_OFFERED, ENCRYPT, MECHANISM),
    ("AUTH XOAUTH2 eA==", NOT_OFFERED, ENCRYPT, MECHANISM),
    ("AUTH EXTERNAL =", NOT_OFFERED, ENCRYPT, MECHANISM),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    async with Street(tmp_path_factory.mktemp("street")) as opened:
        yield opened


@pytest.mark.parametrize(
    ("mode", "submission", "column"),
    [("plain", False, 1), ("starttls", False, 1), ("plain", True, 2), ("starttls", True, 3), ("tls", True, 3)],
)
async def test_before_a_sign_in(street: Street, mode: str, submission: bool, column: int) -> None:
    for row in ROWS:
        peer = await greeted(street, mode, submission=submission)
        await peer.send(b"EHLO peer.test\r\n")
        await peer.reply()
        try:
            await peer.says(row[0], str(row[column]))
        except AssertionError as error:
            raise AssertionError(f"{row[0]}: {error}") from error
        peer.close()


@pytest.mark.parametrize(("mode", "answer"), [("plain", TLS_FIRST), ("starttls", SIGN_IN), ("tls", SIGN_IN)])
async def test_knocking_in_vain_ends_it(street: Street, mode: str, answer: str) -> None:
    peer = await greeted(street, mode, submission=True)
    await peer.send(b"EHLO peer.test\r\n")
    await peer.reply()
    await peer.send(*[b"MAIL FROM:<ann@one.test>\r\n"] * 10)
    await peer.ends(*[answer] * 9, "421 4.7.0 Too many errors")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("submission", [False, True])
async def test_what_ehlo_offers(street: Street, mode: str, submission: bool) -> None:
    """STARTTLS only in clear, AUTH only in TLS and only on submission; BDAT nowhere."""
    peer = await greeted(street, mode, submission=submission)
    await peer.send(b"EHLO peer.test\r\n")
    offered = [await peer.line()]
    while offered[-1][3:4] == "-":
        offered.append(await peer.line())
    words = {line[4:].split(" ")[0] for line in offered[1:]}
    assert ("STARTTLS" in words) is (mode == "plain")
    assert ("AUTH" in words) is (mode == "tls" or (submission and mode == "starttls"))
    assert {"PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES"} <= words
    assert not words & {"CHUNKING", "BINARYMIME", "XCLIENT", "ETRN", "DSN"}
    peer.close()


@pytest.mark.parametrize("mode", ["starttls", "tls"])
@pytest.mark.parametrize(
    ("sender", "answer"),
    [
        ("bob@one.test", "550 5.7.1 <bob@one.test>: sender address not owned by account"),
        ("BOB@ONE.TEST", "550 5.7.1 <BOB@one.test>: sender address not owned by account"),
        ("ann@elsewhere.test", "550 5.7.1 <ann@elsewhere.test>: sender address not owned by account"),
        ("any@two.test", "550 5.7.1 <any@two.test>: sender address not owned by account"),
        ("ann@sub.one.test", "550 5.7.1 <ann@sub.one.test>: sender address not owned by account"),
        ("ann%two.test@one.test", "550 5.7.1 <ann%two.test@one.test>: sender address not owned by account"),
        ('"ann@two.test"@one.test', '550 5.7.1 <"ann@two.test"@one.test>: sender address not owned by account'),
        ("@one.test:ann@one.test", "501 5.1.7 Bad sender address syntax"),
        ("ann@[127.0.0.1]", "501 5.1.7 Bad sender address syntax"),
        ("ann@one.test.", "501 5.1.7 Bad sender address syntax"),
        ("ann", "501 5.1.7 Bad sender address syntax"),
        ("postmaster", "501 5.1.7 Bad sender address syntax"),
    ],
)
async def test_nobody_sends_as_somebody_else(street: Street, mode: str, sender: str, answer: str) -> None:
    peer = await ready(street, mode, submission=True)
    await peer.says(f"MAIL FROM:<{sender}>", answer)
    await peer.says(f"MAIL FROM:<{ANN}>", "250 2.1.0 Sender OK")
    peer.close()


@pytest.mark.parametrize("mode", ["starttls", "tls"])
@pytest.mark.parametrize(
    ("head", "answer"),
    [
        (b"From: bob@one.test\r\n", "550 5.7.1 <bob@one.test>: sender address not owned by account"),
        (b"From: ann@one.test <bob@one.test>\r\n", "550 5.7.1 Message must have exactly one valid From ..."),
        (b"From: Ann <bob@one.test>\r\n", "550 5.7.1 <bob@one.test>: sender address not owned by account"),
        (b"From: ann@one.test, bob@one.test\r\n", "550 5.7.1 Message must have exactly one valid From ..."),
        (b"From: ann@one.test\r\nFrom: bob@one.test\r\n", "550 5.7.1 Message must have exactly one valid From ..."),
        (b"From : bob@one.test\r\nFrom: ann@one.test\r\n", "550 5.7.1 Message must have exactly one valid From ..."),
        (b"Sender: ann@one.test\r\n", "550 5.7.1 Message must have exactly one valid From ..."),
        (b"\r\nFrom: ann@one.test\r\n", "550 5.7.1 Message must have exactly one valid From ..."),
        (b"From: =?utf-8?q?ann=40one.test?=\r\n", "550 5.7.1 Message must have exactly one valid From ..."),
        (b"From: ann@one.test\r\n", "250 2.0.0 OK ..."),
    ],
)
async def test_nor_in_the_header(street: Street, mode: str, head: bytes, answer: str) -> None:
    peer = await ready(street, mode, submission=True)
    await peer.says(f"MAIL FROM:<{ANN}>", "250 2.1.0 Sender OK")
    await peer.says(f"RCPT TO:<{ANN}>", "250 2.1.5 Recipient OK")
    await peer.says("DATA", "354 ...")
    await peer.send(head + b"Subject: x\r\n\r\nx\r\n.\r\n")
    await peer.says("NOOP", answer, OK)
    peer.close()
