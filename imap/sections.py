"""Where the octets of a body section lie (RFC 3501 §6.4.5), without reading the body.

A message is its prefix (fields that differ by recipient, kept with the row) and the stored body, which others may
share. All offsets here are into the stored body. Of a message whose header is served downgraded (RFC 6857) the prefix
and that header stand before what follows the stored body's own header: `whole_of`.
"""

from collections.abc import Callable, Mapping

import msgspec

from appliance.mail.structure import PartSpan
from imap.header_subset import closed, subset_of
from imap.wire.fetch_att import BodySection

MAX_PART_HEADER = 1 << 20
"""Octets of an embedded message's header that HEADER.FIELDS looks into."""


class BodyCut(msgspec.Struct, frozen=True):
    """Octets of the stored body, `start` to `stop` (excluded), that go out as they are: read or stream them."""

    start: int
    stop: int


class SubsetCut(msgspec.Struct, frozen=True):
    """The header of an embedded message, of which fields are wanted: read it, and send `finish` of it."""

    start: int
    stop: int
    section: BodySection

    def finish(self, header: bytes) -> bytes:
        """The literal that stands for the section."""
        return literal_of(self.section, closed(subset_of(self.section, header)))


Piece = bytes | BodyCut | SubsetCut


class Extent(msgspec.Struct, frozen=True):
    """Octets of a message: of its prefix, then of its stored body."""

    prefix: bytes
    start: int
    stop: int

    def pieces(self, section: BodySection) -> list[Piece]:
        """The literal of these octets, cut as the section's partial says (RFC 3501 §6.4.5)."""
        prefix, start, stop = self.prefix, self.start, self.stop
        if section.partial is not None:
            first, length = section.partial
            last = first + length
            start, stop = start + max(first - len(prefix), 0), min(stop, start + max(last - len(prefix), 0))
            # A start beyond the end gives the empty string.
            prefix, start = prefix[first:last], min(start, stop)
        pieces: list[Piece] = [b"{%d}\r\n%b" % (len(prefix) + stop - start, prefix)]
        if start < stop:
            pieces.append(BodyCut(start, stop))
        return pieces


def literal_of(section: BodySection, octets: bytes) -> bytes:
    """Octets in memory as the literal of a section, cut as its partial says."""
    if section.partial is not None:
        first, length = section.partial
        octets = octets[first : first + length]
    return b"{%d}\r\n%b" % (len(octets), octets)


def from_header(section: BodySection) -> bool:
    """Whether the message's own header block, kept with its row, is all that the section needs."""
    return not section.part and section.text.startswith("HEADER")


def needs_parts(section: BodySection) -> bool:
    """Whether the part index is needed to find the section."""
    return bool(section.part) or section.text == "TEXT"


def whole_of(prefix: bytes, size: int, stored: int, header: Callable[[], bytes]) -> Extent:
    """All octets of a message that is served as `size` octets, of a stored body of `stored`.

    `header` gives the header to serve; it is asked for only where that is another than the stored body's, which the
    sizes tell (`mail.structure.Rendition.downgraded`).
    """
    if size == stored + len(prefix):
        return Extent(prefix, 0, stored)
    front = prefix + header()
    return Extent(front, min(max(stored - (size - len(front)), 0), stored), stored)


def find_section(section: BodySection, whole: Extent, parts: Mapping[str, PartSpan]) -> list[Piece]:
    """What to send for a section that needs the body; NIL where the message has no such section, as most servers
    answer (RFC 3501 §7.4.2: nstring)."""
    if not section.part:
        text = Extent(b"", parts[""].body_start, whole.stop) if section.text == "TEXT" else whole
        return text.pieces(section)
    span = parts.get(".".join(map(str, section.part)))
    if span is None:
        return [b"NIL"]
    if section.text == "MIME":
        # Part 1 of a message that is no multipart: its MIME header is the message's (RFC 3501 §6.4.5).
        own = span.header_start == 0 and span.header_end == parts[""].header_end
        mime = (
            Extent(whole.prefix, whole.start, span.header_end)
            if own
            else Extent(b"", span.header_start, span.header_end)
        )
        return mime.pieces(section)
    if not section.text:
        return Extent(b"", span.body_start, span.body_end).pieces(section)
    if span.kind != "message":
        # RFC 3501 §6.4.5: HEADER and TEXT of a part are those of the message in it
        return [b"NIL"]
    if section.text == "TEXT":
        return Extent(b"", span.msg_header_end, span.body_end).pieces(section)
    if section.text == "HEADER":
        return Extent(b"", span.body_start, span.msg_header_end).pieces(section)
    stop = min(span.msg_header_end, span.body_start + MAX_PART_HEADER)
    return [SubsetCut(span.body_start, stop, section)]


def fill(pieces: list[Piece], body: bytes) -> bytes:
    """All pieces as octets, when the stored body is in memory."""
    return b"".join([piece if isinstance(piece, bytes) else cut_out(piece, body) for piece in pieces])


def cut_out(piece: BodyCut | SubsetCut, body: bytes) -> bytes:
    """What stands for a cut, when the stored body is in memory."""
    octets = body[piece.start : piece.stop]
    return octets if isinstance(piece, BodyCut) else piece.finish(octets)
