"""curl sends mail with addresses in UTF-8, and mbsync, mutt, curl and imapclient, to whom it is nothing, read it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from imapclient import IMAPClient

from appliance.mail.encoded_words import decode_words
from tests.peers.test_mail_clients import USER, as_sent, mbsync, mutt, run
from tests.process import PASSWORD, Appliance

pytestmark = [pytest.mark.peers, pytest.mark.timeout(300)]

MESSAGE = (
    "From: Jörg <jörg@sender.test>\r\nTo: Ännchen <ännchen@dest.test>\r\nSubject: Größe\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n"
).encode()


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    with Appliance(tmp_path) as one:
        one.cli("domain", "add", "dest.test")
        one.add_mailbox(USER)
        one.cli("alias", "add", "ännchen@dest.test", USER)
        mail = tmp_path / "mail.eml"
        mail.write_bytes(MESSAGE)
        run(
            *("curl", "-sS", f"smtp://127.0.0.1:{one.mx}/sender.test", "--mail-from", "jörg@sender.test"),
            *("--mail-rcpt", "ännchen@dest.test", "-T", str(mail)),
            LC_ALL="C.UTF-8",
        )
        yield one


def fetched(appliance: Appliance) -> bytes:
    words = ["curl", "-sS", "-u", f"{USER}:{PASSWORD}", f"imap://127.0.0.1:{appliance.imap}/INBOX;UID=1"]
    return subprocess.run(words, capture_output=True, check=True, timeout=60).stdout


def test_mbsync_keeps_what_curl_reads(appliance: Appliance, tmp_path: Path) -> None:
    message = fetched(appliance)
    header, _, text = message.partition(b"\r\n\r\n")
    assert header.isascii()
    assert text == "Grüße\r\n".encode()
    near = tmp_path / "near"
    mbsync(appliance, near)
    (file,) = (near / "mail" / "INBOX").glob("*/*U=*")
    assert as_sent(file) == message
    mbsync(appliance, near)
    assert len(list((near / "mail" / "INBOX").glob("*/*U=*"))) == 1


def test_mutt_shows_who_and_what(appliance: Appliance, tmp_path: Path) -> None:
    screen = mutt(appliance, tmp_path / "mutt", "<first-entry><display-message><exit><quit>")
    assert "Größe" in screen or "Gr??e" in screen  # as the locale lets it


def test_imapclient_reads_envelope_and_structure(appliance: Appliance) -> None:
    with IMAPClient("127.0.0.1", appliance.imap, ssl=False) as client:
        client.login(USER, PASSWORD)
        client.select_folder("INBOX", readonly=True)
        found = client.fetch([1], ["ENVELOPE", "BODYSTRUCTURE", "RFC822.SIZE", "BODY[]"])[1]
    envelope = found[b"ENVELOPE"]
    assert decode_words(envelope.subject) == "Größe"
    assert decode_words(envelope.from_[0].mailbox) == "Jörg jörg@sender.test"
    assert (envelope.from_[0].host, envelope.from_[1].mailbox) == (None, None)  # a group, and its end
    assert found[b"RFC822.SIZE"] == len(found[b"BODY[]"])
    assert found[b"BODYSTRUCTURE"][:2] == (b"text", b"plain")
