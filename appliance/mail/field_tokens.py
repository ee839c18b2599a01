"""Structured header fields (RFC 5322 §3.2) token by token, every octet in one of them; never raises."""

import re
from typing import NamedTuple

_token = re.compile(
    rb"(?P<blank>[ \t]++)"
    rb"|(?P<word>=\?[^?\s]++\?[bBqQ]\?[^?\s]*+\?=|\[[^\[\]]*+\]|[^ \t\"<>@,:;()\[\]]++|[)\[\]])"
    rb'|(?P<quoted>"(?>(?:[^"\\]|\\.)*)(?:"|\\?\Z))'
    rb"|(?P<opening>\()"
    rb"|(?P<special>[<>@,:;])",
    re.DOTALL,
).match
_paren = re.compile(rb"\\.|[()]", re.DOTALL)
_pair = re.compile(rb"\\(.)", re.DOTALL)


class Token(NamedTuple):
    """`kind` is "blank", "word", "quoted" (with its quotes), "comment" (with its parentheses) or "special"."""

    kind: str
    raw: bytes

    @property
    def content(self) -> bytes:
        """What it says: without quotes or parentheses and their escapes."""
        match self.kind:
            case "quoted":
                return _pair.sub(rb"\1", self.raw[1:].removesuffix(b'"') if len(self.raw) > 1 else b"")
            case "comment":
                return _pair.sub(rb"\1", self.raw[1:].removesuffix(b")"))
            case _:
                return self.raw


def field_tokens(value: bytes) -> list[Token]:
    """The tokens of an unfolded value. A quoted string or comment without its end takes the rest."""
    tokens: list[Token] = []
    at = 0
    while found := _token(value, at):
        kind = found.lastgroup or ""
        end = found.end()
        if kind == "opening":
            kind, end = "comment", _comment_end(value, at)
        tokens.append(Token(kind, value[at:end]))
        at = end
    return tokens


def _comment_end(value: bytes, at: int) -> int:
    """Where the comment ends that begins at `at`, with those inside it."""
    depth = 0
    for paren in _paren.finditer(value, at):
        depth += {b"(": 1, b")": -1}.get(paren[0], 0)
        if not depth:
            return paren.end()
    return len(value)
