"""The words of a message, decoded, as SEARCH compares them (RFC 3501 §6.4.4). Never raises, whatever the octets.

Transfer encodings and charsets are undone; HTML stays as it is written. Texts are NFC and case-folded.
"""

import binascii
import unicodedata
from collections.abc import Iterator, Mapping
from urllib.parse import unquote_to_bytes

from appliance.mail.content_type import parse_media_type, parse_parameters, parse_token
from appliance.mail.encoded_words import decode_text, decode_words
from appliance.mail.header import raw_fields, unfold
from appliance.mail.structure import PartSpan

MAX_FIELD = 64 * 1024
"""Octets of one header field that are searched."""
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))


def folded(text: str) -> str:
    """A text as it is compared: NFC, without case."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", text).casefold()


def header_text(block: bytes) -> str:
    """All fields of a header block, a line each, decoded (RFC 2047) and folded."""
    return "\n".join(f"{name.decode('latin-1').lower()}: {_value(value)}" for name, value in _fields(block))


def field_texts(block: bytes, field: str) -> Iterator[str]:
    """The value of every field of this name (lower case), decoded and folded."""
    wanted = field.encode("latin-1", "replace")
    for name, value in _fields(block):
        if name.lower() == wanted:
            yield _value(value)


def body_text(body: bytes, parts: Mapping[str, PartSpan]) -> str:
    """What a stored message's body says: the headers of its parts and embedded messages, and all text parts.

    `parts` is the message's part index; the message's own header is left out.
    """
    top = parts.get("")
    found = []
    for section, span in parts.items():
        if not section:
            continue
        own = top is not None and span.header_end == top.header_end
        header = body[span.header_start : span.header_end]
        if not own:
            found.append(header_text(header))
        if span.kind == "message":
            found.append(header_text(body[span.body_start : span.msg_header_end]))
        elif span.kind == "leaf":
            found.append(_leaf_text(header, body[span.body_start : span.body_end]))
    return "\n".join(found)


def _leaf_text(header: bytes, octets: bytes) -> str:
    content_type, encoding = b"", b""
    for name, value in _fields(header):
        if name.lower() == b"content-type":
            content_type = content_type or unfold(value)
        elif name.lower() == b"content-transfer-encoding":
            encoding = encoding or unfold(value)
    media = parse_media_type(content_type) if content_type else None
    if media is not None and media.type not in (b"text", b"message"):
        return ""
    named = {name.lower(): value for name, value in media.parameters} if media is not None else {}
    charset = named.get(b"charset", b"")
    token = parse_token(encoding)
    return folded(decode_text(_decoded(octets, token[0] if token else b""), charset.decode("latin-1")))


def _decoded(octets: bytes, encoding: bytes) -> bytes:
    if encoding == b"quoted-printable":
        return binascii.a2b_qp(octets)
    if encoding != b"base64":
        return octets
    letters = octets.translate(None, _NOT_BASE64)
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _fields(block: bytes) -> list[tuple[bytes, bytes]]:
    return raw_fields(block, 0, len(block))


def _value(value: bytes) -> str:
    value = unfold(value[:MAX_FIELD])
    text = decode_words(value)
    return folded(f"{text} {_extended(value)}" if b"*" in value and b"%" in value else text)


def _extended(value: bytes) -> str:
    """What parameters of RFC 2231 say, such as the names of files; "" where there are none."""
    said = []
    for name, text in parse_parameters(value, value.find(b";") + 1):
        charset, _, octets = text.partition(b"'")
        if name.endswith(b"*"):
            said.append(decode_text(unquote_to_bytes(octets.partition(b"'")[2]), charset.decode("latin-1")))
    return " ".join(said)
