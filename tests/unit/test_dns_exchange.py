"""Whatever octets come as a reply, they are a reply to the question, or NoReply."""

import dns.message
import dns.rrset
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
            reply = exchange._parsed(octets, QUERY)
        except (exchange.NoReply, dns.message.Truncated):
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
        reply = exchange._parsed(QUERY.to_wire()[:2] + octets, QUERY)
    except (exchange.NoReply, dns.message.Truncated):
        return
    assert isinstance(reading.read(reply, SERVER), Failed)


def test_a_ttl_beyond_31_bits_is_no_time_at_all() -> None:
    """RFC 2181 §8."""
    query = exchange.question("a.test", "A")
    reply = dns.message.make_response(query)
    reply.answer = [dns.rrset.from_text("a.test.", 60, "IN", "A", "192.0.2.1")]
    data = reply.to_wire().replace(b"\x00\x00\x00\x3c", b"\xff\xff\xff\xff")
    answer = reading.read(exchange._parsed(data, query), SERVER)
    assert isinstance(answer, Found)
    assert answer.ttl == 0


def test_ids_are_not_to_be_guessed() -> None:
    assert len({exchange.question("a.test", "A").id for _ in range(200)}) > 190
