"""What the start page counts, and that it is quick with a hundred thousand transactions on record."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.ids import first_id
from appliance.store import credential_acts
from appliance.store.overview import DAY, HOUR, HOURS, LATEST, overview
from tests.store_house import START, StoreHouse

NOW = START
ROW = """
INSERT INTO smtp_transaction (id, session, number, mail_from, message_id, header_from, subject, size, verdict, code,
    reply, outcome, at, transcript) VALUES (?, 1, 1, 'joe@far.test', '', '', '', 1000, '', ?, '2.0.0 OK', ?, ?, ?)
"""
TO = """
INSERT INTO smtp_recipient (transaction_id, number, address, domain, code, reply, outcome, at)
VALUES (?, ?, ?, 'one.test', 250, '', 'accepted', 0)
"""
CODES = {"accepted": 250, "refused": 550, "deferred": 451, "lost": 0}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[StoreHouse]:
    opened = StoreHouse(tmp_path / "data")
    yield opened
    opened.close()


async def put(house: StoreHouse, *rows: tuple[int, str], transcript: str = "") -> None:
    """Transactions at some times with some fates, each to one recipient."""
    made = [(first_id(at) + number, fate, at) for number, (at, fate) in enumerate(rows)]
    fields = [(id, CODES[fate], fate, at, transcript) for id, fate, at in made]
    await house.do(lambda tx: tx.executemany(ROW, fields) and None)
    await house.do(lambda tx: tx.executemany(TO, [(id, 1, "ann@one.test") for id, _, _ in made]) and None)


async def test_an_empty_server(house: StoreHouse) -> None:
    found = await overview(house.store.engine, NOW)
    assert len(found.hours) == HOURS
    assert sum(hour.accepted + hour.deferred + hour.refused for hour in found.hours) == 0
    assert (found.latest, found.domains, found.mailboxes, found.first_start) == ((), 0, 0, None)
    assert (found.suspended.count, found.full.count, found.ending, found.ended) == (0, 0, 0, 0)


async def test_each_transaction_is_counted_in_its_hour_and_fate(house: StoreHouse) -> None:
    this_hour = NOW - NOW % HOUR
    await put(
        house,
        (this_hour, "accepted"),
        (this_hour + 1000, "refused"),
        (this_hour - 1000, "accepted"),
        (this_hour - 1000, "deferred"),
        (this_hour - 23 * HOUR, "refused"),
        (this_hour - 23 * HOUR - 1000, "refused"),
        (this_hour, "lost"),
    )
    hours = (await overview(house.store.engine, NOW)).hours
    assert [hour.begins for hour in hours] == [this_hour - n * HOUR for n in range(23, -1, -1)]
    counts = [(hour.accepted, hour.deferred, hour.refused) for hour in hours]
    assert (counts[0], counts[22], counts[23]) == ((0, 0, 1), (1, 1, 0), (1, 0, 1))
    assert sum(map(sum, counts)) == 5


async def test_the_latest_are_the_newest_of_the_fate_asked_for(house: StoreHouse) -> None:
    await put(house, *[(NOW - n * 1000, "refused" if n % 5 == 0 else "accepted") for n in range(200)])
    latest = (await overview(house.store.engine, NOW)).latest
    assert len(latest) == LATEST
    assert [one.id for one in latest] == sorted((one.id for one in latest), reverse=True)
    refused = (await overview(house.store.engine, NOW, "refused")).latest
    assert [one.at for one in refused] == [NOW - n * 5000 for n in range(LATEST)]
    assert {(one.outcome, one.code, one.recipient, one.recipients) for one in refused} == {
        ("refused", 550, "ann@one.test", 1)
    }


async def test_who_needs_a_look(house: StoreHouse) -> None:
    await house.domain()
    for name in ("b.test", "a.test", "d.test", "c.test"):
        await house.domain(name)
    await house.sql("UPDATE domain SET suspended_at = 1 WHERE name <> 'one.test'")
    for number, ends in enumerate((NOW - 1, NOW + DAY, NOW + DAY + 1)):
        account = await house.account(f"u{number}@one.test")
        invite = credential_acts.add_invite
        await house.do(invite, account.id, b"%d" % number, created_by="cli:0", expires_at=ends)
    await house.sql("UPDATE account SET quota_bytes = 10, used_bytes = 10 WHERE address = 'u1@one.test'")
    await house.sql("UPDATE account SET quota_bytes = 10, used_bytes = 9 WHERE address = 'u2@one.test'")
    found = await overview(house.store.engine, NOW)
    assert (found.suspended.names, found.suspended.count) == (("a.test", "b.test", "c.test"), 4)
    assert (found.full.names, found.full.count) == (("u1@one.test",), 1)
    assert (found.ended, found.ending) == (1, 1)
    assert (found.domains, found.mailboxes) == (5, 3)
    await house.do(credential_acts.claim, b"1", b"hash", "test")
    assert (await overview(house.store.engine, NOW)).ending == 0


async def test_it_is_quick_with_a_hundred_thousand_transactions_of_a_day(house: StoreHouse) -> None:
    fates = ("accepted", "accepted", "refused", "deferred")
    step = DAY // 100_000
    await put(house, *[(NOW - n * step, fates[n % 4]) for n in range(100_000)])
    took = []
    for fate in ("", "refused", "aborted", "") * 2:
        began = time.perf_counter()
        await overview(house.store.engine, NOW, fate)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.050, took
