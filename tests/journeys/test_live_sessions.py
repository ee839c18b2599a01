"""Sessions that end before their client wants: kicked, revoked, hurried, cut off for what they leave unread."""

from contextlib import suppress
from pathlib import Path

import pytest

from imap.commands import store_flags
from imap.front import Patience
from imap.unread import UnreadAnswers
from tests.imap_house import ImapHouse, Raw, play, until

BIG = b"Subject: big\r\n\r\n" + b"0123456789abcdef" * 64 * 1024 * 8


def test_an_idling_session_is_listed_and_kicked(tmp_path: Path) -> None:
    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        raw = await Raw.connect(house, address)
        await raw.command('a ID ("name" "Probe")')
        raw.send("b IDLE")
        await raw.line()
        (live,) = house.front.sessions.find(account=address, protocol="imap")
        assert (live.client, live.peer.address, live.tls_version) == ("Probe", "127.0.0.1", "")
        assert live.received > 20
        assert live.sent > 100
        assert house.front.sessions.end(live.id) is live
        assert await raw.line() == b"* BYE [UNAVAILABLE] Session ended by the administrator\r\n"
        assert await raw.line() == b""
        await until(lambda: not len(house.front.sessions))

    play(ImapHouse(tmp_path), journey)


@pytest.mark.parametrize("act", ["suspend", "revoke"])
def test_what_opened_it_no_longer_would(tmp_path: Path, act: str) -> None:
    """Every session of the account ends at once, those of others stay."""

    async def journey(house: ImapHouse) -> None:
        joe, ann = await house.account("joe"), await house.account("ann")
        first, second, other = [await Raw.connect(house, address) for address in (joe, joe, ann)]
        first.send("a IDLE")
        await first.line()
        await getattr(house, act)(joe)
        for raw in (first, second):
            assert (await raw.line()).startswith(b"* BYE [UNAVAILABLE] Session ended: ")
            assert await raw.line() == b""
        assert (await other.command("a NOOP"))[-1].startswith(b"a OK")
        assert [live.account for live in house.front.sessions] == [ann]

    play(ImapHouse(tmp_path), journey)


def test_under_stress_strangers_go_and_those_who_logged_in_stay(tmp_path: Path) -> None:
    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        known = await Raw.connect(house, address)
        stranger = await Raw.connect(house)
        assert house.front.hurried(300) == 300
        house.front.stressed = lambda: True
        assert house.front.hurried(300) == 10
        house.front.patience = Patience(login=0.05)
        assert (await stranger.line()).startswith(b"* BYE Autologout")
        assert (await known.command("a NOOP"))[-1].startswith(b"a OK")

    play(ImapHouse(tmp_path, patience=Patience(stalled=0.2)), journey)


def test_all_slow_readers_together_have_a_bound(tmp_path: Path) -> None:
    """The one that has stalled longest goes first."""

    async def journey(house: ImapHouse) -> None:
        house.front.unread = UnreadAnswers(1_000_000)
        address = await house.account("joe")
        await house.deliver(address, message=BIG)
        slow = []
        for _ in range(6):
            raw = await Raw.connect(house, address)
            await raw.command("a SELECT INBOX")
            raw.pause()
            raw.send("b FETCH 1 BODY.PEEK[]")
            slow.append(raw)
        # Who is cut off is gone a turn of the loop later.
        await until(lambda: len(house.front.connections()) < len(slow) and house.front.unread.octets <= 1_000_000)
        quick = await Raw.connect(house, address)
        assert (await quick.command("a NOOP"))[-1].startswith(b"a OK")
        assert house.front.connections()

    play(ImapHouse(tmp_path), journey)


def test_a_mailbox_has_a_bound_of_keywords(tmp_path: Path) -> None:
    """Five hundred, by STORE or APPEND; those it knows go on, and flags do."""

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        for _ in range(9):
            await house.deliver(address)
        raw = await Raw.connect(house, address)
        await raw.command("a SELECT INBOX")
        for number in range(8):
            words = " ".join(f"k{number * 62 + i}" for i in range(62))
            assert (await raw.command(f"b STORE {number + 1} FLAGS.SILENT ({words})"))[-1].startswith(b"b OK")
        assert (await raw.command("c STORE 9 +FLAGS (k496 k497 k498 k499)"))[-1].startswith(b"c OK")
        assert (await raw.command("d STORE 1 +FLAGS (one.more)"))[-1].startswith(b"d NO [LIMIT] ")
        assert (await raw.command("e STORE 1 -FLAGS (one.more)"))[-1].startswith(b"e OK")
        assert (await raw.command("f STORE 9 FLAGS (K7 \\Seen)"))[-1].startswith(b"f OK")
        raw.send("g APPEND INBOX (one.more) {16+}\r\nSubject: x\r\n\r\ny\r")
        assert (await raw.answer("g"))[-1].startswith(b"g NO [LIMIT] ")
        raw.send("h APPEND INBOX (k7) {16+}\r\nSubject: x\r\n\r\ny\r")
        assert (await raw.answer("h"))[-1].startswith(b"h OK")

    play(ImapHouse(tmp_path), journey)


