"""Passwords: Argon2id in a bounded pool, and what makes one good enough.

Argon2id (RFC 9106) is made to be slow and to fill memory, so it runs in two threads beside the event
loop (the library releases the GIL) behind a short queue: whoever comes when that is full is told to
come back, and mail for everybody else flows on. A sign-in for somebody who does not exist costs the
same hash of the same parameters, so that time does not tell which addresses there are.
"""

import asyncio
import base64
import threading
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2
import msgspec
import zxcvbn

T = TypeVar("T")

MAX_BYTES = 1024
"""UTF-8 octets of a password, as typed and after normalisation."""
MIN_CHARACTERS = 12
MIN_SCORE = 3
"""Of zxcvbn's 0 to 4: "safely unguessable, moderate protection from an offline attack"."""
SCORED_CHARACTERS = 72
"""zxcvbn takes no more, and its time grows with the square."""


class PasswordError(ValueError):
    """A password that cannot be one: one line saying why, without the password."""


class PasswordsBusy(Exception):
    """Too many passwords are waiting to be hashed; try again in some seconds."""


class Parameters(msgspec.Struct, frozen=True):
    """Costs of Argon2id. The default is the second recommended option of RFC 9106 §4: 64 MiB, 3 passes, 4 lanes."""

    memory_kib: int = 65536
    passes: int = 3
    lanes: int = 4


def prepare(password: str | bytes) -> bytes:
    """The octets that are hashed: the OpaqueString profile of RFC 8265 §4.2, at most MAX_BYTES.

    Raises PasswordError for an empty or overlong password, control characters, or bytes that are no UTF-8.
    """
    if len(password) > MAX_BYTES:
        raise PasswordError(f"the password is longer than {MAX_BYTES} bytes")
    try:
        text = password if isinstance(password, str) else password.decode("utf-8")
        if text and text.isascii() and text.isprintable():
            return text.encode("ascii")
        # RFC 8265 §4.2.2
        prepared = unicodedata.normalize("NFC", "".join(map(_plain_space, text)))
        octets = prepared.encode("utf-8")
    except UnicodeError:
        raise PasswordError("the password is not UTF-8 text") from None
    if not octets:
        raise PasswordError("the password is empty")
    if len(octets) > MAX_BYTES:
        raise PasswordError(f"the password is longer than {MAX_BYTES} bytes")
    if any(unicodedata.category(c) == "Cc" for c in prepared):
        raise PasswordError("the password holds control characters")
    return octets


class Strength(msgspec.Struct, frozen=True):
    """How hard to guess a new password is."""

    score: int
    """zxcvbn's 0 to 4; from MIN_SCORE on it is good, below it never looks so."""
    weakness: str | None
    """Why it is too weak, in one line."""


def strength(password: str, inputs: Sequence[str] = ()) -> str | None:
    """Why a new password is too weak, in one line, or None when it is good.

    `inputs` are words an attacker would try first, such as the parts of the owner's address.
    Takes some milliseconds: call it in a thread.
    """
    return measure(password, inputs).weakness


def measure(password: str, inputs: Sequence[str] = ()) -> Strength:
    """As `strength`, with the score."""
    if not password:
        return Strength(0, f"the password is too short: at least {MIN_CHARACTERS} characters")
    found = zxcvbn.zxcvbn(password[:SCORED_CHARACTERS], user_inputs=[i for i in inputs if i])
    score = int(found["score"])
    if len(password) < MIN_CHARACTERS:
        weakness = f"the password is too short: at least {MIN_CHARACTERS} characters"
        return Strength(min(score, MIN_SCORE - 1), weakness)
    if score >= MIN_SCORE:
        return Strength(score, None)
    advice = " ".join([found["feedback"]["warning"], *found["feedback"]["suggestions"]]).strip()
    return Strength(score, f"the password is too easy to guess: {advice or 'add another word or two'}")


class Passwords:
    """Hashes and verifies in `workers` threads; at most `queue` more may wait, then PasswordsBusy."""

    def __init__(self, parameters: Parameters | None = None, *, workers: int = 2, queue: int = 16) -> None:
        wanted = parameters or Parameters()
        self._hasher = argon2.PasswordHasher(
            time_cost=wanted.passes, memory_cost=wanted.memory_kib, parallelism=wanted.lanes
        )
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="password")
        self._places = threading.BoundedSemaphore(workers + queue)
        self._nobody = _hash_of_nobody(wanted)

    async def hash(self, password: str) -> bytes:
        """A salted Argon2id hash to keep. Raises PasswordError, PasswordsBusy."""
        octets = prepare(password)
        return (await self._run(lambda: self._hasher.hash(octets))).encode("ascii")

    async def verify(self, stored: bytes | None, password: str | bytes) -> bool:
        """Whether the password is the one hashed in `stored`; with None the same work is done, in vain.

        A password that cannot be one is wrong after the same time, too. Raises PasswordsBusy.
        """
        try:
            octets = prepare(password)
        except PasswordError:
            stored, octets = None, b"?"
        against = self._nobody if stored is None else stored.decode("ascii", "replace")
        return await self._run(lambda: self._matches(against, octets)) and stored is not None

    def outdated(self, stored: bytes) -> bool:
        """Whether the hash has other parameters than are in force now, so that it should be made anew."""
        return self._hasher.check_needs_rehash(stored.decode("ascii"))

    async def strength(self, password: str, inputs: Sequence[str] = ()) -> str | None:
        """As the function `strength`, in the pool. Raises PasswordsBusy."""
        return await self._run(lambda: strength(password, inputs))

    async def measure(self, password: str, inputs: Sequence[str] = ()) -> Strength:
        """As the function `measure`, in the pool. Raises PasswordsBusy."""
        return await self._run(lambda: measure(password, inputs))

    def close(self) -> None:
        """Ends the threads; hashes not begun are cancelled."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise PasswordsBusy
        future = self._pool.submit(work)
        # A caller that goes away leaves its hash behind in the pool: the place is free only when that is done.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)

    def _matches(self, stored: str, octets: bytes) -> bool:
        try:
            return self._hasher.verify(stored, octets)
        except argon2.exceptions.VerifyMismatchError:
            return False


def _plain_space(character: str) -> str:
    """RFC 8265 §4.2.2 rule 2: any other space is the ASCII space."""
    return " " if unicodedata.category(character) == "Zs" else character


def _hash_of_nobody(parameters: Parameters) -> str:
    """A well-formed hash that no known password has, of the same cost as the real ones."""
    salt, digest = (base64.b64encode(bytes(size)).decode().rstrip("=") for size in (16, 32))
    costs = f"m={parameters.memory_kib},t={parameters.passes},p={parameters.lanes}"
    return f"$argon2id$v=19${costs}${salt}${digest}"
