"""Behind a proxy: whoever it names is the peer, for limits, checks and records; nobody else is let in."""

import asyncio
import contextlib
from pathlib import Path

import msgspec
import pytest

from smtp import listeners
from tests.smtp_house import SmtpHouse
from tests.unit.test_proxy_header import MAPPED, PORTS, A, B, binary

LIMIT = 20.0
LOCAL_NETWORKS = ("127.0.0.0/8",)
TEXT = b"PROXY TCP4 192.0.2.7 192.0.2.25 4711 25\r\n"
BINARY = binary(0x21, 0x21, MAPPED + A + MAPPED + B + PORTS + b"\x04\x00\x01\x00")


async def session(house: SmtpHouse, *pieces: bytes) -> bytes:
    """All that is answered to some packets."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.proxy_port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    async with asyncio.timeout(LIMIT):
        answer = await reader.read()
    writer.close()
    return answer


async def recorded(house: SmtpHouse) -> list[tuple[str, int, str, str]]:
    await house.store.record.flush()
    rows = house.store.engine.reader.execute("SELECT peer, peer_port, listener, outcome FROM smtp_session ORDER BY id")
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("header", [TEXT, BINARY])
@pytest.mark.parametrize("cut", [False, True])
async def test_who_is_named_is_the_peer(tmp_path: Path, header: bytes, cut: bool) -> None:
    async with SmtpHouse(tmp_path, tls=False, smtp__proxy_from=LOCAL_NETWORKS) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.proxy_port)
        for piece in [header[at : at + 1] for at in range(len(header))] if cut else [header]:
            writer.write(piece)
            await asyncio.sleep(0)
        async with asyncio.timeout(LIMIT):
            assert await reader.readline() == b"220 mx.test ESMTP\r\n"
            for line in (
                b"EHLO client.test",
                b"MAIL FROM:<s@out.test>",
                b"RCPT TO:<ann@one.test>",
                b"DATA",
                b"\r\nx\r\n.",
            ):
                writer.write(line + b"\r\n")
                while (await reader.readline())[3:4] == b"-":
                    pass
            (live,) = house.front.live
            assert live.peer.address == "192.0.2.7"
            writer.write(b"QUIT\r\n")
            await reader.read()
        writer.close()
        (message,) = await house.inbox("ann@one.test")
        assert b"from client.test ([192.0.2.7])" in message
        assert await recorded(house) == [("192.0.2.7", 4711, "smtp.proxy_listen", "quit")]


async def test_its_address_counts_for_the_limits(tmp_path: Path) -> None:
    limits = {"limits__connections_per_address": 1, "smtp__proxy_from": LOCAL_NETWORKS}
    async with SmtpHouse(tmp_path, tls=False, **limits) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.proxy_port)
        writer.write(TEXT)
        assert await reader.readline() == b"220 mx.test ESMTP\r\n"
        assert await session(house, TEXT) == b"421 4.7.0 Try again later\r\n"
        other = TEXT.replace(b"192.0.2.7", b"192.0.2.8") + b"QUIT\r\n"
        assert await session(house, other) == b"220 mx.test ESMTP\r\n221 2.0.0 Bye\r\n"
        writer.close()


async def test_what_comes_behind_the_header_is_early_talk(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False, smtp__proxy_from=LOCAL_NETWORKS, limits__greet_delay=5) as house:
        assert await session(house, TEXT + b"EHLO spam.test\r\n") == b"554 5.5.1 Protocol error\r\n"
        assert await recorded(house) == [("192.0.2.7", 4711, "smtp.proxy_listen", "early talker")]


@pytest.mark.parametrize(
    "said",
    [
        b"EHLO client.test\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.25 4711\r\n",
        b"PROXY UNKNOWN\r\n",
        binary(0x20, 0x00, b""),
        binary(0x21, 0x31, bytes(216)),
        b"PROXY " + b"x" * 200,
    ],
)
async def test_without_a_header_for_somebody_there_is_no_word(tmp_path: Path, said: bytes) -> None:
    async with SmtpHouse(tmp_path, tls=False, smtp__proxy_from=LOCAL_NETWORKS) as house:
        with contextlib.suppress(ConnectionResetError):
            assert await session(house, said) == b""
        assert await recorded(house) == []
        assert not house.front.connections.open


async def test_other_networks_are_closed_at_once(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False, smtp__proxy_from=("192.0.2.0/24", "2001:db8::/32")) as house:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            assert await session(house, TEXT) == b""
        assert await recorded(house) == []


async def test_a_late_header_is_not_waited_for(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False, smtp__proxy_from=LOCAL_NETWORKS) as house:
        house.front.limits = msgspec.structs.replace(house.front.limits, proxy_wait=0.05)
        for start in (b"", TEXT[:20], BINARY[:20]):
            with contextlib.suppress(ConnectionResetError):
                assert await session(house, start) == b""
        assert await recorded(house) == []


async def counted(house: SmtpHouse, number: int) -> None:
    async with asyncio.timeout(LIMIT):
        while True:
            if house.front.connections.open == number:
                return
            await asyncio.sleep(0)


async def test_who_waits_for_its_header_takes_a_place(tmp_path: Path) -> None:
    """One of all, none of the proxy's own; then it is the place of whoever is named, or nobody's."""
    limits = {"limits__connections_total": 4, "limits__connections_per_address": 1}
    async with SmtpHouse(tmp_path, tls=False, smtp__proxy_from=LOCAL_NETWORKS, **limits) as house:
        waiting = [await asyncio.open_connection("127.0.0.1", house.proxy_port) for _ in range(4)]
        await counted(house, 4)
        assert house.front.connections.stressed
        reader, writer = await house.connect()
        async with asyncio.timeout(LIMIT):
            assert await reader.read() == b"421 4.3.2 Too many connections\r\n"
        writer.close()
        for number, (reader, writer) in enumerate(waiting[:2]):
            writer.write(TEXT.replace(b"192.0.2.7", b"192.0.2.%d" % number))
            assert await reader.readline() == b"220 mx.test ESMTP\r\n"
        assert house.front.connections.open == 4
        for _, writer in waiting[2:]:
            writer.close()
        await counted(house, 2)
        reader, writer = await house.connect()
        assert await reader.readline() == b"220 mx.test ESMTP\r\n"
        for _, one in (*waiting[:2], (reader, writer)):
            one.close()
        await counted(house, 0)


async def test_only_so_many_wait_for_their_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond them a connection is closed at once, also where nothing else has a bound."""
    monkeypatch.setattr(listeners, "MAX_WAITING", 3)
    limits = {"limits__connections_total": 0}
    async with SmtpHouse(tmp_path, tls=False, smtp__proxy_from=LOCAL_NETWORKS, **limits) as house:
        waiting = [(await asyncio.open_connection("127.0.0.1", house.proxy_port))[1] for _ in range(3)]
        await counted(house, 3)
        with contextlib.suppress(ConnectionResetError):
            assert await session(house, TEXT) == b""
        waiting[0].close()
        await counted(house, 2)
        assert await session(house, TEXT + b"QUIT\r\n") == b"220 mx.test ESMTP\r\n221 2.0.0 Bye\r\n"
        for writer in waiting[1:]:
            writer.close()


async def test_on_an_ordinary_port_it_is_an_unknown_command(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False, smtp__proxy_from=LOCAL_NETWORKS) as house:
        reader, writer = await house.connect()
        writer.write(TEXT)
        assert await reader.readline() == b"220 mx.test ESMTP\r\n"
        assert await reader.readline() == b"500 5.5.2 Unknown command\r\n"
        writer.close()


async def test_a_stop_ends_a_wait_for_a_header(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, tls=False, smtp__proxy_from=LOCAL_NETWORKS) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.proxy_port)
        writer.write(b"PROXY")
        await writer.drain()
        await house.listeners.drain(5)
        async with asyncio.timeout(LIMIT):
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        writer.close()
