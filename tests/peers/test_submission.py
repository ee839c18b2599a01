"""swaks, msmtp, mutt with msmtp, curl and Python's smtplib send as their owner, and say clearly why they may not."""

from __future__ import annotations

import imaplib
import smtplib
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from tests.mail_programs import LIMIT, PROGRAMS, Letter, connected, curl_command, msmtp_command
from tests.process import PASSWORD, Appliance

pytestmark = [pytest.mark.peers, pytest.mark.timeout(300)]

ENDED = "421 4.7.0 Session ended: the mailbox is suspended or gone"


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """Everyone has signed in from here before, so that wrong passwords of one do not slow down the others."""
    directory = tmp_path_factory.mktemp("submission")
    with Appliance(directory) as one:
        one.cli("domain", "add", "one.test")
        for name in ("ann", "bob", "carl", "dora", "tom"):
            one.add_mailbox(f"{name}@one.test")
            sign_in(Letter(one, directory, user=f"{name}@one.test"))
        yield one


@pytest.fixture
def letter(appliance: Appliance, tmp_path: Path) -> Letter:
    """From Ann to Bob, with a subject of its own."""
    return Letter(appliance, tmp_path, subject=tmp_path.name)


def found(appliance: Appliance, address: str, subject: str) -> list[Message]:
    """The messages with that subject, as a mail program reads them."""
    client = imaplib.IMAP4("127.0.0.1", appliance.imap)
    client.login(address, PASSWORD)
    client.select("INBOX", readonly=True)
    numbers = client.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
    messages = [message_from_bytes(client.fetch(n.decode(), "(BODY.PEEK[])")[1][0][1]) for n in numbers]
    client.logout()
    return messages


def sign_in(letter: Letter) -> None:
    """The right password opens, which ends the counting of wrong ones."""
    with connected(letter) as client:
        assert client.login(letter.user, letter.password)[0] == 235


