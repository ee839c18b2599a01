"""`trace.show`: which session an id finds, and why it may find none."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.control.house import Caller, House, LiveInfo, Progress
from appliance.control.reply import NOT_FOUND, USAGE, VerbError
from appliance.control.table import run_verb
from appliance.identity.password import Parameters, Passwords
from appliance.ids import IdMaker, first_id, id_text
from appliance.mail.envelope import Peer
from appliance.mail.session_record import EventRecord, ImapSessionRecord
from appliance.sessions import Sessions
from config.places import resolve
from config.settings import Records, Server, Settings
from tests.record_rows import SESSION, TRACE, message, session, transaction
from tests.store_house import SECOND, START, StoreHouse

DAY = 86_400 * SECOND


async def _quiet(_: Progress) -> None:
    pass


class Desk(StoreHouse):
    """A store, and the verbs on it; sessions may be live."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "data")
        self.passwords = Passwords(Parameters(memory_kib=8, passes=1, lanes=1))
        self.live = Sessions()
        settings = Settings(
            server=Server(data_dir=str(directory / "data"), hostname="mail.test", disk_reserve=0),
            records=Records(days=30),
        )
        info = LiveInfo(1, START, dict, dict, self.live)
        places = resolve(settings, {})
        self.house = House(settings, places, self.store, self.passwords, lambda: self.time, info)

    async def ask(self, id: int | str, *, offline: bool = False) -> dict[str, Any]:
        house = msgspec.structs.replace(self.house, live=None) if offline else self.house
        text = id if isinstance(id, str) else id_text(id)
        found = await run_verb(house, Caller("cli:0", _quiet), "trace.show", {"id": text})
        assert isinstance(found, dict)
        return found

    async def refused(self, id: int | str, **options: bool) -> tuple[int, str]:
        with pytest.raises(VerbError) as caught:
            await self.ask(id, **options)
        return caught.value.code, str(caught.value)

    async def ran(self, started: int, alive: int, stopped: int | None) -> None:
        await self.sql("INSERT INTO uptime VALUES (?, ?, ?, ?)", (started, started, alive, stopped))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    opened = Desk(tmp_path)
    yield opened
    opened.passwords.close()
    opened.close()


async def test_by_the_session_or_by_any_of_its_messages(desk: Desk) -> None:
    ann = await desk.account("ann@one.test")
    ended = session(ended=START + 3 * SECOND, outcome="quit", account=ann.id)
    refused = transaction("x@one.test", id=TRACE + 1, number=2, outcome="aborted")
    event = EventRecord(TRACE + 1, START, "rcpt", "unknown", 550, "5.1.1 no", {"recipient": 1})
    first = message("ann@one.test").transaction
    desk.store.record.remember(ended, (first, refused), (event,))
    found = await desk.ask(SESSION)  # what is not written yet is written first
    assert found == await desk.ask(TRACE) == await desk.ask(id_text(TRACE + 1).upper(), offline=True)
    assert (found["kind"], found["id"], found["account"]) == ("smtp", id_text(SESSION), "ann@one.test")
    assert (found["outcome"], found["seconds"], found["open"], found["folded"]) == ("quit", 3.0, False, 1)
    assert [one["id"] for one in found["transactions"]] == [id_text(TRACE), id_text(TRACE + 1)]
    assert found["transactions"][0]["recipients"][0]["address"] == "ann@one.test"
    assert [(one["trace"], one["facts"]) for one in found["events"]] == [(id_text(TRACE + 1), {"recipient": 1})]


async def test_an_imap_session(desk: Desk) -> None:
    desk.store.record.remember_imap(ImapSessionRecord(SESSION, "192.0.2.9", START, 5, ended=START, outcome="logout"))
    found = await desk.ask(SESSION)
    assert (found["kind"], found["account"], found["outcome"]) == ("imap", f"{id_text(5)} (gone)", "logout")


async def test_what_goes_on(desk: Desk) -> None:
    desk.live.open(SESSION, "smtp", Peer("192.0.2.7", 25), START, lambda: None)
    imap = desk.live.open(SESSION + 1, "imaps", Peer("192.0.2.8", 99), START, lambda: None)
    imap.introduce("Thunderbird")
    assert (await desk.ask(SESSION))["open"]
    assert (await desk.ask(SESSION + 1))["client"] == "Thunderbird"
    desk.store.record.remember(session(), (transaction("x@one.test", outcome="refused"),))
    found = await desk.ask(TRACE)
    assert (found["open"], found["ended"], len(found["transactions"])) == (True, None, 1)
    desk.store.record.remember(session(ended=START + SECOND, outcome="quit"))
    assert not (await desk.ask(SESSION))["open"]  # though its peer may take a moment to go


async def test_privacy_is_named(desk: Desk) -> None:
    await desk.domain("one.test", privacy="no-subjects")
    await desk.domain("two.test", privacy="metadata")
    one = transaction("ann@one.test", size=10)
    two = transaction("bob@two.test", id=TRACE + 1, session=SESSION + 1, size=10)
    desk.store.record.remember(session(ended=START, outcome="quit"), (one,))
    desk.store.record.remember(session(SESSION + 1, ended=START, outcome="quit"), (two,))
    found = await desk.ask(SESSION)
    assert (found["withheld"], found["transactions"][0]["withheld"]) == (None, "no-subjects")
    found = await desk.ask(SESSION + 1)
    assert (found["withheld"], found["transactions"][0]["withheld"]) == ("metadata", "metadata")


@pytest.mark.parametrize("text", ["", "x", "0cnf0ss00000u", "0cnf0ss0000000", "zzzzzzzzzzzzz"])
async def test_what_is_no_id(desk: Desk, text: str) -> None:
    code, line = await desk.refused(text)
    assert code == USAGE
    assert line.startswith("not an id")


async def test_why_there_is_no_record(desk: Desk) -> None:
    """START is 2023-11-14 22:13:20 UTC."""
    await desk.ran(START - 20 * DAY, START - 10 * DAY, START - 10 * DAY)
    await desk.ran(START - 9 * DAY, START, None)

    async def line(at: int) -> str:
        code, said = await desk.refused(first_id(at), offline=True)
        assert code == NOT_FOUND
        return said.replace(id_text(first_id(at)), "ID")

    assert await line(START) == "no session and no message ID is on record"
    assert await line(START - 15 * DAY) == "no session and no message ID is on record"
    assert await line(START - 9 * DAY - 3600 * SECOND) == (
        "no record of ID of 2023-11-05 21:13:20 UTC: "
        "nothing was recorded from 2023-11-04 22:13:20 UTC to 2023-11-05 22:13:20 UTC"
    )
    assert await line(START - 25 * DAY) == (
        "no record of ID of 2023-10-20 22:13:20 UTC: nothing was recorded before 2023-10-25 22:13:20 UTC"
    )
    assert await line(START - 31 * DAY) == (
        "no record of ID of 2023-10-14 22:13:20 UTC any more: records are kept for 30 days ([records] days)"
    )


async def test_an_id_of_the_future(desk: Desk) -> None:
    await desk.ran(START - DAY, START, None)
    future = IdMaker(lambda: START + DAY)()
    assert await desk.refused(future) == (NOT_FOUND, f"no session and no message {id_text(future)} is on record")
