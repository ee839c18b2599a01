"""One question to one name server, and its reply: UDP, then TCP where the reply did not fit. No time-outs in here."""

import asyncio
import socket
import struct

import dns.asyncbackend
import dns.exception
import dns.flags
import dns.inet
import dns.message
import dns.name
import dns.rdatatype

from appliance.dns.nameservers import Nameserver

PAYLOAD = 1232
"""Octets of UDP we offer to take (RFC 6891 §6.2.3): what passes every path of IPv6 unfragmented."""
MAX_REPLY = 16_384
"""Octets of a reply over TCP; whole zones' worth of records are nothing that mail needs."""
MAX_RECORDS = 400
"""Records of a reply: 64 kB of them would hold the loop for a quarter of a second (25 ms at this bound)."""
_HEADER = 12
_BACKEND = dns.asyncbackend.get_backend("asyncio")


class NoReply(Exception):
    """What came is no reply to the question, or one beyond what is parsed; one line says which."""


def question(name: str, rdtype: str) -> dns.message.QueryMessage:
    """A query with a fresh random id for a name that `check_name` gave.

    AD asks whether the answer was validated (RFC 6840 §5.7).
    """
    labels = [label.encode("ascii") for label in name.split(".")]
    return dns.message.make_query(
        dns.name.Name([*labels, b""]),
        dns.rdatatype.from_text(rdtype),
        use_edns=0,
        payload=PAYLOAD,
        flags=dns.flags.RD | dns.flags.AD,
    )


async def exchange(query: dns.message.Message, server: Nameserver) -> tuple[dns.message.Message, int]:
    """The reply and its octets. Raises OSError where nobody is there, NoReply for what is none."""
    try:
        return await _over_udp(query, server)
    except dns.message.Truncated:
        return await _over_tcp(query, server)  # RFC 7766 §5


async def _over_udp(query: dns.message.Message, server: Nameserver) -> tuple[dns.message.Message, int]:
    """Waits for as long as it takes: what does not answer this very question is passed over (RFC 5452 §9.1).

    A connected socket takes packets from that address and port only, and tells at once that nobody listens there.
    """
    family = dns.inet.af_for_address(server.address)
    place = (server.address, server.port)
    async with await _BACKEND.make_socket(family, socket.SOCK_DGRAM, 0, None, place) as peer:
        await peer.sendto(query.to_wire(), dns.inet.low_level_address_tuple(place, family), None)
        while True:
            data, _ = await peer.recvfrom(MAX_REPLY, None)
            if data[:2] != struct.pack("!H", query.id):
                continue
            try:
                return _parsed(data, query), len(data)
            except dns.message.Truncated as error:
                if query.is_response(error.message()):
                    raise
            except NoReply:
                continue


async def _over_tcp(query: dns.message.Message, server: Nameserver) -> tuple[dns.message.Message, int]:
    reader, writer = await asyncio.open_connection(server.address, server.port)
    try:
        wire = query.to_wire()
        writer.write(struct.pack("!H", len(wire)) + wire)  # RFC 1035 §4.2.2
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        if length > MAX_REPLY:
            raise NoReply(f"{length} octets; read are at most {MAX_REPLY}")
        return _parsed(await reader.readexactly(length), query), length
    except dns.message.Truncated as error:
        raise NoReply("truncated over TCP") from error
    except asyncio.IncompleteReadError as error:
        raise ConnectionResetError("closed before the reply was complete") from error
    finally:
        writer.close()


def _parsed(data: bytes, query: dns.message.Message) -> dns.message.Message:
    """The reply to `query`. Raises Truncated (whose message may be anybody's) or NoReply."""
    if len(data) < _HEADER:
        raise NoReply("shorter than a header")
    records = sum(struct.unpack_from("!3H", data, 6))
    if records > MAX_RECORDS or len(data) > MAX_REPLY:
        raise NoReply(f"{records} records in {len(data)} octets; read are at most {MAX_RECORDS} in {MAX_REPLY}")
    try:
        reply = dns.message.from_wire(data, raise_on_truncation=True)
    except dns.message.Truncated:
        raise
    except (dns.exception.DNSException, ValueError, struct.error) as error:
        raise NoReply(f"no message: {type(error).__name__}") from error
    if not query.is_response(reply):
        raise NoReply("no reply to what was asked")
    return reply
