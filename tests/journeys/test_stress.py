"""Under stress strangers go within seconds, on every front; who has signed in keeps the time the protocol grants."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from appliance import connections
from imap import front as imap_front
from imap.front import Patience
from tests.hostile import MODES, Peer, Street, greeted, ready, ready_imap
from tests.imap_house import until

TOTAL = 40
MOMENT = 0.05
TIMEOUT = "421 4.4.2 Timeout"
AUTOLOGOUT = "* BYE Autologout: silent for too long"
OK = "250 2.0.0 OK"


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    async with Street(tmp_path, limits={"connections_total": TOTAL}) as opened:
        yield opened


@contextmanager
def crowded(street: Street) -> Iterator[None]:
    """All places but a few are taken; what stress leaves of the time is a moment."""
    counter, submission = street.appliance.submission.connections, street.appliance.submission
    before, submission.limits = submission.limits, msgspec.structs.replace(submission.limits, stress_patience=MOMENT)
    taken = [f"192.0.2.{number}" for number in range(int(TOTAL * 0.8) + 1 - counter.open)]
    for address in taken:
        assert counter.admit(address) is None
    assert counter.stressed
    yield
    for address in taken:
        counter.leave(address)
    submission.limits = before


@pytest.mark.parametrize("mode", ["starttls", "tls"])
async def test_who_has_signed_in_may_be_silent_on_submission(street: Street, mode: str) -> None:
    member, sender = [await ready(street, mode, submission=True) for _ in range(2)]
    stranger = await greeted(street, mode, submission=True)
    await in_text(sender)
    with crowded(street):
        await member.says("NOOP", OK)
        await sender.send(b"Subject: slow")
        await stranger.send(b"NOOP\r\n")
        await until_told(stranger, TIMEOUT)
        # Whoever came later is gone, so the moment is over for all.
        await member.says("NOOP", OK)
        await sender.says("\r\nFrom: ann@one.test\r\n\r\nx\r\n.", "250 2.0.0 OK ...")
        await member.says("QUIT", "221 2.0.0 Bye")
    for peer in (member, sender):
        peer.close()


async def in_text(peer: Peer) -> None:
    await peer.says("MAIL FROM:<ann@one.test>", "250 2.1.0 Sender OK")
    await peer.says("RCPT TO:<ann@one.test>", "250 2.1.5 Recipient OK")
    await peer.says("DATA", "354 End data with <CR><LF>.<CR><LF>")


async def until_told(peer: Peer, last: str) -> None:
    """It hears this, behind an answer or not, and then the end."""
    line = await peer.line()
    if line == OK:
        line = await peer.line()
    assert line == last
    await peer.ends()


@pytest.mark.parametrize("mode", MODES)
async def test_who_has_logged_in_may_be_silent_in_imap(
    street: Street, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between commands, in one, and in IDLE."""
    monkeypatch.setattr(connections, "STRESS_SECONDS", 0.0)
    monkeypatch.setattr(imap_front, "STRESS_SECONDS", MOMENT)  # how often a stranger is looked at
    street.appliance.imap.patience = Patience()
    members = [await ready_imap(street, mode, logged_in=True) for _ in range(3)]
    await members[1].send(b"a NO")
    await members[2].says("a IDLE", "+ ...")
    here = street.appliance.imap.connections()
    stranger = await ready_imap(street, mode)
    with crowded(street):
        await stranger.ends(AUTOLOGOUT)
        for connection in here:
            connection._tick()  # the look that each gets every five minutes
        await until(lambda: len(street.appliance.imap.connections()) == len(here))
        await members[0].says("z NOOP", "z OK NOOP completed")
        await members[1].says("OP", "a OK NOOP completed")
        await members[2].says("DONE", "a OK IDLE done")
    for peer in members:
        peer.close()
