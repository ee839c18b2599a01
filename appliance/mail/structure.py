"""MIME structure of a message by byte offsets (RFC 2045, RFC 2046), rendered once for IMAP."""

from mmap import mmap

import msgspec

from appliance.mail.bodystructure import body_items
from appliance.mail.date_time import parse_date_time
from appliance.mail.downgrade import Downgrader, downgrade_parameters
from appliance.mail.encoded_words import decode_words
from appliance.mail.header import Octets, unfold
from appliance.mail.headline import NO_HEADLINE, Headline, authors
from appliance.mail.imap_envelope import envelope
from appliance.mail.part_scanner import Part, PartScanner, read_fields


class Rendition(msgspec.Struct, frozen=True):
    """What IMAP and SEARCH need of a message, computed once when it is stored.

    `envelope`, `bodystructure` and `body` are finished IMAP syntax (RFC 3501 §7.4.2), `parts` the packed part
    index, `header` the message's header block with its empty line. The texts are decoded and lower-cased.

    A header beyond ASCII (RFC 6532) has a form in ASCII as well, `downgraded` (RFC 6857). The finished syntax is made
    of that, so that no client finds raw UTF-8 in it (RFC 3501 §4.3); the texts are made of the header as it came.
    Whether the header itself is served downgraded is the choice of who stores the message: `in_ascii`.
    """

    header: bytes
    envelope: bytes
    bodystructure: bytes
    body: bytes
    parts: bytes
    sent_at: int | None
    """The Date field in UTC microseconds, None where it has none that can be read."""
    message_id: str
    from_text: str
    to_text: str
    cc_text: str
    bcc_text: str
    subject_text: str
    headline: Headline = NO_HEADLINE
    """What the record says of the message."""
    downgraded: bytes = b""
    """The header in ASCII, with its empty line; b"" where it is that already. Never as long as the header itself."""
    replaces: int = 0
    """Octets at the start of the stored body that `header` stands for, 0 where it is these octets."""

    def in_ascii(self) -> "Rendition":
        """The rendition of a message that is served with its downgraded header."""
        if not self.downgraded:
            return self
        return msgspec.structs.replace(self, header=self.downgraded, replaces=len(self.header))

    def served(self, stored: int) -> int:
        """Octets of a message as it is served, of a body of `stored` octets."""
        return stored - self.replaces + len(self.header) if self.replaces else stored


class PartSpan(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where one numbered part lies, in offsets into the stored message; ends are exclusive.

    `kind` is "multipart", "message" (a message/rfc822 that was looked into) or "leaf". `header` is the part's own
    MIME header with its empty line; it is empty for a part that stands in where a multipart has none. Section ""
    is the message itself; where that is no multipart, section "1" is its body (RFC 3501 §6.4.5).
    """

    section: str
    kind: str
    header_start: int
    header_end: int
    body_start: int
    body_end: int
    msg_header_end: int = 0
    """In a "message": where the text of the message inside begins. Its header is body_start to here."""

    @property
    def msg_header_start(self) -> int:
        """In a "message": where the header of the message inside begins."""
        return self.body_start

    @property
    def msg_body_end(self) -> int:
        """In a "message": where the text of the message inside ends."""
        return self.body_end


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[PartSpan]).decode


def render(source: bytes | memoryview | mmap, *, max_depth: int = 100, max_parts: int = 1000) -> Rendition:
    """Everything of a message that is kept beside its bytes; never raises, whatever the bytes are.

    The part at depth `max_depth` is a leaf; what comes after `max_parts` parts belongs to the last of them.
    Time is linear in the size. 0 lifts a limit as far as `part_scanner.MAX_DEPTH` lets it.
    """
    data: Octets = bytes(source) if isinstance(source, memoryview) else source
    top = PartScanner(data, max_depth, max_parts).scan()
    header = data[: top.body_start]
    get = top.fields.get
    known_by = Headline(_text(get(b"message-id")), authors(unfold(get(b"from", b""))), _text(get(b"subject")))
    downgraded = _tell_in_ascii(top, header)
    body, bodystructure = body_items(top)
    return Rendition(
        header=header,
        envelope=envelope(top.fields),
        bodystructure=bodystructure,
        body=body,
        parts=_encode(_spans(top)),
        sent_at=parse_date_time(unfold(get(b"date", b""))),
        message_id=known_by.message_id,
        from_text=_text(get(b"from")).casefold(),
        to_text=_text(get(b"to")).casefold(),
        cc_text=_text(get(b"cc")).casefold(),
        bcc_text=_text(get(b"bcc")).casefold(),
        subject_text=known_by.subject.casefold(),
        headline=known_by,
        downgraded=downgraded,
    )


def _tell_in_ascii(top: Part, header: bytes) -> bytes:
    """Puts ASCII in place of what the message and its parts say of themselves beyond it; gives the header in ASCII."""
    in_ascii = Downgrader()
    downgraded = b"" if header.isascii() else in_ascii.header(header)
    below = list(top.children)
    while below:
        part = below.pop()
        below += part.children
        if not all(map(bytes.isascii, part.fields.values())):
            shown = {key: in_ascii.value(key, value) for key, value in part.fields.items()}
            part.fields = {key: value for key, value in shown.items() if value is not None}
            part.media = part.media._replace(parameters=downgrade_parameters(part.media.parameters))
    if header.isascii():
        return b""
    top.fields = read_fields(downgraded, 0, len(downgraded))
    top.media = top.media._replace(parameters=downgrade_parameters(top.media.parameters))
    if not downgraded.endswith(b"\n\r\n") and downgraded != b"\r\n":
        downgraded += b"\r\n"  # the header ended before a line that is no field: now it ends by the rules
    # By its size FETCH knows that a message is served so (`imap.sections`): the sizes must differ.
    return downgraded if len(downgraded) != len(header) else downgraded.replace(b":", b": ", 1)


def unpack_parts(packed: bytes) -> dict[str, PartSpan]:
    """The part index of a rendition by section, such as "", "1", "2.1"."""
    return {span.section: span for span in _decode(packed)}


def _text(value: bytes | None) -> str:
    return decode_words(unfold(value)).replace("\0", "") if value else ""


def _spans(top: Part) -> list[PartSpan]:
    spans = [_span("", top)]
    _number(top, "", spans)
    return spans


def _number(message: Part, prefix: str, spans: list[PartSpan]) -> None:
    """Numbers the parts of a message: those of its multipart, or its one body (RFC 3501 §6.4.5)."""
    parts = message.children if message.kind == "multipart" else [message]
    for number, part in enumerate(parts, 1):
        _add(part, f"{prefix}{number}", spans)


def _add(part: Part, section: str, spans: list[PartSpan]) -> None:
    spans.append(_span(section, part))
    if part.kind == "message":
        _number(part.children[0], section + ".", spans)
    elif part.kind == "multipart":
        for number, child in enumerate(part.children, 1):
            _add(child, f"{section}.{number}", spans)


def _span(section: str, part: Part) -> PartSpan:
    inside = part.children[0].body_start if part.kind == "message" else 0
    return PartSpan(section, part.kind, part.header_start, part.body_start, part.body_start, part.body_end, inside)
