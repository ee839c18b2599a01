"""Runs the transcripts in `tests/dialogs/imap`: one behaviour a file, against the real listener and the real store.

A transcript's lines:

    # comment                     what the file shows
    C: a1 NOOP                    sent with CRLF; neighbouring C lines go in one packet
    C! b"raw octets"              sent as they are (a Python literal)
    S: * OK ... ready             the next line must be this; "..." stands for anything, {NAME} remembers a word
    S~ * 1 FETCH ...              these lines must come, in any order among their neighbours
    ! connect | login | tls       what the runner does: a new connection; LOGIN and its answer; the handshake
    ! deliver INBOX               a message arrives in a folder without this session
    ! gone                        the server closes the connection
    ! silent                      nothing is there to be read: a NOOP-less proof by a marker of the runner

A number behind the sign names one of several connections: `C2: a NOOP`, `S2: a OK ...`, `!2 login`.
"""

import asyncio
import re
import ssl
from pathlib import Path

import pytest
import uvloop

from tests.imap_house import PASSWORD, ImapHouse

TRANSCRIPTS = {
    path.stem: path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parent / "imap").glob("*.txt"))
}
LIMIT = 10.0
_LINE = re.compile(r"([CS!])(\d?)([:!~]?) ?(.*)\Z")


class Wire:
    """One connection of the client, line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def line(self) -> str:
        found = await asyncio.wait_for(self.reader.readline(), LIMIT)
        return found.decode("latin-1").removesuffix("\r\n")


class Dialog:
    """A transcript under way."""

    def __init__(self, house: ImapHouse, address: str) -> None:
        self.house = house
        self.address = address
        self.wires: dict[str, Wire] = {}
        self.words: dict[str, str] = {}
        self.outgoing: list[tuple[str, bytes]] = []
        self.unordered: list[tuple[str, str]] = []

    async def run(self, script: str) -> None:
        for number, line in enumerate(script.splitlines(), 1):
            if not line or line.startswith("#"):
                continue
            match = _LINE.match(line)
            assert match, f"line {number}: {line!r}"
            sign, who, kind, rest = match.groups()
            try:
                await self.step(sign, who or "1", kind, rest)
            except AssertionError as error:
                raise AssertionError(f"line {number}: {line}\n{error}") from None
            except TimeoutError:
                raise AssertionError(f"line {number}: {line}\nnothing came") from None
        await self.settle()

    async def step(self, sign: str, who: str, kind: str, rest: str) -> None:
        if sign == "C":
            await self.settle(only_expected=True)
            # The transcripts are ours: an expression may repeat what would be long to write out.
            octets = eval(rest, {}) if kind == "!" else rest.encode("latin-1") + b"\r\n"
            self.outgoing.append((who, self.fill(octets.decode("latin-1")).encode("latin-1")))
            return
        if sign == "S" and kind == "~":
            await self.send()
            self.unordered.append((who, rest))
            return
        await self.settle()
        if sign == "S":
            self.check(rest, await self.wires[who].line())
        else:
            verb, *words = rest.split(" ")
            await self.act(who, verb, words)

    async def send(self) -> None:
        for who, octets in self.outgoing:
            self.wires[who].writer.write(octets)
        self.outgoing.clear()

    async def settle(self, *, only_expected: bool = False) -> None:
        """Send what waits to be sent, and read the lines that may come in any order."""
        if not only_expected:
            await self.send()
        expected, self.unordered = self.unordered, []
        while expected:
            who = expected[0][0]
            line = await self.wires[who].line()
            found = next((one for one in expected if one[0] == who and self.matches(one[1], line)), None)
            assert found, f"came: {line}"
            expected.remove(found)

    async def act(self, who: str, verb: str, words: list[str]) -> None:
        match verb:
            case "connect":
                self.wires[who] = await self.connect()
                self.check("* OK ...", await self.wires[who].line())
            case "greeted":
                self.wires[who] = await self.connect()
            case "login":
                self.wires[who] = await self.connect()
                await self.wires[who].line()
                self.wires[who].writer.write(f'l LOGIN "{self.address}" "{PASSWORD}"\r\n'.encode())
                self.check("l OK ...", await self.wires[who].line())
            case "tls":
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                await self.wires[who].writer.start_tls(context)
            case "deliver":
                await self.house.deliver(self.address, words[0])
            case "gone":
                rest = await asyncio.wait_for(self.wires[who].reader.read(), LIMIT)
                assert rest == b"", rest
            case "suspend":
                await self.house.suspend(self.address)
            case "untrusted":
                self.house.front.trust(())
            case _:
                raise AssertionError(f"no such act: {verb}")

    async def connect(self) -> Wire:
        return Wire(*await asyncio.open_connection("127.0.0.1", self.house.port, limit=1 << 22))

    def fill(self, text: str) -> str:
        words = {"ADDRESS": self.address, "PASSWORD": PASSWORD, **self.words}
        return re.sub(r"\{([A-Z]\w*)\}", lambda m: words.get(m[1], m[0]), text)

    def matches(self, pattern: str, line: str) -> bool:
        text = re.escape(self.fill(pattern)).replace(r"\.\.\.", ".*")
        match = re.fullmatch(re.sub(r"\\\{([A-Z]\w*)\\\}", r"(?P<\1>[^ \\])]+)", text), line)
        if match:
            self.words.update(match.groupdict())
        return match is not None

    def check(self, pattern: str, line: str) -> None:
        assert self.matches(pattern, line), f"came: {line}"


async def play(name: str, directory: Path) -> None:
    async with ImapHouse(directory) as house:
        dialog = Dialog(house, await house.account("joe"))
        await dialog.run(TRANSCRIPTS[name])
        for wire in dialog.wires.values():
            wire.writer.close()


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_dialog(name: str, tmp_path: Path) -> None:
    uvloop.run(play(name, tmp_path))  # the loop of the product