def test_flags_of_many_messages_are_changed_in_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is told once, in order, and all are stored; a silent one tells nothing."""
    monkeypatch.setattr(store_flags, "SLICE", 4)

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        for _ in range(11):
            await house.deliver(address)
        raw, other = await Raw.connect(house, address), await Raw.connect(house, address)
        await raw.command("a SELECT INBOX")
        await other.command("a EXAMINE INBOX")
        told = await raw.command("b STORE 1:* +FLAGS (\\Seen)")
        assert told[:-1] == [b"* %d FETCH (FLAGS (\\Seen \\Recent))\r\n" % number for number in range(1, 12)]
        assert (await raw.command("c STORE 1:* +FLAGS.SILENT (\\Flagged $Todo)"))[-1:][0].startswith(b"c OK")
        news = await other.command("d NOOP")
        assert sum(b"FETCH" in line and b"\\Flagged" in line and b"$Todo" in line for line in news) == 11

    play(ImapHouse(tmp_path), journey)


def test_the_time_to_log_in_is_one_for_all_commands(tmp_path: Path) -> None:
    """Whatever a stranger says meanwhile gives it no more time."""

    async def journey(house: ImapHouse) -> None:
        raw = await Raw.connect(house)
        line, count = b"a OK", 0
        while line.startswith(b"a OK"):
            raw.send("a NOOP")
            line, count = await raw.line(), count + 1
        assert line.startswith(b"* BYE Autologout")
        assert count > 1

    play(ImapHouse(tmp_path, patience=Patience(login=0.2)), journey)


def test_a_stranger_that_never_pauses_is_ended_as_well(tmp_path: Path) -> None:
    """Between two commands of a pipeline without end."""

    async def journey(house: ImapHouse) -> None:
        raw = await Raw.connect(house)
        (connection,) = house.front.connections()
        with suppress(ConnectionError):
            while True:
                raw.send("\r\n".join(["a NOOP"] * 500))
                for _ in range(500):
                    if not (await raw.line()).startswith(b"a OK"):
                        raise ConnectionResetError
        await until(lambda: not house.front.connections())
        assert connection.session is not None
        assert connection.session.leaving is not None or connection.session.outcome == "timeout"

    play(ImapHouse(tmp_path, patience=Patience(login=0.2, linger=0.1)), journey)


@pytest.mark.parametrize(
    ("silent", "signed_in", "unread", "stress", "left"),
    [
        (0, False, False, False, 300),
        (0, False, False, True, 10),
        (20, False, False, True, -10),
        (20, True, False, True, 1780),
        (20, True, True, True, 280),
        (20, False, True, True, -10),
    ],
)
def test_patience(silent: float, signed_in: bool, unread: bool, stress: bool, left: float) -> None:
    assert Patience().left(silent, signed_in=signed_in, unread=unread, stress=stress) == left


def test_a_message_that_trickles_in_is_given_up(tmp_path: Path) -> None:
    """It has to come at least at the rate of SMTP's DATA, after a minute."""

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        raw = await Raw.connect(house, address)
        raw.send("a APPEND INBOX {100000}")
        assert (await raw.line()).startswith(b"+ ")
        raw.writer.write(b"x" * 6500)
        (connection,) = house.front.connections()
        upload = connection._intake.upload
        assert upload is not None
        await until(lambda: upload.spool.size == 6500)
        came = [upload.trickles(upload.since + seconds, 100) for seconds in (59, 61, 64, 66)]
        assert came == [False, False, False, True]
        assert not upload.trickles(upload.since + 9999, 0)
        upload.since -= 66
        connection._tick()
        assert (await raw.line()).startswith(b"* BYE Autologout")

    play(ImapHouse(tmp_path), journey)


@pytest.mark.parametrize("end", ["logout", "lost", "kicked", "revoked", "timeout", "unread answers", "server stopped"])
def test_the_record_is_told_of_login_and_end(tmp_path: Path, end: str) -> None:
    """Twice for each session in which somebody logged in; how it ended is one of a few words."""
    noted: list[tuple[str, str, int | None]] = []

    async def journey(house: ImapHouse) -> None:
        house.front.note = lambda live, outcome, ended: noted.append((live.account, outcome, ended))
        address = await house.account("joe")
        await house.deliver(address, message=BIG)
        stranger, raw = await Raw.connect(house), await Raw.connect(house, address)
        stranger.writer.close()
        await until(lambda: len(house.front.sessions) == 1)
        assert noted == [(address, "", None)]
        (live,) = house.front.sessions
        if end == "logout":
            await raw.command("a LOGOUT")
        elif end == "lost":
            raw.writer.close()
        elif end == "kicked":
            house.front.sessions.end(live.id)
        elif end == "revoked":
            await house.suspend(address)
        elif end == "timeout":
            house.front.patience = Patience(autologout=0.0, linger=0.1)
            house.front.connections()[0]._tick()
        elif end == "server stopped":
            await house.listeners.drain(5)
        else:
            house.front.unread = UnreadAnswers(0)
            await raw.command("a SELECT INBOX")
            raw.pause()
            raw.send("b FETCH 1 BODY.PEEK[]")
        await until(lambda: len(noted) == 2)
        who, outcome, ended = noted[1]
        assert (who, outcome, ended is not None) == (address, end, True)

    play(ImapHouse(tmp_path), journey)
