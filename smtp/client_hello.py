"""What a TLS client offers before anything is agreed: the ALPN names in its ClientHello (RFC 7301 §3.1).

OpenSSL, as Python has it, goes on without a name where none is in common, and does not tell that one was offered. A
client that offers names and not ours was led here by somebody else (ALPACA), so its first record is read before
OpenSSL gets it. Nothing else in it is looked at; what is malformed is OpenSSL's to refuse. Pure.
"""

from collections.abc import Iterator

MAX_HELLO = 16_384
"""Octets of a ClientHello with its record headers; a long one, with post-quantum keys, has 2 kB."""
HANDSHAKE, CLIENT_HELLO, ALPN = 22, 1, 16
NO_APPLICATION_PROTOCOL = bytes((21, 3, 3, 0, 2, 2, 120))
"""The fatal alert that refuses all names that were offered (RFC 7301 §3.2)."""


def offered(data: bytes) -> tuple[bytes, ...] | None:
    """The names in the ClientHello that `data` begins with, none where it offers none; None while more is needed."""
    hello, at = b"", 0
    while True:
        if at < len(data) and data[at] != HANDSHAKE:
            return ()
        if len(data) < at + 5:
            return None
        end = at + 5 + int.from_bytes(data[at + 3 : at + 5])
        hello += data[at + 5 : end]
        if hello and hello[0] != CLIENT_HELLO:
            return ()
        if len(hello) >= 4 and len(hello) >= 4 + int.from_bytes(hello[1:4]):
            return tuple(_names(hello[4 : 4 + int.from_bytes(hello[1:4])]))
        if end > len(data) or end == at + 5:
            return None if end > len(data) else ()
        at = end


def _names(body: bytes) -> Iterator[bytes]:
    """`extensions` of RFC 8446 §4.1.2, down to each ProtocolName of ALPN."""
    at = 34  # version and random
    at += 1 + int.from_bytes(body[at : at + 1])  # session id
    at += 2 + int.from_bytes(body[at : at + 2])  # cipher suites
    at += 1 + int.from_bytes(body[at : at + 1])  # compression methods
    at += 2
    while at + 4 <= len(body):
        kind, end = int.from_bytes(body[at : at + 2]), at + 4 + int.from_bytes(body[at + 2 : at + 4])
        if kind == ALPN:
            yield from _list(body[at + 6 : end])
        at = end


def _list(names: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(names):
        end = at + 1 + names[at]
        yield names[at + 1 : end]
        at = end
