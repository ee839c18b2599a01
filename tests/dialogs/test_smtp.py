"""Runs the transcripts in `tests/dialogs/smtp`: one behaviour a file, against the real listener and the real store.

A transcript's lines:

    # comment                     what the file shows
    C: EHLO client.test           sent with CRLF; neighbouring C lines go together
    C! b"raw octets"              sent as they are (a Python literal, also `b"x" * 1000`)
    S: 250 2.1.0 Sender OK        the next line must be this; "..." stands for anything
    ! set limits.errors 3         a setting, before anything is sent
    ! whole                       for this file the way the bytes are cut matters: not byte by byte
    ! tls                         the client's handshake
    ! half-close                  the client sends no more, and still reads
    ! closed                      the server closes the connection, and nothing more is there to be read
    ! room 0 0                    free bytes and inodes that the disk guard sees from now on
    ! inbox cat@two.test 1        how many messages lie in an INBOX
    ! top cat@two.test b"..."     the last of them begins with these octets ("..." stands for anything)
    ! end cat@two.test b"..."     the last of them ends with these octets

Every transcript runs twice: each group of C lines in one packet, and every octet in a packet of its own.
"""

import ast
import asyncio
import re
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.smtp_house import SmtpHouse

LIMIT = 10.0


class Script:
    """A parsed transcript: its settings, and its steps as (sign, text)."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        text = path.read_text("utf-8")
        self.offers_tls = "! tls" in text
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        self.whole_only = "! whole" in lines
        self.settings: dict[str, Any] = {}
        self.steps: list[tuple[str, str]] = []
        for line in lines:
            if line.startswith("! set "):
                key, _, value = line[6:].partition(" ")
                self.settings[key.replace(".", "__")] = ast.literal_eval(value)
            elif line != "! whole":
                sign, text = line[:2], line[3:]
                assert sign in ("C:", "C!", "S:", "! "), line
                self.steps.append(("!", line[2:]) if sign == "! " else (sign, text))


class Dialog:
    """A transcript under way."""

    def __init__(self, house: SmtpHouse, split: bool) -> None:
        self.house = house
        self.split = split
        self.outgoing = b""

    async def run(self, script: Script) -> None:
        self.reader, self.writer = await self.house.connect()
        for sign, text in script.steps:
            if sign == "C:":
                self.outgoing += text.encode() + b"\r\n"
                continue
            if sign == "C!":
                literal, _, times = text.partition(" * ")
                self.outgoing += ast.literal_eval(literal) * int(times or 1)
                continue
            await self.send()
            if sign == "S:":
                got = (await asyncio.wait_for(self.reader.readline(), LIMIT)).decode("latin-1")
                assert matches(text + "\r\n", got), f"expected {text!r}, got {got!r}"
            else:
                word, _, rest = text.partition(" ")
                await ACTS[word](self, rest)
        await self.send()
        self.writer.close()

    async def send(self) -> None:
        data, self.outgoing = self.outgoing, b""
        if not data:
            return
        for piece in [data[i : i + 1] for i in range(len(data))] if self.split else [data]:
            self.writer.write(piece)
            await asyncio.sleep(0)  # the loop's turn: one packet each

    async def tls(self, _: str) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        await asyncio.wait_for(self.writer.start_tls(context), LIMIT)

    async def half_close(self, _: str) -> None:
        self.writer.write_eof()

    async def closed(self, _: str) -> None:
        assert await asyncio.wait_for(self.reader.read(), LIMIT) == b""

    async def room(self, text: str) -> None:
        size, inodes = text.split()
        self.house.free = (int(size), int(inodes))

    async def inbox(self, text: str) -> None:
        address, count = text.split()
        assert len(await self.house.inbox(address)) == int(count)

    async def top(self, text: str) -> None:
        address, _, literal = text.partition(" ")
        last = (await self.house.inbox(address))[-1].decode("latin-1")
        expected = ast.literal_eval(literal).decode("latin-1")
        assert matches(expected + "...", last), last

    async def end(self, text: str) -> None:
        address, _, literal = text.partition(" ")
        last = (await self.house.inbox(address))[-1]
        assert last.endswith(ast.literal_eval(literal)), last


ACTS = {
    "tls": Dialog.tls,
    "half-close": Dialog.half_close,
    "closed": Dialog.closed,
    "room": Dialog.room,
    "inbox": Dialog.inbox,
    "top": Dialog.top,
    "end": Dialog.end,
}


def matches(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(re.escape("..."), ".*"), text, re.DOTALL) is not None


SCRIPTS = [Script(path) for path in sorted((Path(__file__).parent / "smtp").glob("*.txt"))]


CASES = [(script, split) for script in SCRIPTS for split in (False, True) if not (split and script.whole_only)]


@pytest.mark.parametrize(
    ("script", "split"), CASES, ids=[f"{script.name}-{'octets' if split else 'whole'}" for script, split in CASES]
)
async def test_dialog(script: Script, split: bool, tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=script.offers_tls, **script.settings) as house:
        await Dialog(house, split).run(script)
        await house.listeners.drain(5)
        await house.spool_emptied()
        assert house.front.connections.open == 0


def test_there_are_transcripts() -> None:
    assert SCRIPTS
