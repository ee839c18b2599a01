"""What accounts may send, on a real record: counted across sessions and restarts, freed as the oldest leave."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.mail.envelope import Peer, SessionFacts
from smtp.submission.allowance import DAY, HOUR, Reached, limits
from smtp.submission.sending_limits import SendingLimits
from tests.record_rows import message, recipient
from tests.store_house import SECOND, START, StoreHouse

MINUTE = 60 * SECOND


class Office(StoreHouse):
    """A store with ann@one.test, and what her sessions send."""

    ann: int
    trace = 10_000

    def limited(self, hour: int = 3, day: int = 0) -> SendingLimits:
        return SendingLimits(self.store.traces, limits(hour, day), lambda: self.time)

    def session(self, id: int, account: int = 0) -> SessionFacts:
        here = Peer("192.0.2.1")
        return SessionFacts(id, "smtp.submission", here, here, account=account or self.ann)

    async def sent(self, count: int, at: int, trace: int = 0) -> None:
        """A message to so many recipients, and one more who was refused, on record since `at`."""
        self.trace += 1
        to = [recipient(f"r{n}@one.test") for n in range(count)]
        record = message(
            id=trace or self.trace,
            at=at,
            account=self.ann,
            recipients=(*to, recipient("no@one.test", code=550, outcome="refused")),
        )
        sealed = self.store.record.seal(record)
        await self.do(self.store.record.put, sealed)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    opened = Office(tmp_path / "data")
    opened.ann = (await opened.account("ann@one.test")).id
    yield opened
    opened.close()


def ends(found: Reached | None) -> int | None:
    return None if found is None else found.ends


async def test_room_for_three_an_hour_whatever_the_number_of_sessions(office: Office) -> None:
    limited = office.limited()
    first, second = office.session(1), office.session(2)
    assert limited.take(first) is None
    assert limited.take(second) is None
    assert limited.take(first) is None
    assert ends(limited.take(second)) == START + HOUR
    assert limited.take(office.session(3, account=office.ann + 1)) is None


async def test_what_came_of_a_transaction_decides_what_counts(office: Office) -> None:
    limited = office.limited()
    first, second = office.session(1), office.session(2)
    for _ in range(3):
        assert limited.take(first) is None
    limited.over(first)  # RSET
    for _ in range(3):
        assert limited.take(first) is None
    limited.storing(first, 99)
    await office.sent(3, START, trace=99)
    limited.over(first)
    assert ends(limited.take(second)) == START + HOUR


async def test_what_is_stored_is_not_counted_twice_on_its_way(office: Office) -> None:
    limited = office.limited(hour=4)
    first, second = office.session(1), office.session(2)
    for _ in range(3):
        limited.take(first)
    limited.storing(first, 99)
    await office.sent(3, START, trace=99)
    assert limited.take(second) is None
    assert limited.take(second) is not None


async def test_a_restart_forgets_nothing(office: Office) -> None:
    await office.sent(2, START - 10 * MINUTE)
    await office.sent(1, START - 20 * MINUTE)
    assert ends(office.limited().take(office.session(1))) == START + 40 * MINUTE


@pytest.mark.parametrize(
    ("minutes", "frees"),
    [
        ((3, 2, 1), 57),
        ((5, 4, 3, 2, 1), 57),  # three have to leave
        ((60, 2, 1), None),
        ((59, 58, 1), 1),
    ],
)
async def test_it_frees_when_enough_have_left(office: Office, minutes: tuple[int, ...], frees: int | None) -> None:
    for ago in minutes:
        await office.sent(1, START - ago * MINUTE)
    limited, session = office.limited(), office.session(1)
    found = limited.take(session)
    assert ends(found) == (None if frees is None else START + frees * MINUTE)
    if found is not None:
        office.time = found.ends - 1
        assert ends(limited.take(session)) == found.ends
        office.time = found.ends
        assert limited.take(session) is None


async def test_of_two_limits_the_one_that_frees_last(office: Office) -> None:
    await office.sent(1, START - 2 * HOUR)
    await office.sent(1, START - MINUTE)
    both = office.limited(1, 2).take(office.session(1))
    assert both is not None
    assert (both.limit.words, both.ends) == ("2 recipients a day", START - 2 * HOUR + DAY)
    hourly = office.limited(1, 3).take(office.session(1))
    assert hourly is not None
    assert (hourly.limit.words, hourly.ends) == ("1 recipient an hour", START + 59 * MINUTE)


async def test_without_limits_nothing_is_counted(office: Office) -> None:
    await office.sent(50, START)
    limited = office.limited(0, 0)
    assert all(limited.take(office.session(1)) is None for _ in range(500))


async def test_the_count_is_one_look_into_the_index(office: Office) -> None:
    plans: list[str] = []
    reader = office.store.engine.reader
    for end in ("", " ORDER BY at LIMIT 1 OFFSET 3"):
        rows = reader.execute(
            "EXPLAIN QUERY PLAN SELECT at FROM smtp_recipient WHERE account = ? AND at >= ? "
            f"AND transaction_id NOT IN (SELECT value FROM json_each(?)){end}",
            (1, 1, "[]"),
        ).fetchall()
        plans.append(" ".join(row[3] for row in rows))
    assert all("COVERING INDEX smtp_recipient_account (account=? AND at>?)" in one for one in plans), plans
    assert not any("TEMP B-TREE" in one or "SCAN smtp_recipient" in one for one in plans), plans
