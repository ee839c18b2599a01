"""DATA, in every way its bytes may be cut: only CRLF.CRLF ends it, dots come off, anything bare is noticed."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtp.wire.data_reader import DataScanner


def scan(chunks: list[bytes]) -> tuple[bytes, DataScanner]:
    scanner, out = DataScanner(), b""
    for i, chunk in enumerate(chunks):
        out += scanner.feed(chunk)
        if scanner.ended:
            scanner.rest += b"".join(chunks[i + 1 :])
            break
    return out, scanner


def cuts(wire: bytes) -> list[list[bytes]]:
    """The wire whole, byte by byte, and cut once at every place."""
    once = [[wire[:i], wire[i:]] for i in range(1, len(wire))]
    return [[wire], [wire[i : i + 1] for i in range(len(wire))], *once]


CASES = [
    (b".\r\n", b"", b""),
    (b"\r\n.\r\n", b"\r\n", b""),
    (b"a\r\n.\r\n", b"a\r\n", b""),
    (b"a\r\n.\r\nQUIT\r\n", b"a\r\n", b"QUIT\r\n"),
    (b"..\r\n.\r\n", b".\r\n", b""),
    (b".a\r\n.\r\n", b"a\r\n", b""),
    (b"a\r\n..\r\n...\r\n.\r\n", b"a\r\n.\r\n..\r\n", b""),
    (b"a\r\n.b\r\n.\r\n", b"a\r\nb\r\n", b""),
    (b"a.\r\n.\r\n", b"a.\r\n", b""),
    (b"a\r\n\r\n.\r\n.\r\n", b"a\r\n\r\n", b".\r\n"),
]


@pytest.mark.parametrize(("wire", "content", "rest"), CASES)
def test_content_and_rest(wire: bytes, content: bytes, rest: bytes) -> None:
    for chunks in cuts(wire):
        got, scanner = scan(chunks)
        assert (got, scanner.rest, scanner.ended) == (content, rest, True), chunks
        assert not scanner.unclean
        assert scanner.size == len(content)


ENDS = [b"\r\n", b"\n", b"\r"]
FALSE_ENDS = [
    a + b"." + b for a, b in itertools.product([*ENDS, b"\n\r", b"\r\r\n", b"\r\n\0"], [*ENDS, b"\0\r\n", b"\r\0\n"])
]
FALSE_ENDS.remove(b"\r\n.\r\n")
FALSE_ENDS.remove(b"\r\r\n.\r\n")


@pytest.mark.parametrize("false_end", FALSE_ENDS)
def test_nothing_else_ends_the_text(false_end: bytes) -> None:
    wire = b"a" + false_end + b"MAIL FROM:<x@y.test>\r\nb\r\n.\r\nNOOP\r\n"
    for chunks in cuts(wire):
        _, scanner = scan(chunks)
        assert scanner.rest == b"NOOP\r\n", chunks
        assert scanner.unclean, chunks


@pytest.mark.parametrize(
    "wire", [b"a\nb\r\n.\r\n", b"a\rb\r\n.\r\n", b"a\0b\r\n.\r\n", b"\n\r\n.\r\n", b"a\r\r\n.\r\n"]
)
def test_bare_line_ends_and_nul_are_noticed(wire: bytes) -> None:
    for chunks in cuts(wire):
        assert scan(chunks)[1].unclean, chunks


def stuffed(content: bytes) -> bytes:
    """RFC 5321 §4.5.2, the sender's side."""
    lines = content.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines) + b".\r\n"


LINES = st.lists(st.text("a.\t\u00e9", max_size=6).map(str.encode), max_size=8)


@given(LINES, st.binary(max_size=10), st.data())
@settings(max_examples=150)
def test_what_a_sender_stuffs_comes_out_however_it_is_cut(lines: list[bytes], rest: bytes, data: st.DataObject) -> None:
    content = b"".join(line + b"\r\n" for line in lines)
    wire = stuffed(content) + rest
    places = sorted(data.draw(st.sets(st.integers(0, len(wire)), max_size=6)) | {0, len(wire)})
    got, scanner = scan([wire[a:b] for a, b in itertools.pairwise(places)])
    assert (got, scanner.rest, scanner.unclean) == (content, rest, False)


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\0", b"\r\n.\r\n"]), max_size=14), st.data())
@settings(max_examples=150)
def test_the_cut_never_changes_anything(pieces: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(pieces)
    places = sorted(data.draw(st.sets(st.integers(0, len(wire)), max_size=6)) | {0, len(wire)})
    whole, one = scan([wire])
    cut, many = scan([wire[a:b] for a, b in itertools.pairwise(places)])
    assert one.ended == many.ended
    if one.ended:
        assert (whole, one.rest, one.unclean) == (cut, many.rest, many.unclean)
