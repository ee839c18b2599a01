"""The header block of a message as bytes (RFC 5322 §2.2): found, split, limited and cut, never written anew.

Tolerant by design: mail is stored as it came, so whatever stands at the top of a message has some reading here.
Lines end with LF, a CR before it belongs to the line end; LF-only messages are read as well.
"""

import re
from collections.abc import Callable, Iterator
from mmap import mmap

import msgspec

from appliance.mail.encoded_words import decode_words as decode_words

Octets = bytes | mmap
"""What the scanners read: anything that has find() and is matched by a pattern."""

_NAME = rb"[^\x00-\x20:\x7f]++"
# A field with all lines of its fold. Blanks before the colon are obsolete but read (RFC 5322 §4.5).
_FIELD = re.compile(rb"(" + _NAME + rb")[ \t]*+:([^\n]*+\n?+(?>(?:[ \t][^\n]*+\n?+)*))")
# A first line of the mbox format is passed over. It names somebody: `From : ` is the author, with a blank before the
# colon, and `From ` and nothing is no line of either kind.
_MBOX = rb">?From [ \t]*+[^ \t\r\n:][^\n]*+\n"
_FIRST = re.compile(_MBOX)
# Atomic throughout, so that the match never goes back.
_BLOCK = re.compile(
    rb"(?>(?:"
    + _MBOX
    + rb")?)(?>(?:"
    + _NAME
    + rb"[ \t]*+:[^\n]*+(?:\n|\Z)(?>(?:[ \t][^\n]*+(?:\n|\Z))*))*)(?>(?:\r?\n)?)"
)


class HeaderField(msgspec.Struct, frozen=True):
    """One field as it stands in the message: `name` as written, `raw` from name to the line end of the last fold."""

    name: bytes
    raw: bytes

    @property
    def key(self) -> bytes:
        """The name to compare by, in lower case."""
        return self.name.lower()

    @property
    def value(self) -> bytes:
        """What stands after the colon, unfolded (RFC 5322 §2.2.3), without white space around it."""
        return unfold(self.raw.partition(b":")[2])


def unfold(value: bytes) -> bytes:
    """A folded value on one line: line ends go, the white space after them stays (RFC 5322 §2.2.3)."""
    if b"\n" in value:
        value = value.replace(b"\r\n", b"").replace(b"\n", b"")
    return value.strip(b" \t\r")


def header_end(data: Octets, start: int, end: int) -> int:
    """Offset of the body of the message or part that lies at data[start:end].

    The header ends with its empty line, or before the first line that is no field.
    """
    found = _BLOCK.match(data, start, end)
    return found.end() if found else start


def split_message(data: bytes | memoryview) -> tuple[bytes, int]:
    """The header block with its empty line, and the offset of the body; never raises.

    A line that is no field ends the header too, and is the first of the body (RFC 7103 §7.2 has the choices).
    """
    found = _BLOCK.match(data)
    end = found.end() if found else 0
    return bytes(data[:end]), end


def raw_fields(data: Octets, start: int, end: int) -> list[tuple[bytes, bytes]]:
    """Name and folded value of every field, in order; `start` and `end` are those of a block that was found."""
    return _FIELD.findall(data, _first_field(data, start, end), end)


def header_fields(block: bytes) -> tuple[HeaderField, ...]:
    """All fields of a header block in order; what is no field (the empty line, an mbox line) is left out."""
    return tuple(HeaderField(found[1], found[0]) for found in _found(block))


def header_limits(block: bytes, max_bytes: int, max_fields: int) -> str | None:
    """Why a header is too much for us, as one line for reply and log; None when it is not. 0 is no limit."""
    if max_bytes and len(block) > max_bytes:
        return f"header of more than {max_bytes} octets"
    if max_fields and sum(1 for _ in _found(block)) > max_fields:
        return f"header of more than {max_fields} fields"
    return None


def cut_fields(block: bytes, predicate: Callable[[HeaderField], bool]) -> bytes:
    """The block without the fields that `predicate` chooses: whole fields go, every other byte stays."""
    kept: list[bytes] = []
    at = 0
    for found in _found(block):
        if predicate(HeaderField(found[1], found[0])):
            kept.append(block[at : found.start()])
            at = found.end()
    return block if not kept else b"".join([*kept, block[at:]])


def _found(block: bytes) -> Iterator[re.Match[bytes]]:
    end = header_end(block, 0, len(block))
    return _FIELD.finditer(block, _first_field(block, 0, end), end)


def _first_field(data: Octets, start: int, end: int) -> int:
    found = _FIRST.match(data, start, end)
    return found.end() if found else start
