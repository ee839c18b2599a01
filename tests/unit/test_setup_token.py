"""The set-up token: one, for half an hour, for one administrator."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.identity.new_password import WeakPassword
from appliance.identity.operators import make_operator
from appliance.identity.password import Parameters, Passwords
from appliance.identity.setup_token import (
    LIFETIME_US,
    STEP,
    SetupRefused,
    check_setup,
    make_first_operator,
    open_setup,
)
from appliance.store.errors import Conflict
from appliance.store.setup_acts import open_setup_token
from tests.store_house import StoreHouse

EMAIL, PASSWORD = "root@admin.test", "correct-horse-battery"


class Hall(StoreHouse):
    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.passwords = Passwords(Parameters(memory_kib=8, passes=1, lanes=1))

    async def token(self, actor: str = "cli:0") -> str:
        return (await open_setup(self.store, actor, "cli")).token

    async def first(self, token: str, email: str = EMAIL, password: str = PASSWORD) -> str:
        made = await make_first_operator(self.store, self.passwords, token, email, password, "192.0.2.9")
        assert self.store.operators.password_of(made.operator.id).id == made.credential
        return made.operator.email

    def refusal(self, token: str) -> str:
        with pytest.raises(SetupRefused) as refused:
            check_setup(self.store, token)
        return refused.value.kind


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    one = Hall(tmp_path)
    yield one
    one.passwords.close()
    one.close()


async def test_the_holder_becomes_the_first_administrator(hall: Hall) -> None:
    token = await hall.token()
    check_setup(hall.store, token)
    check_setup(hall.store, token)
    assert await hall.first(token, "Root@Admin.TEST") == EMAIL
    assert hall.store.settings.get(STEP) == "host"
    assert hall.refusal(token) == "over"
    acts = [(row.actor, row.act, row.source) for row in hall.store.audit.newest()]
    assert ("cli:0", "setup.link", "cli") in acts
    assert (EMAIL, "operator.add", "192.0.2.9") in acts


async def test_only_its_hash_is_kept(hall: Hall) -> None:
    token = await hall.token()
    assert len(token) == 64
    assert token.encode() not in (hall.store.data_dir / "appliance.db").read_bytes()
    waiting = open_setup_token(hall.store.engine, hall.time)
    assert waiting is not None
    assert (waiting.kind, waiting.expires_at) == ("setup", waiting.created_at + LIFETIME_US)


async def test_it_is_good_for_half_an_hour(hall: Hall) -> None:
    token = await hall.token()
    hall.time += LIFETIME_US - 1_000_000
    check_setup(hall.store, token)
    hall.time += 2_000_000
    assert hall.refusal(token) == "ended"
    with pytest.raises(SetupRefused):
        await hall.first(token)
    assert not hall.store.operators.exist()
    assert open_setup_token(hall.store.engine, hall.time) is None


async def test_a_new_one_ends_the_one_before(hall: Hall) -> None:
    first, second = await hall.token(), await hall.token()
    assert hall.refusal(first) == "ended"
    assert await hall.first(second) == EMAIL


@pytest.mark.parametrize("token", ["", "0" * 64, "x" * 5000, "\ud800"])
async def test_a_guess_opens_nothing(hall: Hall, token: str) -> None:
    await hall.token()
    assert hall.refusal(token) == "unknown"


async def test_there_is_none_once_there_is_an_administrator(hall: Hall) -> None:
    token = await hall.token()
    await make_operator(hall.store, hall.passwords, EMAIL, PASSWORD, source="test")
    with pytest.raises(Conflict, match="an administrator already"):
        await hall.token()
    assert (hall.refusal(token), hall.refusal("0" * 64)) == ("over", "unknown")


async def test_a_weak_password_or_no_address_uses_nothing_up(hall: Hall) -> None:
    token = await hall.token()
    with pytest.raises(WeakPassword):
        await hall.first(token, password="passwordpassword")
    with pytest.raises(Conflict, match="not an e-mail address"):
        await hall.first(token, email="root")
    assert await hall.first(token) == EMAIL


async def test_of_two_at_the_same_time_one_succeeds(hall: Hall) -> None:
    token = await hall.token()
    both = await asyncio.gather(
        *(hall.first(token, email) for email in ("a@x.test", "b@x.test")), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in both) == ["SetupRefused", "str"]
