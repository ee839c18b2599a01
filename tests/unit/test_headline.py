"""What the record says of a message."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.headline import MAX_TEXT, Headline, headline
from appliance.mail.structure import render


@pytest.mark.parametrize(
    ("block", "known"),
    [
        (b"", Headline()),
        (b"Subject: Hi\r\nFROM: Ann <a@b.c>\r\nmessage-id: <1@b.c>\r\n\r\n", Headline("<1@b.c>", "a@b.c", "Hi")),
        (b'From: a@b.c,\r\n "D, E" <d@e.f>\r\n\r\n', Headline("", "a@b.c, d@e.f", "")),
        (b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?q?_an_alle?=\r\n\r\n", Headline("", "", "Grüße an alle")),
        (b"Subject: one\r\nSubject: two\r\n\r\n", Headline("", "", "one")),
        (b"From : bob@b.c\r\n\r\n", Headline("", "bob@b.c", "")),
        (b"From : bob@b.c\r\nFrom: ann@b.c\r\n\r\n", Headline("", "bob@b.c", "")),
        (b"From bob@b.c Tue\r\nFrom: ann@b.c\r\n\r\n", Headline("", "ann@b.c", "")),
        (b"From: team: a@b.c;\r\n\r\n", Headline("", "a@b.c", "")),
        (b"From: nobody\r\n\r\n", Headline("", "nobody", "")),
        (b"Subject: " + b"x" * 5000 + b"\r\n\r\n", Headline("", "", "x" * MAX_TEXT)),
    ],
)
def test_headlines(block: bytes, known: Headline) -> None:
    assert headline(block) == known
    assert render(block + b"text\r\n").headline.cut() == known


@given(st.binary(max_size=500))
@settings(max_examples=200)
def test_no_header_does_harm(data: bytes) -> None:
    for lead in (b"", b"From: ", b"Subject: =?utf-8?", b"Message-ID: "):
        known = headline(lead + data)
        assert all(len(text) <= MAX_TEXT and "\0" not in text for text in known)
