"""Cookies: ours begin with `__Host-`, so that no other host and no plain HTTP can set them."""

from collections.abc import Iterable

MAX_HEADER = 8192
"""Bytes of Cookie fields that are looked at."""


def read_cookie(headers: Iterable[tuple[bytes, bytes]], name: str) -> str:
    """The value of a cookie, "" where there is none or more than one of that name."""
    text = b";".join(value for key, value in headers if key == b"cookie")[:MAX_HEADER].decode("latin-1")
    pairs = (part.strip().partition("=") for part in text.split(";"))
    found = [value for key, _, value in pairs if key == name]
    return found[0] if len(found) == 1 else ""


def set_cookie(name: str, value: str, *, same_site: str = "Lax") -> tuple[bytes, bytes]:
    """The field that sets a cookie until the browser is closed; no script reads it."""
    return b"set-cookie", f"{name}={value}; Path=/; Secure; HttpOnly; SameSite={same_site}".encode("ascii")


def drop_cookie(name: str) -> tuple[bytes, bytes]:
    """The field that takes a cookie away."""
    return b"set-cookie", f"{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0".encode("ascii")
