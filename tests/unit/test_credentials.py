"""Invites and passwords: who may set one, once, and what the ledger keeps."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.records import Topic
from appliance.store import account_acts, credential_acts
from appliance.store.errors import Conflict, NotFound
from tests.store_house import SECOND, START, StoreHouse

EXPIRES = START + 10 * SECOND


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[StoreHouse]:
    opened = StoreHouse(tmp_path / "data")
    opened.ann = await opened.account("ann@one.test")
    yield opened
    opened.close()


async def invite(house: StoreHouse, token: bytes = b"t1"):
    return await house.do(credential_acts.add_invite, house.ann.id, token, created_by="cli:0", expires_at=EXPIRES)


async def claim(house: StoreHouse, token: bytes = b"t1", password: bytes = b"p1"):
    return await house.do(credential_acts.claim, token, password, "192.0.2.1")


def epoch(house: StoreHouse) -> int:
    return house.store.directory.account_by_id(house.ann.id).epoch


async def test_an_invite_is_claimed_once(house: StoreHouse) -> None:
    made = await invite(house)
    ledger = house.store.credentials
    assert (made.kind, made.created_by, made.expires_at, made.used_at) == ("invite", "cli:0", EXPIRES, None)
    assert ledger.open_invite(house.ann.id, START) == ledger.find("invite", b"t1") == made
    assert ledger.open_invite(house.ann.id, EXPIRES) is None
    assert ledger.password_of(house.ann.id) is None
    account = await claim(house)
    assert (account.id, account.state) == (house.ann.id, "active")
    password = ledger.password_of(house.ann.id)
    assert (password.secret_hash, password.created_by) == (b"p1", "ann@one.test")
    used = ledger.find("invite", b"t1")
    assert (used.used_at, used.last_used_from) == (START, "192.0.2.1")
    assert ledger.open_invite(house.ann.id, START) is None
    assert [row.kind for row in ledger.ledger(house.ann.id)] == ["invite", "password"]
    with pytest.raises(NotFound, match="unknown, used or expired"):
        await claim(house, password=b"p2")
    assert ledger.password_of(house.ann.id) == password


async def test_two_claims_at_once(house: StoreHouse) -> None:
    await invite(house)
    results = await asyncio.gather(*[claim(house, password=text) for text in (b"p1", b"p2")], return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["Account", "NotFound"]
    assert house.store.credentials.password_of(house.ann.id).secret_hash == b"p1"


async def test_tokens_that_open_nothing(house: StoreHouse) -> None:
    with pytest.raises(NotFound):
        await claim(house, b"unknown")
    first = await invite(house)
    await invite(house, b"t2")
    assert house.store.credentials.find("invite", b"t1").revoked_at == START
    with pytest.raises(NotFound):
        await claim(house, b"t1")
    house.time = EXPIRES
    with pytest.raises(NotFound):
        await claim(house, b"t2")
    house.time = EXPIRES - 1
    assert (await claim(house, b"t2")).state == "active"
    assert first.id in {row.id for row in house.store.credentials.ledger(house.ann.id)}


async def test_a_claimed_mailbox_gets_no_invite(house: StoreHouse) -> None:
    await invite(house)
    await claim(house)
    with pytest.raises(Conflict, match="claimed already: its owner has the password"):
        await invite(house, b"t2")
    with pytest.raises(NotFound):
        await house.do(credential_acts.add_invite, 5, b"t", created_by="cli:0", expires_at=EXPIRES)


async def test_a_password_hash_is_no_token(house: StoreHouse) -> None:
    await invite(house)
    await claim(house)
    with pytest.raises(NotFound):
        await claim(house, b"p1")


async def test_every_write_raises_the_epoch_but_use_does_not(house: StoreHouse) -> None:
    seen = []
    house.store.feed.subscribe(Topic("account", house.ann.id), seen.append)
    epochs = [epoch(house)]
    await invite(house)
    epochs.append(epoch(house))
    await claim(house)
    epochs.append(epoch(house))
    password = house.store.credentials.password_of(house.ann.id)
    revoked = await house.do(credential_acts.revoke, password.id)
    epochs.append(epoch(house))
    assert epochs == sorted(set(epochs))
    assert len(seen) == 3
    await house.do(credential_acts.touch_used, password.id, START + 5, "192.0.2.9")
    assert epoch(house) == epochs[-1]
    assert revoked.revoked_at == START
    assert house.store.credentials.password_of(house.ann.id) is None
    house.time += SECOND
    assert (await house.do(credential_acts.revoke, password.id)).revoked_at == START
    with pytest.raises(NotFound):
        await house.do(credential_acts.revoke, 5)


async def test_last_use_never_goes_back(house: StoreHouse) -> None:
    made = await invite(house)
    for at, source in ((START + 5, "a"), (START + 3, "b"), (START + 9, "c")):
        await house.do(credential_acts.touch_used, made.id, at, source)
    row = house.store.credentials.find("invite", b"t1")
    assert (row.last_used_at, row.last_used_from) == (START + 9, "c")


async def test_credentials_go_with_their_account(house: StoreHouse) -> None:
    await invite(house)
    await house.do(account_acts.remove_account, house.ann.id)
    assert house.store.credentials.find("invite", b"t1") is None
    with pytest.raises(NotFound):
        await claim(house)


def test_only_the_owner_writes_a_password() -> None:
    """And the owner's own change of it, for which the old one was asked (`identity.own_password`, nobody else)."""
    takers = [
        name
        for name, value in vars(credential_acts).items()
        if callable(value) and "password_hash" in getattr(getattr(value, "__code__", None), "co_varnames", ())
    ]
    assert takers == ["claim", "change_password"]
    root = Path(__file__).resolve().parents[2]
    rooms = [path for top in ("appliance", "admin", "smtp", "imap") for path in (root / top).rglob("*.py")]
    callers = [path.name for path in rooms if "credential_acts.change_password" in path.read_text("utf-8")]
    assert callers == ["own_password.py"]
