"""Renditions: the structure found in a message, and every number in it held against the bytes it names."""

import mmap
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imapclient.response_parser import parse_fetch_response

from appliance.mail.structure import Rendition, render, unpack_parts
from tests.mime_check import check_rendition, fetched, parse_envelope

HERE = Path(__file__).resolve().parent
OWN = {path.stem: path.read_bytes() for path in sorted((HERE.parent / "data" / "mime").glob("*.eml"))}

OUTLINES: dict[str, list[tuple[str, str, bytes | None]]] = {
    "plain": [("1", "text/plain", b"First line.\r\nSecond line, without an end.")],
    "nested": [
        ("1", "multipart/alternative", None),
        ("1.1", "text/plain", b"Gr\xc3\xbc\xc3\x9fe"),
        ("1.2", "text/html", b"<p>Hello</p>\r\n"),
        ("2", "application/pdf", b"JVBERg=="),
    ],
    "unclosed_inner": [
        ("1", "multipart/alternative", None),
        ("1.1", "text/plain", b"in the inner one, which nobody closes"),
        ("2", "text/plain", b"back in the outer one"),
    ],
    "no_close": [("1", "text/plain", b"one"), ("2", "text/plain", b"two, to the end of the message\r\n")],
    "prefix_boundary": [
        ("1", "multipart/mixed", None),
        ("1.1", "text/plain", b"inner one"),
        ("1.2", "text/plain", b"inner two\r\n--abcdef is text\r\n--abc-- is text"),
        ("2", "text/plain", b"outer two"),
    ],
    "blanks_after_boundary": [("1", "text/plain", b"one"), ("2", "text/plain", b"two\r\n --b\r\n--b x\r\n--b-")],
    "long_boundary": [("1", "text/plain", b"one")],
    "line_feeds": [("1", "text/plain", b"one\n"), ("2", "text/html", b"two")],
    "empty_parts": [
        ("1", "text/plain", b""),
        ("2", "text/plain", b""),
        ("3", "text/plain", b""),
        ("4", "text/html", b""),
    ],
    "no_parts": [
        ("1", "multipart/alternative", None),
        ("1.1", "text/plain", b"This boundary never comes."),
        ("2", "multipart/alternative", None),
        ("2.1", "text/plain", b""),
        ("3", "multipart/alternative", None),
        ("3.1", "text/plain", b"There is no boundary."),
    ],
    "same_boundary": [
        (
            "1",
            "multipart/alternative",
            b"--b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\ntwo\r\n--b--\r\nBetween.",
        ),
        ("1.1", "text/plain", b"one"),
        ("1.2", "text/html", b"two"),
        ("2", "image/gif", b"three"),
    ],
    "forwarded": [
        ("1", "message/rfc822", None),
        ("1.1", "text/plain", b"the text"),
        ("2", "message/rfc822", None),
        ("2.1", "message/rfc822", b"Subject: deepest\r\nContent-Type: application/json\r\n\r\n{}"),
        ("2.1.1", "application/json", b"{}"),
        ("2.2", "text/plain", b"beside it"),
        ("3", "application/octet-stream", b"RnJvbTogeAoKeQ=="),
    ],
    "message_at_top": [
        ("1", "message/rfc822", b"From: e@example.org\r\nSubject: inside\r\n\r\ntext\r\n"),
        ("1.1", "text/plain", b"text\r\n"),
    ],
    "digest": [
        ("1", "message/rfc822", b"From: a@example.org\r\nSubject: one\r\n\r\nfirst"),
        ("1.1", "text/plain", b"first"),
        ("2", "text/plain", b"not a message"),
    ],
    "parameters": [
        ("1", "text/plain", b"1"),
        ("2", "text/html", b"2"),
        ("3", "application/x-y", b"3"),
        ("4", "text/plain", b"4"),
        ("5", "text/plain", b"5"),
        ("6", "text/html", b"6"),
    ],
    "boundary_in_pieces": [("1", "text/plain", b"one")],
    "odd_header": [("1", "text/plain", b"this line is no field, so the body begins\r\n\r\ntext\r\n")],
    "not_mime": [("1", "text/plain", b"just text, \x00\xff, and no header\r\n")],
}


def outline(message: bytes, rendition: Rendition) -> list[tuple[str, str, bytes]]:
    parts = check_rendition(message, rendition)
    return [(section, body.name, message[span.body_start : span.body_end]) for section, (body, span) in parts.items()]


@pytest.mark.parametrize("name", sorted(OWN))
def test_each_trap_gives_the_parts_a_reader_expects(name: str) -> None:
    found = outline(OWN[name], render(OWN[name]))
    assert OUTLINES[name] == [
        (section, kind, octets if expected[2] is not None else None)
        for (section, kind, octets), expected in zip(found, OUTLINES[name], strict=True)
    ]


