"""One trace id goes through the reply, the Received field, the log and the record; no secret goes anywhere."""

import asyncio
import io
import json
import logging
import re
import smtplib
import ssl
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from appliance import logs
from appliance.ids import parse_id
from appliance.mail.session_record import ImapSessionRecord
from appliance.store import account_acts
from appliance.store.messages import Need
from appliance.store.trace import StoredSession
from tests.house import PASSWORD, House

ANN = "ann@one.test"
WRONG = "hunter2-and-more"
MESSAGE = b"From: Ann <ann@one.test>\r\nSubject: hi\r\n\r\nhello\r\n"


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """The log as systemd gets it, from the debug lines on."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("debug", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def client(house: House, *, implicit: bool) -> smtplib.SMTP:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if implicit:
        return smtplib.SMTP_SSL("127.0.0.1", house.submissions, "laptop.test", timeout=20, context=context)
    found = smtplib.SMTP("127.0.0.1", house.submission, "laptop.test", timeout=20)
    found.starttls(context=context)
    found.ehlo()
    return found


def submit(house: House, *, implicit: bool) -> str:
    """Wrong passwords first, in each way; then a message. Gives the 250."""
    with client(house, implicit=implicit) as smtp:
        smtp.ehlo()
        smtp.user, smtp.password = ANN, WRONG
        for mechanism in (smtp.auth_plain, smtp.auth_login):
            with pytest.raises(smtplib.SMTPAuthenticationError):
                smtp.auth(mechanism.__name__.removeprefix("auth_").upper(), mechanism)
        smtp.password = PASSWORD
        smtp.auth("LOGIN", smtp.auth_login)
        smtp.mail(ANN)
        smtp.rcpt("bob@one.test")
        smtp.rcpt("x@elsewhere.test")
        return smtp.data(MESSAGE)[1].decode()


def lines(out: io.StringIO, event: str) -> list[dict[str, Any]]:
    return [entry for entry in map(json.loads, out.getvalue().splitlines()) if entry["event"] == event]


def found(house: House, text: str) -> StoredSession:
    stored = house.store.traces.find(parse_id(text))
    assert stored is not None
    assert not isinstance(stored, ImapSessionRecord)
    return stored


@pytest.mark.parametrize("implicit", [False, True])
async def test_a_submitted_message(tmp_path: Path, out: io.StringIO, implicit: bool) -> None:
    async with House(tmp_path) as house:
        await house.add_domain("one.test")
        ann, bob = await house.add_mailbox(ANN), await house.add_mailbox("bob@one.test")
        reply = await asyncio.to_thread(submit, house, implicit=implicit)
        trace = reply.split()[2]
    told = [line["event"] for line in map(json.loads, out.getvalue().splitlines()) if "trace" in line]
    async with House(tmp_path) as again:
        stored = found(again, trace)
        mailbox = again.store.mailboxes.get(bob.id, "INBOX")
        assert mailbox is not None
        (row,) = again.store.messages.rows(mailbox.id, [1], Need())
        assert f"id {trace}".encode() in await again.store.blobs.body(row.blob)
    (transaction,) = stored.transactions
    session = stored.session
    assert (session.account, session.credential is not None, session.outcome) == (ann.id, True, "quit")
    assert session.tls_version == "TLSv1.3"
    assert [(one.address, one.outcome) for one in transaction.recipients] == [
        ("bob@one.test", "accepted"), ("x@elsewhere.test", "refused"),
    ]  # fmt: skip
    assert transaction.account == ann.id
    words = re.sub(r"^\+[0-9.]+ ", "", session.transcript, flags=re.MULTILINE)
    assert "< AUTH PLAIN <redacted>\n> 535 5.7.8 Authentication credentials invalid\n" in words
    assert words.count("> 334 UGFzc3dvcmQ6\n< <redacted>\n") == 2
    assert words.count("> 235 2.7.0 Authentication succeeded\n") == 1
    (accepted,), (refused,) = lines(out, "message accepted"), lines(out, "recipient refused")
    assert (accepted["trace"], refused["trace"]) == (trace, trace)
    assert (accepted["level"], accepted["code"], accepted["rcpt_to"]) == ("info", 250, ["bob@one.test"])
    assert (refused["code"], refused["rcpt_to"], refused["peer"]) == (550, "x@elsewhere.test", "127.0.0.1")
    assert told == [
        "session begun", "sign-in refused", "sign-in refused", "signed in",
        "recipient refused", "message accepted", "session over",
    ]  # fmt: skip
    (begun,), (over,) = lines(out, "session begun"), lines(out, "session over")
    assert {parse_id(line["trace"]) for line in (begun, over)} == {session.id}
    everywhere = await asyncio.to_thread(all_bytes, tmp_path) + out.getvalue().encode()
    for secret in (PASSWORD, WRONG):
        for text in (secret, b64encode(secret.encode()).decode(), b64encode(f"\0{ANN}\0{secret}".encode()).decode()):
            assert text.encode() not in everywhere


def all_bytes(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


async def test_a_suspended_account_ends_its_session_on_record(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        await house.add_domain("one.test")
        ann = await house.add_mailbox(ANN)
        smtp = await asyncio.to_thread(lambda: client(house, implicit=True))
        await asyncio.to_thread(smtp.login, ANN, PASSWORD)
        (live,) = house.appliance.sessions.find(account=ANN)
        await house.store.engine.write(lambda tx: account_acts.suspend_account(tx, ann.id))
        await asyncio.to_thread(smtp.getreply)
        smtp.close()
        await house.store.record.flush()
        stored = house.store.traces.session(live.id)
        assert stored is not None
        assert (stored.session.outcome, stored.session.account) == ("revoked", ann.id)


async def test_what_a_peer_says_cannot_forge_a_line_of_the_log(tmp_path: Path, out: io.StringIO) -> None:
    forged = 'MAIL FROM:<a\x1b[2J","event":"forged"\x07@out.test>'
    async with House(tmp_path) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.mx)
        writer.write(f"{forged}\r\n".encode())
        await reader.readline()
        answer = await reader.readline()
        writer.close()
    assert answer[:1] == b"5"
    assert all(line.isascii() and line.isprintable() for line in out.getvalue().splitlines())
    assert lines(out, "forged") == []
