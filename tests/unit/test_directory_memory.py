"""Facts that are remembered for a recipient are those the database would give, whatever was changed in between."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from appliance.mail.address import Address
from appliance.store import account_acts, directory_acts
from appliance.store.directory import Directory
from tests.store_house import StoreHouse

ASKED = [
    Address("ann", "one.test"),
    Address("ann+tag", "one.test"),
    Address("team", "one.test"),
    Address("gone", "one.test"),
    Address("nobody", "one.test"),
    Address("postmaster", "one.test"),
    Address("ann", "other.test"),
    Address("postmaster", ""),
]


@pytest.fixture
async def house(tmp_path: Path):
    house = StoreHouse(tmp_path)
    yield house
    house.close()


def assert_true(house: StoreHouse) -> None:
    fresh = Directory(house.store.engine)
    for address in ASKED:
        asked = (address, "ann@one.test", "mail.test")
        assert house.store.directory.facts(*asked) == fresh.facts(*asked), address


async def test_every_act_on_the_directory_is_seen_at_once(house: StoreHouse) -> None:
    ann = await house.account("ann@one.test")
    bob = await house.account("bob@one.test")
    domain = ann.domain
    acts: list[Callable[[], Awaitable[object]]] = [
        lambda: house.do(directory_acts.add_alias, domain, "team", (ann.id, bob.id)),
        lambda: house.do(directory_acts.add_reject, domain, "gone"),
        lambda: house.do(directory_acts.add_domain_alias, domain, "other.test"),
        lambda: house.do(directory_acts.set_domain, domain, unknown="catch_all", catch_all_account=bob.id),
        lambda: house.do(directory_acts.set_domain, domain, separators="-"),
        lambda: house.do(directory_acts.set_domain, domain, quota_bytes=1),
        lambda: house.do(directory_acts.set_domain, domain, quota_bytes=None, separators="+", contact_account=bob.id),
        lambda: house.do(directory_acts.suspend_domain, domain),
        lambda: house.do(directory_acts.resume_domain, domain),
        lambda: house.do(account_acts.suspend_account, ann.id),
        lambda: house.do(account_acts.resume_account, ann.id),
        lambda: house.do(account_acts.set_account, ann.id, quota_bytes=100),
        lambda: house.do(account_acts.set_account, ann.id, quota_bytes=None),
        lambda: house.do(directory_acts.remove_domain_alias, domain, "other.test"),
        lambda: house.do(directory_acts.remove_address, domain, "team"),
        lambda: house.do(directory_acts.remove_address, domain, "gone"),
        lambda: house.do(account_acts.remove_account, ann.id),
    ]
    assert_true(house)
    for act in acts:
        await act()
        assert_true(house)


async def test_use_is_read_anew_where_a_quota_is_set(house: StoreHouse) -> None:
    ann = await house.account("ann@one.test", quota_bytes=10_000)
    for text in ("first", "second"):
        await house.append(house.folder(ann).id, text)
        assert_true(house)