def test_own_part_headers_are_the_bytes_between_delimiter_and_body() -> None:
    message = OWN["nested"]
    parts = unpack_parts(render(message).parts)
    assert message[parts["1.2"].header_start : parts["1.2"].header_end] == b"Content-Type: text/html\r\n\r\n"
    forwarded = OWN["forwarded"]
    span = unpack_parts(render(forwarded).parts)["2.1"]
    assert forwarded[span.header_start : span.header_end] == b"Content-Type: message/rfc822\r\n\r\n"
    assert forwarded[span.msg_header_start : span.msg_header_end].startswith(b"Subject: deepest")
    assert forwarded[span.msg_header_end : span.msg_body_end] == b"{}"


def test_body_fields_are_rendered_with_all_extension_data() -> None:
    pdf = check_rendition(OWN["nested"], render(OWN["nested"]))["2"][0]
    assert pdf.parameters == [(b"name", b"a.pdf")]
    assert pdf.encoding == b"base64"
    assert pdf.fields == (
        b"<pdf@example.org>",
        b'A "short" paper',
        b"Q2hlY2sgSW50ZWdyaXR5IQ==",
        (b"attachment", [(b"filename", b"a.pdf"), (b"size", b"4")]),
        [b"en", b"de"],
        b"http://example.org/a.pdf",
    )


def test_parameters_pass_as_strings_with_their_pieces_joined() -> None:
    parts = check_rendition(OWN["parameters"], render(OWN["parameters"]))
    assert [parts[section][0].parameters for section in parts] == [
        [(b"charset", b"us-ascii"), (b"name", b"my file(1).txt"), (b"x", b'a"b\\c'), (b"empty", b"")],
        [(b"charset", b"utf-8"), (b"broken", b"no end")],
        [(b"name*", b"utf-8'en'a%20bc.txt")],
        [(b"charset", b"us-ascii")],
        [(b"charset", b"us-ascii")],
        [(b"CHARSET*", b"utf-8''Gr%C3%B6%C3%9Fe")],
    ]
    assert [body.fields[3] for body, _ in parts.values()][2] == (
        b"attachment",
        [(b"filename", b"=?utf-8?q?=C3=BC?=.txt")],
    )
    assert parts["5"][0].encoding == b"quoted-printable"


def test_search_texts_are_decoded_and_folded() -> None:
    rendition = render(
        b"From: =?utf-8?Q?J=C3=96RG?= <J@Example.org>\r\nTo: A@b\r\nTo: C@d\r\nCc: STRA\xc3\x9fE <e@f>\r\nBcc: G@h\r\n"
        b"Subject: =?iso-8859-1?Q?=DCBER?=\r\n =?iso-8859-1?Q?UNS?=\r\nMessage-ID:  <Id@x>\r\n"
        b"Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n\r\n"
    )
    assert rendition.from_text == "jörg <j@example.org>"
    assert rendition.to_text == "a@b, c@d"
    assert rendition.cc_text == "strasse <e@f>"
    assert rendition.bcc_text == "g@h"
    assert rendition.subject_text == "überuns"
    assert rendition.message_id == "<Id@x>"
    assert rendition.sent_at == 880_127_706_000_000
    assert render(b"").sent_at is None


def nest(depth: int, kind: bytes, inside: bytes) -> bytes:
    for level in range(depth):
        if kind == b"message":
            inside = b"Content-Type: message/rfc822\r\n\r\n" + inside
        else:
            mark = b"b%d" % level
            inside = b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n--%b\r\n%b\r\n--%b--" % (
                mark,
                mark,
                inside,
                mark,
            )
    return inside


@pytest.mark.parametrize("kind", [b"message", b"multipart"])
@pytest.mark.parametrize(("levels", "bound", "opened"), [(5, 10, 5), (10, 10, 10), (11, 10, 10), (500, 100, 100)])
def test_the_part_at_the_depth_bound_is_a_leaf(kind: bytes, levels: int, bound: int, opened: int) -> None:
    message = nest(levels, kind, b"\r\ntext")
    parts = check_rendition(message, render(message, max_depth=bound))
    last = parts[".".join(["1"] * (opened + (kind == b"message")))][0]
    assert last.name == ("text/plain" if levels <= bound else "application/octet-stream")


def test_without_a_limit_of_ours_hostile_depth_still_has_a_bound() -> None:
    message = nest(3000, b"message", b"\r\ntext")
    check_rendition(message, render(message, max_depth=0, max_parts=0))


