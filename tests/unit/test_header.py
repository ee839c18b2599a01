"""The header block: where it ends, its fields, its limits, and cutting without touching the rest."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.header import (
    HeaderField,
    cut_fields,
    decode_words,
    header_end,
    header_fields,
    header_limits,
    raw_fields,
    split_message,
    unfold,
)


@pytest.mark.parametrize(
    ("message", "block"),
    [
        (b"A: 1\r\nB: 2\r\n\r\nbody", b"A: 1\r\nB: 2\r\n\r\n"),
        (b"A: 1\nB: 2\n\nbody", b"A: 1\nB: 2\n\n"),
        (b"A: 1\r\nB: 2\n\r\n\r\nbody", b"A: 1\r\nB: 2\n\r\n"),
        (b"\r\nA: 1\r\n\r\nbody", b"\r\n"),
        (b"", b""),
        (b"\n", b"\n"),
        (b"no header at all", b""),
        (b"A: 1", b"A: 1"),
        (b"A: 1\r\n", b"A: 1\r\n"),
        (b"A: 1\r\n folded\r\n\tagain\r\n\r\nbody", b"A: 1\r\n folded\r\n\tagain\r\n\r\n"),
        (b"A: 1\r\n \r\nB: 2\r\n\r\nbody", b"A: 1\r\n \r\nB: 2\r\n\r\n"),
        (b"A: 1\r\nno field here\r\nB: 2\r\n\r\nbody", b"A: 1\r\n"),
        (b" leading blank\r\nB: 2\r\n\r\n", b""),
        (b": no name\r\n\r\n", b""),
        (b"A : blank before the colon\r\n\r\nbody", b"A : blank before the colon\r\n\r\n"),
        (b"From me Mon Jan  1\r\nA: 1\r\n\r\nbody", b"From me Mon Jan  1\r\nA: 1\r\n\r\n"),
        (b">From me\nA: 1\n\nbody", b">From me\nA: 1\n\n"),
        (b"From no end", b""),
        (b"From \r\nA: 1\r\n\r\nbody", b""),
        (b">From \t\nA: 1\n\nbody", b""),
        (b"A: 1\rB: 2\r\n\r\nbody", b"A: 1\rB: 2\r\n\r\n"),
        (b"A: \x00\xff\r\n\r\nbody", b"A: \x00\xff\r\n\r\n"),
        (b"A: 1\r\n\r\r\nbody", b"A: 1\r\n"),
    ],
)
def test_the_header_ends_at_the_empty_line_or_before_what_is_no_field(message: bytes, block: bytes) -> None:
    assert split_message(message) == (block, len(block))
    assert split_message(memoryview(message)) == (block, len(block))


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b"A: 1\r\nb : 2 \r\n\r\n", [(b"A", b"a", b"1"), (b"b", b"b", b"2")]),
        (b"A:\r\n 1\r\n\t2\r\n", [(b"A", b"a", b"1\t2")]),
        (b"A: 1\n 2\n\n", [(b"A", b"a", b"1 2")]),
        (b"A:1\r\n \r\nB:2", [(b"A", b"a", b"1"), (b"B", b"b", b"2")]),
        (b"A:\r\n", [(b"A", b"a", b"")]),
        (b"From x: y\nA: b:c\n", [(b"A", b"a", b"b:c")]),
        (b"X-\xfc: 1\r\n", [(b"X-\xfc", b"x-\xfc", b"1")]),
        (b"", []),
        (b"\r\n", []),
        (b"text", []),
    ],
)
def test_fields_give_name_key_and_unfolded_value(block: bytes, expected: list[tuple[bytes, bytes, bytes]]) -> None:
    assert [(field.name, field.key, field.value) for field in header_fields(block)] == expected


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize(
    ("first", "names"),
    [
        (b"From bob@b.example Tue Nov 24 10:00:00 2026", [b"a"]),
        (b">From bob@b.example Tue Nov 24", [b"a"]),
        (b"From  bob@b.example", [b"a"]),
        (b"From \tbob@b.example", [b"a"]),
        (b"From x:", [b"a"]),
        (b"From x : bob@b.example", [b"a"]),
        (b"From : bob@b.example", [b"from", b"a"]),
        (b"From \t : bob@b.example", [b"from", b"a"]),
        (b"From :", [b"from", b"a"]),
        (b"From \t:bob@b.example", [b"from", b"a"]),
        (b"FROM : bob@b.example", [b"from", b"a"]),
        (b">From : bob@b.example", [b">from", b"a"]),
        (b"From :: bob@b.example", [b"from", b"a"]),
        (b"From : folded\r\n bob@b.example", [b"from", b"a"]),
        (b"From bob\r\nFrom : bob@b.example", [b"from", b"a"]),
        (b"From ", []),
        (b"From bob\r\nFrom bob", []),
    ],
)
def test_a_first_line_of_mbox_is_no_author(first: bytes, names: list[bytes], end: bytes) -> None:
    """`From ` is an mbox line where it names somebody, and a field where a colon follows the blanks."""
    block = first + end + b"A: 1" + end + end
    fields = header_fields(block)
    assert [field.key for field in fields] == names
    assert [
        (name.lower(), unfold(value)) for name, value in raw_fields(block, 0, header_end(block, 0, len(block)))
    ] == [(field.key, field.value) for field in fields]
    assert header_limits(block, 0, 1) == ("header of more than 1 fields" if len(names) > 1 else None)
    assert not header_fields(cut_fields(block, lambda field: True))


def test_limits_name_what_is_too_much() -> None:
    block = b"A: 1\r\nB: 2\r\nC: 3\r\n\r\n"
    assert header_limits(block, 20, 3) is None
    assert header_limits(block, 0, 0) is None
    assert header_limits(block, 19, 3) == "header of more than 19 octets"
    assert header_limits(block, 20, 2) == "header of more than 2 fields"


@pytest.mark.parametrize(
    ("block", "key", "rest"),
    [
        (b"A: 1\r\nB: 2\r\n 3\r\nC: 4\r\n\r\n", b"b", b"A: 1\r\nC: 4\r\n\r\n"),
        (b"B : 1\r\nb:2\r\nA: x\r\n\r\n", b"b", b"A: x\r\n\r\n"),
        (b"From x\nB: 1\n\n", b"b", b"From x\n\n"),
        (b"A: 1\r\nB: 2", b"b", b"A: 1\r\n"),
        (b"A: 1\r\n\r\nB: in the body\r\n", b"b", b"A: 1\r\n\r\nB: in the body\r\n"),
    ],
)
def test_cutting_takes_whole_fields_and_nothing_else(block: bytes, key: bytes, rest: bytes) -> None:
    assert cut_fields(block, lambda field: field.key == key) == rest


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"plain", "plain"),
        (b"=?utf-8?B?w7xiZXI=?=", "über"),
        (b"=?UTF-8?q?=C3=BCber_uns?= x", "über uns x"),
        (b"=?iso-8859-1?Q?a?= =?iso-8859-1?Q?b?=", "ab"),
        (b"=?iso-8859-1?Q?a?=\r\n =?utf-8?Q?b?= c", "ab c"),
        (b"=?iso-8859-1?Q?a?= b =?utf-8?Q?c?=", "a b c"),
        (b"x =?utf-8?Q?c?=", "x c"),
        (b"=?utf-8?B?4oKs?=", "€"),
        (b"=?utf-8?B?4oI=?= =?utf-8?B?rA==?=", "€"),
        (b"=?utf-8?B?4oKs", "=?utf-8?B?4oKs"),
        (b"=?utf-8?B?4oKs!!?=", "€"),
        (b"=?utf-8?B?4oKs4?=", "€"),
        (b"=?utf-8?B?4o==Ks?=", "€"),
        (b"=?utf-8?Q?a b?=", "a b"),
        (b"=?utf-8*en?Q?a?=", "a"),
        (b"=?utf-8?Q?=ZZ=3D?=", "=ZZ="),
        (b"=?x-unknown?Q?=C3=BC?=", "ü"),
        (b"=?us-ascii?Q?=FC?=", "ü"),
        (b"=?gb2312?B?xOO6ww==?=", "你好"),
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?windows-1252?Q?=80?=", "€"),
        (b"=?iso-8859-1?Q?=80?=", "€"),
        (b"=?punycode?Q?abc-?=", "abc-"),
        (b"=?zlib?Q?abc?=", "abc"),
        (b"=?utf-7?Q?+2AA-?=", "+2AA-"),
        (b"=?\xff?Q?a?=", "a"),
        (b"=?utf-8?X?a?=", "=?utf-8?X?a?="),
        (b"\xc3\xbc raw", "ü raw"),
        (b"\xfc raw", "ü raw"),
        (b"\x81", "\ufffd"),
        (b"=??Q?a?=", "=??Q?a?="),
        (b"", ""),
    ],
)
def test_encoded_words_become_text(value: bytes, text: str) -> None:
    assert decode_words(value) == text


@settings(max_examples=100)
@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from("BQ"))
def test_whatever_was_encoded_is_read_back(text: str, encoding: str) -> None:
    from email.charset import BASE64, QP, Charset

    charset = Charset("utf-8")
    charset.header_encoding = BASE64 if encoding == "B" else QP
    assert decode_words(charset.header_encode(text).encode()) == text


LINES = st.sampled_from(
    [
        b"A: 1",
        b"b : 2",
        b" fold",
        b"\t",
        b"",
        b"no field",
        b"From x",
        b">From y",
        b"From : z",
        b">From :",
        b"From ",
        b"C:",
        b":",
        b"\r",
        b"\xff: \x00",
    ]
)
MESSAGES = st.one_of(
    st.binary(),
    st.lists(st.tuples(LINES, st.sampled_from([b"\r\n", b"\n", b"\r"]))).map(lambda x: b"".join(map(b"".join, x))),
)


@settings(max_examples=200)
@given(MESSAGES)
def test_splitting_and_cutting_lose_no_byte(message: bytes) -> None:
    block, offset = split_message(message)
    assert block + message[offset:] == message
    assert split_message(block) == (block, len(block))
    fields = header_fields(block)
    assert cut_fields(block, lambda field: False) == block
    bare = cut_fields(block, lambda field: True)
    assert b"".join(field.raw for field in fields) + bare == block or bare.startswith((b"From ", b">From "))
    assert not header_fields(bare)
    assert sum(len(field.raw) for field in fields) + len(bare) == len(block)
    for field in fields:
        assert header_fields(field.raw) == (HeaderField(field.name, field.raw),)
        assert b"\n" not in field.value


@settings(max_examples=200)
@given(st.one_of(st.binary(), st.text("=?utf-8QB\u00fc_ \r\n*", max_size=60).map(str.encode)))
def test_decoding_never_raises_and_gives_text_that_can_be_stored(value: bytes) -> None:
    decode_words(value).encode()


@pytest.mark.parametrize(
    "block",
    [
        b"a" * 300_000,
        b"a: b\r\n" * 60_000,
        b"a: b\r\n" + b" \r\n" * 100_000,
        b"From " + b"a" * 300_000,
        b"From " + b" " * 300_000,
    ],
)
def test_a_hostile_header_is_read_in_linear_time(block: bytes) -> None:
    """A quadratic reading would take minutes; the suite's time limit is the judge."""
    header_fields(block)
    header_limits(block, 0, 1)
    split_message(block)


@pytest.mark.parametrize("value", [b"=?a?q?" * 100_000, b"=?" * 100_000, b"=?a?b?" + b"x" * 300_000])
def test_hostile_encoded_words_are_read_in_linear_time(value: bytes) -> None:
    decode_words(value)
