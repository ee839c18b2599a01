"""Changing one's own password: the old one is asked for, and everything it opened ends."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance import provision
from appliance.identity.invite import ClaimRefused, claim, find_invited
from appliance.identity.login import LoginRefused, Logins
from appliance.identity.new_password import WeakPassword
from appliance.identity.operators import make_operator
from appliance.identity.own_password import change_own_password
from appliance.identity.password import Parameters, Passwords
from appliance.identity.throttle import MAX_FAILURES
from appliance.identity.watch import REVOKED, watch
from appliance.ids import IdMaker
from appliance.mail.envelope import Peer
from appliance.records import Account, Operator
from appliance.store.errors import Conflict
from appliance.store.store import Store, open_store

OLD, NEW = "correct-horse-battery", "velvet anchor thirty rivers"
ANN, ROOT = "ann@one.test", "root@admin.test"
PEER = Peer("192.0.2.1")


class Clock:
    time = 1_790_000_000_000_000

    def __call__(self) -> int:
        return self.time


class Town:
    """A store with one owner and one administrator, both with the password OLD."""

    def __init__(self, store: Store, passwords: Passwords, clock: Clock) -> None:
        self.store, self.passwords, self.clock = store, passwords, clock
        self.logins = Logins(store, passwords, now=clock, sleep=self.pause)
        self.account: Account
        self.operator: Operator

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(0)

    def whose(self, name: str) -> Account | Operator:
        return self.account if name == ANN else self.operator

    async def change(self, name: str, old: str, new: str):
        return await change_own_password(self.store, self.logins, self.passwords, self.whose(name), old, new, PEER)


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    clock = Clock()
    store = open_store(tmp_path / "data", now=clock, ids=IdMaker(clock))
    passwords = Passwords(Parameters(memory_kib=8, passes=1, lanes=1))
    town = Town(store, passwords, clock)
    await provision.add_domain(store, "cli:0", "one.test")
    token = (await provision.add_mailbox(store, "root@admin.test", ANN)).token
    invited = find_invited(store, token)
    assert (invited.account.address, invited.invited_by) == (ANN, "root@admin.test")
    town.account = await claim(store, passwords, token, OLD, "test")
    with pytest.raises(ClaimRefused, match="used already"):
        find_invited(store, token)
    town.operator = await make_operator(store, passwords, ROOT, OLD, source="test")
    yield town
    passwords.close()
    store.close()


@pytest.mark.parametrize("name", [ANN, ROOT])
async def test_the_new_password_takes_the_place_of_the_old(town: Town, name: str) -> None:
    login = await town.change(name, OLD, NEW)
    store = town.store
    current = (
        store.credentials.password_of(town.account.id) if name == ANN else store.operators.password_of(town.operator.id)
    )
    assert current is not None
    assert login.credential == current.id
    with pytest.raises(LoginRefused):
        await town.change(name, OLD, "another good pass phrase")
    row = store.audit.newest(1)[0]
    assert (row.actor, row.object, row.source) == (name, name, "192.0.2.1")
    assert row.act == ("mailbox.password" if name == ANN else "operator.password")
    assert NEW not in row.before + row.after
    again = await town.change(name, NEW, "another good pass phrase")
    assert again.credential != login.credential


async def test_live_sessions_end_as_with_a_revoked_credential(town: Town) -> None:
    login = await town.logins.login(ANN, OLD, PEER, "imap")
    ends: list[str] = []
    watch(town.store, login, ends.append)
    await town.change(ANN, OLD, NEW)
    await asyncio.sleep(0)
    assert ends == [REVOKED]
    with pytest.raises(LoginRefused):
        await town.logins.login(ANN, OLD, PEER, "imap")
    await town.logins.login(ANN, NEW, PEER, "imap")


@pytest.mark.parametrize("name", [ANN, ROOT])
@pytest.mark.parametrize(
    ("new", "why"),
    [
        ("short", "too short"),
        ("passwordpassword", "too easy"),
        (OLD, "already"),
        ("tabs\tare no good at all", "control"),
    ],
)
async def test_a_new_one_has_to_be_good_and_new(town: Town, name: str, new: str, why: str) -> None:
    with pytest.raises(WeakPassword, match=why):
        await town.change(name, OLD, new)


@pytest.mark.parametrize("name", [ANN, ROOT])
async def test_guessing_the_old_one_is_throttled_as_signing_in_is(town: Town, name: str) -> None:
    for _ in range(MAX_FAILURES):
        with pytest.raises(LoginRefused) as refused:
            await town.change(name, "wrong", NEW)
        assert refused.value.kind == "credentials"
    with pytest.raises(LoginRefused) as refused:
        await town.change(name, OLD, NEW)
    assert refused.value.kind == "throttled"


@pytest.mark.parametrize("name", [ANN, ROOT])
async def test_of_two_changes_at_once_one_holds(town: Town, name: str) -> None:
    results = await asyncio.gather(
        town.change(name, OLD, NEW), town.change(name, OLD, "another good pass phrase"), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in results if isinstance(one, Exception)) == [Conflict.__name__]
