"""Privacy from the first record to the last: whose level counts, also while it changes."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from appliance.ids import IdMaker
from appliance.store import directory_acts
from appliance.store.record_policy import KEY
from appliance.store.store import open_store
from tests.record_rows import SESSION, TRACE, message, recipient, session, transaction
from tests.store_house import START, StoreHouse


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[StoreHouse]:
    opened = StoreHouse(tmp_path / "data")
    opened.ann = await opened.account("ann@open.test")
    opened.ben = await opened.account("ben@short.test")
    opened.zoe = await opened.account("zoe@dark.test")
    await opened.do(directory_acts.set_domain, opened.ben.domain, privacy="no-subjects")
    await opened.do(directory_acts.set_domain, opened.zoe.domain, privacy="metadata")
    await opened.do(directory_acts.add_domain_alias, opened.zoe.domain, "alias.test")
    yield opened
    opened.close()


async def put(house: StoreHouse, *to: str, **changes):
    """An accepted message, and what is on record of it."""
    sealed = house.store.record.seal(message(*to, **changes))
    await house.do(lambda tx: house.store.record.put(tx, sealed))
    return house.store.traces.find(changes.get("id", TRACE))


@pytest.mark.parametrize(
    ("to", "subject", "transcript", "hidden"),
    [
        (["ann@open.test"], True, True, False),
        (["ann@open.test", "ben@short.test"], False, True, False),
        (["ann@open.test", "zoe@dark.test"], False, False, True),
        (["nobody@alias.test"], False, False, True),
        (["eve@elsewhere.test"], True, True, False),
    ],
)
async def test_the_strictest_domain_of_the_recipients(house, to, subject, transcript, hidden):
    found = await put(house, *to)
    (one,) = found.transactions
    assert (bool(one.subject), bool(one.transcript), bool(found.session.transcript)) == (
        subject,
        transcript,
        transcript,
    )
    assert one.mail_from.startswith("#") is hidden
    assert all(to.address in to_ for to, to_ in zip(one.recipients, to, strict=True) if "elsewhere" not in to.domain)


async def test_refused_recipients_and_the_sender_s_own_domain_count_too(house):
    refused = (recipient("nobody@dark.test", code=550, outcome="refused"),)
    house.store.record.remember(session(), (transaction(recipients=refused, outcome="refused"),))
    mail = transaction("eve@far.test", id=TRACE + 1, session=SESSION + 1, account=house.zoe.id)
    house.store.record.remember(session(SESSION + 1, account=house.zoe.id), (mail,))
    await house.store.record.flush()
    for trace in (TRACE, TRACE + 1):
        (one,) = house.store.traces.find(trace).transactions
        assert (one.subject, one.transcript, house.store.traces.find(trace).session.transcript) == ("", "", "")
    assert one.recipients[0].address.startswith("#")
    assert one.recipients[0].address.endswith("@far.test")


async def test_a_session_follows_the_strictest_so_far(house):
    """What stands in the record already stays; the session's own lines go as soon as one domain wants it."""
    assert (await put(house, "ann@open.test")).session.transcript
    await put(house, "zoe@dark.test", id=TRACE + 1)
    await put(house, "ann@open.test", id=TRACE + 2)
    house.store.record.remember(session(ended=START, outcome="quit"))
    await house.store.record.flush()
    found = house.store.traces.session(SESSION)
    assert (found.session.outcome, found.session.transcript) == ("quit", "")
    assert [bool(one.transcript) for one in found.transactions] == [True, False, False]


async def test_what_is_only_counted_has_its_say_too(house, monkeypatch):
    monkeypatch.setattr("appliance.store.floods.ROWS", 1)
    house.store.record.remember(session(), (transaction("ann@open.test", outcome="refused"),))
    dark = transaction("zoe@dark.test", id=TRACE + 1, outcome="refused")
    house.store.record.remember(session(), (dark,))
    house.store.record.remember(session(ended=START, outcome="quit"))
    await house.store.record.flush()
    found = house.store.traces.session(SESSION)
    assert (found.session.outcome, found.session.transcript, len(found.transactions)) == ("quit", "", 1)


async def test_a_change_of_the_domain_counts_at_once(house):
    assert (await put(house, "ann@open.test")).transactions[0].subject
    await house.do(directory_acts.set_domain, house.ann.domain, privacy="metadata")
    found = await put(house, "ann@open.test", id=TRACE + 1, session=SESSION)
    assert found.transactions[1].subject == ""


async def test_where_no_domain_says_anything_the_server_does(tmp_path):
    store = open_store(tmp_path / "data", now=lambda: START, ids=IdMaker(lambda: START), privacy="metadata")
    domain = await store.engine.write(lambda tx: directory_acts.add_domain(tx, "one.test"))
    open_ = await store.engine.write(lambda tx: directory_acts.add_domain(tx, "open.test"))
    await store.engine.write(lambda tx: directory_acts.set_domain(tx, open_.id, privacy="full"))
    assert domain.privacy is None
    for number, to in enumerate(("ann@one.test", "eve@far.test", "ann@open.test")):
        mail = transaction(to, id=TRACE + number, session=SESSION + number)
        store.record.remember(session(SESSION + number), (mail,))
    await store.record.flush()
    subjects = [store.traces.find(TRACE + number).transactions[0].subject for number in range(3)]
    assert subjects == ["", "", "secret plans"]
    store.close()


async def test_the_key_is_made_once_and_lasts(house):
    assert house.store.settings.get(KEY) == ""
    first = (await put(house, "zoe@dark.test")).transactions[0].mail_from
    key = house.store.settings.get(KEY)
    assert len(bytes.fromhex(key)) == 32
    directory = house.store.data_dir
    house.store.close()
    house.__init__(directory)
    assert (await put(house, "zoe@dark.test", id=TRACE + 1)).transactions[1].mail_from == first
    assert house.store.settings.get(KEY) == key


async def test_a_key_whose_record_failed_comes_with_the_next(house):
    await house.sql("CREATE TRIGGER no BEFORE INSERT ON smtp_session BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(Exception, match="no"):
        await put(house, "zoe@dark.test")
    assert house.store.settings.get(KEY) == ""
    await house.sql("DROP TRIGGER no")
    await put(house, "zoe@dark.test")
    assert house.store.settings.get(KEY)


async def test_nothing_of_the_secret_is_anywhere_in_the_database(house):
    mail = message(
        "zoe@dark.test", subject="topsecret", mail_from="topsecret@far.test", header_from="topsecret@far.test"
    )
    mail = msgspec.structs.replace(mail, session=session(transcript="topsecret"))
    sealed = house.store.record.seal(mail)
    await house.do(lambda tx: house.store.record.put(tx, sealed))
    directory = house.store.data_dir
    house.store.close()
    assert b"topsecret" not in (directory / "appliance.db").read_bytes()
