"""swaks, as an administrator tries a new server: two domains, every kind of address, each reply by its code."""

from __future__ import annotations

import imaplib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import PASSWORD, Appliance

pytestmark = [pytest.mark.peers, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """strict.test rejects unknown recipients, open.test catches them; strict.example is another name of the first."""
    with Appliance(tmp_path_factory.mktemp("swaks")) as one:
        one.cli("domain", "add", "strict.test")
        one.cli("domain", "add", "open.test", "--subaddress", "off")
        for address in ("ann@strict.test", "bob@strict.test", "zoe@open.test"):
            one.add_mailbox(address)
        one.cli("domain", "set", "open.test", "--unknown", "catch-all", "--catch-all", "zoe@open.test")
        one.cli("domain", "alias", "add", "strict.test", "strict.example")
        one.cli("alias", "add", "team@strict.test", "ann@strict.test", "bob@strict.test")
        one.cli("address", "reject", "left@open.test", "--code", "550", "--text", "She works elsewhere now")
        one.cli("domain", "add", "asleep.test")
        one.add_mailbox("tom@asleep.test")
        one.cli("domain", "suspend", "asleep.test")
        yield one


def swaks(appliance: Appliance, to: str, *more: str) -> str:
    """The transcript of one mail."""
    done = subprocess.run(
        ["swaks", "--server", "127.0.0.1", "--port", str(appliance.mx), "--from", "out@sender.test", "--to", to,
         "--helo", "sender.test", *more],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def final(transcript: str) -> str:
    """The reply that decided: the refusal if there is one, else the one to the message."""
    refusals = re.findall(r"^<\S*\*\* +(\d{3} .*)$", transcript, re.M)
    answers: list[str] = refusals or re.findall(r"^<\S* +(250 2\.0\.0 .*)$", transcript, re.M)
    return answers[-1] if answers else transcript


@pytest.mark.parametrize(
    ("to", "reply"),
    [
        ("ann@strict.test", "250 2.0.0 "),
        ("ANN@Strict.Test", "250 2.0.0 "),
        ("ann+shop@strict.test", "250 2.0.0 "),
        ("ann@strict.example", "250 2.0.0 "),
        ("team@strict.test", "250 2.0.0 "),
        ("team+x@strict.example", "250 2.0.0 "),
        ("nobody@strict.test", "550 5.1.1 <nobody@strict.test>: no such user"),
        ("nobody@strict.example", "550 5.1.1 <nobody@strict.example>: no such user"),
        ("anything@open.test", "250 2.0.0 "),
        ("zoe+tag@open.test", "250 2.0.0 "),
        ("left@open.test", "550 5.2.1 She works elsewhere now"),
        ("tom@asleep.test", "450 4.2.1 "),
        ("someone@elsewhere.test", "550 5.7.1 Relay access denied"),
        ("postmaster@strict.test", "250 2.0.0 "),
        ("abuse@open.test", "250 2.0.0 "),
    ],
)
def test_each_recipient_has_its_reply(appliance: Appliance, to: str, reply: str) -> None:
    assert final(swaks(appliance, to)).startswith(reply)


def test_starttls(appliance: Appliance) -> None:
    transcript = swaks(appliance, "ann@strict.test", "--tls")
    assert "TLS started with cipher" in transcript
    assert final(transcript).startswith("250 2.0.0 ")


def test_the_capabilities_offered(appliance: Appliance) -> None:
    transcript = swaks(appliance, "ann@strict.test", "--quit-after", "EHLO")
    for keyword in ("PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "STARTTLS"):
        assert re.search(rf"^<- +250[- ]{keyword}$", transcript, re.M), transcript


def test_pipelined(appliance: Appliance) -> None:
    assert final(swaks(appliance, "bob@strict.test", "--pipeline")).startswith("250 2.0.0 ")


def test_three_recipients_three_fates(appliance: Appliance) -> None:
    """One message to a mailbox, an unknown and a stranger: two refusals, and still delivered to the one."""
    transcript = swaks(appliance, "bob@strict.test,nobody@strict.test,x@elsewhere.test")
    assert "550 5.1.1" in transcript
    assert "550 5.7.1" in transcript
    assert re.search(r"^<- +250 2\.0\.0 OK", transcript, re.M)


def test_mail_to_an_alias_is_in_both_mailboxes_once(appliance: Appliance, tmp_path: Path) -> None:
    """Also when the envelope names the alias and a member: one copy for each account."""
    transcript = swaks(
        appliance, "team@strict.test,ann@strict.test", "--header", "Subject: to the team", "--body", "hello team"
    )
    assert re.search(r"^<- +250 2\.0\.0 OK", transcript, re.M)
    for address in ("ann@strict.test", "bob@strict.test"):
        client = imaplib.IMAP4("127.0.0.1", appliance.imap)
        client.login(address, PASSWORD)
        client.select("INBOX")
        hits = client.search(None, "SUBJECT", '"to the team"')[1][0].split()
        assert len(hits) == 1
        header = client.fetch(hits[0].decode(), "(BODY.PEEK[HEADER])")[1][0][1].decode()
        assert header.startswith("Return-Path: <out@sender.test>\r\nDelivered-To: ")
        assert "\r\nReceived: from sender.test " in header
        client.logout()
