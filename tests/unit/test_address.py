"""Addresses: the strict paths of the wire, the friendlier form of people, and what both refuse."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.address import (
    Address,
    AddressError,
    parse_address,
    parse_domain,
    parse_mail_path,
    parse_rcpt_path,
    subaddress_candidates,
)

GOOD_PATHS = [
    (b"<a@b.example>", "a", "b.example", "a@b.example"),
    (b"<User.Name+tag@Example.COM>", "User.Name+tag", "example.com", "User.Name+tag@example.com"),
    (b"<a%b!c@x.example>", "a%b!c", "x.example", "a%b!c@x.example"),
    (b'<"plain"@x.example>', "plain", "x.example", "plain@x.example"),
    (b'<"a@b"@x.example>', "a@b", "x.example", '"a@b"@x.example'),
    (b'<"a>b c"@x.example>', "a>b c", "x.example", '"a>b c"@x.example'),
    (b'<"a\\"b\\\\c"@x.example>', 'a"b\\c', "x.example", '"a\\"b\\\\c"@x.example'),
    (b'<"\\a..b"@x.example>', "a..b", "x.example", '"a..b"@x.example'),
    (b"<user@localhost>", "user", "localhost", "user@localhost"),
    (b"<u@xn--bcher-kva.example>", "u", "xn--bcher-kva.example", "u@xn--bcher-kva.example"),
    (b"<" + b"l" * 64 + b"@x.example>", "l" * 64, "x.example", "l" * 64 + "@x.example"),
]

BAD_PATHS = [
    (b"", "syntax"),
    (b"<", "syntax"),
    (b"a@b.example", "syntax"),
    (b"<a@b.example", "syntax"),
    (b"a@b.example>", "syntax"),
    (b"<<a@b.example>>", "syntax"),
    (b" <a@b.example>", "syntax"),
    (b"< a@b.example>", "syntax"),
    (b"<a@b.example >", "syntax"),
    (b"<a @b.example>", "syntax"),
    (b"<us er@b.example>", "syntax"),
    (b"<a@b.example>x", "syntax"),
    (b"<a@b.example>\tSIZE=1", "syntax"),
    (b"<a>", "syntax"),
    (b"<@b.example>", "source-route"),
    (b"<@a.example:b@c.example>", "source-route"),
    (b"<@a.example,@b.example:c@d.example>", "source-route"),
    (b"<a@b.example:c@d.example>", "syntax"),
    (b"<a@b@c.example>", "syntax"),
    (b"<a@>", "syntax"),
    (b"<.a@b.example>", "syntax"),
    (b"<a.@b.example>", "syntax"),
    (b"<a..b@b.example>", "syntax"),
    (b"<a@b..example>", "syntax"),
    (b"<a@.b.example>", "syntax"),
    (b"<a@b.example.>", "syntax"),
    (b"<a@-b.example>", "syntax"),
    (b"<a@b-.example>", "syntax"),
    (b"<a@b_c.example>", "syntax"),
    (b"<a@b.example,c@d.example>", "syntax"),
    (b"<(comment)a@b.example>", "syntax"),
    (b"<a(comment)@b.example>", "syntax"),
    (b"<a@b.example(comment)>", "syntax"),
    (b'<"a"b@c.example>', "syntax"),
    (b'<a."b"@c.example>', "syntax"),
    (b'<"a@c.example>', "syntax"),
    (b'<""@c.example>', "syntax"),
    (b'<"a\tb"@c.example>', "syntax"),
    (b"<a\x00@b.example>", "syntax"),
    (b"<a\r\n@b.example>", "syntax"),
    (b"<a@b.example\n>", "syntax"),
    (b"<\xc3\xbc@b.example>", "utf8"),
    (b"<a@b\xc3\xbc.example>", "utf8"),
    (b"<\xff@b.example>", "utf8"),
    (b"<a@b\\c.example>", "syntax"),
    (b"<a@[192.0.2.1]>", "literal"),
    (b"<a@[IPv6:2001:db8::1]>", "literal"),
    (b"<" + b"l" * 65 + b"@x.example>", "length"),
    (b'<"' + b" " * 63 + b'"@x.example>', "length"),
    (b"<a@" + b"d" * 64 + b".example>", "length"),
    (b"<a@" + b".".join([b"d" * 60] * 5) + b">", "length"),
]


@pytest.mark.parametrize(("path", "localpart", "domain", "text"), GOOD_PATHS)
def test_a_path_by_the_grammar_is_taken_in_both_commands(path: bytes, localpart: str, domain: str, text: str) -> None:
    expected = Address(localpart, domain)
    assert parse_mail_path(path + b" SIZE=10 X=<y>") == (expected, b" SIZE=10 X=<y>")
    assert parse_rcpt_path(path) == (expected, b"")
    assert expected.text == text


@pytest.mark.parametrize(("path", "kind"), BAD_PATHS)
def test_anything_beyond_the_grammar_is_refused_with_its_kind(path: bytes, kind: str) -> None:
    for parse in (parse_mail_path, parse_rcpt_path):
        with pytest.raises(AddressError) as caught:
            parse(path)
        assert caught.value.kind == kind


def test_the_null_path_is_a_sender_only() -> None:
    assert parse_mail_path(b"<> BODY=8BITMIME") == (None, b" BODY=8BITMIME")
    for path in (b"<>", b"<> X=1"):
        with pytest.raises(AddressError):
            parse_rcpt_path(path)
    with pytest.raises(AddressError):
        parse_mail_path(b"<>x")


@pytest.mark.parametrize("path", [b"<postmaster>", b"<Postmaster>", b"<POSTMASTER>"])
def test_bare_postmaster_is_a_recipient_only(path: bytes) -> None:
    address, rest = parse_rcpt_path(path + b" NOTIFY=NEVER")
    assert (address.domain, address.folded, address.text, rest) == ("", "postmaster", "postmaster", b" NOTIFY=NEVER")
    with pytest.raises(AddressError):
        parse_mail_path(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Anna@Example.ORG", "Anna@example.org"),
        ("anna@example.org.", "anna@example.org"),
        ("anna@bücher.example", "anna@xn--bcher-kva.example"),
        ("anna@BÜCHER.example", "anna@xn--bcher-kva.example"),
        ("anna@straße.example", "anna@xn--strae-oqa.example"),
        ("anna@例え。テスト", "anna@xn--r8jz45g.xn--zckzah"),
        ('"anna b"@example.org', '"anna b"@example.org'),
    ],
)
def test_people_may_write_international_domains(text: str, expected: str) -> None:
    assert parse_address(text).text == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "@",
        "a@",
        "@a",
        "<a@b>",
        " a@b",
        "a@b ",
        "a@b\n",
        "a@ b",
        "A <a@b>",
        "a@b,c@d",
        "a@b@c",
        "a@[192.0.2.1]",
        "a@xn--\ud800",
        "a@\u2260.example",
        "a@b_c",
        "a@.",
        "a\x7f@b",
        "a@ü" + "ü" * 70,
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "domain"),
    [("a@[192.0.2.1]", "[192.0.2.1]"), ("a@[ipv6:2001:DB8:0::1]", "[IPv6:2001:db8::1]")],
)
def test_a_literal_is_taken_where_asked_for(text: str, domain: str) -> None:
    assert parse_address(text, allow_literal=True) == Address("a", domain)
    for bad in ("a@[]", "a@[x]", "a@[192.0.2.1", "a@[IPv6:1]", "a@[1.2.3.4]x"):
        with pytest.raises(AddressError) as caught:
            parse_address(bad, allow_literal=True)
        assert caught.value.kind == "literal"


@pytest.mark.parametrize(
    ("text", "domain"), [("EXAMPLE.org", "example.org"), (" a.b. ", "a.b"), ("müller.example", "xn--mller-kva.example")]
)
def test_a_domain_becomes_lower_case_a_labels(text: str, domain: str) -> None:
    assert parse_domain(text) == domain
    assert parse_domain(domain) == domain


@pytest.mark.parametrize("text", ["", ".", "..", "a..b", "-a.b", "a b", "a/b", "a@b", "*.a", "_dmarc.a", "[1.2.3.4]"])
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        parse_domain(text)


@pytest.mark.parametrize(
    ("localpart", "domain"), [("", "a.b"), ("x", ""), ("a\nb", "a.b"), ("a", "A_b"), ("\u0085", "a.b")]
)
def test_an_address_is_valid_by_construction(localpart: str, domain: str) -> None:
    with pytest.raises(AddressError):
        Address(localpart, domain)


@pytest.mark.parametrize(
    ("localpart", "separators", "expected"),
    [
        ("Anna", "+", ("anna",)),
        ("Anna+Shop", "+", ("anna+shop", "anna")),
        ("anna+shop", "", ("anna+shop",)),
        ("anna+a+b", "+", ("anna+a+b", "anna")),
        ("anna++b", "+", ("anna++b", "anna")),
        ("anna-a+b", "+-", ("anna-a+b", "anna")),
        ("anna+a-b", "-+", ("anna+a-b", "anna")),
        ("+shop", "+", ("+shop",)),
        ("+a+b", "+", ("+a+b",)),
        ("anna+", "+", ("anna+",)),
        ("", "+", ("",)),
    ],
)
def test_a_tag_is_cut_at_the_first_separator(localpart: str, separators: str, expected: tuple[str, ...]) -> None:
    assert subaddress_candidates(localpart, separators) == expected


LOCALPARTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30)
LABELS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=20)


@settings(max_examples=100)
@given(LOCALPARTS, st.lists(LABELS, min_size=1, max_size=5))
def test_every_address_survives_writing_and_reading(localpart: str, labels: list[str]) -> None:
    address = Address(localpart, ".".join(labels))
    assert parse_address(address.text) == address
    assert parse_mail_path(f"<{address.text}> A=B".encode()) == (address, b" A=B")


@settings(max_examples=200)
@given(st.one_of(st.binary(), st.text('<>@"\\.,:[]() ab%!\r\n', max_size=20).map(str.encode)))
def test_bytes_of_any_kind_are_an_address_or_an_address_error(data: bytes) -> None:
    for parse in (parse_mail_path, parse_rcpt_path):
        for given_bytes in (data, b"<" + data + b">"):
            try:
                address, rest = parse(given_bytes)
            except AddressError:
                continue
            assert given_bytes.endswith(rest)
            assert address is None or address.text.isascii()


@settings(max_examples=200)
@given(st.text(max_size=80))
def test_text_of_any_kind_is_an_address_or_an_address_error(text: str) -> None:
    for given_text in (text, f"a@{text}", f"{text}@b.example"):
        try:
            address = parse_address(given_text)
        except AddressError:
            continue
        assert parse_address(address.text) == address
