"""Administrators and web sessions: rows, and signing in by the one form."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance import provision
from appliance.identity.invite import claim
from appliance.identity.login import Login, LoginRefused, Logins
from appliance.identity.new_password import WeakPassword
from appliance.identity.operator_login import OperatorLogin, sign_in
from appliance.identity.operators import make_operator
from appliance.identity.password import Parameters, Passwords
from appliance.mail.envelope import Peer
from appliance.store import credential_acts, operator_acts, session_acts
from appliance.store.errors import Conflict
from tests.store_house import SECOND, StoreHouse

ROOT, OWN = "admin-horse-battery-1", "owner-horse-battery-2"
HOME, AWAY = Peer("192.0.2.1"), Peer("198.51.100.7")


class Counted(Passwords):
    """The real pool, with its work counted."""

    verified = 0

    async def verify(self, stored: bytes | None, password: str | bytes) -> bool:
        self.verified += 1
        return await super().verify(stored, password)


class Door(StoreHouse):
    """both@one.test is an administrator and a mailbox; root@far.test only the first, ann@one.test only the second."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.passwords = Counted(Parameters(memory_kib=8, passes=1, lanes=1))
        self.logins = Logins(self.store, self.passwords, now=lambda: self.time, sleep=lambda _: asyncio.sleep(0))

    async def fill(self) -> None:
        await provision.add_domain(self.store, "cli:0", "one.test")
        for email in ("root@far.test", "both@one.test"):
            await make_operator(self.store, self.passwords, email, ROOT, source="test")
        for address in ("ann@one.test", "both@one.test"):
            invited = await provision.add_mailbox(self.store, "cli:0", address)
            await claim(self.store, self.passwords, invited.token, OWN, "test")

    async def sign_in(self, name: str, password: str, peer: Peer = HOME) -> OperatorLogin | Login:
        return await sign_in(self.store, self.logins, self.passwords, name, password, peer)

    async def refusal(self, name: str, password: str, peer: Peer = HOME) -> str:
        with pytest.raises(LoginRefused) as refused:
            await self.sign_in(name, password, peer)
        return refused.value.kind


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    door = Door(tmp_path)
    await door.fill()
    yield door
    door.passwords.close()
    door.close()


@pytest.mark.parametrize(
    ("name", "password", "kind"),
    [
        ("root@far.test", ROOT, OperatorLogin),
        ("Root@FAR.test", ROOT, OperatorLogin),
        ("ann@one.test", OWN, Login),
        ("both@one.test", ROOT, OperatorLogin),
        ("both@one.test", OWN, Login),
    ],
)
async def test_the_password_says_which_of_the_two_a_name_is(door: Door, name: str, password: str, kind: Any) -> None:
    assert isinstance(await door.sign_in(name, password), kind)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("root@far.test", OWN),
        ("ann@one.test", ROOT),
        ("both@one.test", "x"),
        ("nobody@one.test", ROOT),
        ("", ""),
        ("@", ""),
    ],
)
async def test_all_else_is_refused_alike_after_the_same_work(door: Door, name: str, password: str) -> None:
    before = door.passwords.verified
    assert await door.refusal(name, password) == "credentials"
    assert door.passwords.verified == before + 2


async def test_guessing_shuts_the_address_out_of_every_name_and_protocol(door: Door) -> None:
    for name in ("root@far.test", "ROOT@far.test", '"root"@far.test') * 4:
        await door.refusal(name, "wrong", AWAY)
    assert await door.refusal("root@far.test", ROOT, AWAY) == "throttled"
    with pytest.raises(LoginRefused, match="throttled"):
        await door.logins.login("ann@one.test", OWN, AWAY, "imap")
    assert isinstance(await door.sign_in("root@far.test", ROOT, HOME), OperatorLogin)


async def test_suspended_is_told_only_to_who_knows_the_password(door: Door) -> None:
    operator = door.store.operators.by_email("root@far.test")
    await door.do(operator_acts.suspend_operator, operator.id)
    assert await door.refusal("root@far.test", "wrong") == "credentials"
    assert await door.refusal("root@far.test", ROOT) == "suspended"
    await door.do(operator_acts.resume_operator, operator.id)
    assert isinstance(await door.sign_in("root@far.test", ROOT), OperatorLogin)


async def test_an_operator_is_made_once_with_a_good_password(door: Door) -> None:
    with pytest.raises(Conflict):
        await make_operator(door.store, door.passwords, "ROOT@far.test", ROOT, source="test")
    with pytest.raises(WeakPassword):
        await make_operator(door.store, door.passwords, "new@far.test", "new@far.test", source="test")
    with pytest.raises(Conflict):
        await make_operator(door.store, door.passwords, "no address", ROOT, source="test")
    assert [entry.act for entry in door.store.audit.newest()].count("operator.add") == 2


async def test_a_session_ends_by_itself_by_hand_and_with_the_password_that_opened_it(door: Door) -> None:
    operator = door.store.operators.by_email("root@far.test")

    async def opened(token: bytes) -> bool:
        password = door.store.operators.password_of(operator.id)
        options = {"opener": password.id, "name": "browser", "source": "192.0.2.1", "expires_at": door.time + SECOND}
        await door.do(session_acts.open_session, "operator", operator.id, token, **options)
        return found(token)

    def found(token: bytes) -> bool:
        return session_acts.find_session(door.store.engine, token, door.time) is not None

    assert await opened(b"a")
    await door.do(session_acts.end_session, b"a")
    assert not found(b"a")
    assert await opened(b"b")
    await door.do(operator_acts.change_password, operator.id, b"hash", created_by="test")
    assert not found(b"b")
    assert await opened(b"c")
    await door.do(credential_acts.revoke, door.store.operators.password_of(operator.id).id)
    assert not found(b"c")


async def test_a_session_expires_and_is_forgotten_long_after(door: Door) -> None:
    operator = door.store.operators.by_email("root@far.test")
    opener = door.store.operators.password_of(operator.id).id
    options = {"opener": opener, "name": "", "source": "", "expires_at": door.time + SECOND}
    await door.do(session_acts.open_session, "operator", operator.id, b"a", **options)
    door.time += SECOND
    assert session_acts.find_session(door.store.engine, b"a", door.time) is None
    assert door.store.credentials.find("session", b"a") is not None
    door.time += session_acts.KEPT_US + SECOND
    await door.do(session_acts.open_session, "operator", operator.id, b"b", **options)
    assert door.store.credentials.find("session", b"a") is None


async def test_an_act_says_who_did_it_and_where_from(door: Door) -> None:
    await provision.add_domain(door.store, provision.Actor("root@far.test", "192.0.2.1"), "two.test")
    entry = door.store.audit.newest(1)[0]
    assert (entry.actor, entry.source) == ("root@far.test", "192.0.2.1")
    await provision.add_domain(door.store, "cli:0", "three.test")
    assert door.store.audit.newest(1)[0].source == "cli"
