"""Above four fifths of all places, strangers are hurried: those who come, and those who wait already."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from tests.smtp_house import SmtpHouse

LIMIT = 20.0
TIMEOUT = b"421 4.4.2 Timeout\r\n"


@contextmanager
def crowd(house: SmtpHouse, total: int) -> Iterator[None]:
    """Enough of `total` places taken for stress, by nobody who could be hurried and be gone before the test is over."""
    connections = house.front.connections
    addresses = [f"192.0.2.{number}" for number in range(int(total * 0.8) + 1 - connections.open)]
    for address in addresses:
        assert connections.admit(address) is None
    assert connections.stressed
    yield
    for address in addresses:
        connections.leave(address)


def hurry(house: SmtpHouse) -> None:
    """From now on stress leaves a moment where it leaves ten seconds; who waits already keeps these."""
    house.front.limits = msgspec.structs.replace(house.front.limits, stress_patience=0.02)


async def answers(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(LIMIT):
        return await reader.read()


@pytest.mark.parametrize("said", ["", "HELO client.test\r\n", "HELO"])
async def test_a_silent_stranger_is_told_to_leave(tmp_path: Path, said: str) -> None:
    async with SmtpHouse(tmp_path, tls=False, limits__connections_total=10) as house:
        with crowd(house, 10):
            hurry(house)
            reader, writer = await house.connect()
            writer.write(said.encode())
            assert (await answers(reader)).endswith(TIMEOUT)
            writer.close()


async def test_slow_data_is_not_waited_for(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False, limits__connections_total=10) as house:
        reader, writer = await house.connect()
        for line in (b"HELO client.test\r\n", b"MAIL FROM:<s@out.test>\r\nRCPT TO:<ann@one.test>\r\nDATA\r\n"):
            writer.write(line)
            while not (await reader.readline()).startswith((b"250 mx", b"354")):
                pass
        with crowd(house, 10):
            hurry(house)
            writer.write(b"Subject: slow\r\n")
            assert await answers(reader) == TIMEOUT
        writer.close()


async def test_a_handshake_has_less_time(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, limits__connections_total=10) as house:
        with crowd(house, 10):
            hurry(house)
            reader, writer = await asyncio.open_connection("127.0.0.1", house.tls_port)
            assert await answers(reader) == b""
            writer.close()


async def test_in_quiet_times_nobody_is_hurried(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False, limits__connections_total=10, limits__command_timeout=0.3) as house:
        hurry(house)
        started = asyncio.get_running_loop().time()
        reader, writer = await house.connect()
        assert (await answers(reader)).endswith(TIMEOUT)
        assert asyncio.get_running_loop().time() - started >= 0.29
        writer.close()
