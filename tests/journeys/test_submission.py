"""Mail clients send through the house as themselves and no one else, in each TLS mode."""

import asyncio
import smtplib
import ssl
from base64 import b64encode
from collections.abc import Callable
from typing import TypeVar

import pytest

from appliance.store import account_acts, directory_acts
from appliance.store.messages import Need
from tests.house import PASSWORD, House

T = TypeVar("T")
MESSAGE = b"From: Ann <%s>\r\nTo: bob@one.test\r\nBcc: carl@one.test\r\nSubject: hi\r\n\r\nhello\r\n"
ANN = "ann@one.test"


@pytest.fixture
async def town(house: House) -> House:
    one = await house.add_domain("one.test")
    two = await house.add_domain("two.test")
    ann = await house.add_mailbox(ANN)
    bob = await house.add_mailbox("bob@one.test")
    await house.store.engine.write(lambda tx: directory_acts.add_alias(tx, one.id, "team", [ann.id, bob.id]))
    await house.store.engine.write(lambda tx: directory_acts.add_alias(tx, one.id, "other", [bob.id]))
    await house.store.engine.write(lambda tx: directory_acts.add_domain_alias(tx, one.id, "alias.test"))
    await house.store.engine.write(
        lambda tx: directory_acts.set_domain(tx, two.id, unknown="catch_all", catch_all_account=ann.id)
    )
    return house


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def client(house: House, implicit: bool = False) -> smtplib.SMTP:
    if implicit:
        return smtplib.SMTP_SSL("127.0.0.1", house.submissions, "laptop.test", timeout=20, context=trusting())
    found = smtplib.SMTP("127.0.0.1", house.submission, "laptop.test", timeout=20)
    found.starttls(context=trusting())
    return found


def signed_in(house: House) -> smtplib.SMTP:
    found = client(house)
    found.login(ANN, PASSWORD)
    return found


def said(answer: tuple[int, bytes]) -> str:
    return f"{answer[0]} {answer[1].decode()}"


async def run(act: Callable[[], T]) -> T:
    return await asyncio.to_thread(act)


async def inbox(house: House, address: str) -> list[bytes]:
    account = house.store.directory.account(address)
    assert account is not None
    mailbox = house.store.mailboxes.get(account.id, "INBOX")
    assert mailbox is not None
    rows = house.store.messages.rows(mailbox.id, list(range(1, mailbox.uidnext)), Need())
    return [row.prefix + await house.store.blobs.body(row.blob) for row in rows]


@pytest.mark.parametrize("implicit", [False, True])
async def test_completed_and_delivered_at_once(town: House, implicit: bool) -> None:
    def act() -> None:
        with client(town, implicit) as smtp:
            smtp.login(ANN, PASSWORD)
            assert smtp.sendmail(ANN, ["bob@one.test"], MESSAGE % ANN.encode()) == {}

    await run(act)
    (message,) = await inbox(town, "bob@one.test")
    head = message.partition(b"\r\n\r\n")[0]
    assert head.startswith(
        b"Return-Path: <ann@one.test>\r\nDelivered-To: bob@one.test\r\nReceived: by mail.test with ESMTPSA"
    )
    assert b"\r\nDate: " in head
    assert b"\r\nMessage-ID: <" in head
    assert b"Bcc" not in head
    assert b"127.0.0.1" not in head
    assert message.endswith(b"\r\nFrom: Ann <ann@one.test>\r\nTo: bob@one.test\r\nSubject: hi\r\n\r\nhello\r\n")


async def test_a_large_message_loses_its_bcc_only(town: House) -> None:
    body = b"x" * 70 + b"\r\n"

    def act() -> None:
        with signed_in(town) as smtp:
            smtp.sendmail(ANN, ["bob@one.test"], MESSAGE % ANN.encode() + body * 8000)

    await run(act)
    (message,) = await inbox(town, "bob@one.test")
    assert b"Bcc" not in message
    assert message.endswith(b"Subject: hi\r\n\r\nhello\r\n" + body * 8000)


@pytest.mark.parametrize(
    ("sender", "owned"),
    [
        (ANN, True),
        ("ANN@One.Test", True),
        ("ann+tag@one.test", True),
        ("team@one.test", True),
        ("team@alias.test", True),
        ("ann@alias.test", True),
        ("", True),
        ("bob@one.test", False),
        ("other@one.test", False),
        ("nobody@one.test", False),
        ("any@two.test", False),
        ("postmaster@one.test", False),
        ("ann@elsewhere.test", False),
    ],
)
async def test_senders(town: House, sender: str, owned: bool) -> None:
    def act() -> tuple[str, str]:
        with signed_in(town) as smtp:
            smtp.ehlo_or_helo_if_needed()
            envelope = said(smtp.mail(sender))
            smtp.rset()
            smtp.mail(ANN)
            smtp.rcpt("bob@one.test")
            return envelope, said(smtp.data(MESSAGE % (sender or ANN).encode()))

    envelope, header = await run(act)
    if owned:
        assert envelope == "250 2.1.0 Sender OK"
        assert header.startswith("250 2.0.0 OK")
    else:
        assert f"550 5.7.1 <{sender}>: sender address not owned by account" == envelope == header


