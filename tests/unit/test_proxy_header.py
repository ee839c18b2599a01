"""PROXY protocol, versions 1 and 2: what is a header, what is none, and what has to be waited for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.envelope import Peer
from smtp.proxy_header import MAX_HEADER, MAX_TEXT, Header, ProxyError, parse_header

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
A, B = bytes((192, 0, 2, 7)), bytes((192, 0, 2, 25))
PORTS = (4711).to_bytes(2) + (25).to_bytes(2)


def binary(command: int, family: int, payload: bytes, size: int | None = None) -> bytes:
    return SIGNATURE + bytes((command, family)) + (len(payload) if size is None else size).to_bytes(2) + payload


def ends(length: int, source: str, destination: str = "192.0.2.25") -> Header:
    return Header(length, Peer(source, 4711), Peer(destination, 25))


MAPPED = bytes(10) + b"\xff\xff"
SIX = bytes.fromhex("20010db8000000000000000000000007")


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (b"PROXY TCP4 192.0.2.7 192.0.2.25 4711 25\r\n", ends(41, "192.0.2.7")),
        (b"PROXY TCP6 2001:DB8::7 ::ffff:192.0.2.25 4711 25\r\n", ends(50, "2001:db8::7")),
        (b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:c000:219 4711 25\r\n", ends(53, "192.0.2.7")),
        (b"PROXY UNKNOWN\r\n", Header(15)),
        (b"PROXY UNKNOWN ffff::1 whatever\r\n", Header(32)),
        (binary(0x21, 0x11, A + B + PORTS), ends(28, "192.0.2.7")),
        (binary(0x21, 0x11, A + B + PORTS + b"\x03\x00\x04abcd"), ends(35, "192.0.2.7")),
        (binary(0x21, 0x21, SIX + MAPPED + B + PORTS), ends(52, "2001:db8::7")),
        (binary(0x21, 0x21, MAPPED + A + MAPPED + B + PORTS), ends(52, "192.0.2.7")),
        (binary(0x20, 0x00, b""), Header(16)),
        (binary(0x20, 0x11, A + B + PORTS), Header(28)),
        (binary(0x21, 0x00, b"extensions"), Header(26)),
    ],
)
def test_headers(data: bytes, header: Header) -> None:
    assert parse_header(data) == header
    assert parse_header(data + b"EHLO client.test\r\n") == header
    assert all(parse_header(data[:length]) is None for length in range(len(data)))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"EHLO client.test\r\n", "no PROXY header"),
        (b"proxy TCP4 192.0.2.7 192.0.2.25 4711 25\r\n", "no PROXY header"),
        (b"\r\n\r\n\0\r\nQUIX", "no PROXY header"),
        (b"PROXY TCP4 192.0.2.7 192.0.2.25 4711 25 \r\n", "malformed"),
        (b"PROXY TCP4  192.0.2.7 192.0.2.25 4711 25\r\n", "malformed"),
        (b"PROXY TCP4 192.0.2.7 192.0.2.25 4711\r\n", "malformed"),
        (b"PROXY UDP4 192.0.2.7 192.0.2.25 4711 25\r\n", "malformed"),
        (b"PROXY \r\n", "malformed"),
        (b"PROXY TCP4 192.0.2.7 192.0.2.25 4711 65536\r\n", "does not fit"),
        (b"PROXY TCP4 192.0.2.7 192.0.2.25 04711 25\r\n", "does not fit"),
        (b"PROXY TCP4 2001:db8::7 192.0.2.25 4711 25\r\n", "does not fit"),
        (b"PROXY TCP6 192.0.2.7 192.0.2.25 4711 25\r\n", "does not fit"),
        (b"PROXY TCP4 192.0.2.777 192.0.2.25 4711 25\r\n", "that is none"),
        (b"PROXY TCP4 192.0.2.7 192.0.2.025 4711 25\r\n", "that is none"),
        (b"PROXY UNKNOWN " + b"x" * MAX_TEXT, "beyond 107"),
        (binary(0x11, 0x11, A + B + PORTS), "version or command"),
        (binary(0x22, 0x11, A + B + PORTS), "version or command"),
        (binary(0x21, 0x12, A + B + PORTS), "not TCP"),
        (binary(0x21, 0x31, bytes(216)), "not TCP"),
        (binary(0x21, 0x41, A + B + PORTS), "not TCP"),
        (binary(0x21, 0x11, A + B), "too short"),
        (binary(0x21, 0x21, A + B + PORTS), "too short"),
        (binary(0x21, 0x11, b"", 4097), "beyond"),
        (binary(0x20, 0x00, b"", 65_535), "beyond"),
    ],
)
def test_what_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ProxyError, match=why):
        parse_header(data)


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_no_bytes_do_harm(tail: bytes) -> None:
    for lead in (b"", b"PROXY ", b"PROXY TCP4 ", b"PROXY TCP6 ::1 ", SIGNATURE, SIGNATURE + b"\x21\x11\x00"):
        try:
            header = parse_header(lead + tail)
        except ProxyError:
            continue
        assert header is None or 0 < header.length <= min(len(lead + tail), MAX_HEADER)


@given(
    st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(0, 65_535), st.integers(0, 65_535), st.binary(max_size=50)
)
@settings(max_examples=100)
def test_both_versions_say_the_same(source: object, destination: object, port: int, other: int, more: bytes) -> None:
    text = f"PROXY TCP4 {source} {destination} {port} {other}\r\n".encode()
    packed = source.packed + destination.packed + port.to_bytes(2) + other.to_bytes(2)  # type: ignore[attr-defined]
    expected = (Peer(str(source), port), Peer(str(destination), other))
    for data in (text, binary(0x21, 0x11, packed + more)):
        header = parse_header(data)
        assert header is not None
        assert (header.source, header.destination) == expected
