"""mbsync, mutt and curl from Debian read and change the same mailbox that swaks-like senders fill."""

from __future__ import annotations

import imaplib
import os
import pty
import re
import select
import smtplib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import PASSWORD, Appliance

pytestmark = [pytest.mark.peers, pytest.mark.timeout(300)]

USER = "ann@dest.test"
ORIGINALS = [
    b"From: a@sender.test\r\nTo: ann@dest.test\r\nSubject: one\r\nMessage-ID: <one@sender.test>\r\n\r\n"
    b"plain\r\n.dot first\r\n",
    b"From: b@sender.test\r\nTo: ann@dest.test\r\nSubject: =?utf-8?q?zw=C3=B6lf?=\r\nMessage-ID: <two@sender.test>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    b"Gr\xc3\xbc\xc3\x9fe\r\n\r\n \r\n",
    b"From: c@sender.test\r\nTo: ann@dest.test\r\nSubject: three\r\nMessage-ID: <three@sender.test>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\npreamble\r\n--b\r\n\r\nfirst\r\n--b\r\n'
    b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + b"QUJD\r\n" * 20000
    + b"--b--\r\n",
]  # fmt: skip


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    with Appliance(tmp_path) as one:
        one.cli("domain", "add", "dest.test")
        one.add_mailbox(USER)
        with smtplib.SMTP("127.0.0.1", one.mx, local_hostname="sender.test") as client:
            for raw in ORIGINALS:
                client.sendmail("out@sender.test", [USER], raw)
        yield one


def imap(appliance: Appliance) -> imaplib.IMAP4:
    client = imaplib.IMAP4("127.0.0.1", appliance.imap)
    client.login(USER, PASSWORD)
    return client


def run(*words: str, **more: str) -> str:
    done = subprocess.run(words, capture_output=True, timeout=120, check=False, env={**os.environ, **more})
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}"
    return done.stdout.decode("utf-8", "replace")


def mbsync(appliance: Appliance, directory: Path) -> None:
    """One two-way sync over TLS, checked against the certificate the appliance made."""
    directory.mkdir(exist_ok=True)
    certificate = next((appliance.data / "tls").glob("*cert*"), None) or next((appliance.data / "tls").glob("*.pem"))
    rc = directory / "rc"
    rc.write_text(
        f"IMAPAccount a\nHost localhost\nPort {appliance.imaps}\nUser {USER}\nPass {PASSWORD}\nSSLType IMAPS\n"
        f"CertificateFile {certificate}\nAuthMechs LOGIN\n\n"
        f"IMAPStore far\nAccount a\n\nMaildirStore near\nPath {directory}/mail/\nInbox {directory}/mail/INBOX\n"
        "SubFolders Verbatim\n\nChannel c\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSyncState *\n"
    )
    (directory / "mail").mkdir(exist_ok=True)
    run("mbsync", "-c", str(rc), "-a")


def as_sent(file: Path) -> bytes:
    """A message of mbsync's Maildir with the line ends of the wire, without the field mbsync marks its copies by."""
    return re.sub(rb"(?m)^X-TUID: .*\n", b"", file.read_bytes()).replace(b"\n", b"\r\n")


def test_mbsync_reads_byte_for_byte_and_writes_back(appliance: Appliance, tmp_path: Path) -> None:
    near = tmp_path / "near"
    mbsync(appliance, near)
    inbox = near / "mail" / "INBOX"
    files = sorted((inbox / "new").iterdir(), key=lambda p: int(re.search(r"U=(\d+)", p.name).group(1)))  # type: ignore[union-attr]
    got = [as_sent(path) for path in files]
    assert [g.endswith(o) for g, o in zip(got, ORIGINALS, strict=True)] == [True] * 3
    assert {p.name for p in (near / "mail").iterdir()} >= {"INBOX", "Sent", "Drafts", "Junk", "Trash", "Archive"}

    seen = inbox / "cur" / (files[0].name.split(":")[0] + ":2,FS")
    files[0].rename(seen)
    files[1].rename(inbox / "cur" / (files[1].name.split(":")[0] + ":2,T"))
    (near / "mail" / "Sent" / "new" / "123.made.here").write_bytes(b"Subject: from the laptop\n\nhello\n")
    mbsync(appliance, near)
    client = imap(appliance)
    client.select("INBOX")
    assert client.search(None, "ALL")[1] == [b"1 2"]
    assert b"\\Seen" in client.fetch("1", "(FLAGS)")[1][0]
    assert b"\\Flagged" in client.fetch("1", "(FLAGS)")[1][0]
    client.select("Sent")
    assert b"from the laptop" in client.fetch("1", "(BODY.PEEK[])")[1][0][1]

    client.select("INBOX")
    client.copy("1", "Archive")
    client.store("1", "+FLAGS", r"(\Deleted)")
    client.expunge()
    mbsync(appliance, near)
    mbsync(appliance, near)
    assert len(list((inbox / "cur").iterdir()) + list((inbox / "new").iterdir())) == 1
    archived = list((near / "mail" / "Archive").glob("*/*U=*"))
    assert len(archived) == 1
    assert as_sent(archived[0]).endswith(ORIGINALS[0])
    client.logout()


