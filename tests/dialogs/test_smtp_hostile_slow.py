"""Peers that take their time: 421 4.4.2 by silence, before DATA, by the rate of DATA, and by the session's whole age.

RFC 5321 §4.5.3.2.7. The bounds are tiny here; what waits, waits in parallel.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest
import pytest_asyncio

from tests.hostile import ANN, LIMIT, MODES, Peer, Street, greeted, in_data, ready

pytestmark = pytest.mark.asyncio(loop_scope="module")

TIMEOUT = "421 4.4.2 Timeout"
TINY, STEP = 0.3, 0.05
FREE = {"command_timeout": 0.0, "pre_data_timeout": 0.0, "session_timeout": 0.0, "data_min_rate": 0}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    async with Street(tmp_path_factory.mktemp("street")) as opened:
        yield opened


def bounded(street: Street, **limits: float) -> None:
    """From now on only these bounds hold."""
    for front in (street.appliance.smtp, street.appliance.submission):
        front.limits = msgspec.structs.replace(front.limits, **FREE | limits)


async def half_a_line(street: Street, mode: str) -> Peer:
    peer = await ready(street, mode)
    await peer.send(b"MAIL FROM:<an")
    return peer


async def half_a_long_line(street: Street, mode: str) -> Peer:
    peer = await ready(street, mode)
    await peer.send(b"x" * 5000)
    return peer


async def in_transaction(street: Street, mode: str) -> Peer:
    peer = await ready(street, mode)
    await peer.says(f"MAIL FROM:<{ANN}>", "250 2.1.0 Sender OK")
    await peer.says(f"RCPT TO:<{ANN}>", "250 2.1.5 Recipient OK")
    return peer


async def half_a_message(street: Street, mode: str) -> Peer:
    peer = await in_data(street, mode)
    await peer.send(b"From: ann@one.test\r\n\r\nhalf\r\n.\r")
    return peer


async def in_a_refused_message(street: Street, mode: str) -> Peer:
    peer = await in_data(street, mode)
    await peer.send(b"bare\nline\r\n")
    return peer


async def in_auth(street: Street, mode: str) -> Peer:
    if mode == "plain":
        return await greeted(street, "plain", submission=True)
    peer = await greeted(street, mode, submission=True)
    await peer.send(b"EHLO peer.test\r\n")
    await peer.reply()
    await peer.says("AUTH LOGIN", "334 VXNlcm5hbWU6")
    return peer


PLACES: list[Callable[[Street, str], Awaitable[Peer]]] = [
    greeted,
    ready,
    half_a_line,
    half_a_long_line,
    in_transaction,
    in_data,
    half_a_message,
    in_a_refused_message,
    in_auth,
]


async def test_silence(street: Street) -> None:
    """Wherever the peer falls silent, and nothing it left half done is kept."""
    arrived = street.count(ANN)
    bounded(street, command_timeout=TINY)

    async def one(place: Callable[[Street, str], Awaitable[Peer]], mode: str) -> None:
        await (await place(street, mode)).ends(TIMEOUT)

    await asyncio.gather(*(one(place, mode) for place in PLACES for mode in MODES))
    assert street.count(ANN) == arrived
    assert list((street.directory / "data" / "spool").iterdir()) == []


async def babbling(peer: Peer, words: bytes, answer: str) -> None:
    """Until its time is over."""
    assert await peer.babbles(words, answer, STEP) == TIMEOUT
    await peer.ends()


@pytest.mark.parametrize(
    ("bound", "words", "answer"),
    [
        ("pre_data_timeout", b"NOOP\r\n", "250 2.0.0 OK"),
        ("pre_data_timeout", b"x", "nothing"),
        ("session_timeout", b"RSET\r\n", "250 2.0.0 OK"),
    ],
)
async def test_busy_without_a_message(street: Street, bound: str, words: bytes, answer: str) -> None:
    """Small talk, or an octet now and then, does not extend these."""
    bounded(street, command_timeout=LIMIT, **{bound: 2 * TINY})

    async def one(mode: str) -> None:
        await babbling(await ready(street, mode), words, answer)

    await asyncio.gather(*(one(mode) for mode in MODES))


async def one_without_a_message_is_sent_away(street: Street, mode: str) -> None:
    """The bound that holds for it is over by then, for whoever came before it, too."""
    await (await ready(street, mode)).ends(TIMEOUT)


async def test_a_message_in_time_ends_the_hurry_before_data(street: Street) -> None:
    bounded(street, pre_data_timeout=TINY)

    async def one(mode: str) -> None:
        peer = await in_data(street, mode)
        await one_without_a_message_is_sent_away(street, mode)
        await peer.send(b"From: ann@one.test\r\n\r\nx\r\n.\r\n")
        await peer.hears("250 2.0.0 OK ...")
        await one_without_a_message_is_sent_away(street, mode)
        await peer.says("NOOP", "250 2.0.0 OK")
        peer.close()

    await asyncio.gather(*(one(mode) for mode in MODES))


@pytest.mark.parametrize("bound", ["rate_grace", "session_timeout"])
async def test_a_trickle_of_data(street: Street, bound: str) -> None:
    """By its rate once the grace is over, and by the session's age at any rate; nothing of it is kept."""
    arrived = street.count(ANN)
    bounded(street, command_timeout=LIMIT, **{"rate_grace": LIMIT, bound: 2 * TINY, "data_min_rate": 10_000})

    async def one(mode: str) -> None:
        await babbling(await in_data(street, mode), b"From: ann@one.test\r\n\r\n", "nothing")

    await asyncio.gather(*(one(mode) for mode in MODES))
    assert street.count(ANN) == arrived


async def test_a_steady_sender_is_left_alone(street: Street) -> None:
    """Slow, but at the rate asked for, well beyond the grace."""
    bounded(street, command_timeout=LIMIT, rate_grace=TINY, data_min_rate=1000)

    async def one(mode: str) -> None:
        peer = await in_data(street, mode)
        await peer.send(b"From: ann@one.test\r\n\r\n")
        for _ in range(10):
            await peer.send(b"x" * 198 + b"\r\n")
            await asyncio.sleep(STEP)
        await peer.send(b".\r\n")
        await peer.hears("250 2.0.0 OK ...")
        peer.close()

    await asyncio.gather(*(one(mode) for mode in MODES))
