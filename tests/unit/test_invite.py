"""Invites: one token, one claim, by the owner alone."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance import provision
from appliance.identity.invite import LIFETIME_US, ClaimRefused, claim, new_token, token_hash
from appliance.identity.password import Parameters, Passwords
from appliance.ids import IdMaker
from appliance.store.errors import Conflict
from appliance.store.store import Store, open_store

PASSWORD = "correct-horse-battery"


class Clock:
    time = 1_790_000_000_000_000

    def __call__(self) -> int:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    opened = open_store(tmp_path / "data", now=clock, ids=IdMaker(clock))
    await provision.add_domain(opened, "cli:0", "one.test")
    yield opened
    opened.close()


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    passwords = Passwords(Parameters(memory_kib=8, passes=1, lanes=1))
    yield passwords
    passwords.close()


async def invited(store: Store) -> str:
    return (await provision.add_mailbox(store, "cli:0", "ann@one.test")).token


async def refusal(store: Store, passwords: Passwords, token: str, password: str = PASSWORD) -> str:
    with pytest.raises(ClaimRefused) as refused:
        await claim(store, passwords, token, password, "test")
    assert "\n" not in str(refused.value)
    assert token not in str(refused.value)
    assert password not in str(refused.value)
    return refused.value.kind


async def test_the_owner_claims_and_the_audit_log_says_so(store: Store, passwords: Passwords) -> None:
    token = await invited(store)
    account = await claim(store, passwords, token, PASSWORD, "cli:1000")
    assert (account.address, account.state) == ("ann@one.test", "active")
    credential = store.credentials.password_of(account.id)
    assert credential is not None
    assert await passwords.verify(credential.secret_hash, PASSWORD)
    [entry] = store.audit.newest(1)
    assert (entry.actor, entry.act, entry.object, entry.source) == (
        "ann@one.test",
        "mailbox.claim",
        "ann@one.test",
        "cli:1000",
    )
    assert store.audit.verify() is None


async def test_a_token_works_once(store: Store, passwords: Passwords) -> None:
    token = await invited(store)
    await claim(store, passwords, token, PASSWORD, "test")
    assert await refusal(store, passwords, token) == "used"


async def test_of_two_claims_at_once_one_wins(store: Store, passwords: Passwords) -> None:
    token = await invited(store)
    tries = [claim(store, passwords, token, f"{PASSWORD}-{i}", "test") for i in range(2)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Account", "ClaimRefused"]


async def test_a_token_expires_after_72_hours(store: Store, passwords: Passwords, clock: Clock) -> None:
    token = await invited(store)
    clock.time += LIFETIME_US
    assert await refusal(store, passwords, token) == "expired"


@pytest.mark.parametrize("token", ["", "x", "x" * 100_000, "\ud800", "not-a-token"])
async def test_what_is_no_token_is_unknown(store: Store, passwords: Passwords, token: str) -> None:
    with pytest.raises(ClaimRefused) as refused:
        await claim(store, passwords, token, PASSWORD, "test")
    assert refused.value.kind == "unknown"


@pytest.mark.parametrize("password", ["tiny", "password1234", "ann@one.test", "x" * 2000, "tab\tin the password 93"])
async def test_a_weak_password_leaves_the_token_good(store: Store, passwords: Passwords, password: str) -> None:
    token = await invited(store)
    assert await refusal(store, passwords, token, password) == "weak"
    await claim(store, passwords, token, PASSWORD, "test")


async def test_a_new_invite_ends_the_earlier_one(store: Store, passwords: Passwords) -> None:
    token = await invited(store)
    newer = await provision.invite_owner(store, "cli:0", "ann@one.test")
    assert await refusal(store, passwords, token) == "unknown"
    await claim(store, passwords, newer.token, PASSWORD, "test")


async def test_a_claimed_mailbox_gets_no_invite(store: Store, passwords: Passwords) -> None:
    await claim(store, passwords, await invited(store), PASSWORD, "test")
    with pytest.raises(Conflict, match="claimed"):
        await provision.invite_owner(store, "cli:0", "ann@one.test")


async def test_only_the_hash_of_a_token_is_kept(store: Store) -> None:
    token = await invited(store)
    assert len(token) == 64
    assert new_token() != token
    files = b"".join(path.read_bytes() for path in store.data_dir.iterdir() if path.is_file())
    assert token_hash(token) in files
    assert token.encode() not in files


def test_a_token_can_stand_anywhere_as_it_is():
    """In a URL, and on a command line where a leading hyphen would make it an option."""
    assert all(re.fullmatch(r"[0-9a-f]{64}", new_token()) for _ in range(100))