def test_parts_beyond_the_bound_belong_to_the_last_one() -> None:
    message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(
        b"--b\r\n\r\n%d\r\n" % i for i in range(9)
    )
    found = outline(message, render(message, max_parts=3))
    assert [(section, octets.partition(b"\r\n")[0]) for section, _, octets in found] == [
        ("1", b"0"),
        ("2", b"1"),
        ("3", b"2"),
    ]
    assert found[-1][2].endswith(b"\r\n8\r\n")


def test_parts_beyond_the_bound_of_an_inner_multipart_belong_to_its_last_one() -> None:
    inner = b"Content-Type: multipart/mixed; boundary=i\r\n\r\n" + b"--i\r\n\r\nx\r\n" * 5 + b"--i--"
    message = b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n" + inner + b"\r\n--o\r\n\r\nlast\r\n--o--\r\n"
    found = outline(message, render(message, max_parts=3))
    assert [section for section, _, _ in found] == ["1", "1.1", "1.2"]
    assert found[-1][2].endswith(b"last\r\n--o--\r\n")


def test_an_inner_multipart_that_only_closes_the_shared_boundary_stays_inside() -> None:
    inner = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n"
    message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + inner + b"--b\r\n\r\nlast\r\n--b--\r\n"
    found = outline(message, render(message))
    assert [(section, octets) for section, _, octets in found] == [("1", b"--b--\r\n"), ("1.1", b""), ("2", b"last")]


def test_any_buffer_gives_the_same_rendition() -> None:
    for message in OWN.values():
        mapped = mmap.mmap(-1, len(message))
        mapped[:] = message
        assert render(message) == render(memoryview(message)) == render(mapped)


@pytest.mark.parametrize(
    "hostile",
    [
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 400_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--bx\r\n" * 400_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b" + b" " * 2_000_000 + b"x",
        nest(100, b"message", b"\r\n" + b"x\r\n" * 700_000),
        nest(100, b"multipart", b"\r\n" + b"--b\r\n" * 400_000),
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 40_000,
    ],
    ids=["delimiters", "almost delimiters", "blanks", "messages", "multiparts", "one boundary for all"],
)
def test_hostile_bodies_cost_linear_time(hostile: bytes) -> None:
    """A quadratic scan would take minutes; the suite's time limit is the judge."""
    check_rendition(hostile, render(hostile))


@pytest.mark.parametrize(
    "char", [b"(", b"[", b'"', b"\\", b"<", b"@", b";", b";a=(", b"=?a?q?", b":", b",", b"a ", b"\t("]
)
def test_hostile_fields_cost_linear_time(char: bytes) -> None:
    run = char * 100_000
    message = b"".join(
        b"%b: text/plain%b\r\n" % (name, run)
        for name in (b"From", b"To", b"Content-Type", b"Content-Disposition", b"Content-Language", b"Date", b"Subject")
    )
    check_rendition(message + b"\r\n", render(message + b"\r\n"))


WORDS = [
    b"Content-Type: ",
    b"multipart/mixed",
    b"; boundary=",
    b"b",
    b'"',
    b"--",
    b"--b",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\0",
]
WORDS += [
    b"message/rfc822",
    b"text/plain",
    b"\xff",
    b"--b--",
    b"From: ",
    b"(",
    b")",
    b"<a@b>",
    b",",
    b":",
    b";",
    b"\\",
    b"=",
]


@settings(max_examples=200)
@given(st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(WORDS), max_size=60).map(b"".join)))
def test_any_bytes_have_a_rendition_that_agrees_with_them(message: bytes) -> None:
    check_rendition(message, render(message))


Tree = tuple[str, object]
TEXTS = st.text("ab \r\n-=ü", max_size=30).map(lambda text: text.replace("\r", "").replace("\n", "\r\n").encode())
TREES = st.recursive(
    TEXTS.map(lambda text: ("leaf", text)),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(lambda parts: ("multipart", parts)),
        inner.map(lambda part: ("message", part)),
    ),
    max_leaves=12,
)


def written(tree: Tree, marks: Iterator[int]) -> bytes:
    kind, inside = tree
    if kind == "leaf":
        return b"Content-Type: text/plain\r\n\r\n" + inside
    if kind == "message":
        return b"Content-Type: message/rfc822\r\n\r\n" + written(inside, marks)
    mark = b"--=_%d" % next(marks)
    parts = [mark + b"\r\n" + written(part, marks) + b"\r\n" for part in inside]
    head = b"Content-Type: multipart/mixed; boundary=" + mark[2:] + b"\r\n\r\n"
    return head + b"".join(parts) + mark + b"--\r\n"


