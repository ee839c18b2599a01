"""What comes behind: written soon, many sessions at once, bounded, and never lost without a word."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.mail.session_record import EventRecord, ImapSessionRecord
from appliance.store import record, record_queue
from appliance.store.errors import StoreFull
from appliance.store.floods import EACH, WINDOW, Floods
from appliance.store.record_rows import MAX_TEXT
from tests.record_rows import SESSION, TRACE, recipient, session, transaction
from tests.store_house import SECOND, START, StoreHouse


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[StoreHouse]:
    opened = StoreHouse(tmp_path / "data")
    yield opened
    opened.close()


def refused(id: int = TRACE, **changes):
    return transaction(id=id, recipients=(recipient("x@far.test", code=550, outcome="refused"),), **changes)


def ended(id: int, outcome: str = "refused", **changes):
    return session(id, ended=changes.get("started", START) + 1, outcome=outcome, **changes)


def losses(house: StoreHouse) -> list[tuple[str, dict]]:
    rows = house.reader.execute("SELECT trace FROM event WHERE stage = 'record'").fetchall()
    found = []
    for (trace,) in rows:
        found += [(one.rule, one.facts) for one in house.store.traces.session(trace).events]
    return found


async def test_a_session_from_its_first_refusal_to_its_end(house):
    checked = EventRecord(TRACE, START, "rcpt", "unknown", 550, "5.1.1 No", {"tries": 3})
    house.store.record.remember(session(), (refused(),), (checked,))
    await house.store.record.flush()
    found = house.store.traces.session(SESSION)
    assert (found.session, found.transactions, found.events) == (session(), (refused(),), (checked,))
    house.store.record.remember(session(), (refused(TRACE + 1, number=2),))
    over = ended(SESSION, "quit", tls_version="TLSv1.3", helo="other.test", account=7, transcript="all\n")
    house.store.record.remember(over)
    await house.store.record.flush()
    found = house.store.traces.session(SESSION)
    assert (found.session, [one.id for one in found.transactions]) == (over, [TRACE, TRACE + 1])


async def test_one_that_has_ended_is_not_opened_again(house):
    over = ended(SESSION, "quit")
    house.store.record.remember(over)
    await house.store.record.flush()
    house.store.record.remember(session(helo="later"), (refused(),))
    await house.store.record.flush()
    found = house.store.traces.session(SESSION)
    assert (found.session, len(found.transactions)) == (over, 1)


async def test_an_imap_session(house):
    opened = ImapSessionRecord(5, "192.0.2.9", START, 1, 2, "", "TLSv1.3", "AES")
    over = ImapSessionRecord(5, "192.0.2.9", START, 1, 2, "Probe 1.0", "TLSv1.3", "AES", START + 1, "logout", 10, 20)
    house.store.record.remember_imap(opened)
    await house.store.record.flush()
    assert house.store.traces.find(5) == opened
    house.store.record.remember_imap(over)
    house.store.record.remember_imap(over)
    await house.store.record.flush()
    assert house.store.traces.find(5) == over


async def test_it_is_written_without_being_asked(house, monkeypatch):
    monkeypatch.setattr(record, "DELAY", 0.0)
    house.store.record.remember(ended(SESSION))
    async with asyncio.timeout(10):
        while True:
            if house.count("smtp_session"):
                return
            await asyncio.sleep(0)


async def test_sessions_share_commits(house):
    """A thousand sessions are a few jobs, and each writes no more than its share."""
    jobs = []
    write = house.store.engine.write

    async def counted(job, *, size=0):
        jobs.append(size)
        return await write(job, size=size)

    house.store.engine.write = counted
    for number in range(1000):
        house.store.record.remember(
            session(SESSION + number), (refused(TRACE + 5000 + number, session=SESSION + number),)
        )
    await house.store.record.flush()
    assert (house.count("smtp_session"), house.count("smtp_recipient"), len(jobs)) == (1000, 1000, 4)


async def test_a_flood_is_folded_and_counted(house):
    for number in range(100):
        house.store.record.remember(ended(SESSION + number, "early talker", started=START + number))
    house.store.record.remember(ended(SESSION + 200, "timeout"))
    house.store.record.remember(ended(SESSION + 201, "early talker", peer="192.0.2.8"))
    await house.store.record.flush()
    assert house.count("smtp_session") == EACH + 2
    assert house.store.traces.session(SESSION).folded == 100 - EACH + 1
    assert house.store.traces.session(SESSION + 1).folded == 1
    house.store.record.remember(ended(SESSION + 300, "early talker", started=START + WINDOW))
    await house.store.record.flush()
    assert house.store.traces.session(SESSION + 300).folded == 1
    assert house.reader.execute("SELECT sum(folded) FROM smtp_session").fetchone()[0] == 103
    assert losses(house) == []


async def test_who_has_shown_more_than_a_greeting_is_not_folded(house):
    """Neither those who signed in nor those who came as far as MAIL."""
    for number in range(50):
        house.store.record.remember(ended(SESSION + number, "quit", account=1))
        house.store.record.remember(
            ended(SESSION + 100 + number), (refused(TRACE + number, session=SESSION + 100 + number),)
        )
        house.store.record.remember(session(SESSION + 200 + number), (refused(TRACE + 100 + number),))
        house.store.record.remember(ended(SESSION + 200 + number, "quit"))
    await house.store.record.flush()
    assert house.count("smtp_session") == 150


async def test_one_peer_fills_only_so_many_rows_with_what_comes_to_nothing(house, monkeypatch):
    """MAIL and RSET for ever, or a new session for each refusal: the first is kept, all is counted."""
    monkeypatch.setattr("appliance.store.floods.ROWS", 10)
    for number in range(50):
        house.store.record.remember(session(), (refused(TRACE + number),))
    for number in range(50):
        mail = refused(TRACE + 100 + number, session=SESSION + 100 + number)
        house.store.record.remember(ended(SESSION + 100 + number), (mail,))
    house.store.record.remember(
        session(SESSION + 200, peer="192.0.2.8"), (refused(TRACE + 200, session=SESSION + 200),)
    )
    await house.store.record.flush()
    assert house.count("smtp_transaction") == 5 + 1
    assert house.count("smtp_session") == 1 + EACH + 1
    assert house.reader.execute("SELECT sum(folded) FROM smtp_session").fetchone()[0] == 1 + 50 + 1
    assert house.reader.execute("SELECT trace, rule, facts FROM event").fetchall() == [
        (SESSION, "flood", '{"sessions":0,"transactions":95}')
    ]
    house.store.record.remember(session(), (refused(TRACE + 300, at=START + WINDOW),))
    await house.store.record.flush()
    assert house.count("smtp_transaction") == 7


def test_only_so_many_peers_are_counted(monkeypatch):
    monkeypatch.setattr("appliance.store.floods.MAX_KEYS", 3)
    floods = Floods()
    for number in range(4):
        for _ in range(EACH):
            floods.add(f"192.0.2.{number}", "refused", number, START)
    assert [floods.first(f"192.0.2.{number}", "refused", START) for number in range(4)] == [None, 1, 2, 3]


def test_neither_the_order_of_ends_nor_a_clock_that_steps_back_changes_what_a_minute_is():
    floods = Floods()
    for number in range(EACH):
        floods.add("192.0.2.1", "timeout", number, START - number)
    assert floods.first("192.0.2.1", "timeout", START - EACH) == 0
    assert floods.first("192.0.2.1", "timeout", START - WINDOW) is None
    while floods.spend("192.0.2.1", 100, START):
        pass
    assert not floods.spend("192.0.2.1", 1, START - 1)
    assert floods.spend("192.0.2.1", 1, START - WINDOW)


async def test_what_does_not_fit_is_counted(house, monkeypatch):
    monkeypatch.setattr(record_queue, "MAX_ROWS", 10)
    for number in range(5):
        house.store.record.remember(session(SESSION + number), (refused(TRACE + number, session=SESSION + number),))
    for number in range(3):
        house.store.record.remember_imap(ImapSessionRecord(number + 1, "192.0.2.9", START))
    await house.store.record.flush()
    assert (house.count("smtp_session"), house.count("imap_session")) == (3, 1)
    (row,) = house.reader.execute("SELECT trace, rule, facts FROM event").fetchall()
    assert row == (SESSION + 3, "overflow", '{"sessions":4,"transactions":2}')
    house.store.record.remember(ended(SESSION + 9))
    await house.store.record.flush()
    assert house.count("smtp_session") == 4


async def test_half_of_the_room_is_not_for_strangers(house, monkeypatch):
    monkeypatch.setattr(record_queue, "MAX_ROWS", 10)
    for number in range(10):
        house.store.record.remember(ended(SESSION + number, peer=f"192.0.2.{number}"))
    house.store.record.remember(session(SESSION + 50), (refused(),))
    await house.store.record.flush()
    assert house.count("smtp_session") == 6
    assert house.store.traces.find(TRACE) is not None


async def test_the_size_of_transcripts_counts(house, monkeypatch):
    monkeypatch.setattr(record_queue, "MAX_BYTES", 50_000)
    for number in range(20):
        house.store.record.remember(session(SESSION + number, transcript="x" * 10_000))
    await house.store.record.flush()
    assert house.count("smtp_session") == 4


async def test_merging_frees_what_it_replaces(house, monkeypatch):
    monkeypatch.setattr(record_queue, "MAX_BYTES", 50_000)
    for _ in range(50):
        house.store.record.remember(session(transcript="x" * 10_000))
        house.store.record.remember_imap(ImapSessionRecord(1, "192.0.2.9", START))
    await house.store.record.flush()
    for number in range(4):
        house.store.record.remember(session(SESSION + number, transcript="x" * 10_000))
    await house.store.record.flush()
    assert (house.count("smtp_session"), house.count("event")) == (4, 0)


async def test_one_row_that_can_not_be_written_spoils_no_other(house, monkeypatch):
    monkeypatch.setattr(record, "DELAY", 0.0)
    await house.sql(
        "CREATE TRIGGER no BEFORE INSERT ON smtp_session WHEN NEW.helo = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    for number in range(10):
        house.store.record.remember(session(SESSION + number, helo="bad" if number == 4 else "good"))
    await house.store.record.flush()
    assert house.count("smtp_session") == 9
    assert house.reader.execute("SELECT trace, rule, facts FROM event").fetchall() == [
        (SESSION + 4, "not written", '{"sessions":1,"transactions":0}')
    ]


async def test_a_store_that_refuses_for_a_while_is_asked_again(house, monkeypatch):
    monkeypatch.setattr(record, "DELAY", 0.0)
    write, refusals = house.store.engine.write, [record.StoreError("busy")] * record.TRIES

    async def refusing(job, *, size=0):
        if refusals:
            raise refusals.pop()
        return await write(job, size=size)

    house.store.engine.write = refusing
    house.store.record.remember(ended(SESSION))
    await house.store.record.flush()
    assert (house.count("smtp_session"), house.count("event")) == (1, 0)
    refusals += [record.StoreError("busy")] * (record.TRIES + 1)
    house.store.record.remember(ended(SESSION + 1))
    await house.store.record.flush()
    assert (house.count("smtp_session"), house.count("event")) == (1, 1)


async def test_what_could_not_be_told_is_told_later(house, monkeypatch):
    """The disk was full: neither the record nor that it is incomplete could be written."""
    monkeypatch.setattr(record, "DELAY", 0.0)
    write, full = house.store.engine.write, True

    async def refusing(job, *, size=0):
        if full:
            raise StoreFull("the disk is full")
        return await write(job, size=size)

    house.store.engine.write = refusing
    for number in range(3):
        house.store.record.remember(session(SESSION + number), (refused(TRACE + number),))
        await house.store.record.flush()
    full = False
    await house.store.record.flush()
    assert house.reader.execute("SELECT trace, rule, facts FROM event").fetchall() == [
        (SESSION, "not written", '{"sessions":3,"transactions":3}')
    ]
    await house.store.record.flush()
    assert house.count("event") == 1


async def test_the_last_room_on_the_disk_is_not_for_the_record(house, monkeypatch):
    monkeypatch.setattr(record_queue, "MAX_ROWS", 3)
    seen, write = [], house.store.engine.write

    async def watched(job, *, size=0):
        def inside(tx):
            result = job(tx)
            seen.append(tx.brings_mail)
            return result

        return await write(inside, size=size)

    house.store.engine.write = watched
    for number in range(2):
        house.store.record.remember(session(SESSION + number), (refused(TRACE + number),))
    await house.store.record.flush()
    await house.store.uptime.beat()
    assert seen == [True] * 3


async def test_a_store_that_is_closed_harms_nobody(house, monkeypatch):
    monkeypatch.setattr(record, "DELAY", 0.0)
    house.store.record.remember(ended(SESSION))
    house.store.engine.close()
    await house.store.record.flush()


async def test_a_stand_in_that_is_gone_is_told(house):
    for number in range(EACH + 5):
        house.store.record.remember(ended(SESSION + number))
    await house.store.record.flush()
    await house.sql("DELETE FROM smtp_session")
    house.store.record.remember(ended(SESSION + 99))
    await house.store.record.flush()
    assert house.reader.execute("SELECT rule, facts FROM event").fetchall() == [
        ("stand-in gone", '{"sessions":1,"transactions":0}')
    ]


async def test_what_a_peer_said_is_cut_and_always_storable(house):
    odd = "\udc80\x00\n" + "y" * 10 * MAX_TEXT
    mail = transaction(
        id=TRACE, subject=odd, message_id=odd, header_from=odd, recipients=(recipient(odd),), mail_from=odd
    )
    house.store.record.remember(
        session(helo=odd, rdns=odd, tls_failure=odd), (mail,), (EventRecord(TRACE, 1, "a", "b", facts={odd: odd}),)
    )
    await house.store.record.flush()
    found = house.store.traces.session(SESSION)
    assert (len(found.transactions[0].subject), found.session.helo[:7]) == (MAX_TEXT + 5, "\\udc80\x00")
    assert len(found.events) == 1


async def test_facts_without_measure_are_left_out(house):
    facts = {f"n{number}": "y" * 1000 for number in range(20)}
    house.store.record.remember(session(), (), (EventRecord(SESSION, 1, "a", "b", facts=facts),))
    await house.store.record.flush()
    assert list(house.store.traces.session(SESSION).events[0].facts) == ["left_out"]


async def test_flushes_at_the_same_time_take_turns(house):
    for number in range(600):
        house.store.record.remember(session(SESSION + number, peer=f"192.0.2.{number % 200}"))
        if number % 200 == 0:
            last = asyncio.create_task(house.store.record.flush())
    await asyncio.gather(last, house.store.record.flush())
    assert house.count("smtp_session") == 600


async def test_the_clock_of_the_fold_is_the_session_s(house):
    for number in range(60):
        house.store.record.remember(ended(SESSION + number, started=START + number * 4 * SECOND))
    await house.store.record.flush()
    assert house.count("smtp_session") == 60
