"""Content-Type and its kin: a token, then parameters (RFC 2045 §5.1), read tolerantly.

Values pass as they are written; only the pieces of a value are joined to one, as RFC 2231 §6 asks of IMAP servers.
"""

import re
from typing import NamedTuple

MAX_PARAMETERS = 128
"""Parameters read of one field, broken ones counted."""

Parameters = tuple[tuple[bytes, bytes], ...]

# White space and comments, nested once; possessive, so that an open parenthesis costs one pass.
_CFWS = rb"(?>(?:[ \t\r\n]|\((?>(?:[^()\\]|\\.|\((?>(?:[^()\\]|\\.)*)\))*)\))*)"
_TOKEN = rb"([!#$%&'*+.0-9A-Z^_`a-z{|}~-]++)"
_type = re.compile(_CFWS + _TOKEN + _CFWS + rb"/" + _CFWS + _TOKEN, re.DOTALL).match
_word = re.compile(_CFWS + _TOKEN, re.DOTALL).match
_parameter = re.compile(
    _CFWS + rb";?+" + _CFWS + rb'([^\s=;"()]++)' + _CFWS + rb"=" + _CFWS + rb'(?:"((?>(?:[^"\\]|\\.)*))"?+|([^;]*+))',
    re.DOTALL,
).match
_comment_after = re.compile(rb"(?<!\s)\s++\([^;]*\Z")
_pair = re.compile(rb"\\(.)", re.DOTALL)
_piece = re.compile(rb"([^*]++)\*(\d{1,3})(\*?)", re.DOTALL).fullmatch
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

    An unquoted value goes to the next semicolon, blanks included, as in `name=my file.pdf`; but where an equals
    sign follows the blank, a semicolon is missing and the next parameter begins.
    """
    found: list[tuple[bytes, bytes]] = []
    for _ in range(MAX_PARAMETERS):
        match = _parameter(value, at)
        if not match:
            at = value.find(b";", at) + 1
            if not at:
                break
            continue
        name, quoted, plain = match.groups()
        at = match.end()
        if quoted is None:
            head, _, tail = plain.partition(b" ")
            if b"=" in tail:
                at = match.start(3) + len(head)
                plain = head
            plain = _plain(plain)
        found.append((name, plain if quoted is None else _unquoted(quoted)))
    return _joined(found) if any(b"*" in name for name, _ in found) else tuple(found)


def boundary_of(parameters: Parameters) -> bytes:
    """The boundary of a multipart, b"" where it has none. Blanks at its end do not count (RFC 2046 §5.1.1)."""
    named = {name.lower(): value for name, value in reversed(parameters)}
    if b"boundary" in named:
        return named[b"boundary"].rstrip()
    extended = named.get(b"boundary*", b"").split(b"'", 2)[-1]  # RFC 2231 §4: charset'language'octets
    return _hex.sub(lambda found: bytes([int(found[1], 16)]), extended).rstrip()


def _joined(parameters: list[tuple[bytes, bytes]]) -> Parameters:
    """Each value that stands in numbered pieces as one, where the first stood; incomplete ones stay in pieces."""
    pieces: dict[bytes, dict[int, tuple[bytes, bytes]]] = {}
    for name, value in parameters:
        if piece := _piece(name):
            pieces.setdefault(piece[1].lower(), {}).setdefault(int(piece[2]), (piece[3], value))
    whole = {key: _whole(found) for key, found in pieces.items() if sorted(found) == list(range(len(found)))}
    result: dict[bytes | int, tuple[bytes, bytes]] = {}
    for number, (name, value) in enumerate(parameters):
        piece = _piece(name)
        if piece and (joined := whole.get(piece[1].lower())):
            result.setdefault(piece[1].lower(), (piece[1] + joined[0], joined[1]))
        else:
            result[number] = (name, value)
    return tuple(result.values())


def _whole(pieces: dict[int, tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    """What the name ends in, and the value: with one piece encoded, all of it is (RFC 2231 §4.1)."""
    ordered = [pieces[number] for number in sorted(pieces)]
    if not any(mark for mark, _ in ordered):
        return b"", b"".join(value for _, value in ordered)
    return b"*", b"".join(value if mark else value.replace(b"%", b"%25") for mark, value in ordered)


def _plain(value: bytes) -> bytes:
    value = value.strip()
    return _comment_after.sub(b"", value) if b"(" in value else value


def _unquoted(value: bytes) -> bytes:
    return _pair.sub(rb"\1", value) if b"\\" in value else value
