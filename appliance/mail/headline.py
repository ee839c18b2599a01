"""What a person knows a message by: its Message-ID, its author and its subject, for the record.

For reading only: who may be the author of what is decided elsewhere, strictly.
"""

from typing import NamedTuple

from appliance.mail.encoded_words import decode_words
from appliance.mail.header import raw_fields, unfold
from appliance.mail.mailbox_list import parse_mailbox_list

MAX_TEXT = 1000
"""Characters of each that are kept."""
MAX_AUTHORS = 20
_NAMES = {b"from", b"subject", b"message-id"}


class Headline(NamedTuple):
    """Decoded texts, each "" where the message has none."""

    message_id: str = ""
    header_from: str = ""
    """Addresses of the From field, joined by ", "."""
    subject: str = ""

    def cut(self) -> "Headline":
        """No longer than a record keeps."""
        return self if len(self.message_id) + len(self.subject) <= MAX_TEXT else Headline(*[t[:MAX_TEXT] for t in self])


NO_HEADLINE = Headline()


def headline(block: bytes) -> Headline:
    """That of a header block; never raises. Of a field that stands there twice, the first counts."""
    found: dict[bytes, bytes] = {}
    for name, value in raw_fields(block, 0, len(block)):
        key = name.lower()
        if key in _NAMES and key not in found:
            found[key] = unfold(value)
    get = found.get
    return Headline(_text(get(b"message-id", b"")), authors(get(b"from", b"")), _text(get(b"subject", b""))).cut()


def authors(value: bytes) -> str:
    """The addresses of an unfolded From field."""
    entries = parse_mailbox_list(value[: 4 * MAX_TEXT]) if value else []
    texts = [
        one.mailbox + (b"@" + one.host if one.host else b"")
        for one in entries
        if one.mailbox and one.host is not None  # no group
    ]
    return b", ".join(texts[:MAX_AUTHORS]).decode("utf-8", "replace")[:MAX_TEXT].replace("\0", "")


def _text(value: bytes) -> str:
    return decode_words(value[: 4 * MAX_TEXT]).replace("\0", "") if value else ""
