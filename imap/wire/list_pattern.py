"""LIST patterns (RFC 3501 §6.3.8): "*" stands for any characters, "%" for any but the separator.

The pattern is a little automaton whose states are the bits of one integer, so a match costs the length of
the name times the length of the pattern over the machine's word: nothing a client writes makes it longer.
"""

import re

from imap.wire.mailbox_name import SEPARATOR

_WILDCARDS = re.compile(r"[*%]{2,}")


class ListPattern:
    """Reference and pattern of LIST or LSUB, joined as they stand; asked for many names."""

    def __init__(self, reference: str, pattern: str) -> None:
        # Neighbouring wildcards are one: "*" if any of them is. So one step reaches all that needs no character.
        text = _WILDCARDS.sub(lambda m: "*" if "*" in m[0] else "%", reference + pattern)
        self.text = text
        self._literal: dict[str, int] = {}
        self._star = self._percent = 0
        self._end = 1 << len(text)
        for place, sign in enumerate(text):
            if sign == "*":
                self._star |= 1 << place
            elif sign == "%":
                self._percent |= 1 << place
            else:
                self._literal[sign] = self._literal.get(sign, 0) | 1 << place

    def matches(self, name: str) -> bool:
        """Whether a name (as `name_of` gives it) is meant; INBOX as first level matches in any case."""
        wild = self._star | self._percent
        states = self._closed(1, wild)
        folded = 5 if name == "INBOX" or name.startswith("INBOX" + SEPARATOR) else 0
        for place, sign in enumerate(name):
            literal = self._literal.get(sign, 0)
            if place < folded:
                # RFC 3501 §5.1: INBOX is case-insensitive
                literal |= self._literal.get(sign.lower(), 0)
            stay = self._star if sign == SEPARATOR else wild
            states = self._closed((states & literal) << 1 | states & stay, wild)
            if not states:
                return False
        return bool(states & self._end)

    @staticmethod
    def _closed(states: int, wild: int) -> int:
        return states | (states & wild) << 1
