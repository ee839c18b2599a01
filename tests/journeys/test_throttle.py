"""Guessing passwords over the wire, from one address and from another, on a clock of the test's own."""

import asyncio
from pathlib import Path

from appliance.identity.login import Logins
from tests.imap_house import PASSWORD, ImapHouse, Raw, play

MINUTE = 60 * 1_000_000
GUESSER, OWNER = "127.0.0.2", "127.0.0.1"


class Clock:
    """Time that only sleeping and the test move."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000_000
        self.slept: list[float] = []

    def read(self) -> int:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += int(seconds * 1_000_000)


async def attempt(house: ImapHouse, source: str, address: str, password: str) -> list[bytes]:
    """All that is answered to one sign-in on a connection of its own, up to the tagged line and what follows a BYE."""
    raw = Raw(*await asyncio.open_connection("127.0.0.1", house.port, local_addr=(source, 0)))
    await raw.line()
    answer = await raw.command(f'a LOGIN "{address}" "{password}"')
    if b"UNAVAILABLE" in answer[-1]:
        answer += [await raw.line(), await raw.line()]
    raw.writer.close()
    return answer


def test_an_address_is_shut_out_and_the_owner_is_not(tmp_path: Path) -> None:
    async def journey(house: ImapHouse) -> None:
        clock = Clock()
        house.front.logins = Logins(house.store, house.passwords, now=clock.read, sleep=clock.sleep)
        joe, ann = await house.account("joe"), await house.account("ann")
        assert (await attempt(house, OWNER, joe, PASSWORD))[-1].startswith(b"a OK")
        for _ in range(10):
            refused = await attempt(house, GUESSER, joe, "wrong")
            assert refused == [b"a NO [AUTHENTICATIONFAILED] Wrong address or password\r\n"]
        # Five are free, then each waits before anything is hashed.
        assert clock.slept == [1, 2, 4, 8, 16]
        shut = [
            b"a NO [UNAVAILABLE] Too many attempts, try again later\r\n",
            b"* BYE [UNAVAILABLE] Too many attempts, try again later\r\n",
            b"",
        ]
        # For every account, whether the password is right or not ...
        for address, password in ((joe, "wrong"), (joe, PASSWORD), (ann, PASSWORD), ("none@dest.example", "x")):
            assert await attempt(house, GUESSER, address, password) == shut
        # ... but its owner comes in at once, from where it came before.
        before = list(clock.slept)
        assert (await attempt(house, OWNER, joe, PASSWORD))[-1].startswith(b"a OK")
        assert clock.slept == before
        clock.now += 14 * MINUTE
        assert await attempt(house, GUESSER, ann, PASSWORD) == shut
        clock.now += 2 * MINUTE
        assert (await attempt(house, GUESSER, ann, PASSWORD))[-1].startswith(b"a OK")

    play(ImapHouse(tmp_path), journey)


def test_an_unknown_name_is_held_back_like_a_known_one(tmp_path: Path) -> None:
    """Nothing about delays or answers says whether the mailbox exists."""

    async def journey(house: ImapHouse) -> None:
        told = []
        joe = await house.account("joe")
        for address in (joe, "none@dest.example"):
            clock = Clock()
            house.front.logins = Logins(house.store, house.passwords, now=clock.read, sleep=clock.sleep)
            answers = [await attempt(house, GUESSER, address, "wrong") for _ in range(11)]
            told.append((answers, clock.slept))
        assert told[0] == told[1]

    play(ImapHouse(tmp_path), journey)
