"""The author of a message: one From, one address, no guessing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtp.submission.author import author


@pytest.mark.parametrize(
    ("block", "address"),
    [
        (b"From: ann@one.test\r\n\r\n", "ann@one.test"),
        (b"from: Ann <ann@one.test>\r\n\r\n", "ann@one.test"),
        (b'From: "Ann, of \\"One\\"" <ann@one.test> (home)\r\n\r\n', "ann@one.test"),
        (b"From: =?utf-8?q?=C3=84nn?=\r\n <ann@one.test>\r\n\r\n", "ann@one.test"),
        ("From: Änn Å. Öst <ann@one.test>\r\n\r\n".encode(), "ann@one.test"),
        (b'From: "a b"@one.test\r\n\r\n', '"a b"@one.test'),
    ],
)
def test_one_author(block: bytes, address: str):
    found = author(block)
    assert found is not None
    assert address == found.text


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"Subject: x\r\n\r\n",
        b"From:\r\n\r\n",
        b"From: <>\r\n\r\n",
        b"From : ann@one.test\r\n\r\n",
        b"From: ann@one.test\r\nFrom: ann@one.test\r\n\r\n",
        b"From : bob@one.test\r\nFrom: ann@one.test\r\n\r\n",
        b"From: ann@one.test\r\nFrom : bob@one.test\r\n\r\n",
        b"From bob@one.test Tue Nov 24\r\nFrom: ann@one.test\r\n\r\n",
        b">From : bob@one.test\r\nFrom: ann@one.test\r\n\r\n",
        b"From: ann@one.test, bob@one.test\r\n\r\n",
        b"From: us: ann@one.test;\r\n\r\n",
        b"From: <ann@one.test> <bob@one.test>\r\n\r\n",
        b"From: ann@one.test <bob@one.test>\r\n\r\n",
        b"From: ann@bob@one.test\r\n\r\n",
        b"From: ann\x00 <ann@one.test>\r\n\r\n",
        b"From: <@a.test:ann@one.test>\r\n\r\n",
        b"From: ann@[127.0.0.1]\r\n\r\n",
        b"From: " + b"a" * 2048 + b" <ann@one.test>\r\n\r\n",
    ],
)
def test_no_usable_author(block: bytes):
    assert author(block) is None


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_are_read(value: bytes):
    author(b"From: " + value + b"\r\n\r\n")
