"""Media types and parameters as they are written, and as they are broken."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.content_type import (
    MAX_PARAMETERS,
    Parameters,
    boundary_of,
    parse_media_type,
    parse_parameters,
    parse_token,
)


@pytest.mark.parametrize(
    ("value", "kind", "parameters"),
    [
        (b"text/plain", b"text/plain", ()),
        (b" TEXT / Html ; Charset=UTF-8", b"text/html", ((b"Charset", b"UTF-8"),)),
        (b"(c)text(c)/(c)plain(c);(c)a(c)=(c)b(c)", b"text/plain", ((b"a", b"b(c)"),)),
        (b"text/plain; charset=us-ascii (Plain text)", b"text/plain", ((b"charset", b"us-ascii"),)),
        (b"a/b; x=\"1;2\"; y='3'", b"a/b", ((b"x", b"1;2"), (b"y", b"'3'"))),
        (b'a/b; x="q\\"q\\\\"; y=', b"a/b", ((b"x", b'q"q\\'), (b"y", b""))),
        (b'a/b; x="no end; y=z', b"a/b", ((b"x", b"no end; y=z"),)),
        (b'a/b; x="ends in\\', b"a/b", ((b"x", b"ends in"),)),
        (b"a/b; name=my file (1).pdf; y=z", b"a/b", ((b"name", b"my file"), (b"y", b"z"))),
        (b"a/b;;; x=1;; y=2;", b"a/b", ((b"x", b"1"), (b"y", b"2"))),
        (b"a/b; novalue; =noname; x=1", b"a/b", ((b"x", b"1"),)),
        (b'a/b; x="1" rubbish; y=2', b"a/b", ((b"x", b"1"), (b"y", b"2"))),
        (b"a/b; n*0*=u'e'%20; n*1=z%", b"a/b", ((b"n*", b"u'e'%20z%25"),)),
        (b"a/b; n*1=y; x=1; N*0=x; n*2=z", b"a/b", ((b"n", b"xyz"), (b"x", b"1"))),
        (b"a/b; n*0=x; n*0=y", b"a/b", ((b"n", b"x"),)),
        (b"a/b; n*0=x; n*2=z; n*=u''v", b"a/b", ((b"n*0", b"x"), (b"n*2", b"z"), (b"n*", b"u''v"))),
        (b'a/b charset=u x="1" y=2; z=3', b"a/b", ((b"charset", b"u"), (b"x", b"1"), (b"y", b"2"), (b"z", b"3"))),
        (b"a/b rubbish; x=1", b"a/b", ((b"x", b"1"),)),
        (b"a/b; \xfc=\xff", b"a/b", ((b"\xfc", b"\xff"),)),
    ],
)
def test_a_media_type_is_read(value: bytes, kind: bytes, parameters: Parameters) -> None:
    found = parse_media_type(value)
    assert found
    assert (found.type + b"/" + found.subtype, found.parameters) == (kind, parameters)


@pytest.mark.parametrize(
    "value", [b"", b"text", b"/plain", b"text/", b"text plain", b";", b"\xff/x", b"(open/x", b'"a"/b']
)
def test_what_is_no_media_type_is_none(value: bytes) -> None:
    assert parse_media_type(value) is None


@pytest.mark.parametrize(
    ("written", "boundary"),
    [
        (b"boundary=b", b"b"),
        (b'BOUNDARY=" b "', b" b"),
        (b"boundary=a; boundary=b", b"a"),
        (b"boundary*0=a; boundary*1=b", b"ab"),
        (b"boundary*1=b; boundary*0=a", b"ab"),
        (b"boundary*=us-ascii''a%2Fb", b"a/b"),
        (b"boundary*0*=us-ascii'en'a%20; boundary*1=b", b"a b"),
        (b"bound=a", b""),
        (b'boundary=""', b""),
    ],
)
def test_the_boundary_is_found(written: bytes, boundary: bytes) -> None:
    assert boundary_of(parse_parameters(b";" + written, 0)) == boundary


@pytest.mark.parametrize(
    ("value", "token"),
    [(b" (x) Base64 (y)", b"base64"), (b"attachment;x=y", b"attachment"), (b"", None), (b";x=y", None)],
)
def test_the_first_token_is_read(value: bytes, token: bytes | None) -> None:
    found = parse_token(value)
    assert (found and found[0]) == token


def test_parameters_have_an_end() -> None:
    assert len(parse_parameters(b";a=b" * 1000, 0)) == MAX_PARAMETERS


@settings(max_examples=200)
@given(st.one_of(st.binary(), st.text('ab/;="\\() *0\t', max_size=60).map(str.encode)))
def test_no_bytes_raise(value: bytes) -> None:
    found = parse_media_type(value)
    boundary_of(found.parameters if found else ())
    parse_token(value)


TOKENS = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)


@settings(max_examples=100)
@given(st.lists(st.tuples(TOKENS, st.text(st.characters(min_codepoint=32, max_codepoint=126))), max_size=5))
def test_parameters_written_with_quotes_are_read_back(pairs: list[tuple[str, str]]) -> None:
    written = "".join(f'; {name}="' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for name, value in pairs)
    assert parse_parameters(written.encode(), 0) == tuple((name.encode(), value.encode()) for name, value in pairs)
