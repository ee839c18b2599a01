"""ENVELOPE and the strings in it: always by the grammar, whatever the header holds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.imap_envelope import ENVELOPE_FIELDS, envelope
from appliance.mail.imap_text import MAX_QUOTED, nstring, string
from appliance.mail.structure import render
from tests.mime_check import Reader, parse_envelope


@pytest.mark.parametrize(
    ("octets", "rendered"),
    [
        (b"", b'""'),
        (b"plain text", b'"plain text"'),
        (b'a "b" \\c', b'"a \\"b\\" \\\\c"'),
        (b"NIL", b'"NIL"'),
        (b"{3}", b'"{3}"'),
        (b"\xc3\xbc", b"{2}\r\n\xc3\xbc"),
        (b"a\r\nb", b"{4}\r\na\r\nb"),
        (b"a\tb", b"{3}\r\na\tb"),
        (b"a\x00b", b"{2}\r\nab"),
        (b"\x7f", b"{1}\r\n\x7f"),
        (b"x" * MAX_QUOTED, b'"' + b"x" * MAX_QUOTED + b'"'),
        (b"x" * (MAX_QUOTED + 1), b"{1025}\r\n" + b"x" * (MAX_QUOTED + 1)),
    ],
)
def test_a_string_is_quoted_only_where_every_client_can_read_it(octets: bytes, rendered: bytes) -> None:
    assert string(octets) == nstring(octets) == rendered
    assert nstring(None) == b"NIL"


@settings(max_examples=200)
@given(st.one_of(st.binary(), st.text('a"\\ \r\n\t{}').map(str.encode)))
def test_every_string_is_read_back_but_for_its_nul(octets: bytes) -> None:
    reader = Reader(string(octets))
    assert reader.string() == octets.replace(b"\0", b"")
    assert reader.at == len(reader.data)


FROM = [(b"Anna", None, b"a", b"b.example")]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (None,) * 10),
        ({b"from": b" Anna\r\n <a@b.example>\r\n"}, (None, None, FROM, FROM, FROM, None, None, None, None, None)),
        (
            {b"from": b"Anna <a@b.example>", b"sender": b"", b"reply-to": b" \r\n"},
            (None, None, FROM, FROM, FROM) + (None,) * 5,
        ),
        (
            {b"from": b"Anna <a@b.example>", b"sender": b"s@b.example", b"reply-to": b"r@b.example"},
            (None, None, FROM, [(None, None, b"s", b"b.example")], [(None, None, b"r", b"b.example")]) + (None,) * 5,
        ),
        (
            {b"date": b" today ", b"subject": b"a\r\n\tb", b"in-reply-to": b"", b"message-id": b"<i@d>"},
            (b"today", b"a b", *(None,) * 6, b"", b"<i@d>"),
        ),
        (
            {b"to": b"G: a@b.example;", b"cc": b"undisclosed:;", b"bcc": b","},
            (None,) * 5
            + ([(None, None, b"G", None), (None, None, b"a", b"b.example"), (None,) * 4],)
            + ([(None, None, b"undisclosed", None), (None,) * 4], None, None, None),
        ),
    ],
)
def test_an_envelope_has_its_ten_members(fields: dict[bytes, bytes], expected: tuple[object, ...]) -> None:
    assert parse_envelope(envelope(fields)) == expected


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(sorted(ENVELOPE_FIELDS)), st.one_of(st.binary(), st.text('a<>@",:;\r\n ').map(str.encode))
    )
)
def test_any_fields_make_an_envelope_by_the_grammar(fields: dict[bytes, bytes]) -> None:
    assert len(parse_envelope(envelope(fields))) == 10


@pytest.mark.parametrize(
    ("first", "author"),
    [
        (b"From: Anna <a@b.example>", FROM),
        (b"From : Anna <a@b.example>", FROM),
        (b"From \t: Anna\r\n <a@b.example>", FROM),
        (b"From a@b.example Tue Nov 24 10:00:00 2026", None),
        (b">From : Anna <a@b.example>", None),
    ],
)
def test_a_blank_before_the_colon_hides_no_author(first: bytes, author: object) -> None:
    """RFC 5322 §4.5 has it read; only a line that names somebody without a colon is one of mbox."""
    told = parse_envelope(render(first + b"\r\nSubject: Lunch\r\n\r\nx\r\n").envelope)
    assert (told[1], told[2]) == (b"Lunch", author)
