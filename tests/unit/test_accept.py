"""Accepted mail: everything in one transaction, each account once, and the journal of answers that may be lost."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from appliance.mail.delivery import Content, Delivery, Plan
from appliance.mail.structure import render
from appliance.records import Topic
from appliance.store import accept, account_acts, mailbox_acts
from appliance.store.errors import NotFound
from appliance.store.messages import Need
from appliance.store.upkeep import JOURNAL_US
from tests.store_house import SECOND, StoreHouse

PREFIX = b"Return-Path: <>\r\nDelivered-To: ann@one.test\r\n"
HOUR = 3600 * SECOND


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[StoreHouse]:
    opened = StoreHouse(tmp_path / "data")
    opened.ann = await opened.account("ann@one.test")
    opened.ben = await opened.account("ben@one.test")
    opened.zoe = await opened.account("zoe@two.test")
    yield opened
    opened.close()


def plan(house: StoreHouse, trace: int, to: Sequence, *, key: bytes = b"", text: str = "hi", folder: str = "INBOX"):
    data = f"Subject: {text}\r\n\r\n{text}\r\n".encode()
    if text == "big":
        data += b"x" * 40_000 + b"\r\n"
    deliveries = tuple(Delivery(0, account.id, folder, PREFIX) for account in to)
    content = Content(len(data), hashlib.sha256(data).digest(), data)
    return Plan(trace, content, render(data), deliveries, key or trace.to_bytes(4, "big"))


@pytest.mark.parametrize("text", ["hi", "big"])
async def test_one_message_for_three_accounts_of_two_domains(house: StoreHouse, text) -> None:
    seen = []
    for account in (house.ann, house.ben, house.zoe):
        house.store.feed.subscribe(Topic("mailbox", house.folder(account).id), seen.append)
    mail = plan(house, 77, [house.zoe, house.ben, house.ann], text=text)
    assert await house.store.accept.accept(mail) == 77
    size = mail.content.size + len(PREFIX)
    blobs = set()
    for account in (house.ann, house.ben, house.zoe):
        info = house.folder(account)
        assert (info.uidnext, info.exists, info.unseen, info.bytes, info.recent_uid) == (2, 1, 1, size, 1)
        (row,) = house.store.messages.rows(info.id, [1], Need(envelope=True))
        assert (row.prefix, row.size, row.internaldate) == (PREFIX, size, house.time)
        assert row.envelope == mail.rendition.envelope
        assert await house.store.blobs.body(row.blob) == mail.content.data
        assert house.store.directory.account_by_id(account.id).used_bytes == size
        blobs.add(row.blob)
    assert (len(blobs), house.count("blob"), house.count("rendition"), len(seen)) == (2, 2, 2, 3)
    assert house.store.directory.domain("one.test").used_bytes == 2 * size
    assert house.store.directory.domain("two.test").used_bytes == size
    assert house.reader.execute("SELECT used_bytes FROM organisation").fetchall() == [(3 * size,)]
    assert house.reader.execute("SELECT DISTINCT trace FROM message").fetchall() == [(77,)]


async def test_a_missing_folder_falls_to_inbox(house: StoreHouse) -> None:
    await house.store.accept.accept(plan(house, 1, [house.ann], folder="Junk"))
    await house.do(mailbox_acts.delete, house.ben.id, "Junk")
    await house.store.accept.accept(plan(house, 2, [house.ben], folder="Junk"))
    assert [house.folder(house.ann, "Junk").exists, house.folder(house.ann).exists] == [1, 0]
    assert house.folder(house.ben).exists == 1


async def test_all_or_nothing(house: StoreHouse) -> None:
    await house.store.accept.accept(plan(house, 1, [house.ben]))
    await house.do(account_acts.remove_account, house.ben.id)
    before = house.count("message"), house.count("blob"), house.count("accepted")
    for mail in (plan(house, 2, [house.ann, house.ben], text="new"), plan(house, 3, [house.ben], text="big")):
        with pytest.raises(NotFound):
            await house.store.accept.accept(mail)
    assert (house.count("message"), house.count("blob"), house.count("accepted")) == before
    assert house.folder(house.ann).uidnext == 1


async def test_over_quota_is_not_judged_here(house: StoreHouse) -> None:
    await house.do(account_acts.set_account, house.ann.id, quota_bytes=1)
    await house.store.accept.accept(plan(house, 1, [house.ann]))
    assert house.folder(house.ann).exists == 1


async def test_a_message_sent_again_after_a_break_gets_its_first_answer(house: StoreHouse) -> None:
    key = b"k" * 32
    assert await house.store.accept.accept(plan(house, 1, [house.ann], key=key)) == 1
    assert await house.store.accept.accept(plan(house, 2, [house.ann], key=key)) == 1
    house.time += HOUR - 1
    assert await house.store.accept.accept(plan(house, 3, [house.ann], key=key)) == 1
    assert house.folder(house.ann).exists == 1
    house.time += 1
    assert await house.store.accept.accept(plan(house, 4, [house.ann], key=key)) == 4
    assert await house.store.accept.accept(plan(house, 5, [house.ann], key=key)) == 4
    assert house.folder(house.ann).exists == 2
    assert JOURNAL_US == accept.DEDUPE_WINDOW


async def test_at_once_sent_twice_is_stored_once(house: StoreHouse) -> None:
    plans = [plan(house, trace, [house.ann], key=b"k") for trace in (1, 2, 3)]
    assert await asyncio.gather(*[house.store.accept.accept(each) for each in plans]) == [1, 1, 1]
    assert house.folder(house.ann).exists == 1


async def test_after_confirm_the_same_mail_is_a_new_one(house: StoreHouse) -> None:
    for trace in (1, 2, 3):
        assert await house.store.accept.accept(plan(house, trace, [house.ann], key=b"k")) == trace
        await house.store.accept.confirm(b"k")
    assert house.folder(house.ann).exists == 3
    await house.store.accept.flush()
    assert house.count("accepted") == 0
    assert await house.store.accept.accept(plan(house, 4, [house.ann], key=b"k")) == 4
    assert await house.store.accept.accept(plan(house, 5, [house.ann], key=b"k")) == 4


async def test_confirmed_keys_ride_along(house: StoreHouse, monkeypatch) -> None:
    monkeypatch.setattr(accept, "CONFIRM_BATCH", 3)
    left = []
    for trace in range(1, 8):
        await house.store.accept.accept(plan(house, trace, [house.ann]))
        await house.store.accept.confirm(trace.to_bytes(4, "big"))
        left.append(house.count("accepted"))
    assert left == [1, 2, 3, 1, 2, 3, 1]


async def test_riders_of_a_failed_accept_are_not_forgotten(house: StoreHouse, monkeypatch) -> None:
    monkeypatch.setattr(accept, "CONFIRM_BATCH", 1)
    await house.store.accept.accept(plan(house, 1, [house.ann], key=b"k"))
    await house.store.accept.accept(plan(house, 2, [house.ben], key=b"b"))
    await house.do(account_acts.remove_account, house.ben.id)
    await house.store.accept.confirm(b"k")
    with pytest.raises(NotFound):
        await house.store.accept.accept(plan(house, 3, [house.ben]))
    assert await house.store.accept.accept(plan(house, 4, [house.ann], key=b"k")) == 4


async def test_a_flush_on_a_closed_store_harms_nobody(house: StoreHouse) -> None:
    await house.store.accept.confirm(b"k")
    house.store.engine.close()
    await house.store.accept.flush()


async def test_the_journal_is_kept_by_time(house: StoreHouse) -> None:
    await house.store.accept.accept(plan(house, 1, [house.ann], key=b"k"))
    house.time += HOUR + 1
    await house.store.upkeep.purge(strays=False)
    assert house.count("accepted") == 0