def mutt(appliance: Appliance, directory: Path, keys: str) -> str:
    """mutt on a pseudo terminal, its keys pushed from the command line; returns the screen's bytes as text."""
    directory.mkdir(exist_ok=True)
    rc = directory / "muttrc"
    rc.write_text(
        f'set imap_user="{USER}" imap_pass="{PASSWORD}" folder="imap://127.0.0.1:{appliance.imap}/"\n'
        "set ssl_starttls=no ssl_force_tls=no imap_authenticators=login quit=yes delete=yes move=no confirmappend=no\n"
        f"set confirmcreate=no mark_old=no wait_key=no header_cache={directory}/hc sleep_time=0 spoolfile=+INBOX\n"
    )
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm", HOME=str(directory), LINES="40", COLUMNS="120")
        os.execvp("mutt", ["mutt", "-n", "-F", str(rc), "-f", "+INBOX", "-e", f'push "{keys}"'])
    screen, until = b"", time.monotonic() + 40
    while time.monotonic() < until and select.select([terminal], [], [], 1)[0] is not None:
        try:
            screen += os.read(terminal, 65536)
        except OSError:
            break
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, screen[-2000:]
    return screen.decode("utf-8", "replace")


def test_mutt_reads_flags_moves_and_deletes(appliance: Appliance, tmp_path: Path) -> None:
    screen = mutt(
        appliance,
        tmp_path / "mutt",
        "<first-entry><flag-message><next-entry>"
        "<tag-pattern>~s three<enter><tag-prefix><save-message>=Archive<enter>"
        "<delete-pattern>~i two@sender.test<enter><sync-mailbox><quit>",
    )
    assert "one" in screen
    client = imap(appliance)
    client.select("INBOX")
    assert client.search(None, "ALL")[1] == [b"1"]
    assert client.search(None, "FLAGGED")[1] == [b"1"]
    client.select("Archive")
    assert client.fetch("1", "(BODY.PEEK[])")[1][0][1].endswith(ORIGINALS[2])
    client.logout()


def test_curl_reads_flags_appends_and_deletes(appliance: Appliance, tmp_path: Path) -> None:
    url, who = f"imap://127.0.0.1:{appliance.imap}", f"{USER}:{PASSWORD}"
    for number, original in enumerate(ORIGINALS, 1):
        got = subprocess.run(
            ["curl", "-sS", "-u", who, f"{url}/INBOX;UID={number}"], capture_output=True, check=True, timeout=60
        ).stdout
        assert got.endswith(original)
    run("curl", "-sS", "-u", who, f"{url}/INBOX", "-X", r"STORE 1 +FLAGS (\Flagged \Deleted)")
    assert "\\Flagged" in run("curl", "-sS", "-u", who, f"{url}/INBOX", "-X", "FETCH 1 (FLAGS)")
    run("curl", "-sS", "-u", who, f"{url}/INBOX", "-X", "EXPUNGE")
    mail = tmp_path / "new.eml"
    mail.write_bytes(b"Subject: by curl\r\n\r\nbody\r\n")
    run("curl", "-sS", "-u", who, f"{url}/Drafts", "-T", str(mail))
    assert run("curl", "-sS", "-u", who, f"{url}/Drafts", "-X", "SEARCH SUBJECT curl").split()[:3] == [
        "*",
        "SEARCH",
        "1",
    ]
    assert run("curl", "-sS", "-u", who, f"{url}/INBOX", "-X", "SEARCH ALL").split() == ["*", "SEARCH", "1", "2"]


def test_curl_sends(appliance: Appliance, tmp_path: Path) -> None:
    mail = tmp_path / "m.eml"
    mail.write_bytes(b"From: c@sender.test\r\nSubject: curl sends\r\n\r\n.\r\n..\r\nend\r\n")
    run("curl", "-sS", f"smtp://127.0.0.1:{appliance.mx}/sender.test", "--mail-from", "c@sender.test",
        "--mail-rcpt", USER, "-T", str(mail), "--ssl-reqd", "-k")  # fmt: skip
    client = imap(appliance)
    client.select("INBOX")
    assert client.fetch("4", "(BODY.PEEK[])")[1][0][1].endswith(mail.read_bytes())
    client.logout()
