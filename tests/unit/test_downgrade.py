"""Headers with raw UTF-8 as ASCII (RFC 6857)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.downgrade import downgrade
from appliance.mail.header import decode_words, header_fields


def test_forms() -> None:
    block = (
        'From: Jürgen <j@a.example>, "Ä, b" <ü@b.example>\r\nContent-Type: text/plain; name="ä.txt"\r\n'
        "Message-ID: <ä@x>\r\nSubject: Grüße\r\nX: a\r\n\r\n"
    ).encode()
    fields = {field.key: field.value for field in header_fields(downgrade(block))}
    assert b"<j@a.example>," in fields[b"from"]
    assert fields[b"from"].endswith(b":;")
    assert fields[b"content-type"] == b"text/plain; name*=UTF-8''%C3%A4.txt"
    assert decode_words(fields[b"downgraded-message-id"]) == "<ä@x>"
    assert decode_words(fields[b"subject"]) == "Grüße"
    assert fields[b"x"] == b"a"


@settings(max_examples=100)
@given(st.binary())
def test_any_bytes(block: bytes) -> None:
    shown = downgrade(b"Subject: " + block)
    try:
        block.decode()
    except UnicodeDecodeError:
        assert shown == b"Subject: " + block
    else:
        assert shown.isascii()


@settings(max_examples=100)
@given(st.text(st.characters(min_codepoint=0xA1, exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_subject_survives(text: str) -> None:
    shown = downgrade(f"Subject: {text}\r\n\r\n".encode())
    assert decode_words(header_fields(shown)[0].value) == text
    assert all(len(line) <= 76 for line in shown.split(b"\r\n"))


@given(st.from_regex(rb"[\x00-\x7f]*", fullmatch=True))
def test_ascii_stays(block: bytes) -> None:
    assert downgrade(block) == block
