"""TLS from the first octet: who gets through the handshake, who does not, and what the rest notices of it."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.smtp_house import SmtpHouse

LIMIT = 20.0


async def until(condition: Callable[[], bool]) -> None:
    while True:
        if condition():
            return
        await asyncio.sleep(0)


def client_context(*alpn: str, **versions: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    for name, version in versions.items():
        setattr(context, name, version)
    return context


async def banner(house: SmtpHouse, context: ssl.SSLContext) -> tuple[bytes, str | None]:
    async with asyncio.timeout(LIMIT):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.tls_port, ssl=context)
        line = await reader.readline()
        name = writer.get_extra_info("ssl_object").selected_alpn_protocol()
        writer.close()
        return line, name


@pytest.mark.parametrize(
    ("context", "agreed"),
    [
        (client_context(), None),
        (client_context("smtp"), "smtp"),
        (client_context("http/1.1", "smtp"), "smtp"),
        (client_context("smtp", maximum_version=ssl.TLSVersion.TLSv1_2), "smtp"),
    ],
)
async def test_a_client_that_offers_our_protocol_or_none_is_let_in(
    tmp_path: Path, context: ssl.SSLContext, agreed: str | None
) -> None:
    async with SmtpHouse(tmp_path) as house:
        assert await banner(house, context) == (b"220 mx.test ESMTP\r\n", agreed)


@pytest.mark.parametrize("context", [client_context("h2", "http/1.1"), client_context("imap")])
async def test_a_client_that_offers_other_protocols_gets_the_alert(tmp_path: Path, context: ssl.SSLContext) -> None:
    """A browser that was led here (ALPACA), RFC 7301 §3.2."""
    async with SmtpHouse(tmp_path) as house:
        with pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"):
            await banner(house, context)
        assert not house.front.connections.open


async def client_hello(context: ssl.SSLContext) -> bytes:
    sent = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), sent)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return sent.read()


async def test_a_hello_in_pieces_is_waited_for(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path) as house:
        for alpn, answer in (("smtp", 22), ("h2", 21)):
            hello = await client_hello(client_context(alpn))
            reader, writer = await asyncio.open_connection("127.0.0.1", house.tls_port)
            for at in range(0, len(hello), 100):
                writer.write(hello[at : at + 100])
                await writer.drain()
                await asyncio.sleep(0)
            async with asyncio.timeout(LIMIT):
                assert (await reader.read(1))[0] == answer  # a handshake message, or the alert
            writer.close()


@pytest.mark.parametrize(
    "said", [b"", b"\x16", b"\x16\x03\x01\x02", b"EHLO client.test\r\n", b"GET / HTTP/1.1\r\n\r\n"]
)
async def test_a_handshake_that_never_is_gives_its_place_back(tmp_path: Path, said: bytes) -> None:
    async with SmtpHouse(tmp_path, limits__connections_total=1) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.tls_port)
        writer.write(said)
        writer.write_eof()
        async with asyncio.timeout(LIMIT):
            with contextlib.suppress(ConnectionResetError):
                await reader.read()
            await until(lambda: not house.front.connections.open)
        writer.close()
        assert house.front.sessions == set()
        assert await banner(house, client_context()) == (b"220 mx.test ESMTP\r\n", None)


async def test_a_place_is_taken_before_the_handshake(tmp_path: Path) -> None:
    async with SmtpHouse(tmp_path, limits__connections_total=1) as house:
        _, slow = await asyncio.open_connection("127.0.0.1", house.tls_port)
        async with asyncio.timeout(LIMIT):
            await until(lambda: house.front.connections.open > 0)
            refused, _ = await asyncio.open_connection("127.0.0.1", house.tls_port)
            assert await refused.read() == b""
            reader, _ = await house.connect()
            assert await reader.read() == b"421 4.3.2 Too many connections\r\n"
        slow.close()


@pytest.mark.parametrize("end", ["drain", "kick"])
async def test_a_handshake_under_way_can_be_ended(tmp_path: Path, end: str) -> None:
    async with SmtpHouse(tmp_path) as house:
        reader, _ = await asyncio.open_connection("127.0.0.1", house.tls_port)
        async with asyncio.timeout(LIMIT):
            await until(lambda: bool(house.front.sessions))
            (session,) = house.front.sessions
            if end == "kick":
                session.kick()
            else:
                await house.listeners.drain(5)
            assert await reader.read() == b""
            await until(lambda: not house.front.connections.open)


@pytest.mark.parametrize(("end", "outcome"), [("drain", "shutdown"), ("kick", "kicked")])
async def test_nothing_is_said_in_clear_within_a_handshake(tmp_path: Path, end: str, outcome: str) -> None:
    async with SmtpHouse(tmp_path) as house:
        reader, writer = await house.connect()
        async with asyncio.timeout(LIMIT):
            writer.write(b"EHLO client.test\r\n")
            while not (await reader.readline()).startswith(b"250 "):
                pass
            writer.write(b"STARTTLS\r\n")
            assert (await reader.readline()).startswith(b"220 ")
            (session,) = house.front.sessions
            await until(lambda: session.phase == "handshake")
            if end == "kick":
                session.kick()
            else:
                await house.listeners.drain(60)
            assert await reader.read() == b""
            await until(lambda: not house.front.connections.open)
        await house.store.record.flush()
        stored = house.store.traces.session(session.facts.id)
        assert stored is not None
        assert (stored.session.outcome, stored.session.tls_failure) == (outcome, "")
        assert "* not sent, as a handshake is under way: 421 4.3.2 S" in stored.session.transcript
