"""MIME structure of a message by byte offsets (RFC 2045, RFC 2046), rendered once for IMAP."""

import msgspec


class Rendition(msgspec.Struct, frozen=True):
    """What IMAP and SEARCH need of a message, computed once when it is stored.

    `envelope`, `bodystructure` and `body` are finished IMAP syntax (RFC 3501 §7.4.2), `parts` the packed part
    index, `header` the message's header block with its empty line. The texts are decoded and lower-cased.
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
