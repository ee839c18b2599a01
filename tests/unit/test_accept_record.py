"""The record of an accepted message: written with it, by the same job, or neither of them."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from appliance.ids import id_text
from appliance.mail.delivery import Content, Delivery, Plan
from appliance.mail.session_record import EventRecord, MessageRecord
from appliance.mail.structure import render
from appliance.store.errors import StoreError
from smtp.inbound.receive import failure
from tests.record_rows import SESSION, TRACE, message, recipient
from tests.store_house import StoreHouse

TABLES = ["smtp_session", "smtp_transaction", "smtp_recipient", "event"]
MAIL = ["message", "blob", "rendition", "accepted"]
CHECKED = EventRecord(TRACE, 1, "accept", "dmarc", 250, "2.0.0 OK", {"policy": "none", "aligned": True})


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[StoreHouse]:
    opened = StoreHouse(tmp_path / "data")
    opened.ann = await opened.account("ann@one.test")
    yield opened
    opened.close()


def plan(house: StoreHouse, record: MessageRecord) -> Plan:
    data = b"Subject: hi\r\n\r\nhi\r\n"
    deliveries = (Delivery(0, house.ann.id, "INBOX", b""),)
    content = Content(len(data), hashlib.sha256(data).digest(), data)
    return Plan(record.transaction.id, content, render(data), deliveries, b"key", record)


async def test_it_is_there_once_the_message_is(house: StoreHouse) -> None:
    record = message("ann@one.test", "nobody@one.test", events=(CHECKED,))
    await house.store.accept.accept(plan(house, record))
    found = house.store.traces.find(TRACE)
    assert (found.session, found.folded, found.events) == (record.session, 1, (CHECKED,))
    assert found.transactions == (record.transaction,)
    assert house.store.traces.session(SESSION) == found


@pytest.mark.parametrize("table", TABLES)
async def test_neither_without_the_other(house: StoreHouse, table: str) -> None:
    record = message("ann@one.test", events=(CHECKED,))
    await house.sql(f"CREATE TRIGGER no BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no record'); END")
    with pytest.raises(StoreError, match="no record") as caught:
        await house.store.accept.accept(plan(house, record))
    assert failure(caught.value).code == 451
    assert {name: house.count(name) for name in TABLES + MAIL} == dict.fromkeys(TABLES + MAIL, 0)
    assert house.folder(house.ann).uidnext == 1
    await house.sql("DROP TRIGGER no")
    await house.store.accept.accept(plan(house, record))
    assert house.folder(house.ann).exists == 1
    assert house.store.traces.find(TRACE).transactions == (record.transaction,)


async def test_a_message_sent_again_after_a_break_is_on_record_and_names_the_first(house: StoreHouse) -> None:
    again = TRACE + 1
    await house.store.accept.accept(plan(house, message("ann@one.test")))
    assert await house.store.accept.accept(plan(house, message("ann@one.test", id=again))) == TRACE
    assert house.folder(house.ann).exists == 1
    found = house.store.traces.session(SESSION)
    assert [one.id for one in found.transactions] == [TRACE, again]
    assert [(one.trace, one.stage, one.rule, one.facts) for one in found.events] == [
        (again, "accept", "duplicate", {"earlier": id_text(TRACE)})
    ]


async def test_several_messages_of_one_session(house: StoreHouse) -> None:
    """Also where the first of them could not be stored, or the session is refused something in between."""
    await house.sql("CREATE TRIGGER no BEFORE INSERT ON smtp_transaction BEGIN SELECT RAISE(ABORT, 'no record'); END")
    records = [message("ann@one.test", id=TRACE + number, number=number) for number in range(4)]
    plans = [msgspec.structs.replace(plan(house, one), dedupe_key=bytes([one.transaction.id % 251])) for one in records]
    with pytest.raises(StoreError):
        await house.store.accept.accept(plans[0])
    await house.sql("DROP TRIGGER no")
    for one in plans[1:]:
        house.store.record.remember(one.record.session)
        await house.store.accept.accept(one)
    found = house.store.traces.session(SESSION)
    assert found.transactions == tuple(one.transaction for one in records[1:])
    assert found.session == records[0].session


async def test_what_is_sent_again_counts_once_against_the_limits(house: StoreHouse) -> None:
    for trace in (TRACE, TRACE + 1):
        await house.store.accept.accept(
            plan(house, message("x@far.test", "y@far.test", id=trace, account=house.ann.id))
        )
    assert house.store.traces.account_recipients(house.ann.id, 0)[0] == 2
    assert len(house.store.traces.find(TRACE + 1).transactions[1].recipients) == 2


async def test_what_was_given_up_for_lost_too_early_is_put_right(house: StoreHouse) -> None:
    """The connection may break while the message is being stored."""
    lost = message("ann@one.test", outcome="lost", recipients=(recipient("ann@one.test", outcome="deferred"),))
    house.store.record.remember(lost.session, (lost.transaction,))
    await house.store.record.flush()
    record = message("ann@one.test")
    await house.store.accept.accept(plan(house, record))
    house.store.record.remember(lost.session, (lost.transaction,))
    await house.store.record.flush()
    assert house.store.traces.find(TRACE).transactions == (record.transaction,)
