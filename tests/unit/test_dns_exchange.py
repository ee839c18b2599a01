"""Whatever octets come as a reply, they are a reply to the question, or NoReply."""

import struct

import dns.message
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.dns import exchange, reading
from appliance.dns.answers import Failed, Found, NotFound
from appliance.dns.nameservers import Nameserver

SERVER = Nameserver("127.0.0.1")


def reply_to(query: dns.message.Message) -> bytes:
    reply = dns.message.make_response(query)
    reply.answer = [
        dns.rrset.from_text("a.test.", 60, "IN", "CNAME", "b.test."),
        dns.rrset.from_text("b.test.", 60, "IN", "TXT", '"v=spf1 -all" "x"', '"second"'),
    ]
    reply.authority = [dns.rrset.from_text("test.", 60, "IN", "SOA", "ns.test. root.test. 1 2 3 4 5")]
    return reply.to_wire()


QUERY = exchange.question("a.test", "TXT")
WHOLE = reply_to(QUERY)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(2, len(WHOLE) - 1), st.integers(0, 255)), max_size=4), st.integers(0, len(WHOLE)))
def test_a_spoilt_reply_is_an_answer_or_none(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(WHOLE)
    for index, octet in changes:
        data[index] = octet
    for octets in (bytes(data), bytes(data[:cut])):
        try:
            reply = exchange.parse(octets, QUERY)
        except (exchange.NoReply, exchange.Truncated):
            continue
        answer = reading.read(reply, SERVER)
        assert isinstance(answer, Found | NotFound | Failed)
        if isinstance(answer, Found):
            assert 0 <= answer.ttl < 2**31
            assert all(reading.joined(record) is not None for record in answer.records)
            assert all(reading.presented(record).isprintable() for record in answer.records)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=600))
def test_any_octets_are_no_answer(octets: bytes) -> None:
    """With the right id; at most a failure (SERVFAIL may come without the question)."""
    try:
        reply = exchange.parse(QUERY.to_wire()[:2] + octets, QUERY)
    except (exchange.NoReply, exchange.Truncated):
        return
    assert isinstance(reading.read(reply, SERVER), Failed)


LONG = b"\x01a" * 126 + b"\0"
TYPES = {"A": 1, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "RP": 17}


def message(rdtype: str, number: int, owner: bytes, rdata: bytes) -> bytes:
    """A reply of so many records; the first has the owner's name in full, in the others it is a pointer to that.

    `@` in the rdata stands for the pointer, `#` for two octets that differ from record to record.
    """
    wire = QUERY.to_wire()
    head = wire[:2] + b"\x81\x80" + struct.pack("!4H", 1, number, 0, 0) + wire[12 : wire.index(b"\0\x10\0\x01") + 4]
    pointer = struct.pack("!H", 0xC000 | len(head))
    for index in range(number):
        data = rdata.replace(b"@", pointer).replace(b"#", struct.pack("!H", index))
        head += (pointer if index else owner) + struct.pack("!2HIH", TYPES[rdtype], 1, 60, len(data)) + data
    return head


@pytest.mark.parametrize(
    ("rdtype", "number", "rdata"),
    [
        ("A", 190, b"\x0a\0#"),
        ("MX", 190, b"#@"),
        ("MX", 30, b"#@"),
        ("SOA", 190, b"@@" + b"#\0\0" * 5),
        ("RP", 190, b"@@"),
    ],
)
def test_a_reply_made_to_be_slow_is_given_up(rdtype: str, number: int, rdata: bytes) -> None:
    """Each would take dnspython from 50 ms to two seconds, and any domain can publish it."""
    with pytest.raises(exchange.NoReply, match="made to be slow"):
        exchange.parse(message(rdtype, number, LONG, rdata), QUERY)


def test_a_text_of_thousands_of_strings_is_given_up() -> None:
    with pytest.raises(exchange.NoReply, match="made to be slow"):
        exchange.parse(message("TXT", 1, b"\x01a\x04test\0", b"\x01x" * 8000), QUERY)


@pytest.mark.parametrize(
    ("rdtype", "number", "owner", "rdata"),
    [
        ("A", 190, b"\x04mail\x07example\x02co\x04test\0", b"\x0a\0#"),
        ("MX", 190, b"\x04mail\x07example\x02co\x04test\0", b"#\x02mx@"),
        ("TXT", 55, b"\x07example\x04test\0", b"\xff#" + b"x" * 253 + b"\x0av=spf1 all"),
        ("PTR", 15, b"\x01f" * 32 + b"\x03ip6\x04arpa\0", b"\x02#\x04mail\x07example\x04test\0"),
    ],
)
def test_the_largest_that_mail_may_meet_is_read(rdtype: str, number: int, owner: bytes, rdata: bytes) -> None:
    reply = exchange.parse(message(rdtype, number, owner, rdata), QUERY)
    assert [len(rrset) for rrset in reply.answer] == [number]


def test_a_ttl_beyond_31_bits_is_no_time_at_all() -> None:
    """RFC 2181 §8."""
    query = exchange.question("a.test", "A")
    reply = dns.message.make_response(query)
    reply.answer = [dns.rrset.from_text("a.test.", 60, "IN", "A", "192.0.2.1")]
    data = reply.to_wire().replace(b"\x00\x00\x00\x3c", b"\xff\xff\xff\xff")
    answer = reading.read(exchange.parse(data, query), SERVER)
    assert isinstance(answer, Found)
    assert answer.ttl == 0


def test_ids_are_not_to_be_guessed() -> None:
    assert len({exchange.question("a.test", "A").id for _ in range(200)}) > 190
