"""A disk that runs full: mail is put off with 452, readers and deleters go on, and service returns by itself."""

from __future__ import annotations

import imaplib
import os
import smtplib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import PASSWORD, Appliance

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

MESSAGE = "From: a@sender.test\r\nTo: ann@dest.test\r\nSubject: s\r\n\r\n" + "x" * 70 + "\r\n"
MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 96 MiB and 3000 inodes of its own (needs root, as mounting does)."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m,nr_inodes=3000", "none", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def appliance(small_disk: Path) -> Iterator[Appliance]:
    settings = {"server": {"max_message_size": "8MiB", "disk_reserve": "16MiB"}}
    with Appliance(small_disk, settings) as one:
        one.cli("domain", "add", "dest.test")
        one.add_mailbox("ann@dest.test")
        yield one


def send(appliance: Appliance, body: str = MESSAGE) -> tuple[int, str]:
    """Code and text of the first refusal, or of the 250."""
    with smtplib.SMTP("127.0.0.1", appliance.mx, local_hostname="sender.test", timeout=30) as client:
        client.ehlo()
        for code, text in (client.mail("a@sender.test"), client.rcpt("ann@dest.test")):
            if code >= 400:
                return code, text.decode()
        code, text = client.data(body)
        return code, text.decode()


def send_until(appliance: Appliance, wanted: int) -> None:
    """Send until the server answers so, for ten seconds at most; the disk is looked at once a second."""
    end = time.monotonic() + 10
    while (answer := send(appliance))[0] != wanted:
        assert time.monotonic() < end, f"never answered {wanted}; last {answer}"


def ann(appliance: Appliance) -> imaplib.IMAP4:
    client = imaplib.IMAP4("127.0.0.1", appliance.imap)
    client.login("ann@dest.test", PASSWORD)
    client.select("INBOX")
    return client


def assert_reads_and_expunges(appliance: Appliance) -> None:
    client = ann(appliance)
    before = int(client.select("INBOX")[1][0])
    assert b"Subject: s" in client.fetch("1", "(BODY.PEEK[])")[1][0][1]
    assert client.store("1", "+FLAGS", r"(\Deleted)")[0] == "OK"
    assert client.expunge()[0] == "OK"
    assert int(client.select("INBOX")[1][0]) == before - 1
    client.logout()


def test_bytes_run_out(appliance: Appliance, small_disk: Path) -> None:
    for _ in range(3):
        assert send(appliance)[0] == 250
    hog = small_disk / "hog"
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    hog.write_bytes(b"\0" * (free - 8 * MIB))
    send_until(appliance, 452)
    code, text = send(appliance)
    assert (code, text.split()[0]) == (452, "4.3.1")
    assert "disk" in appliance.log_text()
    assert_reads_and_expunges(appliance)
    hog.unlink()
    send_until(appliance, 250)
    assert appliance.run("check").returncode == 0


def test_not_a_byte_left(appliance: Appliance, small_disk: Path) -> None:
    """Even when another program takes the last byte, deleting works (the ballast is given back for it)."""
    for _ in range(3):
        assert send(appliance)[0] == 250
    hog = small_disk / "hog"
    with hog.open("wb") as f:
        try:
            while True:
                f.write(b"\0" * 65536)
                f.flush()
        except OSError:
            pass
    send_until(appliance, 452)
    assert_reads_and_expunges(appliance)
    hog.unlink()
    send_until(appliance, 250)
    assert appliance.run("check").returncode == 0


def test_inodes_run_out(appliance: Appliance, small_disk: Path) -> None:
    assert send(appliance)[0] == 250
    assert send(appliance)[0] == 250
    hogs = small_disk / "hogs"
    hogs.mkdir()
    for number in range(max(0, os.statvfs(small_disk).f_favail - 500)):
        (hogs / str(number)).touch()
    send_until(appliance, 452)
    assert send(appliance)[1].startswith("4.3.1")
    assert_reads_and_expunges(appliance)
    for path in hogs.iterdir():
        path.unlink()
    send_until(appliance, 250)
    assert appliance.run("check").returncode == 0
