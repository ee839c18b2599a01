"""Addresses beyond ASCII (RFC 6531 §3.3): only where SMTPUTF8 is in use, and then by the grammar as any other."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.address import (
    Address,
    AddressError,
    fold_localpart,
    parse_address,
    parse_mail_path,
    parse_rcpt_path,
    subaddress_candidates,
)

GOOD = [
    ("<jürgen@b.example>", "jürgen", "b.example"),
    ("<JÜRGEN@B.example>", "JÜRGEN", "b.example"),
    ("<a@bücher.example>", "a", "xn--bcher-kva.example"),
    ("<a@Big.bücher.EXAMPLE>", "a", "big.xn--bcher-kva.example"),
    ("<用户@例え.テスト>", "用户", "xn--r8jz45g.xn--zckzah"),
    ('<"ü ö"@b.example>', "ü ö", "b.example"),
    ("<ü.ö+x@b.example>", "ü.ö+x", "b.example"),
    ("<\U0001f4e7@b.example>", "\U0001f4e7", "b.example"),
    ("<" + "ü" * 32 + "@b.example>", "ü" * 32, "b.example"),
]
BAD = [
    (b"<\xff@b.example>", "syntax"),
    (b"<\xc3@b.example>", "syntax"),
    (b"<\xed\xa0\x80@b.example>", "syntax"),
    ("<a\u00a0b@b.example>".encode(), "syntax"),
    ("<a\u0085b@b.example>".encode(), "syntax"),
    ("<a\u2028b@b.example>".encode(), "syntax"),
    ("<a\u202eb@b.example>".encode(), "syntax"),
    ('<"a\u3000b"@b.example>'.encode(), "syntax"),
    ("<ü..ö@b.example>".encode(), "syntax"),
    ("<ü@b.example>x".encode(), "syntax"),
    ("<a@BÜCHER.example>".encode(), "syntax"),
    ("<a@b\uff0eexample>".encode(), "syntax"),
    ("<a@ü\u3002example>".encode(), "syntax"),
    ("<a@\u212aelvin.example>".encode(), "syntax"),
    ("<a@ü_.example>".encode(), "syntax"),
    ("<a@ü.>".encode(), "syntax"),
    (("<" + "ü" * 33 + "@b.example>").encode(), "length"),
    ("<@ü:a@b.example>".encode(), "source-route"),
]


@pytest.mark.parametrize(("path", "localpart", "domain"), GOOD)
def test_with_smtputf8_a_path_may_be_utf8(path: str, localpart: str, domain: str) -> None:
    expected = Address(localpart, domain)
    assert parse_mail_path(f"{path} SMTPUTF8".encode(), utf8=True) == (expected, b" SMTPUTF8")
    assert parse_rcpt_path(path.encode(), utf8=True) == (expected, b"")
    assert expected.ascii == localpart.isascii()


@pytest.mark.parametrize("path", [path for path, _, _ in GOOD])
def test_without_it_none_is_taken_and_the_kind_says_why(path: str) -> None:
    for parse in (parse_mail_path, parse_rcpt_path):
        with pytest.raises(AddressError) as caught:
            parse(path.encode())
        assert caught.value.kind == "utf8"


@pytest.mark.parametrize(("path", "kind"), BAD)
def test_smtputf8_opens_no_other_door(path: bytes, kind: str) -> None:
    for parse in (parse_mail_path, parse_rcpt_path):
        with pytest.raises(AddressError) as caught:
            parse(path, utf8=True)
        assert caught.value.kind == kind


def test_a_letter_is_one_however_it_is_composed() -> None:
    composed, apart = parse_address("Jürgen@b.example"), parse_address("Ju\u0308rgen@b.example")
    assert composed == apart
    wire = parse_rcpt_path("<JU\u0308RGEN@b.example>".encode(), utf8=True)[0]
    assert wire.localpart == "JU\u0308RGEN", "what goes to others is what came"
    assert wire.folded == composed.folded == "jürgen"
    assert subaddress_candidates(wire.localpart + "+x", "+") == ("jürgen+x", "jürgen")


@given(st.text(max_size=30))
def test_folding_is_stable_and_blind_to_composition(text: str) -> None:
    folded = fold_localpart(text)
    assert fold_localpart(folded) == folded
    if not text.isascii():
        assert fold_localpart(unicodedata.normalize("NFD", text)) == folded
        assert fold_localpart(unicodedata.normalize("NFC", text)) == folded


@settings(max_examples=200)
@given(st.one_of(st.binary(), st.text(max_size=20).map(lambda text: f"<{text}@ü.example> X".encode(errors="replace"))))
def test_bytes_of_any_kind_are_an_address_or_an_address_error(data: bytes) -> None:
    for parse in (parse_mail_path, parse_rcpt_path):
        try:
            address, rest = parse(data, utf8=True)
        except AddressError:
            continue
        assert data.endswith(rest)
        assert address is None or parse_mail_path(f"<{address.text}>".encode(), utf8=True)[0] == address
