"""The mailboxes and groups of an address field (RFC 5322 §3.4), read tolerantly for display and search.

Not for decisions: who sent a message or where it goes is read from the envelope by `mail.address`.
"""

import re
from typing import NamedTuple

MAX_ENTRIES = 4096
"""Mailboxes read of one field; what follows is left out of the list."""
MAX_TOKENS = 8 * MAX_ENTRIES
"""Words, signs and comments read of one field that is beyond the simple forms."""

_simple = re.compile(  # the form that nearly all mail uses, with its comma
    rb'[ \t]*+(?:"([^"\\]*+)"[ \t]*+|([^\x00-\x1f"<>@,:;()\\\[\]]*+))'
    rb"<([^\x00-\x20\x7f<>@,:;()\"\\\[\]]++)@([A-Za-z0-9._-]++)>[ \t]*+(?:,|\Z)"
).match
_bare = re.compile(rb"[ \t]*+([^\x00-\x20\x7f<>@,:;()\"\\\[\]]++)@([A-Za-z0-9._-]++)[ \t]*+(?:,|\Z)").match
_token = re.compile(
    rb"[ \t\r\n]*+(?:"
    rb"(?P<word>=\?[^?\s]++\?[bBqQ]\?[^?\s]*+\?=|\[[^\[\]]*+\]|[^ \t\r\n\"<>@,:;()\[\]]++)"
    rb'|"(?P<quoted>(?>(?:[^"\\]|\\.)*))"?'
    rb"|\((?P<comment>[^()\\]*+)\)"
    rb"|(?P<opening>\()"
    rb"|(?P<special>.))",
    re.DOTALL,
).match
_paren = re.compile(rb"\\.|[()]", re.DOTALL)
_pair = re.compile(rb"\\(.)", re.DOTALL)


class Entry(NamedTuple):
    """One item of the list, in the four parts of IMAP's address structure (RFC 3501 §7.4.2).

    `host` None marks the start of a group (`mailbox` is its name) or, with `mailbox` None, its end.
    """

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


GROUP_END = Entry(None, None, None, None)


def parse_mailbox_list(value: bytes) -> list[Entry]:
    """The entries of an unfolded field value; never raises. A mailbox without a domain has the host ""."""
    entries: list[Entry] = []
    at = 0
    while at < len(value) and len(entries) < MAX_ENTRIES:
        if found := _simple(value, at):
            name = found[1] if found[1] is not None else found[2].rstrip()
            entries.append(Entry(name or None, None, found[3], found[4]))
        elif found := _bare(value, at):
            entries.append(Entry(None, None, found[1], found[2]))
        else:
            return _Reader(value, at, entries).read()
        at = found.end()
    return entries


class _Reader:
    """Reads what is beyond the simple forms, token by token, from `at` to the end."""

    def __init__(self, value: bytes, at: int, entries: list[Entry]) -> None:
        self.value = value
        self.at = at
        self.entries = entries
        self.in_group = False
        self.in_angle = False
        self.clear()

    def clear(self) -> None:
        """Before the first token of a mailbox."""
        self.name: bytes | None = None
        self.route: bytes | None = None
        self.comment: bytes | None = None
        self.words: list[bytes] = []
        self.host: list[bytes] | None = None
        self.in_angle = False

    def read(self) -> list[Entry]:
        for _ in range(MAX_TOKENS):
            found = _token(self.value, self.at)
            if not found or len(self.entries) >= MAX_ENTRIES:
                break
            self.at = found.end()
            if found["special"]:
                self.special(found["special"])
            elif found["opening"] or found["comment"] is not None:
                comment = self.skip_comment() if found["opening"] else found["comment"]
                self.comment = self.comment if self.in_angle else comment
            elif found["quoted"] is not None:
                self.add(_pair.sub(rb"\1", found["quoted"]))
            else:
                self.add(found["word"])
        self.finish()
        if self.in_group:
            self.entries.append(GROUP_END)
        return self.entries

    def add(self, word: bytes) -> None:
        if self.name is not None and not self.in_angle:
            return  # after the closing bracket
        (self.words if self.host is None else self.host).append(word)

    def special(self, char: bytes) -> None:
        if char == b"<" and not self.in_angle:
            self.name, self.words, self.host, self.in_angle = self.display_name(), [], None, True
        elif char == b">":
            self.in_angle = False
        elif char == b"@":
            self.at_sign()
        elif char == b":" and self.in_angle and self.host is not None:  # RFC 5322 §4.4: a route ends
            self.route, self.words, self.host = self.route_text(), [], None
        elif char == b":" and not self.in_group and self.host is None and self.name is None:
            self.entries.append(Entry(None, None, self.phrase(), None))
            self.in_group = True
            self.clear()
        elif char == b"," and self.in_angle and not self.words:
            self.add(b",")  # between the domains of a route
        elif char in (b",", b";"):
            self.finish()
            if char == b";" and self.in_group:
                self.in_group = False
                self.entries.append(GROUP_END)

    def at_sign(self) -> None:
        if self.host is None:
            self.host = []
        else:
            self.add(b"@")

    def route_text(self) -> bytes:
        return b"@" + b"".join(self.host or ())

    def display_name(self) -> bytes:
        """What stood before the bracket, also where it was an address itself."""
        return self.phrase() if self.host is None else b"".join([*self.words, b"@", *self.host])

    def phrase(self) -> bytes:
        return b" ".join(self.words)

    def finish(self) -> None:
        """Ends a mailbox; nothing at all between two commas is no mailbox."""
        mailbox = self.phrase()
        if b"." in mailbox and self.host is not None:  # RFC 5322 §4.4: blanks around the dots of a local part
            mailbox = mailbox.replace(b" .", b".").replace(b". ", b".")
        if mailbox or self.host or self.name:
            name = self.name or self.comment or None
            self.entries.append(Entry(name, self.route, mailbox, b"".join(self.host or ())))
        self.clear()

    def skip_comment(self) -> bytes:
        """The content of a comment, nested ones included; without its end it takes the rest."""
        start, depth = self.at, 1
        for paren in _paren.finditer(self.value, start):
            depth += {b"(": 1, b")": -1}.get(paren[0], 0)
            if not depth:
                self.at = paren.end()
                return _pair.sub(rb"\1", self.value[start : paren.start()])
        self.at = len(self.value)
        return self.value[start:]
