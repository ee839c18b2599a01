"""The header with which a proxy says for whom it speaks: PROXY protocol, versions 1 and 2, strictly. Pure.

The specification is HAProxy's `proxy-protocol.txt`, 2020/03/05; its sections are named where they are obeyed.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

import msgspec

from appliance.mail.envelope import Peer

MAX_TEXT = 107
"""Octets of a header of version 1, its CRLF included (section 2.1)."""
MAX_BINARY = 4096
"""Octets that a header of version 2 may have behind its first 16; addresses take 36, all else is extensions."""
MAX_HEADER = 16 + MAX_BINARY
_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_START = b"PROXY "
_TEXT = re.compile(rb"PROXY (TCP4|TCP6) ([0-9A-Fa-f:.]{2,45}) ([0-9A-Fa-f:.]{2,45}) ([0-9]{1,5}) ([0-9]{1,5})\r\n")
_SIZES = {0x11: 4, 0x21: 16}
"""Family and transport (TCP over IPv4, over IPv6) and the octets of an address (section 2.2)."""


class Header(msgspec.Struct, frozen=True):
    """A whole header: both ends of the connection it speaks of, None where it speaks of none (LOCAL, UNKNOWN)."""

    length: int
    """Octets it takes; what follows is the peer's own."""
    source: Peer | None = None
    destination: Peer | None = None


class ProxyError(Exception):
    """No header that we take; the text says why."""


def parse_header(data: bytes) -> Header | None:
    """The header that `data` begins with, None while it is incomplete. Raises ProxyError."""
    if data.startswith(_START[: len(data)]):
        return _text(data)
    if data.startswith(_SIGNATURE[: len(data)]):
        return _binary(data)
    raise ProxyError("no PROXY header")


def _text(data: bytes) -> Header | None:
    end = data.find(b"\r\n", 0, MAX_TEXT)
    if end < 0:
        if len(data) >= MAX_TEXT:
            raise ProxyError(f"a header of version 1 beyond {MAX_TEXT} octets")
        return None
    line = data[: end + 2]
    if line == b"PROXY UNKNOWN\r\n" or line.startswith(b"PROXY UNKNOWN "):
        return Header(len(line))
    found = _TEXT.fullmatch(line)
    if found is None:
        raise ProxyError("a malformed header of version 1")
    family = IPv4Address if found[1] == b"TCP4" else IPv6Address
    ends = [_end(found[2 + i], found[4 + i], family) for i in (0, 1)]
    return Header(len(line), *ends)


def _end(address: bytes, port: bytes, family: type[IPv4Address] | type[IPv6Address]) -> Peer:
    try:
        read = ip_address(address.decode("ascii"))
    except ValueError:
        raise ProxyError("an address that is none") from None
    if type(read) is not family or int(port) > 65_535 or (port[:1] == b"0" and len(port) > 1):
        raise ProxyError("an address or port that does not fit")
    return _peer(read, int(port))


def _binary(data: bytes) -> Header | None:
    if len(data) < 16:
        return None
    command, family, size = data[12], data[13], int.from_bytes(data[14:16])
    if command not in (0x20, 0x21):
        raise ProxyError("a version or command that is not known")
    if size > MAX_BINARY:
        raise ProxyError(f"a header of version 2 beyond {MAX_HEADER} octets")
    width = _SIZES.get(family, 0)
    if command == 0x21 and family != 0 and not width:
        raise ProxyError("a connection that is not TCP over IPv4 or IPv6")
    if command == 0x21 and size < 2 * width + 4 * bool(width):
        raise ProxyError("a header of version 2 too short for its addresses")
    if len(data) < 16 + size:
        return None
    if command == 0x20 or not width:
        return Header(16 + size)  # section 2.2: LOCAL, or a family that is not told
    source, destination = (ip_address(data[at : at + width]) for at in (16, 16 + width))
    ports = data[16 + 2 * width : 20 + 2 * width]
    return Header(16 + size, _peer(source, int.from_bytes(ports[:2])), _peer(destination, int.from_bytes(ports[2:])))


def _peer(address: IPv4Address | IPv6Address, port: int) -> Peer:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return Peer(str(mapped or address), port)