@pytest.mark.parametrize("tls", ["starttls", "tls"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_sends(letter: Letter, program: str, tls: str) -> None:
    """In each TLS mode, checked against the certificate; what is missing is added, what must stay secret is cut."""
    output = PROGRAMS[program](replace(letter, tls=tls))
    arrivals = found(letter.appliance, "bob@one.test", letter.subject)
    assert len(arrivals) == 1, output
    (arrived,) = arrivals
    assert [len(arrived.get_all(name, [])) for name in ("Date", "Message-ID", "From", "Bcc")] == [1, 1, 1, 0], output
    assert arrived["Message-ID"].startswith("<")
    assert arrived["Return-Path"] == "<ann@one.test>"
    assert arrived["Delivered-To"] == "bob@one.test"
    assert "with ESMTPSA" in arrived["Received"]
    assert arrived.get_payload(decode=True).split() == [b"hello"]


@pytest.mark.parametrize("tls", ["starttls", "tls"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_wrong_password(letter: Letter, program: str, tls: str) -> None:
    output = PROGRAMS[program](replace(letter, tls=tls, password="wrong"))
    reads(output, "535 5.7.8 Authentication credentials invalid")
    reads(output, {"curl": "(67) Login denied", "swaks": "*** No authentication type succeeded"}.get(program, ""))
    sign_in(letter)
    assert found(letter.appliance, "bob@one.test", letter.subject) == []


@pytest.mark.parametrize("where", ["sender", "author"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_somebody_elses_address(letter: Letter, program: str, where: str) -> None:
    """In the envelope, where MAIL is refused, and in the From header, where the message is."""
    bob = "bob@one.test"
    output = PROGRAMS[program](replace(letter, sender=bob) if where == "sender" else replace(letter, author=bob))
    reads(output, "550 5.7.1 <bob@one.test>: sender address not owned by account")
    assert found(letter.appliance, "bob@one.test", letter.subject) == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_without_tls(letter: Letter, program: str) -> None:
    """No program is offered a sign-in, so that none gives its password away, and none sends."""
    output = PROGRAMS[program](replace(letter, tls="none"))
    reads(output, "530 5.7.0 Must issue a STARTTLS command first")
    assert found(letter.appliance, "bob@one.test", letter.subject) == []


def test_without_tls_a_password_that_comes_nevertheless(letter: Letter) -> None:
    with connected(replace(letter, tls="none")) as client:
        client.ehlo()
        with pytest.raises(smtplib.SMTPNotSupportedError):
            client.login(letter.user, letter.password)
        client.user, client.password = letter.user, letter.password
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            client.auth("PLAIN", client.auth_plain)
    reads(str(refused.value), "538 5.7.11 Encryption required for requested authentication mechanism")


@pytest.mark.parametrize(
    ("to", "reply"),
    [
        ("nobody@one.test", "550 5.1.1 <nobody@one.test>: no such user"),
        ("x@elsewhere.test", "550 5.7.1 <x@elsewhere.test>: sending to other servers is not set up here yet"),
    ],
)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_recipient_that_cannot_be(letter: Letter, program: str, to: str, reply: str) -> None:
    reads(PROGRAMS[program](replace(letter, to=to)), reply)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_suspended_mailbox_at_its_next_sign_in(letter: Letter, program: str) -> None:
    """Its owner, who knows the password, is told."""
    letter.appliance.cli("mailbox", "suspend", letter.user)
    try:
        reads(PROGRAMS[program](letter), "535 5.7.13 This mailbox is suspended")
    finally:
        letter.appliance.cli("mailbox", "resume", letter.user)
    sign_in(letter)


@pytest.mark.parametrize("program", ["msmtp", "curl"])
def test_suspended_while_the_message_is_on_its_way(letter: Letter, program: str) -> None:
    """The program has signed in and waits for the rest of its message; it says why it could not send."""
    command = [*msmtp_command(letter), letter.to] if program == "msmtp" else curl_command(letter, "-")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as sending:
        assert sending.stdin is not None
        sending.stdin.write(letter.text.encode())
        sending.stdin.flush()
        try:
            while not letter.appliance.cli("sessions", "--account", letter.user):
                assert sending.poll() is None
            letter.appliance.cli("mailbox", "suspend", letter.user)
            output = sending.communicate(b"the rest\n", timeout=LIMIT)[0].decode()
        finally:
            sending.kill()
            letter.appliance.cli("mailbox", "resume", letter.user)
    reads(output, ENDED)
    assert sending.returncode > 0
    assert found(letter.appliance, "bob@one.test", letter.subject) == []


@pytest.mark.parametrize(("tls", "who"), [("starttls", "dora@one.test"), ("tls", "tom@one.test")])
def test_a_removed_mailbox(letter: Letter, tls: str, who: str) -> None:
    """Its session ends while the client is silent, and from then on it is like any other unknown name."""
    theirs = replace(letter, tls=tls, user=who, sender=who, author=who)
    client = connected(theirs)
    client.login(theirs.user, theirs.password)
    letter.appliance.cli("mailbox", "rm", who, "--yes")
    code, text = client.getreply()
    assert f"{code} {text.decode()}" == ENDED
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.noop()
    client.close()
    reads(PROGRAMS["python"](theirs), "535 5.7.8 Authentication credentials invalid")


@pytest.fixture(scope="module")
def frugal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """Ann has sent to all the recipients that she may in this hour."""
    directory = tmp_path_factory.mktemp("frugal")
    with Appliance(directory, {"limits": {"account_recipients_hour": 1}}) as one:
        one.cli("domain", "add", "one.test")
        for name in ("ann", "bob"):
            one.add_mailbox(f"{name}@one.test")
        assert PROGRAMS["python"](Letter(one, directory)) == ""
        yield one


@pytest.mark.parametrize("program", PROGRAMS)
def test_more_recipients_than_a_mailbox_may_send_to(frugal: Appliance, tmp_path: Path, program: str) -> None:
    """The limit is named, and when it ends."""
    output = PROGRAMS[program](Letter(frugal, tmp_path))
    reads(output, "450 4.7.1 <ann@one.test> may send to 1 recipient an hour: try again after ", whole=False)


def reads(output: str, reply: str, *, whole: bool = True) -> None:
    """The reply, or what it begins with, stands in what a person sees; Python shows it as (550, b'5.7.1 ...')."""
    assert reply in output or f"({reply[:3]}, b'{reply[4:]}" + ("'" if whole else "") in output, output
