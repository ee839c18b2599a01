"""Signing in: who gets in, what is refused in which words, what it costs and what it leaves behind."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance import provision
from appliance.identity.invite import claim
from appliance.identity.login import LoginRefused, Logins
from appliance.identity.password import Parameters, Passwords, PasswordsBusy
from appliance.ids import IdMaker
from appliance.mail.envelope import Peer
from appliance.store import credential_acts
from appliance.store.store import open_store

PASSWORD = "correct-horse-battery"
HOME, AWAY = Peer("192.0.2.1"), Peer("198.51.100.7")
MINUTE = 60_000_000


class Counted(Passwords):
    """The real pool, with its work counted."""

    verified = 0

    async def verify(self, stored: bytes | None, password: str | bytes) -> bool:
        self.verified += 1
        return await super().verify(stored, password)


class Door:
    """A store with ann@one.test (claimed) and ben@one.test (not), a clock that is set, and sleeps that are noted."""

    def __init__(self, directory: Path) -> None:
        self.time = 1_790_000_000_000_000
        self.slept: list[float] = []
        self.store = open_store(directory / "data", now=self.now, ids=IdMaker(self.now))
        self.passwords = Counted(Parameters(memory_kib=8, passes=1, lanes=1))
        self.reopen()

    def reopen(self) -> None:
        self.logins = Logins(self.store, self.passwords, now=self.now, sleep=self.sleep)

    def now(self) -> int:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += int(seconds * 1_000_000)

    async def sign_in(self, login: str = "ann@one.test", password: str = PASSWORD, peer: Peer = HOME) -> Any:
        return await self.logins.login(login, password, peer, "imap")

    async def refusal(self, login: str = "ann@one.test", password: str = PASSWORD, peer: Peer = HOME) -> str:
        with pytest.raises(LoginRefused) as refused:
            await self.sign_in(login, password, peer)
        return refused.value.kind


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    door = Door(tmp_path)
    await provision.add_domain(door.store, "cli:0", "one.test")
    invited = await provision.add_mailbox(door.store, "cli:0", "ann@one.test")
    await claim(door.store, door.passwords, invited.token, PASSWORD, "test")
    await provision.add_mailbox(door.store, "cli:0", "ben@one.test")
    yield door
    door.passwords.close()
    door.store.close()


@pytest.mark.parametrize("login", ["ann@one.test", "ANN@One.Test", '"ann"@one.test'])
async def test_the_owner_gets_in_however_the_address_is_written(door: Door, login: str) -> None:
    signed_in = await door.sign_in(login)
    assert signed_in.account.address == "ann@one.test"
    assert signed_in.credential == door.store.credentials.password_of(signed_in.account.id).id


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("ann@one.test", "wrong"),
        ("ann@one.test", ""),
        ("ann@one.test", "x" * 5000),
        ("ben@one.test", PASSWORD),
        ("nobody@one.test", PASSWORD),
        ("ann@other.test", PASSWORD),
        ("ann", PASSWORD),
        ("", ""),
        ("\ud800@one.test", "\ud800"),
        ("@" * 5000, PASSWORD),
    ],
)
async def test_all_else_is_refused_alike_after_the_same_work(door: Door, login: str, password: str) -> None:
    before = door.passwords.verified
    assert await door.refusal(login, password) == "credentials"
    assert door.passwords.verified == before + 1


async def test_a_right_password_costs_a_hash_once_in_five_minutes(door: Door) -> None:
    for _ in range(20):
        await door.sign_in()
    assert door.passwords.verified == 1
    door.time += 5 * MINUTE
    await door.sign_in()
    assert door.passwords.verified == 2


async def test_connections_opened_at_once_share_one_hash(door: Door) -> None:
    await asyncio.gather(*[door.sign_in() for _ in range(30)])
    assert door.passwords.verified == 1


async def test_a_change_to_the_account_makes_the_remembered_password_count_no_more(door: Door) -> None:
    await door.sign_in()
    await provision.set_quota(door.store, "cli:0", "ann@one.test", "1GiB")
    await door.sign_in()
    assert door.passwords.verified == 2


async def test_a_revoked_credential_opens_nothing_not_even_from_the_cache(door: Door) -> None:
    signed_in = await door.sign_in()
    await door.store.engine.write(lambda tx: credential_acts.revoke(tx, signed_in.credential))
    assert await door.refusal() == "credentials"


async def test_a_suspended_mailbox_is_named_to_its_owner_alone(door: Door) -> None:
    await door.sign_in()
    await provision.suspend_mailbox(door.store, "cli:0", "ann@one.test")
    assert await door.refusal() == "suspended"
    assert await door.refusal(password="wrong") == "credentials"
    await provision.resume_mailbox(door.store, "cli:0", "ann@one.test")
    await door.sign_in()


async def test_in_a_suspended_domain_mail_is_still_read(door: Door) -> None:
    await provision.suspend_domain(door.store, "cli:0", "one.test")
    assert (await door.sign_in()).account.address == "ann@one.test"


async def test_guessing_is_slowed_before_any_hash_and_then_shut_out(door: Door) -> None:
    for _ in range(10):
        await door.refusal(password="wrong", peer=AWAY)
    assert door.slept == [1, 2, 4, 8, 16]
    hashes = door.passwords.verified
    with pytest.raises(LoginRefused) as refused:
        await door.sign_in(peer=AWAY)
    assert (refused.value.kind, refused.value.retry_after) == ("throttled", 15 * 60)
    assert door.passwords.verified == hashes


async def test_only_so_many_wait_side_by_side(door: Door) -> None:
    """An attempt waits though its connection may be gone, so the bounds of connections do not bound these."""
    await door.sign_in()
    for _ in range(5):
        await door.refusal(password="wrong", peer=AWAY)
    over = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await over.wait()

    door.logins._sleep = sleep
    waiting = [asyncio.create_task(door.refusal(password="wrong", peer=AWAY)) for _ in range(10)]
    await asyncio.sleep(0)
    with pytest.raises(LoginRefused) as refused:
        await door.sign_in(peer=AWAY)
    assert (refused.value.kind, refused.value.retry_after) == ("throttled", 1)
    await door.sign_in()  # the owner does not wait at home
    over.set()
    assert set(await asyncio.gather(*waiting)) == {"credentials"}
    assert not door.logins._waiting


async def test_the_owner_passes_while_others_guess_also_after_a_restart(door: Door) -> None:
    await door.sign_in()
    await door.logins.flush()
    door.reopen()
    for i in range(30):
        await door.refusal(password="wrong", peer=Peer(f"203.0.113.{i}"))
    door.slept.clear()
    await door.sign_in()
    assert door.slept == []


async def test_a_full_queue_says_busy_and_counts_no_failure(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(stored: bytes | None, password: str | bytes) -> bool:
        raise PasswordsBusy

    with monkeypatch.context() as patch:
        patch.setattr(door.passwords, "verify", full)
        for _ in range(20):
            assert await door.refusal() == "busy"
    await door.sign_in()
    assert door.slept == []


async def test_last_use_is_written_lazily_and_at_most_once_in_five_minutes(door: Door) -> None:
    account = (await door.sign_in()).account
    assert door.store.credentials.password_of(account.id).last_used_at is None
    await door.logins.flush()
    first = door.store.credentials.password_of(account.id)
    assert (first.last_used_at, first.last_used_from) == (door.time, HOME.address)
    door.time += 4 * MINUTE
    await door.sign_in()
    await door.logins.flush()
    assert door.store.credentials.password_of(account.id) == first
    door.time += MINUTE
    await door.sign_in(peer=AWAY)
    await door.logins.flush()
    assert door.store.credentials.password_of(account.id).last_used_from == AWAY.address


async def test_one_that_goes_away_does_not_take_the_hash_with_it(door: Door) -> None:
    leaving = asyncio.create_task(door.sign_in())
    staying = asyncio.create_task(door.sign_in())
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).account.address == "ann@one.test"
    assert door.passwords.verified == 1


async def test_a_hash_of_earlier_costs_is_made_anew_at_sign_in(door: Door) -> None:
    account = (await door.sign_in()).account
    before = door.store.credentials.password_of(account.id)
    dearer = Passwords(Parameters(memory_kib=16, passes=1, lanes=1))
    logins = Logins(door.store, dearer, now=door.now, sleep=door.sleep)
    try:
        for password in (PASSWORD, PASSWORD.encode()):
            await logins.login("ann@one.test", password, HOME, "imap")
            await logins.flush()
        after = door.store.credentials.password_of(account.id)
        assert after.id == before.id
        assert after.secret_hash.startswith(b"$argon2id$v=19$m=16,")
        assert await dearer.verify(after.secret_hash, PASSWORD)
    finally:
        dearer.close()
