"""Encoded words of RFC 2047: read tolerantly, as a header that cannot be decoded is still searchable, and written."""

import binascii
import re
from base64 import b64encode
from encodings import normalize_encoding
from encodings.aliases import aliases

# `[^?]*` rather than the RFC's "no blank": blanks inside words are common, and it keeps the search linear.
_WORD = re.compile(rb"=\?([^\s?]{1,60})\?([bBqQ])\?([^?]*)\?=")
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
_UNSAFE = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
# Looked up here before any codec is: an unknown name would make Python search the disk and remember it for ever.
_CHARSETS = {name: codec for name, codec in aliases.items() if codec not in _UNSAFE and not codec.endswith("_codec")}
_CHARSETS |= {codec: codec for codec in _CHARSETS.values()}
# The wider charset of each family, as senders mean it.
_CHARSETS |= {name: "gb18030" for name, codec in _CHARSETS.items() if codec in {"gb2312", "gbk"}}
_CHARSETS |= {name: "cp1252" for name, codec in _CHARSETS.items() if codec == "latin_1"}
_CHARSETS |= {name: "cp949" for name, codec in _CHARSETS.items() if codec == "euc_kr"}

WORD_OCTETS = 30
"""Octets in one word that we write: with its frame it is 52 characters, so that it fits a line (RFC 2047 §2: 76)
behind most names."""


def encode_words(text: str) -> str:
    """A text as encoded words with a blank between, each of whole characters (RFC 2047 §5); one empty word for ""."""
    data = text.encode()
    words: list[str] = []
    at = 0
    while at < len(data) or not words:
        end = min(at + WORD_OCTETS, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:  # within a character
            end -= 1
        words.append(f"=?utf-8?B?{b64encode(data[at:end]).decode('ascii')}?=")
        at = end
    return " ".join(words)


def decode_words(value: bytes) -> str:
    """The text of an unfolded header value; never raises.

    White space between two encoded words goes (RFC 2047 §6.2); neighbours of one charset are decoded together,
    so a character cut in two by the sender is whole again. Bytes outside words are UTF-8, else Windows-1252.
    """
    if b"=?" not in value:
        return decode_text(value)
    runs: list[tuple[str, list[bytes]]] = []
    at = 0
    for word in _WORD.finditer(value):
        between = value[at : word.start()]
        if between and (not runs or between.strip(b" \t\r\n")):
            runs.append(("", [between]))
        # RFC 2231 §5: a language may follow the charset.
        charset = word[1].partition(b"*")[0].decode("latin-1").lower() or "us-ascii"
        data = _from_base64(word[3]) if word[2] in b"bB" else binascii.a2b_qp(word[3], header=True)
        if runs and runs[-1][0] == charset:
            runs[-1][1].append(data)
        else:
            runs.append((charset, [data]))
        at = word.end()
    runs.append(("", [value[at:]]))
    return "".join(decode_text(b"".join(run), charset) for charset, run in runs)


def decode_text(data: bytes, charset: str = "") -> str:
    """Bytes in a charset as named by a sender, as text that can be stored; never raises.

    An unknown charset, or bytes that do not fit it, are read as UTF-8 and, failing that, as Windows-1252.
    """
    if data.isascii() and not charset:
        return data.decode("ascii")
    codec = _CHARSETS.get(normalize_encoding(charset).lower()) if charset else None
    for name in (codec, "utf-8"):
        if name:
            try:
                text = data.decode(name)
                text.encode()  # UTF-7 and UTF-16 let lone surrogates through, which no database takes
            except UnicodeError:
                continue
            return text
    return data.decode("cp1252", "replace")


def _from_base64(data: bytes) -> bytes:
    letters = data.translate(None, _NOT_BASE64)
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
