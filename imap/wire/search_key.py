"""Search keys (RFC 3501 §6.4.4) as a tree of frozen values; strings are decoded, NFC and lower-cased."""

import unicodedata

import msgspec

from appliance.records import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from imap.wire import dates, flags
from imap.wire.lexer import Parser
from imap.wire.sequence_set import MAX_NUMBER, SequenceSet
from imap.wire.status import bad, no

MAX_DEPTH = 100
"""Nesting of NOT, OR and parentheses; a chain of ORs counts once."""
MAX_KEYS = 2000
"""Keys of one SEARCH."""
CHARSETS = {"US-ASCII": "ascii", "UTF-8": "utf-8"}


class All(msgspec.Struct, frozen=True):
    """Every message."""


class HasFlag(msgspec.Struct, frozen=True):
    """Messages that carry the system flag of this bit."""

    bit: int


class IsRecent(msgspec.Struct, frozen=True):
    """Messages that are \\Recent in this session."""


class HasKeyword(msgspec.Struct, frozen=True):
    """Messages that carry a keyword (lower case)."""

    word: str


class InSet(msgspec.Struct, frozen=True):
    """Messages of a set of sequence numbers, or of UIDs."""

    numbers: SequenceSet
    uid: bool


class Larger(msgspec.Struct, frozen=True):
    """Messages of more octets than this."""

    octets: int


class Smaller(msgspec.Struct, frozen=True):
    """Messages of fewer octets than this."""

    octets: int


class Arrived(msgspec.Struct, frozen=True):
    """INTERNALDATE, as a UTC day, `before`, `on` or `since` a day (days since 1970-01-01)."""

    relation: str
    day: int


class Sent(msgspec.Struct, frozen=True):
    """The date written in the Date field, `before`, `on` or `since` a day; time and zone do not count."""

    relation: str
    day: int


class InHeader(msgspec.Struct, frozen=True):
    """Messages with a header field of this name (lower case) that holds the text; "" only asks for the field."""

    field: str
    text: str


class InBody(msgspec.Struct, frozen=True):
    """Messages whose body holds the text; `header` includes the header (TEXT)."""

    text: str
    header: bool


class Not(msgspec.Struct, frozen=True):
    """Messages that do not match."""

    key: "SearchKey"


class And(msgspec.Struct, frozen=True):
    """Messages that match all of these."""

    keys: "tuple[SearchKey, ...]"


class Or(msgspec.Struct, frozen=True):
    """Messages that match any of these."""

    keys: "tuple[SearchKey, ...]"


SearchKey = (
    All
    | HasFlag
    | IsRecent
    | HasKeyword
    | InSet
    | Larger
    | Smaller
    | Arrived
    | Sent
    | InHeader
    | InBody
    | Not
    | And
    | Or
)

_FLAGS = {"ANSWERED": ANSWERED, "DELETED": DELETED, "DRAFT": DRAFT, "FLAGGED": FLAGGED, "SEEN": SEEN}
_PLAIN: dict[str, SearchKey] = {
    "ALL": All(),
    "RECENT": IsRecent(),
    # RFC 3501 §6.4.4: NEW is RECENT UNSEEN, OLD is NOT RECENT
    "NEW": And((IsRecent(), Not(HasFlag(SEEN)))),
    "OLD": Not(IsRecent()),
    **{name: HasFlag(bit) for name, bit in _FLAGS.items()},
    **{"UN" + name: Not(HasFlag(bit)) for name, bit in _FLAGS.items()},
}
_FIELDS = {"BCC", "CC", "FROM", "SUBJECT", "TO"}
_DAYS = ("BEFORE", "ON", "SINCE")


