"""Modified UTF-7 of mailbox names (RFC 3501 §5.1.3), strict in both directions.

Printable ASCII stands for itself, "&" is "&-", everything else is UTF-16BE in a base64 of its own, between
"&" and "-". There is exactly one encoding of each text; anything else is an error, in linear time.
"""

import binascii
import re

_RUN = re.compile(r"&|[^\x20-\x7e]+")
_SHIFT = re.compile(rb"&([^-]*)(-?)")
_BASE64 = re.compile(rb"[A-Za-z0-9+,]+\Z")
_PLAIN = re.compile(rb"[\x20-\x7e]*\Z")


class Utf7Error(ValueError):
    """A name that is not modified UTF-7; the text says in which way."""


def encode(text: str) -> bytes:
    """The one modified UTF-7 form of a text. Raises Utf7Error on a lone surrogate."""
    try:
        return _RUN.sub(lambda m: _shifted(m[0]), text).encode("ascii")
    except UnicodeEncodeError as error:
        raise Utf7Error("a surrogate is no character") from error


def decode(name: bytes) -> str:
    """The text of a name. Raises Utf7Error for 8-bit or control octets, a shift that is open, empty, not
    canonical base64, not UTF-16, or holds what must stand for itself (RFC 3501 §5.1.3)."""
    if not _PLAIN.match(name):
        raise Utf7Error("8-bit or control octets are not allowed in a name")
    text = _SHIFT.sub(lambda m: _unshifted(m[1], m[2]), name).decode("utf-8")
    # RFC 3501 §5.1.3: two neighbouring shifts ("&...-&...-") have a shorter form, "&-" apart
    if encode(text) != name:
        raise Utf7Error("not the canonical modified UTF-7 form of the name")
    return text


def _shifted(run: str) -> str:
    if run == "&":
        return "&-"
    base64 = binascii.b2a_base64(run.encode("utf-16-be"), newline=False).decode("ascii")
    return "&" + base64.rstrip("=").replace("/", ",") + "-"


def _unshifted(base64: bytes, end: bytes) -> bytes:
    if not end:
        raise Utf7Error('a shift that starts with "&" is not ended by "-"')
    if not base64:
        return b"&"
    if not _BASE64.match(base64):
        raise Utf7Error("a shift holds characters that are not modified base64")
    try:
        octets = binascii.a2b_base64(base64.replace(b",", b"/") + b"=" * (-len(base64) % 4))
        return octets.decode("utf-16-be").encode("utf-8")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Utf7Error("a shift does not hold UTF-16") from error
