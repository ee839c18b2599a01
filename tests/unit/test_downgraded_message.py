"""A message served with its header in ASCII: whatever it is, its sections, its size and what is told of it agree."""

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.structure import render, unpack_parts
from imap.sections import Extent, Piece, fill, find_section, whole_of
from imap.wire.fetch_att import BodySection

PREFIX = b"Return-Path: <a@b.example>\r\n"


def joined(lines: list[tuple[str, str]]) -> str:
    return "".join([line + end for line, end in lines])


_LINES = """\
Subject: ü|From: Ö <ö@x.example>|To: a@b.example|X: plain|Größe: 1||Content-Type: multipart/mixed; boundary=b; x=ü|--b
--b--|text ü|Content-ID: <ü>|Content-Type: message/rfc822|Content-Disposition: inline; filename=ü| fold ü|no end"""
_PIECES = st.tuples(st.sampled_from(_LINES.replace("\n", "|").split("|")), st.sampled_from(["\r\n", "\r\n", "\n", ""]))
_MESSAGES = st.one_of(
    st.lists(_PIECES, max_size=14).map(joined).map(str.encode),
    st.lists(_PIECES, max_size=8).map(joined).map(lambda text: text.encode("latin-1", "replace")),
    st.binary(max_size=200).map(lambda octets: b"Subject: " + octets),
)


section = partial(BodySection, b"BODY[]", True)


def octets(pieces: list[Piece], body: bytes) -> bytes:
    """What the literal of a section holds; its length is checked."""
    said, _, found = fill(pieces, body).partition(b"\r\n")
    assert said == b"{%d}" % len(found)
    return found


@settings(max_examples=300, deadline=None)
@given(_MESSAGES, st.integers(0, 300), st.integers(1, 300))
def test_sections_and_size_agree(message: bytes, first: int, length: int) -> None:
    came = render(message)
    assert (came.envelope + came.bodystructure + came.body).isascii()
    shown = came.in_ascii()
    assert shown.header.isascii()
    assert came.header.isascii() == (shown is came)
    size = len(PREFIX) + shown.served(len(message))
    whole = whole_of(PREFIX, size, len(message), lambda: shown.header)
    parts = unpack_parts(shown.parts)
    all_of_it = octets(whole.pieces(section()), message)
    assert len(all_of_it) == size
    assert all_of_it == PREFIX + shown.header + message[len(came.header) :]
    text = octets(find_section(section(text="TEXT"), whole, parts), message)
    assert all_of_it == PREFIX + shown.header + text
    some = section(partial=(first, length))
    assert octets(find_section(some, whole, parts), message) == all_of_it[first : first + length]
    if "1" in parts and parts["1"].header_start == 0 < parts["1"].header_end == parts[""].header_end:
        assert octets(find_section(section(part=(1,), text="MIME"), whole, parts), message) == PREFIX + shown.header
    if came.header.isascii():
        assert whole == Extent(PREFIX, 0, len(message))
