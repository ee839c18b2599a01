"""The author of a message: exactly one From field with exactly one address (RFC 5322 §3.6.2), read strictly.

What a mail program would have to guess about is refused: two readers that guess differently could show different
authors. Pure.
"""

import re

from appliance.mail.address import Address, AddressError, parse_address
from appliance.mail.header import header_fields

MAX_FROM = 2048
"""Octets of a From field."""
_BLANKS = rb"(?>(?:[ \t]|\((?>(?:[^()\\]|\\.)*)\))*)"
_QUOTED = rb'"(?>(?:[^"\\]|\\.)*)"'
_ATOM = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\x80-\xff-]++"
_ADDRESS = rb"((?:" + _ATOM + rb"|" + _QUOTED + rb")@[A-Za-z0-9.\x80-\xff-]++)"
_BARE = re.compile(_BLANKS + _ADDRESS + _BLANKS + rb"\Z")
_NAMED = re.compile(
    _BLANKS + rb"(?>(?:(?:" + _ATOM + rb"|" + _QUOTED + rb")" + _BLANKS + rb")*)<" + _ADDRESS + rb">" + _BLANKS + rb"\Z"
)
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def author(block: bytes) -> Address | None:
    """The one address of the one From field of a header block, None where there is not exactly that."""
    if block.startswith((b"From ", b">From ")):
        return None  # a line of mbox to some readers, `From :` to others
    found = [field for field in header_fields(block) if field.key == b"from"]
    if len(found) != 1 or len(found[0].raw) > MAX_FROM or not found[0].raw[4:].startswith(b":"):
        return None
    value = found[0].value
    match = None if _CONTROL.search(value) else _BARE.match(value) or _NAMED.match(value)
    if match is None:
        return None
    try:
        return parse_address(match[1].decode("utf-8"))
    except (UnicodeDecodeError, AddressError):
        return None
