"""Tokens of RFC 3501 §9 over one complete command.

The connection collects a command as parts: text, literal, text, literal, ... text. A text part stands
without its CRLF, and the one before a literal still ends with `{n}` or `{n+}`. A literal is bytes, or
`Held` where the connection has put it elsewhere (a spool). Every token either reads on or raises ImapError.
"""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from imap.wire.mailbox_name import name_of
from imap.wire.sequence_set import MAX_NUMBER, SequenceSet
from imap.wire.status import ImapError, bad

T = TypeVar("T")
HUGE = 1 << 63
"""Size told for a literal whose number has more than 18 digits: above every limit."""
_LITERAL_END = re.compile(rb"(~?)\{(\d+)(\+?)\}\Z")
# RFC 3501 §9: ATOM-CHAR is CHAR without atom-specials; ASTRING-CHAR adds "]"; list-char adds "%" and "*"
_ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
_ASTRING = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\]+')
_LIST_MAILBOX = re.compile(rb'[^\x00-\x20\x7f-\xff(){"\\]+')
_TAG = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\+]+')
# QUOTED-CHAR (RFC 3501 §9); octets above 127 are taken too, because clients send names and passwords so
_QUOTED = re.compile(rb'"((?:[^\x00\r\n"\\]|\\["\\])*)"')
_ESCAPED = re.compile(rb'\\(["\\])')
_NUMBER = re.compile(rb"\d+")
_SEQUENCE = re.compile(rb"[\d:,*]+")


class Literal(msgspec.Struct, frozen=True):
    """What the end of a line announces: `size` octets; `sync` if the client waits for "+" (RFC 7888 §4)."""

    size: int
    sync: bool
    binary: bool = False
    """`~{n}`, a literal8 (RFC 3516), which no command takes."""


class Held(msgspec.Struct, frozen=True):
    """A literal that is not in memory: its size in octets, and whatever the connection keeps for it."""

    size: int
    content: object


Part = bytes | Held


def literal_at_end(line: bytes) -> Literal | None:
    """The literal that follows a line (without its CRLF), None where the line ends the command."""
    if not line.endswith(b"}"):
        return None
    match = _LITERAL_END.search(line)
    if match is None:
        return None
    size = int(match[2]) if len(match[2]) <= 18 else HUGE
    return Literal(size, not match[3], bool(match[1]))


