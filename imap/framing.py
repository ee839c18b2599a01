"""Cuts the bytes of a client into commands: lines, and the literals inside them (RFC 3501 §4.3, RFC 7888).

`Framer.read()` is asked again and again and answers with what has arrived: a complete command, an announced
literal that somebody must decide upon, a piece of a literal that is streamed, or nothing yet. A refused
non-synchronising literal is read to the end of its command and dropped, so its bytes never run as commands.
No I/O: the connection feeds it and acts on what it says.
"""

import msgspec

from imap.wire.lexer import Held, Literal, Part, literal_at_end

_TEXT, _LITERAL, _STREAM, _SWALLOW, _SWALLOW_TEXT = range(5)


class LineTooLong(Exception):
    """The text of a command (without its literals) is longer than allowed: the session cannot be saved."""


class Complete(msgspec.Struct, frozen=True, gc=False):
    """A whole command: text, literal, text, ... as `imap.wire.lexer` reads it."""

    parts: list[Part]


class Announced(msgspec.Struct, frozen=True, gc=False):
    """A line ended with a literal's size; answer with `take`, `stream` or `refuse` before reading on."""

    parts: list[Part]
    literal: Literal


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """A piece of a streamed literal; `last` when it is complete."""

    data: bytes
    last: bool


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The end of a command whose literal was refused: now its tagged answer is due."""


Event = Complete | Announced | Chunk | Refused


class Framer:
    """The state between two packets of one connection; idle it holds an empty buffer and nothing else."""

    __slots__ = ("_buffer", "_left", "_mode", "_parts", "_scanned", "_text", "octets")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._parts: list[Part] | None = None
        self._mode = _TEXT
        self._left = 0
        self._scanned = 0
        self._text = 0
        self.octets = 0
        """Octets of literals held in memory for the command being read."""

    def feed(self, data: bytes) -> None:
        """Take what the socket gave."""
        self._buffer += data

    @property
    def buffered(self) -> int:
        """Octets fed and not read yet."""
        return len(self._buffer)

    @property
    def midway(self) -> bool:
        """Whether a command has begun and is not complete."""
        return bool(self._buffer) or self._parts is not None or self._mode != _TEXT

    @property
    def opening(self) -> int | None:
        """The first octet of a command of which nothing has been read yet, None where none has come."""
        return self._buffer[0] if self._buffer and self._parts is None and self._mode == _TEXT else None

    def clear(self) -> None:
        """Forget everything that was fed (RFC 3501 §6.2.1: nothing sent before TLS survives it)."""
        self._buffer = bytearray()
        self._reset()

    def line(self, limit: int) -> bytes | None:
        """One line without its CRLF and without a look at literals, as IDLE and AUTHENTICATE read."""
        end = self._buffer.find(b"\n", self._scanned)
        if end < 0:
            self._scanned = len(self._buffer)
            if self._scanned > limit:
                raise LineTooLong
            return None
        if end > limit:
            raise LineTooLong
        line = bytes(self._buffer[:end])
        self._drop(end + 1)
        self._scanned = 0
        return line[:-1] if line.endswith(b"\r") else line

    def read(self, limit: int) -> Event | None:
        """What comes next, None when more bytes are needed.

        `limit` bounds the text of the whole command in octets; beyond it LineTooLong is raised.
        """
        while True:
            if self._mode == _TEXT:
                return self._read_text(limit)
            if self._mode == _LITERAL:
                if len(self._buffer) < self._left:
                    return None
                self._push(bytes(self._buffer[: self._left]))
                self._drop(self._left)
                self._mode = _TEXT
            elif self._mode == _STREAM:
                return self._read_chunk()
            elif self._mode == _SWALLOW:
                dropped = min(self._left, len(self._buffer))
                self._drop(dropped)
                self._left -= dropped
                if self._left:
                    return None
                self._mode = _SWALLOW_TEXT
            elif not self._swallow_text(limit):
                return None
            elif self._mode == _SWALLOW_TEXT:
                self._reset()
                return Refused()

    def take(self, literal: Literal) -> None:
        """Read the announced literal into memory."""
        self._mode, self._left = _LITERAL, literal.size
        self.octets += literal.size

    def stream(self, literal: Literal, content: object) -> None:
        """Hand the announced literal out in chunks, as they come; `content` stands for it in the command."""
        self._mode, self._left = _STREAM, literal.size
        self._push(Held(literal.size, content))

    def refuse(self, literal: Literal) -> bool:
        """Give up the command. True: at once (the client waits to be asked); False: `Refused` will come."""
        self._reset()
        if literal.sync:
            return True
        self._mode, self._left = _SWALLOW, literal.size
        return False

    def abort_stream(self) -> None:
        """Drop what is left of a literal being streamed and of its command; `Refused` will come."""
        left, mode = self._left, self._mode
        self._reset()
        self._mode, self._left = (_SWALLOW, left) if mode == _STREAM else (_SWALLOW_TEXT, 0)

    def _read_text(self, limit: int) -> Event | None:
        line = self.line(limit - self._text)
        if line is None:
            return None
        self._text += len(line)
        literal = literal_at_end(line)
        self._push(line)
        parts = self._parts or []
        if literal is not None:
            return Announced(parts, literal)
        self._reset()
        return Complete(parts)

    def _read_chunk(self) -> Chunk | None:
        size = min(self._left, len(self._buffer))
        if not size and self._left:
            return None
        data = bytes(self._buffer[:size])
        self._drop(size)
        self._left -= size
        if not self._left:
            self._mode = _TEXT
        return Chunk(data, not self._left)

    def _swallow_text(self, limit: int) -> bool:
        """Drop a line of a refused command; whether there was one. It may lead on to another literal."""
        line = self.line(limit)
        if line is None:
            return False
        literal = literal_at_end(line)
        if literal is not None and not literal.sync:
            self._mode, self._left = _SWALLOW, literal.size
        return True

    def _push(self, part: Part) -> None:
        if self._parts is None:
            self._parts = []
        self._parts.append(part)

    def _drop(self, count: int) -> None:
        if count == len(self._buffer):
            self._buffer = bytearray()  # gives its memory back: most connections are idle most of the time
        else:
            del self._buffer[:count]

    def _reset(self) -> None:
        self._parts = None
        self._mode = _TEXT
        self._left = self._scanned = self._text = self.octets = 0
