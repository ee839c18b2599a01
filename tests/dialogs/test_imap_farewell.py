"""The last word of IMAP reaches a client that is still sending; what it sends then is dropped, and not for long."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from imap import farewell
from imap.front import Patience
from tests.hostile import trusting
from tests.imap_house import LIMIT, MESSAGE, PASSWORD, ImapHouse, play, until

PIECE = b"x" * 65_536
TOO_BIG = b"* BYE [TOOBIG] That literal is too big\r\n"
BEGINNINGS = {
    "a literal": (b"a LOGIN {9999999999999+}\r\n", TOO_BIG),
    "a line": (b"a" * 9000, b"* BYE Command line too long\r\n"),
    "commands": (b"a BOGUS\r\n" * 2000, b"* BYE Too many commands that are not understood\r\n"),
    "behind LOGOUT": (b"a LOGOUT\r\n" + b"b NOOP\r\n" * 2000, b"a OK LOGOUT completed\r\n"),
}


async def opened(port: int, context: ssl.SSLContext | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, limit=1 << 26)
    await reader.readline()
    return reader, writer


async def rest(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(LIMIT):
        return await reader.read()


async def flood(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(PIECE)
        await writer.drain()


class Looks:
    """A server that is not under stress, and counts how often it is asked."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> bool:
        self.count += 1
        return False


def gone(house: ImapHouse) -> Callable[[], bool]:
    return lambda: not house.front.connections()


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_who_is_still_sending_hears_the_last_word(tmp_path: Path, secure: bool, beginning: str) -> None:
    """Some megabytes are on their way when the session ends, and are sent to their end before anything is read."""
    words, last = BEGINNINGS[beginning]

    async def journey(house: ImapHouse) -> None:
        reader, writer = await opened(house.tls_port if secure else house.port, trusting() if secure else None)
        writer.write(words)
        for _ in range(64):
            writer.write(PIECE)
            await writer.drain()
        assert (await rest(reader)).endswith(last)
        writer.close()
        await until(gone(house))

    play(ImapHouse(tmp_path, patience=Patience(linger=LIMIT)), journey)


def test_who_never_closes_is_not_waited_for(tmp_path: Path) -> None:
    """It has heard BYE and the end of all words; a moment later the connection is gone."""

    async def journey(house: ImapHouse) -> None:
        reader, writer = await opened(house.port)
        writer.write(b"a LOGOUT\r\n")
        assert (await rest(reader)).endswith(b"a OK LOGOUT completed\r\n")
        await until(gone(house))
        writer.close()

    play(ImapHouse(tmp_path, patience=Patience(linger=0.05)), journey)


def test_who_never_stops_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is heard after the last word has a bound in octets as well."""
    monkeypatch.setattr(farewell, "MAX_HEARD", 1_000_000)

    async def journey(house: ImapHouse) -> None:
        _, writer = await opened(house.port)
        writer.write(BEGINNINGS["a literal"][0])
        async with asyncio.timeout(LIMIT):
            with pytest.raises(ConnectionError):
                await flood(writer)
        await until(gone(house))

    play(ImapHouse(tmp_path, patience=Patience(linger=LIMIT)), journey)


@pytest.mark.parametrize("reads", [True, False])
def test_an_answer_that_is_still_unread_is_waited_for(tmp_path: Path, reads: bool) -> None:
    """As long as any unread answer: LOGOUT behind a long one does not cut it off."""

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        await house.deliver(address, message=MESSAGE % (1, 1, 1) + b"0123456789abcdef" * 512 * 1024)
        reader, writer = await opened(house.port)
        transport = cast(asyncio.Transport, writer.transport)
        writer.write(f'a LOGIN {address} "{PASSWORD}"\r\nb SELECT INBOX\r\n'.encode())
        while not (await reader.readline()).startswith(b"b OK"):
            pass
        transport.pause_reading()
        writer.write(b"c FETCH 1 BODY.PEEK[]\r\n")
        (connection,) = house.front.connections()
        await until(lambda: connection.congested)
        house.front.sessions.end(next(iter(house.front.sessions)).id)
        if not reads:
            house.front.patience = Patience(stalled=0.1)
            await until(gone(house))
            return
        looks = house.front.stressed = Looks()
        await until(lambda: looks.count > 2)  # each a time for which it would linger
        transport.resume_reading()
        assert (await rest(reader)).endswith(b"* BYE [UNAVAILABLE] Session ended by the administrator\r\n")
        writer.close()

    play(ImapHouse(tmp_path, patience=Patience(linger=0.02)), journey)
