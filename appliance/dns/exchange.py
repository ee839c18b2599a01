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
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.wire

from appliance.dns.nameservers import Nameserver

PAYLOAD = 1232
"""Octets of UDP we offer to take (RFC 6891 §6.2.3): what passes every path of IPv6 unfragmented."""
MAX_REPLY = 16_384
"""Octets of a reply over TCP; whole zones' worth of records are nothing that mail needs."""
MAX_RECORDS = 200
"""Records of a reply; 64 kB of them would hold the loop for a quarter of a second."""
MAX_COST = 30_000
"""What parsing a reply may cost, as `_Meter` counts: some 30 ms. 190 mail servers of one domain cost two thirds."""
_HEADER = 12
_BACKEND = dns.asyncbackend.get_backend("asyncio")


class NoReply(Exception):
    """What came is no reply to the question, or one beyond what is parsed; one line says which."""


class Truncated(Exception):
    """The reply did not fit; TCP has room for it."""


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
    except Truncated:
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
                return parse(data, query), len(data)
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
        return parse(await reader.readexactly(length), query), length
    except Truncated as error:
        raise NoReply("truncated over TCP") from error
    except asyncio.IncompleteReadError as error:
        raise ConnectionResetError("closed before the reply was complete") from error
    finally:
        writer.close()


def parse(data: bytes, query: dns.message.Message) -> dns.message.Message:
    """The reply to `query`. Raises Truncated for one cut short, NoReply for one beyond the bounds and for all else."""
    if len(data) < _HEADER:
        raise NoReply("shorter than a header")
    records = sum(struct.unpack_from("!3H", data, 6))
    cut = bool(data[2] & 0x02)  # TC (RFC 1035 §4.1.1): what came of the records is nobody's concern
    if not cut and (records > MAX_RECORDS or len(data) > MAX_REPLY):
        raise NoReply(f"{records} records in {len(data)} octets; read are at most {MAX_RECORDS} in {MAX_REPLY}")
    try:
        if not cut:
            _measure(data)
        reply = dns.message.from_wire(data, question_only=cut)
    except (dns.exception.DNSException, ValueError, struct.error) as error:
        raise NoReply(f"no message: {type(error).__name__}") from error
    if not query.is_response(reply):
        raise NoReply("no reply to what was asked")
    if cut:
        raise Truncated
    return reply


class _Meter(dns.wire.Parser):
    """A parser that gives up on a message made to be slow.

    dnspython's work on a name grows with the square of its labels, and a name of 126 takes two octets wherever it is
    repeated: what any domain may publish in 7 kB would hold the loop for four seconds.
    """

    cost = 0

    def get_uint8(self) -> int:
        self._pay(2)  # of a label or a pointer
        return super().get_uint8()

    def get_counted_bytes(self, length_size: int = 1) -> bytes:
        self._pay(25)
        return super().get_counted_bytes(length_size)

    def get_name(self, origin: dns.name.Name | None = None, decompress: bool = False) -> dns.name.Name:
        name = super().get_name(origin, decompress)
        self._pay(len(name.labels) ** 2)
        return name

    def _pay(self, price: int) -> None:
        self.cost += price
        if self.cost > MAX_COST:
            raise _TooSlow


class _TooSlow(dns.exception.FormError):
    """A DNSException, because dnspython passes those on as they are."""


def _measure(data: bytes) -> None:
    """Walks through a message once. Raises NoReply where it costs too much, DNSException where it is none."""
    meter = _Meter(data)
    questions, *records = meter.get_struct("!4x4H")
    try:
        for _ in range(questions):
            meter.get_name(decompress=True)
            meter.get_struct("!2H")
        for _ in range(sum(records)):
            meter.get_name(decompress=True)
            rdtype, rdclass, _, length = meter.get_struct("!2HIH")
            if rdclass != dns.rdataclass.IN and rdtype != dns.rdatatype.OPT:
                raise NoReply("records of another class")
            with meter.restrict_to(length):
                dns.rdata.from_wire_parser(rdclass, rdtype, meter)
    except _TooSlow as error:
        raise NoReply("made to be slow") from error
