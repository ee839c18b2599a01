"""What clients say in the SASL mechanisms PLAIN (RFC 4616) and LOGIN, decoded strictly and bounded. Pure.

Neither protects the password: both are for use inside TLS only.
"""

import binascii
from typing import NamedTuple

MAX_TEXT = 1368
"""Octets of one response in base64: 1 KiB of text."""


class SaslError(ValueError):
    """A response that is not what its mechanism asks for."""


class Claim(NamedTuple):
    """Who somebody says to be, and the password that is to show it, as octets (UTF-8 where it is a text)."""

    name: str
    password: bytes


def decode(text: bytes) -> bytes:
    """The octets of one response; "=" alone is an empty initial one (RFC 4954 §4). Raises SaslError."""
    if len(text) > MAX_TEXT:
        raise SaslError("a response is at most 1 KiB")
    if text == b"=":
        return b""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise SaslError("a response is base64") from None


def plain(message: bytes) -> Claim:
    """The claim of `[authzid] NUL authcid NUL passwd` (RFC 4616 §2); nobody acts for somebody else.

    Raises SaslError.
    """
    fields = message.split(b"\0")
    if len(fields) != 3:
        raise SaslError("a PLAIN response has three fields")
    acting, name, password = fields
    if acting and acting.lower() != name.lower():
        raise SaslError("nobody acts for somebody else")
    return claim(name, password)


def claim(name: bytes, password: bytes) -> Claim:
    """A claim of a name and a password as they came; raises SaslError where either is empty or the name no text."""
    if not name or not password:
        raise SaslError("a name and a password are needed")
    try:
        return Claim(name.decode("utf-8"), password)
    except UnicodeDecodeError:
        raise SaslError("a name is UTF-8") from None
