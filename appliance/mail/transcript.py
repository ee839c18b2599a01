"""What both sides said, line by line, with the time of each; bounded, and safe to store and to show.

A line reads `+12.345 < EHLO client.example`: seconds since the session began, who spoke ("<" the peer, ">" we,
"*" a remark of ours, such as a handshake that failed), what was said. Whoever adds a line leaves secrets out of it:
`AUTH PLAIN <redacted>`, and a message as `(5432 bytes of message)`.
"""

from collections import deque

LIMIT = 16 * 1024
"""Bytes of one transcript as text."""
MAX_LINE = 1000
"""Characters of a line that are kept: above RFC 5321's longest command, text line and reply line (§4.5.3.1)."""
PEER, OURS, REMARK = "<", ">", "*"
AT_ONCE = 32
"""Lines that wait to be written down, each of at most MAX_LINE."""
_LEFT_OUT = 80
"""Bytes of the line that says what is left out, and more."""


class Transcript:
    """The lines of a session, or of one of its transactions, as they are said.

    `started` is the session's start in UTC microseconds. Beyond `limit` bytes the first half and the last half stay,
    with one line between them that counts what is left out.
    """

    __slots__ = ("_half", "_head", "_left_out", "_room", "_said", "_started", "_tail", "_tail_size")

    def __init__(self, started: int, limit: int = LIMIT) -> None:
        self._started = started
        self._half = (limit - _LEFT_OUT) // 2
        self._room = self._half
        self._said: list[tuple[int, str, str | bytes]] = []
        self._head: list[str] = []
        self._tail: deque[str] = deque()
        self._tail_size = 0
        self._left_out = 0

    def add(self, now: int, direction: str, text: str | bytes) -> None:
        """One line said at `now` by `direction`; bytes are read as UTF-8, whatever can't be printed comes escaped."""
        # Written down several at a time: each line of each session comes through here.
        self._said.append((now, direction, text))
        if len(self._said) >= AT_ONCE or len(text) > MAX_LINE:
            self._write_down()

    def _write_down(self) -> None:
        said, self._said = self._said, []
        for now, direction, text in said:
            if isinstance(text, bytes):
                text = _read(text)
            # Bytes that are no UTF-8 are lone surrogates here, which are not printable.
            if len(text) > MAX_LINE or "\\" in text or not text.isprintable():
                text = escaped(text)
            line = f"+{(now - self._started) / 1_000_000:.3f} {direction} {text}"
            size = len(line) + 1 if line.isascii() else _size(line)
            if size <= self._room:
                self._room -= size
                self._head.append(line)
            else:
                self._keep_last(line, size)

    def _keep_last(self, line: str, size: int) -> None:
        self._room = 0
        self._tail.append(line)
        self._tail_size += size
        while self._tail_size > self._half:
            self._tail_size -= _size(self._tail.popleft())
            self._left_out += 1

    def followed(self, now: int, *lines: tuple[str, str]) -> str:
        """The text as it will be with more lines of our own (direction, text), not kept and beyond the limit."""
        seconds = f"{(now - self._started) / 1_000_000:.3f}"
        return self.text + "".join([f"+{seconds} {direction} {text}\n" for direction, text in lines])

    def __bool__(self) -> bool:
        return bool(self._said or self._head or self._tail)

    @property
    def left_out(self) -> int:
        """How many lines had to go."""
        self._write_down()
        return self._left_out

    @property
    def text(self) -> str:
        """All lines, each ended by a line feed."""
        self._write_down()
        if not self._tail and not self._left_out:
            return "\n".join(self._head) + "\n" if self._head else ""
        middle = [f"({self._left_out} lines left out)"] if self._left_out else []
        lines = [*self._head, *middle, *self._tail]
        return "\n".join(lines) + "\n" if lines else ""


def escaped(text: str) -> str:
    r"""`text` in one printable line of at most `MAX_LINE` characters: CR is \r, other characters \xNN, a \ is \\."""
    kept = text[:MAX_LINE]
    cleaned = "".join(c if c.isprintable() and c != "\\" else _escape(c) for c in kept)
    return cleaned if len(cleaned) <= MAX_LINE and len(text) <= MAX_LINE else _cut(cleaned, text)


def _escape(character: str) -> str:
    named = {"\\": "\\\\", "\r": "\\r", "\n": "\\n", "\t": "\\t"}.get(character)
    if named is None and "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"  # a byte, as `_read` gives it
    return named or character.encode("unicode_escape", "backslashreplace").decode("ascii")


def _cut(cleaned: str, text: str) -> str:
    note = f" ({len(text)} characters in all)"
    return cleaned[: MAX_LINE - len(note)] + note


def _read(data: bytes) -> str:
    if len(data) <= MAX_LINE:
        return data.decode("utf-8", "surrogateescape")
    return data[:MAX_LINE].decode("utf-8", "surrogateescape") + f" ({len(data)} bytes in all)"


def _size(line: str) -> int:
    return (len(line) if line.isascii() else len(line.encode())) + 1
