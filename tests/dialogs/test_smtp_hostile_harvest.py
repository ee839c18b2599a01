"""Guessing recipients gets slow, then ends, and a new connection changes nothing (RFC 5321 §7.3)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.hostile import ANN, MODES, Peer, Street, in_data, ready

SLOW, MOST = 2, 4
OK = "250 2.1.5 Recipient OK"
ENDED = "421 4.7.0 Too many unknown recipients"
DOORS = [("plain", False), ("starttls", False), ("starttls", True), ("tls", True)]


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    """Slow from the third guess on, over with the fourth; what is slow takes no time here."""
    limits = {"unknown_recipients_slow": SLOW, "unknown_recipients": MOST}
    async with Street(tmp_path, limits=limits) as opened:
        for front in (opened.appliance.smtp, opened.appliance.submission):
            front.limits = msgspec.structs.replace(front.limits, slow_reply=0.0)
        yield opened


def unknown(n: int) -> str:
    return f"550 5.1.1 <u{n}@one.test>: no such user"


async def begun(street: Street, mode: str, source: str, *, submission: bool = False) -> Peer:
    peer = await ready(street, mode, source=source, submission=submission)
    await peer.says(f"MAIL FROM:<{ANN}>", "250 2.1.0 Sender OK")
    return peer


async def guess(street: Street, mode: str, source: str, times: int, *, submission: bool = False) -> None:
    """So many guesses in a session of their own, all of them answered."""
    peer = await begun(street, mode, source, submission=submission)
    for n in range(times):
        await peer.says(f"RCPT TO:<u{n}@one.test>", unknown(n))
    peer.close()


async def is_shut_out(street: Street, mode: str, source: str, *, submission: bool = False) -> bool:
    """Whether the first recipient of a new session, one that exists, is not even looked up."""
    peer = await begun(street, mode, source, submission=submission)
    await peer.send(f"RCPT TO:<{ANN}>\r\n".encode())
    answer = await peer.line()
    assert answer in (OK, ENDED)
    if answer == ENDED:
        await peer.ends()
    peer.close()
    return answer == ENDED


@pytest.mark.parametrize(("mode", "submission"), DOORS)
async def test_within_one_session(street: Street, mode: str, submission: bool) -> None:
    peer = await begun(street, mode, "127.0.0.1", submission=submission)
    await peer.send(b"".join(b"RCPT TO:<u%d@one.test>\r\n" % n for n in range(5)) + b"RCPT TO:<ann@one.test>\r\n")
    await peer.ends(unknown(0), unknown(1), unknown(2), ENDED)


@pytest.mark.parametrize("mode", ["plain", "starttls"])
async def test_a_new_connection_changes_nothing(street: Street, mode: str) -> None:
    await guess(street, mode, "127.0.0.1", 3)
    peer = await begun(street, mode, "127.0.0.1")
    await peer.says("RCPT TO:<ann@one.test>", OK)
    await peer.send(b"RCPT TO:<u3@one.test>\r\n")
    await peer.ends(ENDED)
    assert await is_shut_out(street, mode, "127.0.0.1")
    assert not await is_shut_out(street, mode, "127.0.0.2")  # a neighbour


@pytest.mark.parametrize("mode", ["plain", "starttls"])
async def test_five_bad_neighbours_shut_out_strangers_only(street: Street, mode: str) -> None:
    friend = await in_data(street, mode, source="127.0.0.200")
    await friend.send(b"From: ann@one.test\r\n\r\nx\r\n.\r\n")
    await friend.hears("250 2.0.0 OK ...")
    for host in range(1, 6):
        assert not await is_shut_out(street, mode, "127.0.0.100")
        for n in range(MOST):
            peer = await begun(street, mode, f"127.0.0.{host}")
            await peer.says(f"RCPT TO:<u{n}@one.test>", unknown(n) if n < MOST - 1 else ENDED)
            peer.close()
    shut = {host: await is_shut_out(street, mode, f"127.0.{host}") for host in ("0.1", "0.100", "0.200", "1.1")}
    assert shut == {"0.1": True, "0.100": True, "0.200": False, "1.1": False}
    assert not await is_shut_out(street, "tls", "127.0.0.1")  # signed in: the account counts


async def test_an_account_is_counted_wherever_it_is(street: Street) -> None:
    await guess(street, "tls", "127.0.0.1", 2)
    await guess(street, "starttls", "127.0.1.1", 1, submission=True)
    peer = await begun(street, "tls", "127.0.2.1")
    await peer.send(b"RCPT TO:<u3@one.test>\r\n")
    await peer.ends(ENDED)
    assert await is_shut_out(street, "starttls", "127.0.3.1", submission=True)
    assert not await is_shut_out(street, "plain", "127.0.0.1")


@pytest.mark.parametrize("mode", MODES)
async def test_a_message_halves_the_count(street: Street, mode: str) -> None:
    await guess(street, mode, "127.0.0.1", 3)
    peer = await in_data(street, mode, source="127.0.0.1")
    await peer.send(b"From: ann@one.test\r\n\r\nx\r\n.\r\n")
    await peer.hears("250 2.0.0 OK ...")
    peer.close()
    await guess(street, mode, "127.0.0.1", 2)
    assert not await is_shut_out(street, mode, "127.0.0.1")


@pytest.mark.parametrize("mode", MODES)
async def test_what_is_slow_waits_for_nobody_else(street: Street, mode: str) -> None:
    """The third guess is answered late, over sessions as within one; the loop serves others meanwhile."""
    await guess(street, mode, "127.0.0.1", 2)
    for front in (street.appliance.smtp, street.appliance.submission):
        front.limits = msgspec.structs.replace(front.limits, slow_reply=0.2)
    slow, other = await begun(street, mode, "127.0.0.1"), await begun(street, mode, "127.0.1.1")
    loop = asyncio.get_running_loop()
    began = loop.time()
    await slow.send(b"RCPT TO:<u2@one.test>\r\n")
    await other.says("RCPT TO:<ann@one.test>", OK)
    assert loop.time() - began < 0.2
    await slow.hears(unknown(2))
    assert loop.time() - began >= 0.2
    slow.close()
    other.close()
