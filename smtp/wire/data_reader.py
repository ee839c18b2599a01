"""The text after DATA: a scanner that takes it in chunks of any size (RFC 5321 §4.1.1.4, §4.5.2).

Invariants, for every way the bytes may be cut into chunks:

- only CRLF.CRLF ends the text, and what follows it is left untouched (`rest`);
- a dot that begins a line is taken off, all other bytes come out as they came in (RFC 5321 §4.5.2);
- any CR or LF that stands alone, and any NUL, is noticed (`unclean`), never taken for a line's end (RFC 5321 §2.3.8).

A chunk's end that may be the beginning of CRLF.CRLF is held back, so that what is looked at never cuts one in two.
"""

END = b"\r\n.\r\n"
_PREFIXES = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")
"""Proper beginnings of END, the longest first."""


class DataScanner:
    """One message's text. `feed` it chunks until `ended`; `size` counts the bytes it gave out."""

    __slots__ = ("_first", "_held", "ended", "rest", "size", "unclean")

    def __init__(self) -> None:
        # The CRLF of the DATA line counts as the one before a first line that is a single dot (RFC 5321 §4.1.1.4).
        self._held = b"\r\n"
        self._first = True
        self.ended = False
        self.unclean = False
        self.rest = b""
        self.size = 0

    def feed(self, chunk: bytes) -> bytes:
        """The bytes of the message that `chunk` completes, perhaps none."""
        block = self._held + chunk
        end = block.find(END)
        if end >= 0:
            self.ended = True
            self.rest = block[end + len(END) :]
            self._held = b""
            block = block[: end + 2]
        else:
            self._held = next((p for p in _PREFIXES if block.endswith(p)), b"")
            if self._held:
                block = block[: -len(self._held)]
        return self._content(block)

    def _content(self, block: bytes) -> bytes:
        pairs = block.count(b"\r\n")
        if block.count(b"\n") != pairs or block.count(b"\r") != pairs or b"\0" in block:
            self.unclean = True
        if b"\r\n." in block:
            block = block.replace(b"\r\n.", b"\r\n")
        if self._first and block:
            self._first = False
            block = block[2:]
        self.size += len(block)
        return block
