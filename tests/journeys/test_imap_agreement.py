"""Clients that keep their own account of a mailbox, as mail programs do, and must never come to disagree with it."""

import asyncio
import random
import re
from pathlib import Path

import pytest
import uvloop

from tests.imap_house import PASSWORD, ImapHouse

LIMIT = 20.0
TURNS = 60
QUIET = ("FETCH", "STORE", "SEARCH")
"""Commands with which no EXPUNGE may come (RFC 3501 §7.4.1)."""
_FETCH = re.compile(rb"\* (\d+) FETCH \((.*)\)\r\n\Z")


class Client:
    """Knows the UIDs and flags behind its sequence numbers, from untagged responses alone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seed: int) -> None:
        self.reader, self.writer = reader, writer
        self.random = random.Random(seed)
        self.uids: list[int | None] = []
        self.flags: list[bytes | None] = []
        self.tags = 0

    async def command(self, line: str) -> bytes:
        """Send a command, take in what comes with it; gives the tagged line."""
        self.tags += 1
        tag = f"t{self.tags}"
        self.writer.write(f"{tag} {line}\r\n".encode())
        while True:
            found = await asyncio.wait_for(self.reader.readline(), LIMIT)
            if found.startswith(tag.encode()):
                return found
            assert found, line
            self.take(found, quiet=line.startswith(QUIET))

    async def idle(self) -> None:
        self.tags += 1
        tag = f"t{self.tags}"
        self.writer.write(f"{tag} IDLE\r\n".encode())
        await asyncio.to_thread(lambda: None)
        self.writer.write(b"DONE\r\n")
        while not (found := await asyncio.wait_for(self.reader.readline(), LIMIT)).startswith(tag.encode()):
            self.take(found, quiet=False)

    def take(self, line: bytes, *, quiet: bool) -> None:
        if match := re.match(rb"\* (\d+) (EXISTS|EXPUNGE)", line):
            number = int(match[1])
            if match[2] == b"EXISTS":
                assert number >= len(self.uids), "EXISTS never falls"
                self.uids += [None] * (number - len(self.uids))
                self.flags += [None] * (number - len(self.flags))
            else:
                assert not quiet, line
                del self.uids[number - 1], self.flags[number - 1]
        elif match := _FETCH.match(line):
            number = int(match[1])
            assert 1 <= number <= len(self.uids), line
            if uid := re.search(rb"UID (\d+)", match[2]):
                assert self.uids[number - 1] in (None, int(uid[1])), "a number changed its message"
                self.uids[number - 1] = int(uid[1])
            if flags := re.search(rb"FLAGS \(([^)]*)\)", match[2]):
                self.flags[number - 1] = b" ".join(w for w in flags[1].split() if w != rb"\Recent")

    async def turn(self) -> None:
        """Do one thing a mail program does."""
        count = len(self.uids)
        number = self.random.randint(1, count) if count else 0
        match self.random.randrange(9):
            case 0 | 1 if number:
                await self.command(rf"STORE {number} +FLAGS (\Deleted)")
            case 2 if number:
                word = self.random.choice([r"\Seen", r"\Flagged", "$Work"])
                await self.command(rf"UID STORE 1:* {self.random.choice('+-')}FLAGS ({word})")
            case 3:
                await self.command("EXPUNGE")
            case 4 if number:
                await self.command(f"FETCH 1:{number} (UID FLAGS)")
            case 5:
                await self.command("SEARCH UNSEEN")
            case 6:
                await self.idle()
            case 7 if number:
                await self.command(f"COPY {number} INBOX")
            case _:
                await self.command("NOOP")


async def run(directory: Path, seed: int) -> None:
    async with ImapHouse(directory) as house:
        address = await house.account("joe")
        clients = []
        for each in range(4):
            client = Client(*await asyncio.open_connection("127.0.0.1", house.port), seed * 10 + each)
            await client.reader.readline()
            await client.command(f'LOGIN "{address}" "{PASSWORD}"')
            await client.command("SELECT INBOX")
            clients.append(client)

        async def live(client: Client) -> None:
            for _ in range(TURNS):
                await client.turn()
                if client.random.random() < 0.3:
                    await house.deliver(address)

        await asyncio.gather(*map(live, clients))
        for client in clients:
            await client.command("NOOP")
        told = [list(client.flags) for client in clients]
        for client, before in zip(clients, told, strict=True):
            await client.command("UID FETCH 1:* (FLAGS)")
            # What a client had been told of flags was still true.
            assert all(old in (None, new) for old, new in zip(before, client.flags, strict=True))
        first = clients[0]
        assert None not in first.uids
        assert all((client.uids, client.flags) == (first.uids, first.flags) for client in clients)


@pytest.mark.parametrize("seed", range(4))
def test_every_client_agrees_with_the_truth(tmp_path: Path, seed: int) -> None:
    """Four clients store, expunge, copy, search and idle at random while mail comes in."""
    uvloop.run(run(tmp_path, seed))
