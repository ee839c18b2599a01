"""IMAP strings (RFC 3501 §4.3), for the data items rendered once when a message is stored.

Quoted where every strict client can read it, else a literal: 8-bit and control octets never stand in quotes.
"""

import re

MAX_QUOTED = 1024
"""Octets up to which a string is quoted; longer ones are literals, as clients limit lines (RFC 2683 §3.2.1.5)."""
NIL = b"NIL"

_plain = re.compile(rb"[ !#-\[\]-~]*+").fullmatch
_printable = re.compile(rb"[ -~]*+").fullmatch


def string(data: bytes) -> bytes:
    """Any octets as a string; NUL, which no string can carry (RFC 3501 §9, CHAR8), is dropped."""
    if len(data) <= MAX_QUOTED:
        if _plain(data):
            return b'"' + data + b'"'
        if _printable(data):
            return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    data = data.replace(b"\0", b"")
    return b"{%d}\r\n%b" % (len(data), data)


def nstring(data: bytes | None) -> bytes:
    """A string, or NIL for None."""
    return NIL if data is None else string(data)
