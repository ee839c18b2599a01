"""Passwords: what is hashed, what is refused, how many wait."""

import asyncio
import threading

import pytest

from appliance.identity.password import (
    MAX_BYTES,
    Parameters,
    PasswordError,
    Passwords,
    PasswordsBusy,
    prepare,
    strength,
)
from appliance.identity.password_cache import LIFETIME_US, PasswordCache

CHEAP = Parameters(memory_kib=8, passes=1, lanes=1)
PHRASE = "correct horse battery staple"


@pytest.fixture
def passwords():
    passwords = Passwords(CHEAP)
    yield passwords
    passwords.close()


@pytest.mark.parametrize(
    ("given", "octets"),
    [
        ("plain", b"plain"),
        ("Cafe\u0301", "Café".encode()),
        ("a\u00a0b\u3000c", b"a b c"),
        ("Case Kept", b"Case Kept"),
        ("grüße".encode(), "grüße".encode()),
        ("x" * MAX_BYTES, b"x" * MAX_BYTES),
    ],
)
def test_spellings_of_one_password_are_hashed_alike(given, octets):
    assert prepare(given) == octets


@pytest.mark.parametrize(
    "given", ["", b"", "x" * (MAX_BYTES + 1), "é" * 600, b"\xff\xfe", "tab\there", "nul\0", "\ud800"]
)
def test_what_cannot_be_a_password_is_refused(given):
    with pytest.raises(PasswordError):
        prepare(given)


@pytest.mark.parametrize(
    ("password", "inputs", "why"),
    [
        ("short", (), "too short"),
        ("password1234", (), "too easy"),
        ("aaaaaaaaaaaaaaaa", (), "too easy"),
        ("anna.example", ("anna", "example", "anna.example"), "too easy"),
        (PHRASE, (), None),
        ("x7#Kq9!mZ2pL" * 20, (), None),
    ],
)
def test_strength_names_what_is_weak(password, inputs, why):
    found = strength(password, inputs)
    assert found is None if why is None else why in found


async def test_the_right_password_verifies_in_any_spelling_and_no_other(passwords):
    stored = await passwords.hash("Café au lait!")
    assert stored.startswith(b"$argon2id$v=19$m=8,t=1,p=1$")
    assert await passwords.verify(stored, "Cafe\u0301 au\u00a0lait!".encode())
    assert not await passwords.verify(stored, "cafe au lait!")
    assert not await passwords.verify(stored, "")
    assert not await passwords.verify(stored, b"\xff")


async def test_nobody_has_a_password(passwords):
    assert not await passwords.verify(None, PHRASE)


async def test_the_default_costs_are_the_second_option_of_rfc_9106():
    passwords = Passwords()
    try:
        stored = await passwords.hash(PHRASE)
        assert stored.startswith(b"$argon2id$v=19$m=65536,t=3,p=4$")
        assert await passwords.verify(stored, PHRASE)
        assert not passwords.outdated(stored)
    finally:
        passwords.close()


async def test_a_hash_of_other_costs_is_outdated_but_still_good(passwords):
    stored = await passwords.hash(PHRASE)
    dearer = Passwords(Parameters(memory_kib=16, passes=1, lanes=1))
    try:
        assert dearer.outdated(stored)
        assert await dearer.verify(stored, PHRASE)
    finally:
        dearer.close()


async def test_beyond_two_at_work_and_sixteen_waiting_the_next_is_told_to_come_back(passwords):
    gate = threading.Event()
    held = [asyncio.ensure_future(passwords._run(gate.wait)) for _ in range(18)]
    await asyncio.sleep(0)
    with pytest.raises(PasswordsBusy):
        await passwords.hash(PHRASE)
    held[0].cancel()
    gate.set()
    await asyncio.gather(*held, return_exceptions=True)
    assert await passwords.hash(PHRASE)


def test_the_cache_holds_only_that_password_of_that_credential_at_that_epoch_for_five_minutes():
    cache = PasswordCache()
    key = cache.key("a@b.example", b"secret")
    cache.remember(key, 7, 3, 1000)
    assert cache.holds(key, 7, 3, 1000)
    assert cache.holds(key, 7, 3, 999 + LIFETIME_US)
    assert not cache.holds(cache.key("a@b.example", b"secret2"), 7, 3, 1000)
    assert not cache.holds(cache.key("a@b.examples", b"ecret"), 7, 3, 1000)
    for credential, epoch, now in [(8, 3, 1000), (7, 4, 1000), (7, 3, 1000 + LIFETIME_US), (7, 3, 999)]:
        cache.remember(key, 7, 3, 1000)
        assert not cache.holds(key, credential, epoch, now)
        assert not cache.holds(key, 7, 3, 1000)


def test_the_cache_forgets_the_oldest():
    cache = PasswordCache(max_entries=2)
    keys = [cache.key("a@b.example", bytes([i])) for i in range(3)]
    for key in keys:
        cache.remember(key, 1, 1, 0)
    assert [cache.holds(key, 1, 1, 0) for key in keys] == [False, True, True]
