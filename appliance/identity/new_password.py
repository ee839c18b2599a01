"""A password that somebody chooses: judged, then hashed. The same for mailboxes and administrators."""

import re

from appliance.identity.password import PasswordError, Passwords


class WeakPassword(ValueError):
    """One line for the person who chose it."""


async def judge(passwords: Passwords, password: str, address: str) -> None:
    """Raises WeakPassword where a new password is easy to guess for who knows its owner's address."""
    weakness = await passwords.strength(password, [address, *re.split(r"[^\w]+", address)])
    if weakness:
        raise WeakPassword(weakness)


async def hashed(passwords: Passwords, password: str, address: str) -> bytes:
    """The hash of a password that was just chosen. Raises WeakPassword, and PasswordsBusy."""
    await judge(passwords, password, address)
    try:
        return await passwords.hash(password)
    except PasswordError as error:
        raise WeakPassword(str(error)) from None
