"""Untagged responses and response codes (RFC 3501 §7) as bytes. Every string is quoted or sent as a literal here."""

import re
from collections.abc import Iterable, Sequence

from appliance.records import SYSTEM_FLAGS, CopyResult
from imap.wire.mailbox_name import wire_name
from imap.wire.sequence_set import of_numbers
from imap.wire.status import Status, ok

CRLF = b"\r\n"
ALL_FLAGS = tuple(SYSTEM_FLAGS.values())
MAX_QUOTED = 1000
"""Octets up to which a string is sent quoted; longer ones are literals, which no reader's line limit cuts."""
_ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+\Z')
_QUOTABLE = re.compile(rb"[\x20-\x7e\t]*\Z")
_SPECIAL = re.compile(rb'(["\\])')

# --- strings ---


def literal(octets: bytes) -> bytes:
    """`{n}` CRLF and the octets. They must hold no NUL (RFC 3501 §9, CHAR8)."""
    return b"{%d}\r\n%b" % (len(octets), octets)


def string(octets: bytes) -> bytes:
    """A quoted string where every octet may stand in one, else a literal without NUL (RFC 3501 §9)."""
    if len(octets) <= MAX_QUOTED and _QUOTABLE.match(octets):
        return b'"%b"' % _SPECIAL.sub(rb"\\\1", octets)
    return literal(octets.replace(b"\0", b""))


def nstring(octets: bytes | None) -> bytes:
    """A string, NIL for None."""
    return b"NIL" if octets is None else string(octets)


def astring(octets: bytes) -> bytes:
    """An atom where that is possible and not NIL, else a string."""
    return octets if _ATOM.match(octets) and octets.upper() != b"NIL" else string(octets)


def mailbox(name: str) -> bytes:
    """A mailbox name in modified UTF-7, always quoted, as most servers send it."""
    return b'"%b"' % _SPECIAL.sub(rb"\\\1", wire_name(name))


# --- capability, status of the server ---


def capability(names: Iterable[str]) -> bytes:
    """RFC 3501 §7.2.1; `names` hold IMAP4rev1."""
    return f"* CAPABILITY {' '.join(names)}\r\n".encode("ascii")


def enabled(names: Iterable[str]) -> bytes:
    """RFC 5161 §3.2; also for none."""
    return " ".join(("* ENABLED", *names)).encode("ascii") + CRLF


def identity(fields: Sequence[tuple[str, str]] | None) -> bytes:
    """The answer to ID (RFC 2971 §3.2): `* ID` and field-value pairs, or NIL."""
    if not fields:
        return b"* ID NIL\r\n"
    words = (string(word.encode("utf-8")) for pair in fields for word in pair)
    return b"* ID (%b)\r\n" % b" ".join(words)


def namespace() -> bytes:
    """One personal namespace with the empty prefix and "/" (RFC 2342 §5)."""
    return b'* NAMESPACE (("" "/")) NIL NIL\r\n'


def continuation(text: str = "OK") -> bytes:
    """A command continuation request (RFC 3501 §7.5), for a literal, a SASL challenge in base64 or IDLE."""
    return f"+ {text}\r\n".encode("ascii")


def bye(text: str, code: str = "") -> bytes:
    """The server ends the session (RFC 3501 §7.1.5)."""
    return Status("BYE", text, code).line()


# --- mailboxes ---


def list_line(kind: str, attributes: Iterable[str], name: str) -> bytes:
    """One answer to LIST or LSUB (`kind`): attributes such as \\HasChildren or \\Sent, separator, name."""
    return b'* %b (%b) "/" %b\r\n' % (kind.encode("ascii"), " ".join(attributes).encode("ascii"), mailbox(name))


def list_root(kind: str = "LIST") -> bytes:
    """The answer to an empty pattern: the separator and the root (RFC 3501 §6.3.8)."""
    return b'* %b (\\Noselect) "/" ""\r\n' % kind.encode("ascii")


def status(name: str, items: Iterable[tuple[str, int]]) -> bytes:
    """RFC 3501 §7.2.4; items such as ("MESSAGES", 3)."""
    words = " ".join(f"{item} {value}" for item, value in items)
    return b"* STATUS %b (%b)\r\n" % (mailbox(name), words.encode("ascii"))


def flags(keywords: Iterable[str]) -> bytes:
    """RFC 3501 §7.2.6: the flags there are in the mailbox."""
    return f"* FLAGS ({' '.join((*ALL_FLAGS, *keywords))})\r\n".encode("ascii")


def permanent_flags(keywords: Iterable[str], *, read_only: bool = False) -> bytes:
    """RFC 3501 §7.1, PERMANENTFLAGS: all are kept, and new keywords may be made (\\*); none where read-only."""
    words = "" if read_only else " ".join((*ALL_FLAGS, *keywords, "\\*"))
    return ok("Flags kept", f"PERMANENTFLAGS ({words})").line()


def exists(count: int) -> bytes:
    """RFC 3501 §7.3.1."""
    return b"* %d EXISTS\r\n" % count


def recent(count: int) -> bytes:
    """RFC 3501 §7.3.2."""
    return b"* %d RECENT\r\n" % count


def uidvalidity(value: int) -> bytes:
    """RFC 3501 §7.1, UIDVALIDITY."""
    return ok("UIDs valid", f"UIDVALIDITY {value}").line()


def uidnext(value: int) -> bytes:
    """RFC 3501 §7.1, UIDNEXT."""
    return ok("Predicted next UID", f"UIDNEXT {value}").line()


def first_unseen(number: int) -> bytes:
    """RFC 3501 §7.1, UNSEEN: sequence number of the first message without \\Seen."""
    return ok("First unseen", f"UNSEEN {number}").line()


# --- messages ---


def expunge(number: int) -> bytes:
    """RFC 3501 §7.4.1."""
    return b"* %d EXPUNGE\r\n" % number


def flags_fetch(number: int, flag_text: bytes, uid: int | None = None) -> bytes:
    """A FETCH with FLAGS alone (RFC 3501 §7.4.2), and the UID where it is given."""
    if uid is None:
        return b"* %d FETCH (FLAGS (%b))\r\n" % (number, flag_text)
    return b"* %d FETCH (UID %d FLAGS (%b))\r\n" % (number, uid, flag_text)


def search(numbers: Iterable[int]) -> bytes:
    """RFC 3501 §7.2.5; a line without numbers where nothing was found."""
    return " ".join(("* SEARCH", *map(str, numbers))).encode("ascii") + CRLF


def append_uid(uidvalidity: int, uid: int) -> str:
    """The response code of APPEND (RFC 4315 §3)."""
    return f"APPENDUID {uidvalidity} {uid}"


def copy_uid(result: CopyResult) -> str:
    """The response code of COPY and MOVE (RFC 4315 §3); "" where nothing was copied."""
    if not result.source:
        return ""
    return f"COPYUID {result.uidvalidity} {of_numbers(result.source)} {of_numbers(result.target)}"
