"""More mail at once than there is room for: 452 4.3.1 for what is too much, and the session goes on."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.store.disk import DiskGuard
from tests.hostile import ANN, LIMIT, MODES, Peer, Street, in_data

MEMORY = 100_000
FROM = b"From: ann@one.test\r\n"
FIELD = b"X: " + b"y" * 995 + b"\r\n"
TAKEN = "250 2.0.0 OK ..."
IN_FLIGHT = "452 4.3.1 Too much mail in flight, try again later"
DISK = "452 4.3.1 Insufficient system storage"


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    """With little memory for mail, and a disk of which the test says how much is free."""
    async with Street(tmp_path, limits={"bytes_in_flight": MEMORY}) as opened:
        yield opened


class Disk:
    """What is free on the disk of a house, from now on and at once."""

    def __init__(self, house: Street) -> None:
        self.free = 1 << 30
        steps = itertools.count(0, 10)  # a clock that is past any cache's time
        house.store.guard = DiskGuard(
            house.directory / "data", 1 << 20, free=lambda _: (self.free, None), monotonic=lambda: next(steps)
        )


async def taken(street: Street, octets: int) -> None:
    """Returns once at least so much of the memory is in use."""
    async with asyncio.timeout(LIMIT):
        while True:
            if street.store.budget.used >= octets:
                return
            await asyncio.sleep(0)


async def again(peer: Peer) -> None:
    """The next transaction of the same session, up to its DATA."""
    await peer.says(f"MAIL FROM:<{ANN}>", "250 2.1.0 Sender OK")
    await peer.says(f"RCPT TO:<{ANN}>", "250 2.1.5 Recipient OK")
    await peer.says("DATA", "354 End data with <CR><LF>.<CR><LF>")


@pytest.mark.parametrize("mode", MODES)
async def test_memory(street: Street, mode: str) -> None:
    """One session's header takes it; other long headers wait, short ones and bodies of any size go to their files."""
    budget = street.store.budget
    greedy, other = await in_data(street, "plain"), await in_data(street, mode)
    await greedy.send(FROM + FIELD * 47)
    await taken(street, MEMORY - 10_000)
    await other.send(FROM + FIELD * 30 + b"\r\nx\r\n.\r\n")
    await other.hears(IN_FLIGHT)
    await again(other)
    await other.send(FROM + FIELD * 5 + b"\r\n" + b"z" * 200_000 + b"\r\n.\r\n")
    await other.hears(TAKEN)
    assert street.count(ANN) == 1
    await greedy.send(b"\r\nx\r\n.\r\n")
    await greedy.hears(TAKEN)
    await again(other)
    await other.send(FROM + FIELD * 30 + b"\r\nx\r\n.\r\n")
    await other.hears(TAKEN)
    assert (street.count(ANN), budget.used) == (3, 0)
    greedy.close()
    other.close()


@pytest.mark.parametrize("mode", MODES)
async def test_memory_of_a_session_that_breaks_off_is_free_at_once(street: Street, mode: str) -> None:
    greedy = await in_data(street, mode)
    await greedy.send(FROM + FIELD * 47)
    await taken(street, MEMORY - 10_000)
    greedy.writer.transport.abort()
    other = await in_data(street, mode)
    await other.send(FROM + FIELD * 30 + b"\r\nx\r\n.\r\n")
    await other.hears(TAKEN)
    assert street.store.budget.used == 0
    other.close()


@pytest.mark.parametrize("mode", MODES)
async def test_a_disk_that_fills_while_a_message_comes(street: Street, mode: str) -> None:
    """The reserve is not asked for at MAIL alone; what memory still holds is stored, for it was promised room."""
    disk = Disk(street)
    small, big = await in_data(street, mode), await in_data(street, mode)
    disk.free = 1 << 10
    await small.send(FROM + b"\r\nx\r\n.\r\n")
    await small.hears(TAKEN)
    await small.says(f"MAIL FROM:<{ANN}>", DISK)
    await big.send(FROM + b"\r\n", *[b"z" * 60_000] * 4, b"\r\n.\r\n")
    await big.hears(DISK)
    await big.says(f"MAIL FROM:<{ANN}>", DISK)
    disk.free = 1 << 30
    await again(big)
    await big.send(FROM + b"\r\n" + b"z" * 300_000 + b"\r\n.\r\n")
    await big.hears(TAKEN)
    assert street.count(ANN) == 2
    small.close()
    big.close()
