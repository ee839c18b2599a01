"""The ALPN names of a ClientHello."""

import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtp.client_hello import offered


def hello(*names: str) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if names:
        context.set_alpn_protocols(list(names))
    sent = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="mx.test")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return sent.read()


@pytest.mark.parametrize("names", [(), ("smtp",), ("h2", "http/1.1"), ("a" * 255,)])
def test_openssls_own(names: tuple[str, ...]) -> None:
    data = hello(*names)
    assert offered(data) == tuple(name.encode() for name in names)
    assert offered(data + b"more") == offered(data)
    assert all(offered(data[:length]) is None for length in range(len(data)))


def test_a_hello_may_lie_in_several_records() -> None:
    data = hello("h2")
    body = data[5:]
    pieces = [body[at : at + 50] for at in range(0, len(body), 50)]
    cut = b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2) + piece for piece in pieces)
    assert offered(cut) == (b"h2",)


@pytest.mark.parametrize(
    "data", [b"EHLO x\r\n", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x00\x01\x02", b"\x16\x03\x01\0\0"]
)
def test_what_is_no_hello_offers_nothing(data: bytes) -> None:
    assert offered(data) == ()


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_no_bytes_do_harm(data: bytes) -> None:
    for lead in (b"", b"\x16\x03\x01\x00\x50\x01\x00\x00\x4c", hello("smtp")[:40]):
        assert offered(lead + data) is None or isinstance(offered(lead + data), tuple)
