"""A header with raw UTF-8 (RFC 6532) as one in ASCII, for clients that did not ask for UTF-8 (RFC 6857)."""

import re
from base64 import b64encode
from urllib.parse import quote

from appliance.mail.header import HeaderField, header_fields, split_message, unfold

_ADDRESSES = {b"from", b"sender", b"to", b"cc", b"bcc", b"reply-to"}
_ADDRESSES |= {b"resent-" + name for name in _ADDRESSES}
_PARAMETERS = {b"content-type", b"content-disposition"}
# Fields of a grammar that has room neither for encoded words nor for groups.
_STRICT = {b"return-path", b"delivered-to", b"received", b"date", b"message-id", b"in-reply-to", b"references"}
_STRICT |= {b"content-id", b"content-transfer-encoding", b"mime-version", b"resent-message-id", b"resent-date"}
_WORD_OCTETS = 45  # 60 in base64, 72 with the frame: under the 75 of RFC 2047 §2
_parameter = re.compile(r';[ \t]*([!#$&+.0-9A-Z^_`a-z{|}~-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*+)"|([^\s;"]+))')
_mailbox = re.compile(r'[ \t]*((?:"(?:[^"\\]|\\.)*+"|[^"<>(),:;@\[\]])*+)(?:<([^<>]*)>|(@[^"<>(),:;\s]+))?[ \t]*')


def downgrade(block: bytes) -> bytes:
    """The block in ASCII; one that is ASCII, or is not UTF-8, unchanged. Never raises.

    `block` is as split_message gives it: what follows a header is left out, as is a field with a name beyond ASCII.
    """
    if block.isascii():
        return block
    try:
        block.decode()
    except UnicodeDecodeError:
        return block
    _, end = split_message(block)
    header = block[:end]
    shown = b"".join(_field(field) for field in header_fields(header) if field.name.isascii())
    return shown + (b"\r\n" if header.endswith((b"\n\r\n", b"\n\n")) else b"")


def _field(field: HeaderField) -> bytes:
    if field.raw.isascii():
        return field.raw
    value = unfold(field.raw.partition(b":")[2]).decode()
    if field.key in _ADDRESSES:
        shown = _mailboxes(value)
    elif field.key in _PARAMETERS:
        shown = _parameter.sub(_extended, value)
    else:
        shown = None if field.key in _STRICT else _words(value)
    if shown is not None and shown.isascii():
        return field.name + b": " + shown.encode() + b"\r\n"
    return b"Downgraded-" + field.name + b": " + _words(value).encode() + b"\r\n"  # RFC 6857 §3.1.10


def _words(text: str) -> str:
    """Encoded words, each on its line and each of whole characters (RFC 2047 §5)."""
    chunks = [b""]
    for octets in (letter.encode() for letter in text):
        if len(chunks[-1]) + len(octets) > _WORD_OCTETS:
            chunks.append(b"")
        chunks[-1] += octets
    return "\r\n " + "\r\n ".join(f"=?UTF-8?B?{b64encode(chunk).decode()}?=" for chunk in chunks)


def _extended(found: re.Match[str]) -> str:
    value = found[3] if found[2] is None else re.sub(r"\\(.)", r"\1", found[2])
    return found[0] if value.isascii() else f";\r\n {found[1]}*=UTF-8''{quote(value, safe='')}"  # RFC 2231 §4


def _mailboxes(value: str) -> str | None:
    """A list of mailboxes; None where it holds more than that (groups, comments) and cannot be cut safely."""
    shown: list[str] = []
    at = 0
    while found := _mailbox.match(value, at):
        shown.append(_one(found))
        at = found.end()
        if at == len(value):
            return ",\r\n ".join(shown)
        if value[at] != ",":
            return None
        at += 1
    return None


def _one(found: re.Match[str]) -> str:
    if found[0].isascii():
        return found[0].strip()
    name, address = found[1].strip(), found[2]
    if address is None:
        return f"{_words(found[0].strip())} :;"
    plain = re.sub(r"\\(.)", r"\1", name[1:-1]) if re.fullmatch(r'"(?:[^"\\]|\\.)*+"', name) else name
    if address.isascii():
        return f"{_words(plain)} <{address}>"
    return f"{_words(f'{plain} {address}'.strip())} :;"  # RFC 6857 §3.1.8: an empty group named by the address
