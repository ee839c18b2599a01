"""Flags on the wire (RFC 3501 §2.3.2): bits for the system flags, words for the keywords."""

from collections.abc import Iterable

import msgspec

from appliance.records import ANSWERED, DELETED, DRAFT, FLAGGED, KEYWORDED, SEEN, SYSTEM_FLAGS
from imap.wire.lexer import Parser
from imap.wire.status import ImapError, bad, no

RECENT = 32
"""Bit for \\Recent in the arguments of this module; it is a session's, and never stored."""
MAX_KEYWORD = 100
"""Octets of one keyword."""
MAX_KEYWORDS = 64
"""Different keywords of one command, and so of one message."""
_BITS = {"\\SEEN": SEEN, "\\ANSWERED": ANSWERED, "\\FLAGGED": FLAGGED, "\\DELETED": DELETED, "\\DRAFT": DRAFT}
_NAMES = {**SYSTEM_FLAGS, RECENT: "\\Recent"}


class FlagWords(msgspec.Struct, frozen=True):
    """Flags as a client named them: bits of the system flags, and keywords, each once, in the case first used."""

    bits: int
    keywords: tuple[str, ...]
    recent: bool = False
    """Whether \\Recent was among them, which no client can set (RFC 3501 §2.3.2)."""


def flag_list(parser: Parser) -> FlagWords:
    """A parenthesised list of flags, which may be empty."""
    if parser.accept(b"()"):
        return FlagWords(0, ())
    return flag_words(parser.many(lambda: flag(parser)))


def flags(parser: Parser) -> FlagWords:
    """A list, or flags without parentheses, as STORE takes them."""
    if parser.peek(b"("):
        return flag_list(parser)
    words = [flag(parser)]
    while parser.accept(b" "):
        words.append(flag(parser))
    return flag_words(words)


def flag(parser: Parser) -> str:
    """One flag: a system flag with its backslash, or a keyword."""
    if parser.accept(b"\\"):
        return "\\" + parser.atom("the name of a flag")
    return keyword(parser)


def keyword(parser: Parser) -> str:
    """One keyword: an atom of at most MAX_KEYWORD octets."""
    word = parser.atom("a flag")
    if len(word) > MAX_KEYWORD:
        raise no(f"A keyword has at most {MAX_KEYWORD} characters", "LIMIT")
    return word


def flag_words(words: Iterable[str]) -> FlagWords:
    """Bits and keywords of flags as written. Raises ImapError BAD for a system flag there is not."""
    bits, recent, keywords = 0, False, dict[str, str]()
    for word in words:
        if not word.startswith("\\"):
            keywords.setdefault(word.lower(), word)
        elif word.upper() == "\\RECENT":
            recent = True
        else:
            bits |= _bit(word)
    if len(keywords) > MAX_KEYWORDS:
        # RFC 5530 §3
        raise no(f"A message has at most {MAX_KEYWORDS} keywords", "LIMIT")
    return FlagWords(bits, tuple(keywords.values()), recent)


def _bit(word: str) -> int:
    if word.upper() not in _BITS:
        raise unknown_flag(word)
    return _BITS[word.upper()]


def unknown_flag(word: str) -> ImapError:
    """BAD for a flag that starts with a backslash and is not one of ours. To be raised."""
    return bad(f"There is no flag {word[:40]} to set")


def _text(bits: int) -> bytes:
    return " ".join(name for bit, name in _NAMES.items() if bits & bit).encode("ascii")


FLAG_TEXT: tuple[bytes, ...] = tuple(_text(bits & ~KEYWORDED) for bits in range(256))
"""What stands in the parentheses of FLAGS, by flag byte; bit RECENT gives \\Recent, bit KEYWORDED nothing."""


def flag_text(bits: int, keywords: Iterable[str] = ()) -> bytes:
    """What stands in the parentheses of FLAGS for flag bits (RECENT among them) and keywords."""
    words = " ".join(keywords).encode("ascii")
    system = FLAG_TEXT[bits & 255]
    return b" ".join((system, words)) if system and words else system or words
