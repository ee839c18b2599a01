"""`appliance demo`: up within seconds, to be looked at with a browser and a mail program, gone without a trace."""

import asyncio
import email
import imaplib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from email.policy import default
from pathlib import Path

import httpx
import pytest

from tests.process import ROOT
from tests.web_house import Browser, trusting

READY_WITHIN = 10.0
"""Seconds, on a machine that has them."""
LIMIT = 60.0


class Demo:
    """The process, with a directory for what is temporary."""

    def __init__(self, directory: Path, *words: str) -> None:
        self.directory = directory
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "appliance", "demo", *words],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(directory), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def lines(self) -> str:
        """What it prints, to the last line."""
        assert self.process.stdout is not None
        said = ""
        for line in self.process.stdout:
            said += line
            if "Ctrl-C stops it" in line:
                self.took = time.monotonic() - self.began
                return said
        raise AssertionError(f"it ended: {said}\n{self.process.communicate(timeout=LIMIT)[1]}")

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=LIMIT)

    def kin(self) -> list[str]:
        """Processes of its session that live."""
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                stat = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(stat[3]) == self.process.pid and stat[0] != "Z":
                found.append(entry)
        return found

    def left(self) -> list[str]:
        return [path.name for path in self.directory.iterdir()]


@pytest.fixture
def places(tmp_path: Path) -> Iterator[list[Demo]]:
    """Demonstrations that are over, in any case."""
    begun: list[Demo] = []
    yield begun
    for demo in begun:
        if demo.process.poll() is None:
            demo.process.kill()
        demo.process.communicate(timeout=LIMIT)


def read(said: str) -> dict[str, str]:
    facts = dict(re.findall(r"^ {4}(e-mail|password) +(\S+)$", said, re.MULTILINE))
    (facts["url"],) = re.findall(r"^ {4}(https://localhost:\d+)/$", said, re.MULTILINE)
    (facts["invite"],) = re.findall(r"^ {4}https://localhost:\d+(/i/[0-9a-f]{64})$", said, re.MULTILINE)
    (facts["imaps"],) = re.findall(r"\(IMAP\) +port (\d+) ", said)
    return facts


@pytest.mark.timeout(150)
async def test_it_is_looked_at_and_leaves_nothing_behind(tmp_path: Path, places: list[Demo]) -> None:
    demo = Demo(tmp_path)
    places.append(demo)
    said = await asyncio.to_thread(demo.lines)
    facts = read(said)
    boxes = re.findall(r"^ {4}(\S+@\S+\.example)$", said, re.MULTILINE)
    assert len(boxes) == 6
    found = await asyncio.to_thread(look, int(facts["imaps"]), boxes, facts["password"])
    check(found)
    async with httpx.AsyncClient(base_url=facts["url"], verify=trusting(), timeout=20) as client:
        client.headers["Host"] = facts["url"].removeprefix("https://")
        visitor = Browser(client)
        assert (await visitor.get(facts["invite"])).status_code == 200
        answer = await visitor.sign_in(facts["e-mail"], facts["password"])
        assert answer.status_code == 303
        text = (await visitor.get("/")).text
        for words in ("winter.example</strong> is suspended", "Accepted", "Refused", "Put off"):
            assert words in text, words
        assert "did not run" not in text
        busy = re.findall(r'scope="row" class="nowrap">[^<]*</th><td class="number">(\d+)</td>', text)
        assert len([one for one in busy if one != "0"]) > 12
        for record in re.findall(r'href="(/records/[0-9a-z]{13})"', text)[:3]:
            assert (await visitor.get(record)).status_code == 200
        listed = (await visitor.get("/domains")).text
        assert all(name in listed for name in ("harbour.example", "lighthouse.example", "winter.example", "Suspended"))
    assert await asyncio.to_thread(demo.end, signal.SIGINT) == 0
    assert (demo.left(), demo.kin()) == ([], [])
    assert demo.took < LIMIT


def look(port: int, boxes: list[str], password: str) -> list[bytes]:
    """Every message of every mailbox that may sign in."""
    found = []
    for name in boxes:
        if name.endswith("winter.example"):
            continue  # nobody signs in to what is suspended, unless the server says otherwise
        client = imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=trusting(), timeout=20)
        client.login(name, password)
        client.select("INBOX", readonly=True)
        _, numbers = client.search(None, "ALL")
        for number in numbers[0].split():
            found.append(client.fetch(number.decode(), "(BODY.PEEK[])")[1][0][1])
        client.logout()
    return found


def check(found: list[bytes]) -> None:
    """About a hundred, of all kinds."""
    messages = [email.message_from_bytes(one, policy=default) for one in found]
    assert len(messages) >= 90
    assert any(one.get_body(("html",)) is not None and one.is_multipart() for one in messages)
    names = {part.get_filename() for one in messages for part in one.iter_attachments()}
    assert {"invoice-2231.pdf", "regatta-1.png", "Gezeiten März.csv"} <= names
    ids = {one["Message-ID"] for one in messages}
    assert any(one["In-Reply-To"] in ids for one in messages)
    subjects = " ".join(str(one["Subject"]) for one in messages)
    assert all(word in subjects for word in ("来週", "Лекция", "Réunion", "sábado", "Lieferung"))
    assert all(one["Received"] for one in messages)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("when", ["directory", "database", "mail"])
def test_ended_in_the_middle_of_its_start_it_leaves_nothing_behind(
    tmp_path: Path, places: list[Demo], number: int, when: str
) -> None:
    demo = Demo(tmp_path)
    places.append(demo)
    sights = {"directory": "*", "database": "*/data/appliance.db", "mail": "*/data/control.sock"}
    while not list(tmp_path.glob(sights[when])):
        assert demo.process.poll() is None, demo.process.communicate()
        assert time.monotonic() - demo.began < LIMIT
    assert demo.end(number) == 0
    assert (demo.left(), demo.kin()) == ([], [])


@pytest.mark.timeout(120)
def test_two_at_once_each_find_their_ports(tmp_path: Path, places: list[Demo]) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        places.append(Demo(tmp_path / name))
    urls = {read(demo.lines())["url"] for demo in places}
    assert len(urls) == 2
    assert [demo.end(signal.SIGTERM) for demo in places] == [0, 0]
    assert [demo.left() for demo in places] == [[], []]
