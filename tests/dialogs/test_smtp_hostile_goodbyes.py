"""421 from outside the dialogue, in each TLS mode: no place, the server stops, the administrator, a fault of ours."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.hostile import ANN, MODES, Peer, Street, in_data, ready

SHUTTING_DOWN = "421 4.3.2 Shutting down"
KICKED = "421 4.3.2 Session ended by the administrator"
PLACES = ("greeted", "in a transaction", "in data")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    async with Street(tmp_path_factory.mktemp("street")) as opened:
        yield opened


async def placed(street: Street, mode: str, place: str) -> Peer:
    if place == "in data":
        peer = await in_data(street, mode)
        await peer.send(b"From: ann@one.test\r\n\r\nhalf\r\n.\r")
        return peer
    peer = await ready(street, mode)
    if place == "in a transaction":
        await peer.says(f"MAIL FROM:<{ANN}>", "250 2.1.0 Sender OK")
        await peer.says(f"RCPT TO:<{ANN}>", "250 2.1.5 Recipient OK")
    return peer


@pytest.mark.parametrize(
    ("bound", "word"),
    [
        ({"connections_total": 1}, "421 4.3.2 Too many connections"),
        ({"connections_per_address": 1}, "421 4.7.0 Try again later"),
    ],
)
@pytest.mark.parametrize("first", MODES)
async def test_no_place(tmp_path: Path, bound: dict[str, Any], word: str, first: str) -> None:
    """Every door counts, in any mode; where TLS comes first there is no word without it, and no handshake either."""
    async with Street(tmp_path, limits=bound) as street:
        inside = await ready(street, first, source="127.0.0.1")
        for port in (street.mx, street.submission):
            turned_away = await Peer.connect(street, port, source="127.0.0.1")
            await turned_away.ends(word)
        with pytest.raises((ConnectionError, OSError)):
            await Peer.connect(street, street.submissions, tls=True, source="127.0.0.1")
        await inside.says("NOOP", "250 2.0.0 OK")
        await inside.says("QUIT", "221 2.0.0 Bye")
        await inside.ends()
        await nobody_left(street)
        (await ready(street, "tls", source="127.0.0.1")).close()


async def nobody_left(street: Street) -> None:
    while True:
        if not len(street.appliance.sessions):
            return
        await asyncio.sleep(0)


async def test_the_server_stops(tmp_path: Path) -> None:
    """Wherever the peers are, all are told, and nothing half done is kept."""
    street = Street(tmp_path, limits={"drain_timeout": 0.2})
    await street.__aenter__()
    peers = [await placed(street, mode, place) for mode in MODES for place in PLACES]
    spool = street.directory / "data" / "spool"
    stop = asyncio.create_task(street.__aexit__(None, None, None))
    await asyncio.gather(*(peer.ends(SHUTTING_DOWN) for peer in peers))
    await stop
    assert list(spool.iterdir()) == []


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("place", PLACES)
async def test_the_administrator_ends_it(street: Street, mode: str, place: str) -> None:
    arrived = street.count(ANN)
    peer = await placed(street, mode, place)
    live = peer.live()
    assert live is not None
    live.end()
    await peer.ends(KICKED)
    assert street.count(ANN) == arrived


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("mode", MODES)
async def test_a_fault_of_ours(street: Street, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells nothing of itself, ends this session only, and leaves nothing."""
    front = street.appliance.submission if mode == "tls" else street.appliance.smtp
    peer, other = await placed(street, mode, "in a transaction"), await ready(street, mode)
    with monkeypatch.context() as broken:
        broken.setattr(front.receiver, "_store", None)
        await peer.send(b"RCPT TO:<bob@one.test>\r\n")
        await peer.ends("421 4.3.0 Internal error")
    await other.says("NOOP", "250 2.0.0 OK")
    other.close()