class SearchReader:
    """Reads the keys of one SEARCH; `charset` is the one it named."""

    def __init__(self, parser: Parser, charset: str) -> None:
        self._parser = parser
        self._charset = charset
        self._count = 0

    def keys(self) -> SearchKey:
        """1*(SP search-key) up to the end of the command, all of which must match."""
        keys = [self._key(0)]
        while self._parser.peek(b" "):
            self._parser.sp()
            if self._parser.at_end:
                break
            keys.append(self._key(0))
        return keys[0] if len(keys) == 1 else And(tuple(keys))

    def _key(self, depth: int) -> SearchKey:
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_KEYS:
            raise bad(f"A search nests at most {MAX_DEPTH} deep and has at most {MAX_KEYS} keys")
        parser = self._parser
        if parser.peek(b"("):
            keys = parser.many(lambda: self._key(depth + 1))
            return keys[0] if len(keys) == 1 else And(keys)
        word = parser.peek_word()
        if not word or word[0].isdigit():
            return InSet(parser.sequence_set(), uid=False)
        failure = parser.error("a search key")
        parser.atom()
        if word in _PLAIN:
            return _PLAIN[word]
        if word == "NOT":
            parser.sp()
            return Not(self._key(depth + 1))
        if word == "OR":
            return self._any(depth + 1)
        found = self._with_argument(word)
        if found is None:
            raise failure
        return found

    def _any(self, depth: int) -> SearchKey:
        """After OR: OR a OR b c is one list, so that a long chain is no deep tree."""
        keys: list[SearchKey] = []
        while True:
            self._parser.sp()
            keys.append(self._key(depth))
            self._parser.sp()
            if self._parser.peek_word() != "OR":
                break
            self._parser.atom()
        keys.append(self._key(depth))
        return Or(tuple(keys))

    def _with_argument(self, word: str) -> SearchKey | None:
        parser = self._parser
        if word in _FIELDS:
            return InHeader(word.lower(), self._text())
        if word in ("BODY", "TEXT"):
            return InBody(self._text(), header=word == "TEXT")
        if word in _DAYS:
            parser.sp()
            return Arrived(word.lower(), dates.day_number(parser))
        if word.startswith("SENT") and word[4:] in _DAYS:
            parser.sp()
            return Sent(word[4:].lower(), dates.day_number(parser))
        if word in ("LARGER", "SMALLER"):
            parser.sp()
            octets = parser.number("a number of octets", MAX_NUMBER)
            return Larger(octets) if word == "LARGER" else Smaller(octets)
        if word in ("KEYWORD", "UNKEYWORD"):
            parser.sp()
            key = self._flag_word()
            return key if word == "KEYWORD" else Not(key)
        if word == "UID":
            parser.sp()
            return InSet(parser.sequence_set(), uid=True)
        if word == "HEADER":
            parser.sp()
            field = parser.astring("the name of a header field").decode("latin-1").lower()
            return InHeader(field, self._text())
        return None

    def _flag_word(self) -> SearchKey:
        return HasKeyword(flags.keyword(self._parser).lower())

    def _text(self) -> str:
        self._parser.sp()
        return search_text(self._parser.astring("a text"), self._charset)


def search_text(octets: bytes, charset: str = "UTF-8") -> str:
    """A text to look for as SEARCH compares it: decoded, NFC, lower-cased. Raises ImapError BAD for octets
    that are not of the charset."""
    try:
        # RFC 3501 §6.4.4: the default is US-ASCII; octets above 127 without CHARSET can only be meant as UTF-8
        text = octets.decode(CHARSETS.get(charset, "utf-8"))
    except UnicodeDecodeError:
        raise bad("A text of the search is not in its charset") from None
    return unicodedata.normalize("NFC", text).lower()


def search(parser: Parser) -> tuple[str, SearchKey]:
    """The charset and the keys of SEARCH, after its space. Raises ImapError BAD, or NO [BADCHARSET ...]."""
    charset = ""
    if parser.peek_word() == "CHARSET":
        parser.atom()
        parser.sp()
        charset = parser.astring("a charset").decode("latin-1").upper()
        if charset not in CHARSETS:
            # RFC 3501 §6.4.4
            raise no("Texts are searched in UTF-8 and US-ASCII", "BADCHARSET (UTF-8 US-ASCII)")
        parser.sp()
    return charset, SearchReader(parser, charset).keys()