def expected(tree: Tree, section: str, top: bool) -> Iterator[tuple[str, object]]:
    """Sections and texts of the leaves, by the numbering of RFC 3501 §6.4.5."""
    kind, inside = tree
    if kind == "multipart":
        for number, part in enumerate(inside, 1):
            yield from expected(part, f"{section}.{number}", False)
    elif top:
        yield from expected(tree, section + ".1", False)
    elif kind == "message":
        yield from expected(inside, section, True)
    else:
        yield section.removeprefix("."), inside


@settings(max_examples=100)
@given(TREES)
def test_generated_messages_are_taken_apart_as_they_were_put_together(tree: Tree) -> None:
    message = written(tree, count())
    parts = check_rendition(message, render(message))
    leaves = [(s, message[span.body_start : span.body_end]) for s, (_, span) in parts.items() if span.kind == "leaf"]
    assert leaves == list(expected(tree, "", True))


@pytest.mark.parametrize("name", sorted(OWN))
def test_a_client_library_reads_every_rendition(name: str) -> None:
    rendition = render(OWN[name])
    parsed = parse_fetch_response(fetched(rendition))[1]
    assert parsed[b"ENVELOPE"].subject == parse_envelope(rendition.envelope)[1]
    assert parsed[b"BODYSTRUCTURE"].is_multipart == (unpack_parts(rendition.parts)[""].kind == "multipart")


def test_all_that_is_told_is_ascii() -> None:
    """RFC 6857: also of parts and embedded messages, whose own octets stay."""
    inner = "From: Ö <ö@x.example>\r\nSubject: für\r\nMessage-ID: <ü@x>\r\n\r\nx\r\n"
    message = (
        "From: Пётр <пётр@x.example>\r\nTo: a@x.example\r\nSubject: Grüße\r\nMessage-ID: <ü@x>\r\n"
        "Content-Type: multipart/mixed; boundary=b; x=ü\r\n\r\n"
        "--b\r\nContent-Type: text/plain; name=größe.txt\r\nContent-ID: <ü>\r\nContent-Description: ü\r\n\r\nx\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\nContent-Disposition: inline; filename=ü\r\n\r\n{inner}\r\n--b--\r\n"
    ).encode()
    rendition = render(message)
    assert (rendition.envelope + rendition.bodystructure + rendition.body).isascii()
    assert rendition.envelope == (
        b'(NIL "=?utf-8?B?R3LDvMOfZQ==?=" {peter} {peter} {peter} ((NIL NIL "a" "x.example")) NIL NIL NIL NIL)'.replace(
            b"{peter}",
            b'((NIL NIL "=?utf-8?B?0J/RkdGC0YA=?= =?utf-8?B?INC/0ZHRgtGAQHguZXhhbXBsZQ==?=" NIL)(NIL NIL NIL NIL))',
        )
    )
    assert (
        b"""("name*" "utf-8''gr%C3%B6%C3%9Fe.txt" "charset" "us-ascii") NIL "=?utf-8?B?w7w=?=" "7bit\""""
        in rendition.bodystructure
    )
    assert b"""("inline" ("filename*" "utf-8''%C3%BC"))""" in rendition.bodystructure
    assert b"""(NIL "=?utf-8?B?ZsO8cg==?=" ((""" in rendition.bodystructure
    assert rendition.from_text == "пётр <пётр@x.example>"
    assert rendition.message_id == "<ü@x>"
    assert rendition.header == message[: len(rendition.header)]
    shown = rendition.in_ascii()
    assert shown.header == rendition.downgraded
    assert shown.header.isascii()
    assert shown.served(len(message)) == len(shown.header + message[shown.replaces :])


@pytest.mark.parametrize("text", ["ü", "ü" * 30, "a ü b", "für", "Größenwahn", "ü\r\n\tü"])
def test_a_downgraded_header_is_known_by_its_size(text: str) -> None:
    for blanks in range(40):  # at some number, encoded words would be as long as what they stand for
        header = f"To: a@b.example\r\nReceived: from a by b{' ' * blanks} for <{text}@x>; d\r\nSubject: {text}\r\n\r\n"
        rendition = render(header.encode() + b"x")
        assert len(rendition.downgraded) != len(header.encode())


def test_a_header_without_its_end_gets_one() -> None:
    assert render("Subject: ü\r\nno field".encode()).downgraded.endswith(b"?=\r\n\r\n")
    assert render("Subject: ü".encode()).downgraded.endswith(b"?=\r\n\r\n")
    assert render(b"Subject: plain\r\nno field").downgraded == b""


def test_an_mbox_line_alone_is_an_empty_header() -> None:
    assert render("From ü Mon\r\n\r\nx".encode()).downgraded == b"\r\n"
