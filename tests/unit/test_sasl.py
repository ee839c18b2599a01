"""SASL PLAIN and LOGIN: strict and bounded."""

from base64 import b64encode
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.identity.sasl import SaslError, claim, decode, plain


@pytest.mark.parametrize("text", [b"=", b""])
def test_empty(text: bytes):
    assert decode(text) == b""


@pytest.mark.parametrize("text", [b"YQ", b"YQ=", b"Y Q=", b"YQ==YQ==", b"*", b"\xff", b"====", b"A" * 1372])
def test_not_base64(text: bytes):
    with pytest.raises(SaslError):
        decode(text)


@pytest.mark.parametrize("message", [b"\0ann@one.test\0secret", b"Ann@one.test\0ann@one.test\0secret"])
def test_plain(message: bytes):
    assert plain(message) == ("ann@one.test", b"secret")


@pytest.mark.parametrize("message", [b"", b"\0", b"\0a", b"\0a\0", b"\0\0p", b"\0a\0p\0", b"b\0a\0p", b"\0\xff\0p"])
def test_no_claim(message: bytes):
    with pytest.raises(SaslError):
        plain(message)


@settings(max_examples=100)
@given(st.binary(max_size=1500))
def test_any_bytes_are_read_or_refused(data: bytes):
    for read in (decode, plain):
        with suppress(SaslError):
            read(data)


@settings(max_examples=100)
@given(st.binary(min_size=1, max_size=300))
def test_what_was_encoded_is_decoded(data: bytes):
    assert decode(b64encode(data)) == data
    assert claim(b"a", data).password == data
