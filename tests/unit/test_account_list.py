"""The lists of mailboxes and of addresses: every order, page by page, in both directions, beside a plain model."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.records import Account
from appliance.store import account_acts, account_list, address_list, credential_acts, directory_acts
from appliance.store.account_list import account_page
from appliance.store.address_list import MAX_TARGETS, address_page
from appliance.store.keyset import Slice
from tests.store_house import StoreHouse

DAY = 86_400_000_000


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[StoreHouse]:
    house = StoreHouse(tmp_path)
    for number in range(17):
        account = await house.account(f"u{number * 7 % 17:02}@d{number % 3}.test")
        await house.sql("UPDATE account SET used_bytes = ? WHERE id = ?", (number % 4, account.id))
        house.time += 1
    yield house
    house.close()


@pytest.mark.parametrize("sort", sorted(account_list.COLUMNS))
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("domain", [None, "d1.test"])
async def test_pages_show_every_mailbox_once(
    house: StoreHouse, sort: str, descending: bool, domain: str | None
) -> None:
    engine = house.store.engine
    found = house.store.directory.domain(domain) if domain else None
    home = found.id if found else None
    orders = {
        "address": lambda one: (one.address,),
        "used": lambda one: (one.used_bytes, one.address),
        "added": lambda one: (one.created_at,),
    }
    whole = sorted(house.store.directory.accounts(home), key=orders[sort], reverse=descending)
    mark, more = None, True
    forwards: list[Account] = []
    while more:
        page = await account_page(engine, Slice(sort, descending, after=mark, limit=4), domain=home)
        forwards += [row.account for row in page.rows]
        mark, more = page.marks[-1], page.more
        assert page.total == len(whole)
    assert forwards == whole
    backwards: list[Account] = []
    more = True
    while more:
        page = await account_page(engine, Slice(sort, descending, before=mark, limit=4), domain=home)
        backwards = [row.account for row in page.rows] + backwards
        mark, more = page.marks[0], page.more
    assert backwards == whole[:-1]


async def test_rows_that_go_while_one_turns_the_page_leave_no_gap(house: StoreHouse) -> None:
    page = await account_page(house.store.engine, Slice("address", limit=3))
    for row in page.rows[1:]:
        await house.do(account_acts.remove_account, row.account.id)
    following = await account_page(house.store.engine, Slice("address", after=page.marks[-1], limit=2))
    assert [row.account.address for row in following.rows] == ["u03@d0.test", "u04@d0.test"]


@pytest.mark.parametrize("mark", [("x", 5), (5, "x"), (-1, ""), ("", "")])
async def test_a_place_of_another_kind_does_no_harm(house: StoreHouse, mark: tuple[object, ...]) -> None:
    for sort in account_list.COLUMNS:
        await account_page(house.store.engine, Slice(sort, after=mark))
        await account_page(house.store.engine, Slice(sort, before=mark))


@pytest.mark.parametrize("find", ["' OR 1=1 --", "%", "_", "\\"])
async def test_what_is_looked_for_is_text(house: StoreHouse, find: str) -> None:
    assert (await account_page(house.store.engine, Slice("address"), find=find)).rows == []


async def test_each_row_says_until_when_it_is_invited_and_when_it_was_last_used(house: StoreHouse) -> None:
    account = await house.account("ann@one.test")

    async def row() -> tuple[int | None, int | None]:
        (found,) = (await account_page(house.store.engine, Slice("address"), find="ann@")).rows
        return found.invited_until, found.last_used_at

    assert await row() == (None, None)
    end = house.time + DAY
    invite = credential_acts.add_invite
    await house.do(invite, account.id, b"1", created_by="test", expires_at=end - 5)
    await house.do(invite, account.id, b"2", created_by="test", expires_at=end)
    assert await row() == (end, None)
    await house.do(credential_acts.claim, b"2", b"hash", "test")
    assert await row() == (None, None)
    password = house.store.credentials.password_of(account.id)
    assert password is not None
    await house.do(credential_acts.touch_used, password.id, house.time + 7, "192.0.2.1")
    assert await row() == (None, house.time + 7)
    states = {
        state: (await account_page(house.store.engine, Slice("address"), state=state)).total
        for state in ("active", "unclaimed", "suspended", "")
    }
    assert states == {"active": 1, "unclaimed": 17, "suspended": 0, "": 18}


async def test_addresses_name_some_of_their_targets_and_count_all(house: StoreHouse) -> None:
    domain = house.store.directory.domain("d0.test")
    assert domain is not None
    everyone = house.store.directory.accounts()
    await house.do(directory_acts.add_alias, domain.id, "all", [one.id for one in everyone])
    await house.do(directory_acts.add_reject, domain.id, "old", 551, "Gone")
    found = address_page(house.store.engine, domain.id, Slice("address"))
    (alias, reject) = found.rows
    assert (alias.localpart, alias.targets) == ("all", tuple(one.address for one in everyone[:MAX_TARGETS]))
    assert (alias.targets_total, found.total) == (17, 2)
    assert (reject.localpart, reject.kind, reject.code, reject.text, reject.targets) == (
        "old",
        "reject",
        551,
        "Gone",
        (),
    )
    for kind in address_list.KINDS:
        assert [one.kind for one in address_page(house.store.engine, domain.id, Slice("added"), kind=kind).rows] == [
            kind
        ]
    assert address_page(house.store.engine, domain.id, Slice("address"), find="%").total == 0
