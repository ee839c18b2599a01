"""The record has its days: what is older goes, in slices and from the bottom up; what hangs loose is found."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.ids import IdMaker
from appliance.mail.session_record import EventRecord, ImapSessionRecord
from appliance.store import record_upkeep
from appliance.store.record_upkeep import DAY, RECORD_DAYS
from appliance.store.store import open_store
from appliance.store.uptime import Uptime
from tests.record_rows import recipient, session, transaction
from tests.store_house import SECOND, START, StoreHouse

TABLES = ["smtp_session", "smtp_transaction", "smtp_recipient", "event", "imap_session", "uptime"]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[StoreHouse]:
    opened = StoreHouse(tmp_path / "data")
    opened.ids = IdMaker(lambda: opened.time, 1)
    yield opened
    opened.close()


async def fill(house: StoreHouse, count: int = 1) -> None:
    """Sessions with a transaction each, IMAP sessions, and a run of the server."""
    for _ in range(count):
        first, mail = house.ids(), house.ids()
        to = (recipient("a@far.test"), recipient("b@far.test"))
        mails = (transaction(id=mail, session=first, recipients=to, at=house.time),)
        events = (EventRecord(mail, house.time, "rcpt", "unknown"),)
        house.store.record.remember(session(first, started=house.time), mails, events)
        house.store.record.remember_imap(ImapSessionRecord(house.ids(), "192.0.2.9", house.time, ended=house.time + 1))
    await house.store.record.flush()
    uptime = Uptime(house.store.engine)
    await uptime.start()
    await uptime.stop()


def counts(house: StoreHouse) -> list[int]:
    return [house.count(table) for table in TABLES]


async def test_it_goes_after_its_days_and_not_before(house, monkeypatch) -> None:
    monkeypatch.setattr(record_upkeep, "SLICE", 7)
    monkeypatch.setattr("appliance.store.upkeep.RECORD_SLICE", 7)
    await fill(house, 30)
    house.time += RECORD_DAYS * DAY - SECOND
    await fill(house, 2)
    assert (await house.store.upkeep.purge(strays=False)).records == 0
    assert counts(house) == [32, 32, 64, 32, 32, 2]
    house.time += 2 * SECOND
    assert (await house.store.upkeep.purge(strays=False)).records == 30 * 6 + 1
    assert counts(house) == [2, 2, 4, 2, 2, 1]


async def test_a_session_stays_as_long_as_its_last_transaction(house) -> None:
    first, mail = house.ids(), house.ids()
    house.store.record.remember(session(first), (transaction("x@far.test", id=mail, session=first),))
    await house.store.record.flush()
    house.time += 600 * SECOND
    late = transaction("x@far.test", id=house.ids(), session=first, number=2, at=house.time)
    house.store.record.remember(session(first, ended=house.time, outcome="quit"), (late,))
    await house.store.record.flush()
    house.time += RECORD_DAYS * DAY - SECOND
    await house.store.upkeep.purge(strays=False)
    assert house.store.traces.session(first).transactions == (late,)
    assert await house.store.check.check() == ()
    house.time += 2 * SECOND
    await house.store.upkeep.purge(strays=False)
    assert counts(house) == [0] * 6


async def test_an_imap_session_stays_for_its_days_after_its_end(house) -> None:
    opened = ImapSessionRecord(house.ids(), "192.0.2.9", START)
    house.time += RECORD_DAYS * DAY + SECOND
    house.store.record.remember_imap(ImapSessionRecord(opened.id, opened.peer, START, ended=house.time))
    await house.store.record.flush()
    await house.store.upkeep.purge(strays=False)
    assert house.count("imap_session") == 1


async def test_no_days_is_for_ever(tmp_path) -> None:
    now = START
    store = open_store(tmp_path / "data", now=lambda: now, ids=IdMaker(lambda: now), record_days=0)
    store.record.remember(session(1, ended=START))
    await store.record.flush()
    now += 1000 * DAY
    assert (await store.upkeep.purge(strays=False)).records == 0
    store.close()


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("DELETE FROM smtp_session", "transaction-without-session"),
        ("DELETE FROM smtp_transaction", "recipient-without-transaction"),
    ],
)
async def test_what_hangs_loose_is_found_and_put_right(house, sql, kind) -> None:
    await fill(house, 3)
    assert await house.store.check.check() == ()
    await house.sql(sql)
    found = await house.store.check.check()
    assert [finding.kind for finding in found] == [kind] * 3
    assert all("\n" not in finding.text for finding in found)
    assert await house.store.check.fix(found, "cli:0") == found
    assert await house.store.check.check() == ()


async def test_transactions_that_lost_their_session_can_be_shown_again(house) -> None:
    await fill(house)
    (trace,) = house.reader.execute("SELECT id FROM smtp_transaction").fetchone()
    await house.sql("DELETE FROM smtp_session")
    assert house.store.traces.find(trace) is None
    await house.store.check.fix(await house.store.check.check(), "cli:0")
    found = house.store.traces.find(trace)
    assert (found.session.outcome, [one.id for one in found.transactions]) == ("not on record", [trace])


async def test_many_of_them_are_found_too(house) -> None:
    await fill(house, 450)
    await house.sql("DELETE FROM smtp_session")
    found = await house.store.check.check()
    assert len(found) == 450
