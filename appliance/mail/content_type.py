"""Content-Type and its kin: a token, then parameters (RFC 2045 §5.1), read tolerantly.

Parameters pass as they are written, RFC 2231 continuations included: clients join and decode them.
"""

import re
from typing import NamedTuple

MAX_PARAMETERS = 128
"""Parameters read of one field, empty ones counted."""

Parameters = tuple[tuple[bytes, bytes], ...]

# White space and comments, nested once; possessive, so that an open parenthesis costs one pass.
_CFWS = rb"(?:[ \t\r\n]|\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*+\))*+\))*+"
_TOKEN = rb"([!#$%&'*+.0-9A-Z^_`a-z{|}~-]++)"
_type = re.compile(_CFWS + _TOKEN + _CFWS + rb"/" + _CFWS + _TOKEN, re.DOTALL).match
_word = re.compile(_CFWS + _TOKEN, re.DOTALL).match
_parameter = re.compile(
    _CFWS + rb'([^\s=;"()]++)' + _CFWS + rb"=" + _CFWS + rb'(?:"((?:[^"\\]|\\.)*+)"?+|([^;]*+))', re.DOTALL
).match
_comment_after = re.compile(rb"(?<!\s)\s++\([^;]*\Z")
_pair = re.compile(rb"\\(.)", re.DOTALL)
_hex = re.compile(rb"%([0-9A-Fa-f]{2})")


class MediaType(NamedTuple):
    """Type and subtype in lower case, and the parameters."""

    type: bytes
    subtype: bytes
    parameters: Parameters


TEXT_PLAIN = MediaType(b"text", b"plain", ((b"charset", b"us-ascii"),))
"""What a part is without a Content-Type that can be read (RFC 2045 §5.2)."""
MESSAGE_RFC822 = MediaType(b"message", b"rfc822", ())
"""What a part of a multipart/digest is without one (RFC 2046 §5.1.5)."""
OCTET_STREAM = MediaType(b"application", b"octet-stream", ())


def parse_media_type(value: bytes) -> MediaType | None:
    """The media type of an unfolded Content-Type value, None where there is none; never raises."""
    found = _type(value)
    if not found:
        return None
    return MediaType(found[1].lower(), found[2].lower(), parse_parameters(value, found.end()))


def parse_token(value: bytes) -> tuple[bytes, int] | None:
    """The first token in lower case and where it ends: a disposition, an encoding."""
    found = _word(value)
    return (found[1].lower(), found.end()) if found else None


def parse_parameters(value: bytes, at: int) -> Parameters:
    """The parameters after `at`, in order, names as written, values without quotes; never raises.

    An unquoted value goes to the next semicolon, blanks included: `name=my file.pdf` is common.
    """
    found: list[tuple[bytes, bytes]] = []
    for _ in range(MAX_PARAMETERS):
        at = value.find(b";", at) + 1
        if not at:
            break
        if match := _parameter(value, at):
            at = match.end()
            name, quoted, plain = match.groups()
            found.append((name, _plain(plain) if quoted is None else _unquoted(quoted)))
    return tuple(found)


def boundary_of(parameters: Parameters) -> bytes:
    """The boundary of a multipart, b"" where it has none. Blanks at its end do not count (RFC 2046 §5.1.1)."""
    extended: dict[bytes, bytes] = {}
    for name, value in parameters:
        key = name.lower()
        if key == b"boundary":
            return value.rstrip()
        if key.startswith(b"boundary*"):
            extended.setdefault(key, value)
    return _joined(extended) if extended else b""


def _joined(extended: dict[bytes, bytes]) -> bytes:
    """A boundary in the pieces of RFC 2231 §3 and §4."""
    pieces = [extended.get(b"boundary*", b"")]
    for number in range(len(extended)):
        key = b"boundary*%d" % number
        pieces.append(extended.get(key, b"") or extended.get(key + b"*", b""))
    whole = b"".join(pieces)
    if any(key.endswith(b"*") for key in extended):
        whole = _hex.sub(lambda m: bytes([int(m[1], 16)]), whole.split(b"'", 2)[-1])
    return whole.rstrip()


def _plain(value: bytes) -> bytes:
    value = value.strip()
    return _comment_after.sub(b"", value) if b"(" in value else value


def _unquoted(value: bytes) -> bytes:
    return _pair.sub(rb"\1", value) if b"\\" in value else value
