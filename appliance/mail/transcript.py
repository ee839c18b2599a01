"""What both sides said, line by line, with the time of each; bounded, and safe to store and to show.

A line reads `+12.345 < EHLO client.example`: seconds since the session began, who spoke ("<" the peer, ">" we,
"*" a remark of ours, such as a handshake that failed), what was said. Whoever adds a line leaves secrets out of it:
`AUTH PLAIN <redacted>`, and a message as `(5432 bytes of message)`.
"""

from collections import deque

LIMIT = 16 * 1024
"""Bytes of one transcript as text."""
MAX_LINE = 1000
"""Characters of a line that are kept: above RFC 5321's longest command line, text line and reply line (§4.5.3.1)."""
PEER, OURS, REMARK = "<", ">", "*"
_LEFT_OUT = 80
"""Room for the line that says what is left out."""


class Transcript:
    """The lines of a session, or of one of its transactions, as they are said.

    `started` is the session's start in UTC microseconds. Beyond `limit` bytes the first half and the last half stay,
    with one line between them that counts what is left out.
    """

    __slots__ = ("_half", "_head", "_left", "_room", "_started", "_tail", "_tail_size", "left_out")

    def __init__(self, started: int, limit: int = LIMIT) -> None:
        self._started = started
        self._half = (limit - _LEFT_OUT) // 2
        self._room = self._half
        self._head: list[str] = []
        self._tail: deque[str] | None = None
        self._tail_size = 0
        self.left_out = 0
        """How many lines had to go."""

    def add(self, now: int, direction: str, text: str | bytes) -> None:
        """One line said at `now` by `direction`; text in UTF-8, control characters come out escaped."""
        if isinstance(text, bytes):
            text = text[: 4 * MAX_LINE].decode("utf-8", "backslashreplace")
        if len(text) > MAX_LINE or not text.isprintable() or "\\" in text:
            text = escaped(text)
        line = f"+{(now - self._started) / 1_000_000:.3f} {direction} {text}"
        size = len(line) + 1 if line.isascii() else len(line.encode()) + 1
        if self._tail is None:
            if size <= self._room:
                self._room -= size
                self._head.append(line)
                return
            self._tail = deque()
        self._tail.append(line)
        self._tail_size += size
        while self._tail_size > self._half:
            self._tail_size -= len(self._tail.popleft().encode()) + 1
            self.left_out += 1

    @property
    def text(self) -> str:
        """All lines, each ended by a line feed."""
        lines = self._head
        if self._tail:
            middle = [f"({self.left_out} lines left out)"] if self.left_out else []
            lines = [*lines, *middle, *self._tail]
        return "\n".join([*lines, ""])

    def __bool__(self) -> bool:
        return bool(self._head or self._tail)


def escaped(text: str) -> str:
    """Cut to MAX_LINE characters, with backslashes doubled and whatever is not printable as a Python escape."""
    kept = text[:MAX_LINE]
    shown = "".join(
        "\\\\" if c == "\\" else c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in kept
    )
    return shown if len(kept) == len(text) else f"{shown} ({len(text) - MAX_LINE} characters more)"
