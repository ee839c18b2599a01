"""The ENVELOPE data item (RFC 3501 §7.4.2), written so that strict clients can read it whatever the header holds."""

from collections.abc import Mapping

from appliance.mail.header import unfold
from appliance.mail.imap_text import NIL, nstring, string
from appliance.mail.mailbox_list import Entry, parse_mailbox_list

ENVELOPE_FIELDS = frozenset(b"date subject from sender reply-to to cc bcc in-reply-to message-id".split())
"""Keys of the fields that an envelope is made of."""
LISTS = frozenset({b"to", b"cc", b"bcc"})
"""Fields of which several are read as one list."""


def envelope(fields: Mapping[bytes, bytes]) -> bytes:
    """The item from field values by key (folded, as they stand in the header): always ten members."""
    get = fields.get
    sender = addresses(get(b"from"))
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        text(get(b"date")),
        text(get(b"subject")),
        sender,
        # RFC 3501 §7.4.2: absent or empty, these two are From again.
        _or(addresses(get(b"sender")), sender),
        _or(addresses(get(b"reply-to")), sender),
        addresses(get(b"to")),
        addresses(get(b"cc")),
        addresses(get(b"bcc")),
        text(get(b"in-reply-to")),
        text(get(b"message-id")),
    )


def text(value: bytes | None) -> bytes:
    """A field value on one line as nstring; a tab, which a fold often leaves, becomes a blank."""
    return NIL if value is None else string(unfold(value).replace(b"\t", b" "))


def addresses(value: bytes | None) -> bytes:
    """An address field as a parenthesised list of address structures, NIL where there is none."""
    if value is None:
        return NIL
    rendered = b"".join(map(_address, parse_mailbox_list(unfold(value).replace(b"\t", b" "))))
    return b"(" + rendered + b")" if rendered else NIL


def _or(rendered: bytes, default: bytes) -> bytes:
    return default if rendered == NIL else rendered


def _address(entry: Entry) -> bytes:
    return b"(%b %b %b %b)" % (nstring(entry[0]), nstring(entry[1]), nstring(entry[2]), nstring(entry[3]))