class Parser:
    """Reads one command from left to right. Errors are ImapError BAD and name the place (octets from the start)."""

    def __init__(self, parts: Sequence[Part]) -> None:
        first = parts[0] if parts else b""
        self._parts = parts
        self._index = 0
        self._text = first if isinstance(first, bytes) else b""
        self._at = 0
        self._before = 0

    # --- where we are ---

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._at >= len(self._text) and self._index + 1 >= len(self._parts)

    @property
    def at_literal(self) -> bool:
        """Whether a literal comes next (its octets may not have arrived yet)."""
        return _LITERAL_END.match(self._text, self._at) is not None

    @property
    def last_part(self) -> bool:
        """Whether this is the last text there is (a literal behind it has not arrived)."""
        return self._index + 1 >= len(self._parts)

    def peek(self, octet: bytes) -> bool:
        """Whether the next octet is this one; reads nothing."""
        return self._text.startswith(octet, self._at)

    def error(self, expected: str) -> ImapError:
        """The BAD that says what was expected here. To be raised."""
        return bad(f"Expected {expected} at octet {self._before + self._at + 1}")

    def end(self) -> None:
        """Nothing may follow; spaces at the end of the line are forgiven."""
        while self.peek(b" "):
            self._at += 1
        if not self.at_end:
            raise self.error("the end of the command")

    # --- punctuation ---

    def sp(self) -> None:
        """Exactly one space (RFC 3501 §9, note 2)."""
        self.expect(b" ", "a space")

    def expect(self, octets: bytes, words: str = "") -> None:
        """These octets and no others."""
        if not self.accept(octets):
            raise self.error(words or f'"{octets.decode("ascii")}"')

    def accept(self, octets: bytes) -> bool:
        """Reads these octets if they come next."""
        if not self._text.startswith(octets, self._at):
            return False
        self._at += len(octets)
        return True

    def skip(self, octets: int) -> None:
        """Passes over octets that `peek_word` has shown."""
        self._at += octets

    def many(self, item: Callable[[], T]) -> tuple[T, ...]:
        """ "(" item *(SP item) ")", at least one."""
        self.expect(b"(")
        items = [item()]
        while not self.accept(b")"):
            self.sp()
            items.append(item())
        return tuple(items)

    # --- words ---

    def tag(self) -> str:
        """The command's tag: ASTRING-CHAR but "+"."""
        return self._match(_TAG, "a tag").decode("ascii")

    def atom(self, words: str = "an atom") -> str:
        """An atom, as written."""
        return self._match(_ATOM, words).decode("ascii")

    def word(self, words: str = "a word") -> str:
        """An atom in capitals: names of commands, items and keys (RFC 3501 §9, note 1)."""
        return self.atom(words).upper()

    def peek_word(self) -> str:
        """The next atom in capitals without reading it, "" where none comes."""
        match = _ATOM.match(self._text, self._at)
        return match[0].decode("ascii").upper() if match else ""

    def number(self, words: str = "a number", largest: int = MAX_NUMBER) -> int:
        """An unsigned number up to `largest` (RFC 3501 §9: 32 bit)."""
        start = self._at
        digits = self._match(_NUMBER, words)
        if len(digits) > 20 or int(digits) > largest:
            self._at = start
            raise self.error(f"{words} up to {largest}")
        return int(digits)

    def nz_number(self, words: str = "a number from 1") -> int:
        """A number that is not 0 and does not start with 0."""
        if self.peek(b"0"):
            raise self.error(words)
        return self.number(words)

    def sequence_set(self) -> SequenceSet:
        """RFC 3501 §9, sequence-set."""
        return SequenceSet.parse(self._match(_SEQUENCE, "a sequence set").decode("ascii"))

    def rest(self) -> bytes:
        """What is left of this text part."""
        found, self._at = self._text[self._at :], len(self._text)
        return found

    # --- strings ---

    def astring(self, words: str = "an astring") -> bytes:
        """An atom (which may hold "]"), a quoted string or a literal."""
        match = _ASTRING.match(self._text, self._at)
        if match is None:
            return self.string(words)
        self._at = match.end()
        return match[0]

    def string(self, words: str = "a string") -> bytes:
        """A quoted string or a literal. No NUL, CR or LF in quoted strings; no NUL in literals (RFC 3501 §9)."""
        match = _QUOTED.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
            return _ESCAPED.sub(rb"\1", match[1])
        literal = self.literal(words)
        if isinstance(literal, Held):
            raise bad("The literal is too long for this argument")
        if b"\0" in literal:
            raise bad("A literal must not hold NUL")
        return literal

    def nstring(self, words: str = "a string or NIL") -> bytes | None:
        """A string, or None for NIL."""
        if self.peek_word() == "NIL":
            self.atom()
            return None
        return self.string(words)

    def literal(self, words: str = "a literal") -> Part:
        """A literal with any octets, `Held` where the connection keeps it: the message of APPEND."""
        match = _LITERAL_END.match(self._text, self._at)
        if match is None or match[1] or self._index + 1 >= len(self._parts):
            raise self.error(words)
        literal = self._parts[self._index + 1]
        after = self._parts[self._index + 2] if self._index + 2 < len(self._parts) else b""
        self._before += len(self._text) + (literal.size if isinstance(literal, Held) else len(literal))
        self._index += 2
        self._text = after if isinstance(after, bytes) else b""
        self._at = 0
        return literal

    def mailbox(self) -> str:
        """A mailbox name, decoded (see `mailbox_name.name_of`)."""
        return name_of(self.astring("a mailbox name"))

    def list_mailbox(self) -> str:
        """A LIST pattern, decoded."""
        match = _LIST_MAILBOX.match(self._text, self._at)
        if match is None:
            return name_of(self.string("a pattern"))
        self._at = match.end()
        return name_of(match[0])

    def _match(self, token: re.Pattern[bytes], words: str) -> bytes:
        match = token.match(self._text, self._at)
        if match is None:
            raise self.error(words)
        self._at = match.end()
        return match[0]
