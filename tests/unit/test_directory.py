"""Domains, addresses and accounts: what routing is told, what is refused, and that numbers cost nothing."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.mail.address import Address, parse_address
from appliance.records import Topic
from appliance.store import account_acts, directory, directory_acts, message_acts
from appliance.store.errors import Conflict, NotFound
from tests.store_house import SECOND, START, StoreHouse


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[StoreHouse]:
    opened = StoreHouse(tmp_path / "data")
    yield opened
    opened.close()


async def town(house: StoreHouse) -> dict[str, int]:
    """one.test (ann, ben, alias team, reject gone, named uno.test too), two.test (zoe); ids by address."""
    ids = {}
    for address in ("ann@one.test", "ben@one.test", "zoe@two.test"):
        ids[address] = (await house.account(address)).id
    one = house.store.directory.domain("one.test")
    assert one is not None
    await house.do(directory_acts.add_alias, one.id, "Team", [ids["ben@one.test"], ids["zoe@two.test"]])
    await house.do(directory_acts.add_reject, one.id, "gone", 551, "5.1.6 Moved")
    await house.do(directory_acts.add_domain_alias, one.id, "UNO.test.")
    return ids


FACTS = [
    ("ann@one.test", ("ann",), {"ann": ("mailbox", ["ann@one.test"])}, None),
    ("ANN@one.test", ("ann",), {"ann": ("mailbox", ["ann@one.test"])}, None),
    ("ann+x@one.test", ("ann+x", "ann"), {"ann": ("mailbox", ["ann@one.test"])}, None),
    ("ann@uno.test", ("ann",), {"ann": ("mailbox", ["ann@one.test"])}, None),
    ("team@one.test", ("team",), {"team": ("alias", ["ben@one.test", "zoe@two.test"])}, None),
    ("gone@one.test", ("gone",), {"gone": ("reject", [])}, None),
    ("nobody@one.test", ("nobody",), {}, None),
    ("postmaster@one.test", ("postmaster",), {}, "ann@one.test"),
    ("Abuse+1@two.test", ("abuse+1", "abuse"), {}, "zoe@two.test"),
    ("ann@three.test", (), {}, None),
    ("postmaster@three.test", (), {}, None),
    ("postmaster@mx.test", ("postmaster",), {}, "ann@one.test"),
    ("abuse@mx.test", (), {}, None),
]


@pytest.mark.parametrize(("address", "candidates", "found", "contact"), FACTS, ids=[row[0] for row in FACTS])
async def test_facts(house, address, candidates, found, contact) -> None:
    ids = await town(house)
    facts = house.store.directory.facts(parse_address(address), "Ann@one.test", "mx.test")
    assert facts.candidates == candidates
    told = {
        name: (info.kind, [facts.accounts[account].address for account in info.accounts])
        for name, info in facts.found.items()
    }
    assert told == found
    assert facts.contact == ids.get(contact)
    assert facts.contact is None or facts.contact in facts.accounts


async def test_bare_postmaster_is_the_servers_contact_and_nobody_without_one(house: StoreHouse) -> None:
    ids = await town(house)
    bare = Address("Postmaster", "")
    assert house.store.directory.facts(bare, "ben@one.test", "mx.test").contact == ids["ben@one.test"]
    for contact in ("", "none@one.test", "not an address"):
        facts = house.store.directory.facts(bare, contact, "mx.test")
        assert (facts.candidates, facts.contact) == (("postmaster",), None)


async def test_facts_bring_the_catch_all(house: StoreHouse) -> None:
    ids = await town(house)
    two = house.store.directory.domain("two.test")
    await house.do(directory_acts.set_domain, two.id, unknown="catch_all", catch_all_account=ids["ann@one.test"])
    facts = house.store.directory.facts(parse_address("anyone@two.test"), "", "mx.test")
    assert facts.found == {}
    assert list(facts.accounts) == [ids["ann@one.test"]]


async def test_separators_are_the_domains_own(house: StoreHouse) -> None:
    await house.account("ann@one.test")
    one = house.store.directory.domain("one.test")
    for separators, candidates in (("", ("ann-x+y",)), ("-", ("ann-x+y", "ann")), ("+", ("ann-x+y", "ann-x"))):
        await house.do(directory_acts.set_domain, one.id, separators=separators)
        assert house.store.directory.facts(parse_address("ann-x+y@one.test"), "", "").candidates == candidates


async def test_look_ups_and_lists(house: StoreHouse) -> None:
    ids = await town(house)
    read = house.store.directory
    assert [domain.name for domain in read.domains()] == ["one.test", "two.test"]
    assert [domain.name for domain in read.domains(after="one.test", limit=1)] == ["two.test"]
    one = read.domain("one.test")
    assert (read.domain("uno.test"), read.resolve("uno.test"), read.domain_by_id(one.id)) == (None, one, one)
    assert read.domain_aliases(one.id) == ("uno.test",)
    assert [account.address for account in read.accounts()] == sorted(ids)
    assert [account.address for account in read.accounts(one.id, after="ann@one.test")] == ["ben@one.test"]
    assert read.account("BEN@one.TEST").id == ids["ben@one.test"]
    assert (read.account("nonsense"), read.account("no@one.test"), read.account_by_id(1)) == (None, None, None)
    assert read.accounts_by_id([*ids.values(), 5]).keys() == set(ids.values())
    assert [info.localpart for info in read.addresses(one.id, "mailbox")] == ["ann", "ben"]
    assert [len(info.accounts) for info in read.addresses(one.id, "alias")] == [2]
    assert (read.address(one.id, "gone").code, read.address(one.id, "none")) == (551, None)


async def test_names_are_taken_once(house: StoreHouse) -> None:
    ids = await town(house)
    one = house.store.directory.domain("one.test").id
    ann = [ids["ann@one.test"]]
    for act, args, words in [
        (directory_acts.add_domain, ("ONE.test",), "one.test is a domain already"),
        (directory_acts.add_domain, ("uno.test",), "uno.test is a domain alias already"),
        (directory_acts.add_domain, ("no domain",), "not a domain"),
        (directory_acts.add_domain_alias, (one, "two.test"), "two.test is a domain already"),
        (directory_acts.add_alias, (one, "ANN", ann), "ann@one.test is a mailbox already"),
        (directory_acts.add_alias, (one, "team", ann), "an alias already"),
        (directory_acts.add_reject, (one, "team"), "an alias already"),
        (directory_acts.add_alias, (one, "new", []), "at least one mailbox"),
        (directory_acts.add_alias, (one, "new", [17]), "leads to a mailbox of the same organisation"),
        (directory_acts.add_reject, (one, "new", 250), "400 to 599"),
        (directory_acts.add_reject, (one, "new", 550, "a\r\nb"), "printable"),
        (account_acts.add_account, (one, Address("gone", "one.test")), "a reject-address already"),
        (account_acts.add_account, (one, Address("TEAM", "one.test")), "an alias already"),
        (account_acts.add_account, (one, Address("x", "two.test")), "does not belong to one.test"),
        (account_acts.add_account, (one, Address("x", "one.test"), -1), "0 or more"),
        (directory_acts.remove_address, (one, "ann"), "remove the mailbox"),
        (directory_acts.set_domain, (one,), None),
    ]:
        if words is None:
            await house.do(act, *args)
            continue
        with pytest.raises(Conflict, match=words) as caught:
            await house.do(act, *args)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unknown": "catch_all"}, "name the mailbox"),
        ({"unknown": "bounce"}, "reject or catch_all"),
        ({"state": "dead"}, "live or arriving"),
        ({"separators": "a"}, "separators"),
        ({"quota_bytes": -1}, "0 or more"),
        ({"catch_all_account": 9}, "the catch-all is a mailbox"),
        ({"contact_account": 9}, "the contact is a mailbox"),
    ],
)
async def test_a_domain_stays_sound(house: StoreHouse, changes, words) -> None:
    domain = await house.domain()
    with pytest.raises(Conflict, match=words):
        await house.do(directory_acts.set_domain, domain.id, **changes)
    assert house.store.directory.domain_by_id(domain.id) == domain


async def test_what_is_not_there(house: StoreHouse) -> None:
    domain = await house.domain()
    for act, args in [
        (directory_acts.set_domain, (5,)),
        (directory_acts.suspend_domain, (5,)),
        (directory_acts.remove_domain, (5,)),
        (directory_acts.add_alias, (5, "a", [1])),
        (directory_acts.remove_address, (domain.id, "a")),
        (directory_acts.remove_domain_alias, (domain.id, "x.test")),
        (account_acts.add_account, (5, Address("a", "one.test"))),
        (account_acts.suspend_account, (5,)),
        (account_acts.remove_account, (5,)),
    ]:
        with pytest.raises(NotFound):
            await house.do(act, *args)
    with pytest.raises(ValueError, match="not name"):
        await house.do(directory_acts.set_domain, domain.id, name="x.test")


async def test_suspending_keeps_the_state_and_its_moment(house: StoreHouse) -> None:
    domain = await house.domain()
    await house.do(directory_acts.set_domain, domain.id, state="arriving")
    suspended = await house.do(directory_acts.suspend_domain, domain.id)
    house.time += SECOND
    assert await house.do(directory_acts.suspend_domain, domain.id) == suspended
    assert (suspended.suspended_at, suspended.state) == (START, "arriving")
    await house.account("ann@one.test")  # an administrator may prepare a suspended domain
    resumed = await house.do(directory_acts.resume_domain, domain.id)
    assert (resumed.suspended_at, resumed.state) == (None, "arriving")


async def test_a_domain_goes_when_it_is_empty(house: StoreHouse) -> None:
    ids = await town(house)
    one = house.store.directory.domain("one.test").id
    two = house.store.directory.domain("two.test").id
    for left, act, args in [
        ("mailboxes", directory_acts.remove_address, (one, "team")),
        ("mailboxes", account_acts.remove_account, (ids["ben@one.test"],)),
        ("mailboxes", account_acts.remove_account, (ids["ann@one.test"],)),
        ("domain aliases", directory_acts.remove_domain_alias, (one, "uno.test")),
    ]:
        with pytest.raises(Conflict, match=left):
            await house.do(directory_acts.remove_domain, one)
        await house.do(act, *args)
    assert (await house.do(directory_acts.remove_domain, one)).name == "one.test"
    await house.do(directory_acts.add_alias, two, "x", [ids["zoe@two.test"]])
    assert [domain.name for domain in house.store.directory.domains()] == ["two.test"]
    assert house.store.directory.facts(parse_address("gone@one.test"), "", "").domain is None


async def test_aliases_too_keep_a_domain(house: StoreHouse) -> None:
    zoe = await house.account("zoe@two.test")
    domain = await house.domain()
    await house.do(directory_acts.add_alias, domain.id, "sales", [zoe.id])
    with pytest.raises(Conflict, match="aliases"):
        await house.do(directory_acts.remove_domain, domain.id)


async def test_a_needed_account_stays(house: StoreHouse) -> None:
    ids = await town(house)
    ann, ben, zoe = ids.values()
    one, two = house.store.directory.domain("one.test").id, house.store.directory.domain("two.test").id
    await house.do(directory_acts.add_alias, one, "solo", [ben])
    await house.do(directory_acts.set_domain, two, unknown="catch_all", catch_all_account=ben)
    with pytest.raises(Conflict, match=re.escape("ann@one.test is the contact of one.test")):
        await house.do(account_acts.remove_account, ann)
    with pytest.raises(Conflict, match=re.escape("the catch-all of two.test, the last target of solo@one.test")):
        await house.do(account_acts.remove_account, ben)
    await house.do(directory_acts.remove_address, one, "solo")
    await house.do(directory_acts.set_domain, two, unknown="reject", contact_account=ann)
    await house.do(account_acts.remove_account, ben)
    assert house.store.directory.address(one, "team").accounts == (zoe,)
    assert house.store.directory.domain("two.test").catch_all_account is None
    with pytest.raises(Conflict, match=re.escape("the contact of two.test")):
        await house.do(account_acts.remove_account, ann)
    await house.do(directory_acts.set_domain, two, contact_account=zoe)
    await house.do(account_acts.remove_account, ann)  # nobody else is there to be the contact of one.test
    assert house.store.directory.domain("one.test").contact_account is None


async def test_a_new_account_has_its_folders(house: StoreHouse) -> None:
    account = await house.account("Ann.B@one.test", 1000)
    assert (account.address, account.state, account.quota_bytes) == ("ann.b@one.test", "unclaimed", 1000)
    folders = house.store.mailboxes.list(account.id)
    assert [(folder.name, folder.special_use) for folder in folders] == [
        ("Archive", "\\Archive"),
        ("Drafts", "\\Drafts"),
        ("INBOX", None),
        ("Junk", "\\Junk"),
        ("Sent", "\\Sent"),
        ("Trash", "\\Trash"),
    ]
    assert {folder.uidvalidity for folder in folders} == {START // SECOND + i for i in range(6)}
    assert house.store.mailboxes.subscriptions(account.id) == tuple(folder.name for folder in folders)
    assert house.store.directory.domain("one.test").contact_account == account.id


async def test_a_removed_account_is_out_of_sight_at_once_and_leaves_no_bytes(house: StoreHouse) -> None:
    await house.account("zoe@one.test")
    ann = await house.account("ann@one.test")
    inbox = house.folder(ann)
    for number in range(3):
        await house.append(inbox.id, f"m{number}")
    seen = []
    for topic in (Topic("account", ann.id), Topic("folders", ann.id), Topic("mailbox", inbox.id)):
        house.store.feed.subscribe(topic, lambda topic: seen.append(topic.kind))
    await house.do(account_acts.remove_account, ann.id)
    assert sorted(seen) == ["account", "folders", "mailbox"]
    assert house.store.directory.account("ann@one.test") is None
    assert house.store.mailboxes.list(ann.id) == house.store.mailboxes.subscriptions(ann.id) == ()
    assert house.store.messages.snapshot(inbox.id) is None
    assert house.store.directory.domain("one.test").used_bytes == 0
    assert house.reader.execute("SELECT used_bytes FROM organisation").fetchall() == [(0,)]
    again = await house.account("ann@one.test")
    assert house.folder(again).uidvalidity > inbox.uidvalidity  # the clock stood still


async def test_every_write_to_an_account_raises_its_epoch(house: StoreHouse) -> None:
    account = await house.account("ann@one.test")
    epochs = [account.epoch]
    for act, options in [
        (account_acts.suspend_account, {}),
        (account_acts.resume_account, {}),
        (account_acts.set_account, {"quota_bytes": 5}),
    ]:
        epochs.append((await house.do(act, account.id, **options)).epoch)
    assert epochs == sorted(set(epochs))
    await house.do(account_acts.mark_over_quota, account.id)
    assert house.store.directory.account_by_id(account.id).epoch == epochs[-1]


async def test_the_grace_time_starts_once_and_ends_with_room(house: StoreHouse) -> None:
    account = await house.account("ann@one.test", 10_000)
    inbox = house.folder(account).id
    await house.append(inbox, "x" * 2000, flags=8)

    def since() -> int | None:
        return house.store.directory.account_by_id(account.id).over_quota_since

    await house.do(account_acts.mark_over_quota, account.id)
    house.time += SECOND
    await house.do(account_acts.mark_over_quota, account.id)
    assert since() == START
    await house.do(account_acts.set_account, account.id, quota_bytes=1)
    assert since() == START
    await house.do(account_acts.set_account, account.id, quota_bytes=None)
    assert since() is None
    await house.do(account_acts.set_account, account.id, quota_bytes=100)
    await house.do(account_acts.mark_over_quota, account.id)
    await house.do(message_acts.expunge, inbox)
    assert since() is None


async def test_no_look_up_walks_a_table(house: StoreHouse) -> None:
    plans = []
    for sql, params in [
        (directory._RESOLVE, ("a", "a")),
        (directory._FOUND, (1, "a", "b")),
        (f"{directory.ACCOUNT} WHERE address = ?", ("a",)),
        (f"{directory.ACCOUNT} WHERE id = ?", (1,)),
    ]:
        plans += [row[3] for row in house.reader.execute(f"EXPLAIN QUERY PLAN {sql}", params)]
    assert plans
    assert not [line for line in plans if line.startswith("SCAN")]