@pytest.mark.parametrize(
    "field", [b"", b"From: ann@one.test\r\nFrom: ann@one.test\r\n", b"From: us: ann@one.test;\r\n"]
)
async def test_exactly_one_author(town: House, field: bytes) -> None:
    def act() -> str:
        with signed_in(town) as smtp:
            smtp.mail(ANN)
            smtp.rcpt("bob@one.test")
            return said(smtp.data(field + b"Subject: x\r\n\r\nx\r\n"))

    assert await run(act) == "550 5.7.1 Message must have exactly one valid From address (RFC 5322)"


async def test_each_recipient_has_its_reply(town: House) -> None:
    away = await town.add_domain("away.test")
    asleep = await town.add_domain("asleep.test")
    await town.add_mailbox("eve@away.test")
    await town.store.engine.write(
        lambda tx: tx.execute("UPDATE domain SET state = 'arriving' WHERE id = ?", (away.id,))
    )
    await town.store.engine.write(lambda tx: directory_acts.suspend_domain(tx, asleep.id))

    def act() -> list[str]:
        with signed_in(town) as smtp:
            smtp.mail(ANN)
            to = ["bob@one.test", "nobody@one.test", "x@elsewhere.test", "eve@away.test", "x@asleep.test"]
            return [said(smtp.rcpt(address)) for address in to]

    assert await run(act) == [
        "250 2.1.5 Recipient OK",
        "550 5.1.1 <nobody@one.test>: no such user",
        "550 5.7.1 <x@elsewhere.test>: sending to other servers is not set up here yet",
        "550 5.7.1 <eve@away.test>: sending to other servers is not set up here yet",
        "450 4.2.1 <x@asleep.test>: suspended, try again later",
    ]


def plain(name: str, password: str) -> str:
    return b64encode(f"\0{name}\0{password}".encode()).decode()


async def test_nothing_before_tls(town: House) -> None:
    def act() -> list[str]:
        with smtplib.SMTP("127.0.0.1", town.submission, "laptop.test", timeout=20) as smtp:
            assert "auth" not in (smtp.ehlo() and smtp.esmtp_features)
            commands = ["NOOP", "RSET", f"AUTH PLAIN {plain(ANN, PASSWORD)}", f"MAIL FROM:<{ANN}>", "VRFY x", "FOO"]
            return [said(smtp.docmd(command)) for command in commands]

    tls_first = "530 5.7.0 Must issue a STARTTLS command first"
    assert await run(act) == [
        "250 2.0.0 OK",
        "250 2.0.0 OK",
        "538 5.7.11 Encryption required for requested authentication mechanism",
        *[tls_first] * 3,
    ]


async def test_the_exchange(town: House) -> None:
    def act() -> list[str]:
        with client(town) as smtp:
            smtp.ehlo()
            assert smtp.esmtp_features["auth"].split() == ["PLAIN", "LOGIN"]
            name = b64encode(ANN.encode()).decode()
            lines = [
                f"MAIL FROM:<{ANN}>",
                "AUTH CRAM-MD5",
                "AUTH PLAIN",
                "*",
                "AUTH PLAIN !!!",
                f"AUTH PLAIN {plain(ANN, 'wrong')}",
                f"AUTH PLAIN {plain('nobody@one.test', PASSWORD)}",
                "AUTH LOGIN",
                name,
                b64encode(PASSWORD.encode()).decode(),
                "AUTH LOGIN",
            ]
            return [said(smtp.docmd(line)) for line in lines]

    assert await run(act) == [
        "530 5.7.0 Authentication required",
        "504 5.5.4 The mechanisms offered are PLAIN and LOGIN",
        "334 ",
        "501 5.7.0 Authentication cancelled",
        "501 5.5.2 Cannot decode the response",
        "535 5.7.8 Authentication credentials invalid",
        "535 5.7.8 Authentication credentials invalid",
        "334 VXNlcm5hbWU6",
        "334 UGFzc3dvcmQ6",
        "235 2.7.0 Authentication succeeded",
        "503 5.5.1 You have signed in already",
    ]


async def test_the_mx_signs_nobody_in(town: House) -> None:
    def act() -> str:
        with smtplib.SMTP("127.0.0.1", town.mx, "laptop.test", timeout=20) as smtp:
            smtp.starttls(context=trusting())
            smtp.ehlo()
            assert "auth" not in smtp.esmtp_features
            return said(smtp.docmd(f"AUTH PLAIN {plain(ANN, PASSWORD)}"))

    assert await run(act) == "502 5.5.1 Command not implemented"


async def test_a_suspended_account_ends_its_sessions_at_once(town: House) -> None:
    smtp = await run(lambda: signed_in(town))
    (live,) = town.appliance.sessions.find(account=ANN)
    await town.store.engine.write(lambda tx: account_acts.suspend_account(tx, live.account_id))
    assert await run(lambda: said(smtp.getreply())) == "421 4.7.0 Session ended: the mailbox is suspended or gone"
    smtp.close()


async def test_a_suspended_account_cannot_sign_in(town: House) -> None:
    account = town.store.directory.account(ANN)
    assert account is not None
    await town.store.engine.write(lambda tx: account_acts.suspend_account(tx, account.id))

    def act() -> str:
        with client(town) as smtp:
            smtp.ehlo()
            return said(smtp.docmd(f"AUTH PLAIN {plain(ANN, PASSWORD)}"))

    assert await run(act) == "535 5.7.13 This mailbox is suspended"
