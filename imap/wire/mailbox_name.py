"""Mailbox names (RFC 3501 §5.1): from the wire and to it.

Inside, a name is NFC text with "/" between its levels, and INBOX in capitals. On the wire it is modified UTF-7.
"""

import re
import unicodedata

from imap.wire import mutf7
from imap.wire.status import no

SEPARATOR = "/"
MAX_OCTETS = 1000
"""Octets of a whole name in UTF-8."""
MAX_LEVELS = 50
"""Levels of a name: each level may be made by one CREATE (RFC 3501 §6.3.3)."""
# Controls (C0, DEL, C1) and the line and paragraph separators would forge lines in logs and listings.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")


def name_of(wire: bytes) -> str:
    """The name of a mailbox as a client sent it: decoded, NFC, a leading INBOX level in capitals.

    Raises ImapError NO [CANNOT] (RFC 5530 §3) where no mailbox can have that name.
    """
    try:
        text = unicodedata.normalize("NFC", mutf7.decode(wire))
    except mutf7.Utf7Error as error:
        raise no(f"No mailbox can have that name: {error}", "CANNOT") from error
    if _FORBIDDEN.search(text):
        raise no("No mailbox can have that name: control characters are not allowed", "CANNOT")
    if len(text.encode("utf-8")) > MAX_OCTETS:
        raise no(f"No mailbox can have that name: it is longer than {MAX_OCTETS} octets", "CANNOT")
    # RFC 3501 §5.1: INBOX in any case is one name
    if text[:5].upper() == "INBOX" and text[5:6] in ("", SEPARATOR) and text[:5].isascii():
        text = "INBOX" + text[5:]
    return text


def new_name(name: str) -> str:
    """A name (of `name_of`) that CREATE or RENAME may make; one trailing separator is dropped.

    Raises ImapError NO [CANNOT] for an empty level, a wildcard, or too many levels.
    """
    # RFC 3501 §6.3.3: a trailing separator only declares that names below it will come
    name = name.removesuffix(SEPARATOR)
    levels = name.split(SEPARATOR)
    if "" in levels:
        raise no("No mailbox can have that name: a level of it is empty", "CANNOT")
    # RFC 3501 §5.1.1: "%" and "*" make names that LIST cannot ask for
    if "*" in name or "%" in name:
        raise no('No mailbox can have that name: "*" and "%" are not allowed', "CANNOT")
    if len(levels) > MAX_LEVELS:
        raise no(f"No mailbox can have that name: more than {MAX_LEVELS} levels", "CANNOT")
    return name


def wire_name(name: str) -> bytes:
    """The name in modified UTF-7, not yet quoted (see `responses.mailbox`)."""
    return mutf7.encode(name)
