"""The record read back: every record whole, what counts against a limit, and the times nothing was recorded."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.session_record import (
    EventRecord,
    ImapSessionRecord,
    MessageRecord,
    RecipientRecord,
    SessionRecord,
    TransactionRecord,
)
from appliance.store.trace import MAX_TRANSACTIONS, StoredSession, Stretch, Traces, uncovered
from appliance.store.uptime import Uptime
from tests.record_rows import SESSION, TRACE, message, recipient, session, transaction
from tests.store_house import SECOND, START, StoreHouse

TEXT = st.text(max_size=60)
LONG = st.text(max_size=300)
WHOLE = st.integers(0, (1 << 62))
CODE = st.sampled_from([0, 250, 354, 421, 450, 550, 554])
ID = st.none() | st.integers(1, 1 << 62)
FACTS = st.dictionaries(
    TEXT,
    st.none()
    | TEXT
    | st.booleans()
    | st.integers(-(1 << 62), 1 << 62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(TEXT, max_size=4),
    max_size=5,
)
FIXED = {"id": st.just(1), "transcript": LONG, "account": ID}
SESSIONS = st.builds(
    SessionRecord, **FIXED, listener=TEXT, peer=TEXT, peer_port=st.integers(0, 65535), started=WHOLE,
    direction=st.sampled_from(["in", "out"]), rdns=TEXT, helo=TEXT, tls_version=TEXT, tls_cipher=TEXT,
    tls_failure=TEXT, credential=ID, ended=st.none() | WHOLE, outcome=TEXT,
)  # fmt: skip
RECIPIENTS = st.builds(
    RecipientRecord, address=TEXT, domain=TEXT, code=CODE, reply=TEXT,
    outcome=st.sampled_from(["accepted", "refused", "deferred", "not-tried"]),
)  # fmt: skip
TRANSACTIONS = st.builds(
    TransactionRecord, **(FIXED | {"id": st.just(2)}), session=st.just(1), number=WHOLE, mail_from=TEXT,
    outcome=st.sampled_from(["accepted", "refused", "deferred", "aborted", "lost"]), at=WHOLE, code=CODE, reply=TEXT,
    message_id=TEXT, header_from=TEXT, subject=TEXT, size=WHOLE, verdict=TEXT,
    recipients=st.lists(RECIPIENTS, max_size=4).map(tuple),
)  # fmt: skip
EVENTS = st.builds(
    EventRecord, trace=st.sampled_from([1, 2]), at=WHOLE, stage=TEXT, rule=TEXT, code=CODE, reply=TEXT, facts=FACTS,
    imap_session=ID,
)  # fmt: skip
MESSAGES = st.builds(MessageRecord, SESSIONS, TRANSACTIONS, st.lists(EVENTS, max_size=3).map(tuple))
IMAP_SESSIONS = st.builds(
    ImapSessionRecord, id=st.just(3), peer=TEXT, started=WHOLE, account=ID, credential=ID, client_id=TEXT,
    tls_version=TEXT, tls_cipher=TEXT, ended=st.none() | WHOLE, outcome=TEXT, received=WHOLE, sent=WHOLE,
)  # fmt: skip
CLEARED = ("smtp_session", "smtp_transaction", "smtp_recipient", "event", "imap_session")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[StoreHouse]:
    opened = StoreHouse(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def long_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreHouse]:
    opened = StoreHouse(tmp_path_factory.mktemp("trace") / "data")
    yield opened
    opened.close()


async def clear(house: StoreHouse) -> None:
    await house.do(lambda tx: [tx.execute(f"DELETE FROM {table}") for table in CLEARED] and None)


@given(record=MESSAGES, behind=st.booleans())
@settings(max_examples=100, deadline=None)
def test_every_record_reads_back_as_it_was_written(long_house, record, behind) -> None:
    """With an accepted message, and behind."""

    async def play() -> StoredSession | ImapSessionRecord | None:
        house = long_house
        await clear(house)
        if behind:
            house.store.record.remember(record.session, (record.transaction,), record.events)
            await house.store.record.flush()
        else:
            sealed = house.store.record.seal(record)
            await house.do(lambda tx: house.store.record.put(tx, sealed))
        return house.store.traces.find(2)

    expected = StoredSession(record.session, 1, (record.transaction,), record.events)
    assert asyncio.run(play()) == expected
    assert long_house.store.traces.find(1) == expected


@given(record=IMAP_SESSIONS)
@settings(max_examples=50, deadline=None)
def test_every_imap_session_too(long_house, record) -> None:
    async def play() -> None:
        await clear(long_house)
        long_house.store.record.remember_imap(record)
        await long_house.store.record.flush()

    asyncio.run(play())
    assert long_house.store.traces.find(3) == record


def test_what_is_not_there(house) -> None:
    assert house.store.traces.find(SESSION) is None
    assert house.store.traces.session(SESSION) is None


async def test_a_long_session_is_shown_from_its_start(house) -> None:
    mails = tuple(transaction("x@far.test", id=TRACE + n, number=n + 1) for n in range(MAX_TRANSACTIONS + 5))
    house.store.record.remember(session(), mails)
    await house.store.record.flush()
    found = house.store.traces.session(SESSION)
    assert found.transactions == mails[:MAX_TRANSACTIONS]


async def put(house: StoreHouse, record: MessageRecord) -> None:
    sealed = house.store.record.seal(record)
    await house.do(lambda tx: house.store.record.put(tx, sealed))


async def test_recipients_of_submitted_mail_are_counted(house) -> None:
    """Those that were accepted, by account and from a time on; mail from outside counts for nobody."""
    to = (recipient("a@far.test"), recipient("b@far.test"), recipient("c@far.test", code=550, outcome="refused"))
    for number in range(3):
        await put(house, message(id=TRACE + number, recipients=to, account=7, at=START + number * SECOND))
    await put(house, message(id=TRACE + 10, recipients=to, account=8))
    await put(house, message(id=TRACE + 11, recipients=to))
    count = house.store.traces.account_recipients
    assert count(7, START) == (6, START)
    assert count(7, START + 1) == (4, START + SECOND)
    assert count(7, START + 9 * SECOND) == (0, None)
    assert count(8, START) == (2, START)
    assert count(9, 0) == (0, None)
    plan = house.reader.execute(
        "EXPLAIN QUERY PLAN SELECT count(*), min(at) FROM smtp_recipient WHERE account = 7 AND at >= 1"
    ).fetchone()[3]
    assert "USING INDEX smtp_recipient_account" in plan or "USING COVERING INDEX smtp_recipient_account" in plan


@pytest.mark.parametrize(
    ("stretches", "gaps"),
    [
        ([], [(0, 100)]),
        ([(0, 100, 100)], []),
        ([(10, 40, 40), (60, 90, None)], [(0, 10), (40, 60)]),
        ([(0, 40, None), (60, 95, 95)], [(40, 60), (95, 100)]),
        ([(0, 30, None)], [(30, 100)]),
        ([(0, 70, None)], []),
        ([(0, 50, 50), (50, 100, 100)], []),
        ([(110, 120, None)], [(0, 100)]),
    ],
)
def test_the_times_between(stretches, gaps) -> None:
    found = uncovered([Stretch(*(x and x * SECOND for x in one)) for one in stretches], 0, 100 * SECOND)
    assert found == tuple((a * SECOND, b * SECOND) for a, b in gaps)


async def test_uptime_from_start_to_stop(house) -> None:
    uptime, traces = Uptime(house.store.engine), Traces(house.store.engine)
    await uptime.start()
    house.time += 10 * SECOND
    await uptime.beat()
    assert traces.uptimes() == (Stretch(START, START + 10 * SECOND, None),)
    house.time += 5 * SECOND
    await uptime.stop()
    assert traces.uptimes() == (Stretch(START, house.time, house.time),)
    assert traces.gaps(START, house.time + SECOND) == ((house.time, house.time + SECOND),)


async def test_a_machine_that_slept_leaves_a_gap(house) -> None:
    uptime = Uptime(house.store.engine)
    await uptime.start()
    house.time += 31 * SECOND
    await uptime.beat()
    house.time += 10 * SECOND
    await uptime.beat()
    assert house.store.traces.gaps(START, house.time) == ((START, START + 31 * SECOND),)


async def test_a_clock_that_was_moved_on_leaves_none_when_that_is_said(house) -> None:
    uptime = Uptime(house.store.engine)
    await uptime.start()
    for _ in range(3):
        house.time += 3600 * SECOND
        await uptime.beat()
    await uptime.join()
    house.time += 10 * SECOND
    await uptime.beat()
    assert house.store.traces.gaps(START, house.time) == ()
    house.time += 100 * SECOND
    assert house.store.traces.gaps(START, house.time) == ((house.time - 100 * SECOND, house.time),)


async def test_one_that_never_started_has_nothing_to_stop(house) -> None:
    await Uptime(house.store.engine).stop()
    assert house.count("uptime") == 0


async def test_a_start_that_can_not_be_written_stops_nobody(house) -> None:
    await house.sql("CREATE TRIGGER no BEFORE INSERT ON uptime BEGIN SELECT RAISE(ABORT, 'full'); END")
    uptime = Uptime(house.store.engine)
    await uptime.start()
    await house.sql("DROP TRIGGER no")
    house.time += 10 * SECOND
    await uptime.beat()
    assert house.store.traces.uptimes() == (Stretch(house.time, house.time, None),)
