"""Some fields of a header block, as BODY[HEADER.FIELDS ...] gives them (RFC 3501 §6.4.5)."""

import re
from collections.abc import Iterable

from imap.wire.fetch_att import BodySection

# A line with its folds. Possessive: a match never goes back, so the time is linear.
_FIELD = re.compile(rb"[^\n]++\n?+(?:[ \t][^\n]*+(?:\n|\Z))*+")
_NAME = re.compile(rb"([^:\s]*+)[ \t]*+:")


def subset(block: bytes, names: Iterable[bytes], *, without: bool) -> bytes:
    """Whole fields of a block whose name is (or `without`, is not) among `names` (upper case), in their order,
    byte for byte, without the empty line."""
    wanted = frozenset(names)
    found = []
    for raw in _FIELD.findall(block):
        name = _NAME.match(raw)
        if name is not None and (name[1].upper() in wanted) is not without:
            found.append(raw)
    return b"".join(found)


def subset_of(section: BodySection, block: bytes) -> bytes:
    """What a HEADER.FIELDS or HEADER.FIELDS.NOT section takes of a block, without the empty line."""
    return subset(block, section.fields, without=section.text == "HEADER.FIELDS.NOT")


def subset_key(section: BodySection) -> str:
    """A key under which such a subset of a body's header can be kept: the same for any order of the names."""
    words = " ".join(sorted(name.decode("ascii") for name in section.fields))
    return f"NOT {words}" if section.text == "HEADER.FIELDS.NOT" else words


def closed(fields: bytes) -> bytes:
    """The fields with the empty line that ends every subset (RFC 3501 §6.4.5)."""
    if fields and not fields.endswith(b"\n"):
        fields += b"\r\n"
    return fields + b"\r\n"
