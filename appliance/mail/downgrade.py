"""A header beyond ASCII as one in ASCII, for clients that have not asked for UTF-8 (RFC 6857, RFC 6532).

Fields that are ASCII stay byte for byte, in their order. In the others

- unstructured text becomes encoded words, from the first to the last word that is not ASCII (`_words`);
- addresses are written as `downgrade_addresses` says;
- parameters of MIME fields become those of RFC 2231; such a field is written anew from what was read of it, so the
  structure of the message stays what the scanner made of it (comments go);
- comments become encoded words in fields that can hold text only there; Received loses such a `for` clause;
- what fits none of that is shown under the name `Downgraded-<name>` (§3.1.10), as is a field with a name beyond ASCII.

Octets that are no UTF-8, as spam in Latin-1 has them, are read as `decode_words` reads them, so what comes out is
ASCII whatever came in. Only the header block is changed: the headers of parts and embedded messages stay as they are
stored, and IMAP's BODYSTRUCTURE and ENVELOPE tell them through `Downgrader.value`. Pure; no input raises.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from appliance.mail.content_type import Parameters, parse_media_type, parse_parameters, parse_token
from appliance.mail.downgrade_addresses import MAX_RUN, downgrade_addresses, downgrade_comment, tame
from appliance.mail.encoded_words import decode_words, encode_words
from appliance.mail.field_tokens import field_tokens
from appliance.mail.header import HeaderField, header_end, header_fields, unfold

MAX_COST = 64 * 1024
"""How much of one message is taken apart, in octets, a sign or blank counting as some ten: 50 ms of hostile fields, or
a list of some 500 mailboxes. What is beyond that becomes text."""
SIGN_COST = 10
MAX_LINE = 76
"""Characters of a line with encoded words (RFC 2047 §2)."""
_WORD_ROOM = 60  # of a parameter's value in one piece

_wild = re.compile(rb"[^ -~\t]|=\?|\?=")
_run = re.compile(r"([ \t]*+)([^ \t]++)")
_token = re.compile(rb"[!#$%&'*+.0-9A-Z^_`a-z{|}~-]++").fullmatch
_not_attribute = re.compile(rb"[^!#$&+.0-9A-Z^_`a-z{|}~-]")
_not_extended = re.compile(rb"[^!#$%&'+.0-9A-Z^_`a-z{|}~-]")
_special = re.compile(r'(["\\])')
_unit = re.compile(r"%[0-9A-F]{2}|.")
_LETTERS = bytes(set(range(256)) - set(b' \t"(),:;<>@\\[]='))
_for = re.compile(rb"[ \t]+for[ \t]+(?:<[^<>]*>|[^ \t;]+)", re.IGNORECASE)

Form = Callable[[bytes], str | None]
"""Writes an unfolded value in ASCII; None where its field cannot hold it."""


def downgrade(block: bytes) -> bytes:
    """A header block in ASCII, with CRLF in every field that is changed; one that is ASCII is returned as it is.

    What follows the header in `block`, and an mbox line before it, are left out.
    """
    return block if block.isascii() else Downgrader().header(block)


class Downgrader:
    """Writes what headers of one message say in ASCII, as long as that costs no more than it may."""

    def __init__(self) -> None:
        self._left = MAX_COST

    def header(self, block: bytes) -> bytes:
        """As `downgrade`."""
        header = block[: header_end(block, 0, len(block))]
        shown = b"".join([field.raw if field.raw.isascii() else self._field(field) for field in header_fields(header)])
        if shown and not shown.endswith(b"\n"):
            shown += b"\r\n"
        return shown + b"\r\n" if header.endswith((b"\n\r\n", b"\n\n")) else shown

    def value(self, key: bytes, value: bytes) -> bytes | None:
        """The folded value of one field, by its key, as ASCII on one line; None where its field cannot hold it."""
        if value.isascii():
            return value
        shown = self._shown(key, unfold(value))
        return None if shown is None else shown.encode("ascii")

    def _field(self, field: HeaderField) -> bytes:
        value = field.value
        if not _token(field.name) or len(field.name) > MAX_RUN // 2:
            return _folded("Downgraded-Field", encode_words(decode_words(field.name + b": " + value)))
        name = field.name.decode("ascii")
        shown = self._shown(field.key, value)
        if shown is None:
            return _folded(f"Downgraded-{name}", _words(value))  # RFC 6857 §3.1.10
        return _folded(name, shown)

    def _shown(self, key: bytes, value: bytes) -> str | None:
        """The value of a field in ASCII that can be folded, None where its field cannot hold it."""
        form = _FORMS.get(key)
        if form is None:
            return _words(value)
        cost = len(value) + SIGN_COST * len(value.translate(None, _LETTERS))
        if cost > self._left:
            return None
        self._left -= cost
        shown = form(value)
        return shown if shown is None or tame(shown) else None


def downgrade_parameters(parameters: Parameters) -> Parameters:
    """Parameters with those beyond ASCII in the form of RFC 2231 §4; one whose name is beyond it is left out."""
    return tuple([_parameter(name, value) for name, value in parameters if _token(name)])


def _folded(name: str, value: str) -> bytes:
    """A field on lines that end before blanks of its value, so that unfolded it is the value again."""
    lines: list[str] = []
    line = f"{name}:"
    for blanks, run in _run.findall(f" {value}"):
        if len(line) + len(blanks) + len(run) > MAX_LINE:
            lines.append(line)
            line = ""
        line += blanks + run
    return "".join([f"{each}\r\n" for each in (*lines, line)]).encode("ascii")


def _words(value: bytes) -> str:
    """Text with encoded words from the first to the last word that needs them, blanks between included."""
    found = [match.start() for match in _wild.finditer(value)]
    if not found and tame(text := value.decode("ascii")):
        return text
    if found:
        start = max(value.rfind(blank, 0, found[0]) for blank in (b" ", b"\t")) + 1
        ends = [at for at in (value.find(blank, found[-1]) for blank in (b" ", b"\t")) if at >= 0]
        end = min(ends, default=len(value))
        before, after = value[:start].decode("ascii"), value[end:].decode("ascii")
        if tame(before) and tame(after):
            return f"{before}{encode_words(decode_words(value[start:end]))}{after}"
    return encode_words(decode_words(value))


def _comments(value: bytes) -> str | None:
    """A value that may hold text in comments alone."""
    shown = [
        downgrade_comment(token) if token.kind == "comment" else token.raw.decode("latin-1")
        for token in field_tokens(value)
    ]
    return "".join(shown)


def _received(value: bytes) -> str | None:
    return _comments(_for.sub(lambda found: found[0] if found[0].isascii() else b"", value))


def _encoding(value: bytes) -> str | None:
    """The encoding alone: a message whose encoding is not told cannot be read."""
    token = parse_token(value)
    return token[0].decode("ascii") if token else None


def _media_type(value: bytes) -> str | None:
    media = parse_media_type(value)
    return None if media is None else _with_parameters(media.type + b"/" + media.subtype, media.parameters)


def _disposition(value: bytes) -> str | None:
    token = parse_token(value)
    return None if token is None else _with_parameters(token[0], parse_parameters(value, token[1]))


def _with_parameters(head: bytes, parameters: Parameters) -> str:
    pieces = [head.decode("ascii")]
    for name, value in downgrade_parameters(parameters):
        pieces += _written(name.decode("ascii"), value.decode("ascii"))
    return "; ".join(pieces)


def _parameter(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    if value.isascii() and tame(value.decode("ascii")):
        return name, value
    if name.endswith(b"*"):  # in that form already, but for octets that it forbids
        return name, _not_extended.sub(_percent, value)
    try:
        value.decode()
        charset = b"utf-8"
    except UnicodeDecodeError:
        charset = b"windows-1252"  # what `decode_words` reads such octets as
    # RFC 2231 §4.1: of a value in pieces only the first has the charset; these are pieces of which some are missing.
    return name + b"*", (b"" if b"*" in name else charset + b"''") + _not_attribute.sub(_percent, value)


def _percent(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]


def _written(name: str, value: str) -> list[str]:
    """One parameter as it stands in a field, in pieces where it is long (RFC 2231 §3)."""
    if not name.endswith("*"):
        quoted = _special.sub(r"\\\1", value)
        return [f"{name}={value}" if _token(value.encode("ascii")) else f'{name}="{quoted}"']
    if len(value) <= _WORD_ROOM or "*" in name[:-1]:
        return [f"{name}={value}"]
    pieces = [""]
    for unit in _unit.findall(value):
        if len(pieces[-1]) + len(unit) > _WORD_ROOM:
            pieces.append("")
        pieces[-1] += unit
    return [f"{name}{number}*={piece}" for number, piece in enumerate(pieces)]


def _nothing(value: bytes) -> None:
    """The form of a field that has room for nothing beyond ASCII."""


_FORMS: Mapping[bytes, Form] = MappingProxyType(
    dict.fromkeys(
        b"from sender reply-to to cc bcc resent-from resent-sender resent-reply-to resent-to resent-cc resent-bcc "
        b"disposition-notification-to return-receipt-to mail-followup-to mail-reply-to errors-to".split(),
        downgrade_addresses,
    )
    | dict.fromkeys(
        b"date resent-date message-id resent-message-id in-reply-to references mime-version content-id "
        b"content-language accept-language auto-submitted".split(),
        _comments,
    )
    | dict.fromkeys(
        b"return-path delivered-to x-original-to original-recipient final-recipient content-md5".split(), _nothing
    )
    | {
        b"content-type": _media_type,
        b"content-disposition": _disposition,
        b"content-transfer-encoding": _encoding,
        b"received": _received,
    }
)
"""How the value of a field is written, by its key; all others are text."""
