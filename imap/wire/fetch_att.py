"""What FETCH may ask for (RFC 3501 §6.4.5): items and body sections, parsed once into frozen values."""

import msgspec

from imap.wire.lexer import Parser
from imap.wire.responses import astring
from imap.wire.status import bad

MAX_ITEMS = 100
"""Items of one FETCH."""
MAX_FIELDS = 100
"""Header field names of one section."""
MAX_PART_DEPTH = 200
"""Numbers of one section-part; no stored structure is deeper."""
MACROS = {
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
_ATTRIBUTES = {"ENVELOPE", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "BODY", "BODYSTRUCTURE", "UID"}
_FIELD_TEXTS = ("HEADER.FIELDS.NOT", "HEADER.FIELDS")
_TEXTS = (*_FIELD_TEXTS, "HEADER", "TEXT")


class Attribute(msgspec.Struct, frozen=True):
    """An item that stands in a row: ENVELOPE FLAGS INTERNALDATE RFC822.SIZE BODY BODYSTRUCTURE UID."""

    name: str


class BodySection(msgspec.Struct, frozen=True):
    """BODY[...], BODY.PEEK[...] or one of the RFC822 forms: which octets, and how the answer calls them."""

    label: bytes
    """As the response names it, such as `BODY[1.HEADER.FIELDS (FROM)]<0>` (RFC 3501 §7.4.2)."""
    peek: bool
    """Whether reading leaves \\Seen alone."""
    part: tuple[int, ...] = ()
    text: str = ""
    """"" (all), HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT or MIME."""
    fields: tuple[bytes, ...] = ()
    """Field names in upper case."""
    partial: tuple[int, int] | None = None
    """First octet and number of octets."""


FetchItem = Attribute | BodySection
WHOLE = BodySection(b"RFC822", peek=False)
_RFC822 = {
    "RFC822": WHOLE,
    "RFC822.HEADER": BodySection(b"RFC822.HEADER", peek=True, text="HEADER"),
    "RFC822.TEXT": BodySection(b"RFC822.TEXT", peek=False, text="TEXT"),
}


def fetch_items(parser: Parser) -> tuple[FetchItem, ...]:
    """The items of FETCH in the order asked, each once, macros expanded. Raises ImapError BAD."""
    if not parser.peek(b"("):
        word = parser.peek_word()
        if word in MACROS:
            parser.atom()
            return tuple(Attribute(name) for name in MACROS[word])
        return (_item(parser),)
    items = tuple(dict.fromkeys(parser.many(lambda: _item(parser))))
    if len(items) > MAX_ITEMS:
        raise bad(f"At most {MAX_ITEMS} items in one FETCH")
    return items


def _item(parser: Parser) -> FetchItem:
    failure = parser.error("an item to fetch, such as FLAGS or BODY[]")
    # "[" is an ATOM-CHAR, so BODY[ comes as the start of an atom: look before reading it.
    name = parser.peek_word().partition("[")[0]
    if name in ("BODY", "BODY.PEEK") and parser.peek_word() != name:
        parser.skip(len(name) + 1)
        return _section(parser, peek=name == "BODY.PEEK")
    parser.word("an item to fetch")
    if name in _RFC822:
        return _RFC822[name]
    if name not in _ATTRIBUTES:
        raise failure
    return Attribute(name)


def _section(parser: Parser, peek: bool) -> BodySection:
    part, text = _part_and_text(parser)
    fields: tuple[bytes, ...] = ()
    echo = b""
    if text in _FIELD_TEXTS:
        parser.sp()
        named = parser.many(lambda: _field_name(parser))
        if len(named) > MAX_FIELDS:
            raise bad(f"At most {MAX_FIELDS} header fields in one section")
        echo = b" (%b)" % b" ".join(map(astring, named))
        fields = tuple(dict.fromkeys(name.upper() for name in named))
    parser.expect(b"]")
    partial = _partial(parser)
    place = ".".join((*map(str, part), *((text,) if text else ()))).encode("ascii")
    origin = b"<%d>" % partial[0] if partial else b""
    return BodySection(b"BODY[%b%b]%b" % (place, echo, origin), peek, part, text, fields, partial)


def _part_and_text(parser: Parser) -> tuple[tuple[int, ...], str]:
    part: list[int] = []
    while not parser.peek(b"]"):
        word = parser.peek_word().partition("]")[0]
        if word[:1].isdigit():
            part.append(parser.nz_number("a part number"))
            if len(part) > MAX_PART_DEPTH:
                raise bad(f"At most {MAX_PART_DEPTH} levels in a section")
            if parser.peek(b"]"):
                break
            parser.expect(b".")
        elif word in _TEXTS or (word == "MIME" and part):
            # RFC 3501 §6.4.5: MIME must be prefixed by a part number
            parser.skip(len(word))
            return tuple(part), word
        else:
            raise parser.error("a section")
    else:
        if part:
            raise parser.error("a section after the full stop")
    return tuple(part), ""


def _field_name(parser: Parser) -> bytes:
    failure = parser.error("the name of a header field")
    name = parser.astring("the name of a header field")
    # RFC 5322 §2.2: printable octets without the colon
    if not name or len(name) > 200 or not all(33 <= octet <= 126 and octet != 58 for octet in name):
        raise failure
    return name


def _partial(parser: Parser) -> tuple[int, int] | None:
    if not parser.accept(b"<"):
        return None
    start = parser.number("the first octet")
    parser.expect(b".")
    # RFC 3501 §9: the length is an nz-number, so <0.0> is BAD
    length = parser.nz_number("a number of octets from 1")
    parser.expect(b">")
    return start, length
