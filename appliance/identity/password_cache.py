"""Remembers for some minutes which passwords were right, so that a client's tenth connection costs no hash.

Neither passwords nor anything that could be tried against them elsewhere is kept: the key is an HMAC
under a random key of this process. An entry counts only while its credential and the account's epoch
are what they were; every write to an account or a credential raises the epoch.
"""

import hashlib
import hmac
import secrets

LIFETIME_US = 5 * 60 * 1_000_000
MAX_ENTRIES = 20_000


class PasswordCache:
    """Positive results only. `now` is UTC microseconds. Not for use by several threads at a time."""

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._key = secrets.token_bytes(32)
        self._entries: dict[bytes, tuple[int, int, int]] = {}
        self._max_entries = max_entries

    def key(self, login: str, password: bytes) -> bytes:
        """What stands for a login and its password in the cache."""
        name = login.encode("utf-8", "surrogatepass")
        # The length keeps ("ab", "c") and ("a", "bc") apart.
        return hmac.digest(self._key, len(name).to_bytes(4, "big") + name + password, hashlib.sha256)

    def holds(self, key: bytes, credential: int, epoch: int, now: int) -> bool:
        """Whether this password was right for the credential at this epoch, in the last five minutes."""
        entry = self._entries.get(key)
        if entry is None:
            return False
        if entry[:2] == (credential, epoch) and 0 <= now - entry[2] < LIFETIME_US:
            return True
        del self._entries[key]
        return False

    def remember(self, key: bytes, credential: int, epoch: int, now: int) -> None:
        """Keeps a positive result; the oldest goes when the cache is full."""
        self._entries.pop(key, None)
        if len(self._entries) >= self._max_entries:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (credential, epoch, now)
